// SPDX-License-Identifier: Apache-2.0
// TensorProto -> HostTensor, for every element type and every way ONNX stores the elements.
#pragma once

#include <memory>

#include "base/status.h"
#include "onnx/external_data.h"
#include "onnx/onnx.pb.h"
#include "tensor/host_tensor.h"

namespace ingot::onnx {

// Large raw data are not copied: the tensor then shares ownership of `keep_alive`, which must own `proto`.
Result<TensorPtr> to_tensor(const TensorProto& proto, const ExternalData& external,
                            const std::shared_ptr<const void>& keep_alive);

// The element type behind ONNX's number, or an error that says what is wrong with it.
Result<DType> to_dtype(std::int64_t number);

}  // namespace ingot::onnx
