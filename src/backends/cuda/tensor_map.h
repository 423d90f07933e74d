// SPDX-License-Identifier: Apache-2.0
// Tensor maps: descriptions of an operand by which one instruction of a kernel brings a tile of it to shared memory,
// rows of 64 elements of two bytes, swizzled as wgmma reads them, with zeros where the tile is beyond the operand.
#pragma once

#include <array>
#include <cstdint>

#include "backends/cuda/driver.h"
#include "backends/cuda/kernels/params.h"
#include "tensor/dtype.h"

namespace ingot::cuda {

struct TensorMapSpec {
  DType dtype = DType::f16;               // or bf16
  std::array<std::int64_t, 4> sizes{};    // innermost first; a window's: channels, width, height, images
  std::array<std::int64_t, 3> pitches{};  // elements from one to the next of the second dimension and beyond
  unsigned rows = 0;                      // of a tile
  bool windows = false;                   // a tile's rows are one tap of as many windows; otherwise three dimensions
  // Windows, x before y: the first one's place and the last one's, that against the image's last pixel.
  std::array<int, 2> lower{}, upper{};
  std::array<unsigned, 2> strides{1, 1};
  std::array<int, 2> reach{};  // the furthest tap

  // Whether maps exist for such windows; for images of other sizes they do as well.
  [[nodiscard]] bool can_express() const;
};

// invalid_argument for an address that is no multiple of 16.
Status encode(const Driver& api, const TensorMapSpec& spec, const void* base, ingot_cuda::TensorMap& map);

}  // namespace ingot::cuda
