// SPDX-License-Identifier: Apache-2.0
// Shape ranges of a build: which symbols become constants, which stay, and the opt value of each.
#pragma once

#include <vector>

#include "base/status.h"
#include "builder/build.h"
#include "ir/graph.h"
#include "tensor/size_bounds.h"

namespace ingot::builder {

// Gives inputs whose range is a single point that shape, and infers the graph again. Checks that names, ranks and
// min <= opt <= max fit.
Status fix_input_shapes(ir::Graph& graph, const std::vector<ShapeRange>& ranges);

// Opt values of the symbols that remain. Where no range is given: 1 on axis 0, 224 on the spatial axes of an image
// (rank 4), 128 elsewhere.
Result<SymbolValues> opt_symbols(const ir::Graph& graph, const std::vector<ShapeRange>& ranges);

// The ranges of the symbols that remain, as far as they were given.
SymbolRanges declared_ranges(const ir::Graph& graph, const std::vector<ShapeRange>& ranges);

}  // namespace ingot::builder
