// SPDX-License-Identifier: Apache-2.0
// The part of inference that needs no rule: arity, attributes and element types against an operator's table row.
// Private to this folder.
#pragma once

#include <string>

#include "ops/op_def.h"

namespace ingot::ops {

// An error for an operator that is not in the table, with near names.
Status unknown_op(std::string_view name);
// `operands` without those of the epilogue.
Status check_arity(const OpDef& def, std::size_t operands, std::size_t outputs);
// Unknown, missing and ill-typed attributes. Graph attributes are not among attrs; has_graph tells of them.
Status check_attrs(const OpDef& def, const Attrs& attrs);
// The presence of required operands and their element types.
Status check_types(const OpDef& def, const InferContext& ctx);
// The operand's specification; nullptr past the end.
const OperandSpec* operand_spec(const std::vector<OperandSpec>& specs, std::size_t index);

}  // namespace ingot::ops
