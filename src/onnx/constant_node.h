// SPDX-License-Identifier: Apache-2.0
// The value of a Constant node, in whichever attribute it stands.
#pragma once

#include "base/status.h"
#include "tensor/attrs.h"

namespace ingot::onnx {

Result<TensorPtr> constant_value(const Attrs& attrs);

}  // namespace ingot::onnx
