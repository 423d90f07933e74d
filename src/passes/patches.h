// SPDX-License-Identifier: Apache-2.0
// What rules use to write patches.
#pragma once

#include <span>
#include <string_view>

#include "ir/patch.h"
#include "passes/match.h"
#include "passes/rule.h"

namespace ingot::passes {

ir::Patch new_patch(const Graph& graph, std::string_view name);

ValueId int_constant(ir::Patch& patch, const Ints& values);
ValueId scalar_constant(ir::Patch& patch, DType dtype, double value);

// x under another shape of as many elements; the shape operand is a constant where one -1 can stand for what is
// symbolic, else a DimTensor. Returns x itself when the shape is already that.
Result<ValueId> reshape(ir::Patch& patch, ValueId x, const SymShape& shape, ir::NodeId origin);
// Returns x itself for the identity.
Result<ValueId> transpose(ir::Patch& patch, ValueId x, const Ints& perm, ir::NodeId origin);

// A copy of `node` with other operands and attributes; one output.
Result<ValueId> rebuild(ir::Patch& patch, const Node& node, std::vector<ValueId> inputs, Attrs attrs);

// Ends a rule: `from` becomes `to`.
Match replace(ir::Patch patch, ValueId from, ValueId to);

}  // namespace ingot::passes
