// SPDX-License-Identifier: Apache-2.0
// Reads tensor bytes from files beside a model, and from nowhere else.
//
// A model file is untrusted: its `location` may name only a file inside the model's folder. Absolute paths and ".." are
// refused, and every path component is opened without following symbolic links, so that a link cannot lead outside
// either.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::onnx {

class ExternalData {
 public:
  // An empty folder refuses every read.
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}

  // The tensor whose elements start at `offset` of the file. Memory is taken only after the file proved long enough.
  [[nodiscard]] Result<HostTensor> read(const std::string& location, std::int64_t offset, DType dtype,
                                        Shape shape) const;

 private:
  std::string folder_;
};

}  // namespace ingot::onnx
