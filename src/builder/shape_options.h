// SPDX-License-Identifier: Apache-2.0
// The text forms of --shapes, resolved against a model's inputs.
//
//   N:1x8x64                  the symbolic dimension N: min 1, opt 8, max 64
//   N:8                       the symbolic dimension N is 8
//   image:1x3x224x224         the input `image` has this shape
//   image:1x3x224x224:8x3x224x224:32x3x224x224    min, opt and max shape of an input (what TensorRT users write in
//   three options)
//
// When a name is both an input and a symbolic dimension, the number of sizes decides.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "builder/build.h"
#include "ir/graph.h"

namespace ingot::builder {

Result<std::vector<ShapeRange>> parse_shapes(const ir::Graph& graph, const std::vector<std::string>& texts);

}  // namespace ingot::builder
