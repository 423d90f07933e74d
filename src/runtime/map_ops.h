// SPDX-License-Identifier: Apache-2.0
// The operators of ai.onnx.ml between tensors and maps (see Object for how maps are held).
#pragma once

#include <vector>

#include "base/status.h"
#include "runtime/object.h"
#include "tensor/attrs.h"

namespace ingot {

// Rows of numbers to a sequence of maps, which share their keys.
Result<std::vector<Object>> zip_map(const Attrs& attrs, const std::vector<Value>& inputs);
// A map's values by ascending key, or each at the place that its key names, as one row.
Result<std::vector<Object>> cast_map(const Attrs& attrs, const std::vector<Value>& inputs);
// A map's values at the places of their keys in a vocabulary, as one row.
Result<std::vector<Object>> vectorize_map(const Attrs& attrs, const std::vector<Value>& inputs);

}  // namespace ingot
