// SPDX-License-Identifier: Apache-2.0
// Tensors in files: .npy, .npz, .png.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::tools {

using NamedTensors = std::vector<std::pair<std::string, HostTensor>>;

Result<NamedTensors> read_npz(const std::string& path);
Status write_npz(const std::string& path, const NamedTensors& tensors);
Result<HostTensor> read_npy(const std::string& path);
// A picture as f32 [1, C, H, W] with values in [0, 1]; C is 1 for grey and 3 for colour (alpha is dropped).
Result<HostTensor> read_png(const std::string& path);
// By the file's ending: .npy or .png.
Result<HostTensor> read_tensor(const std::string& path);

}  // namespace ingot::tools
