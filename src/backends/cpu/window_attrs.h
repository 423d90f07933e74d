// SPDX-License-Identifier: Apache-2.0
// The window attributes of convolutions and pooling, as three spatial dimensions {D, H, W}.
#pragma once

#include <array>

#include "tactics/tactic.h"

namespace ingot::cpu {

struct WindowSizes {
  std::array<std::int64_t, 3> in = {1, 1, 1}, out = {1, 1, 1}, kernel = {1, 1, 1}, stride = {1, 1, 1},
                              dilation = {1, 1, 1}, pad_begin = {0, 0, 0}, pad_end = {0, 0, 0};
  std::int64_t batch = 1, channels = 1, out_channels = 1;
};

// kernel: the spatial sizes of the window. Reads channels_last, strides, dilations, pads and auto_pad.
Result<WindowSizes> window_sizes(const Attrs& attrs, const Shape& x, const Ints& kernel, const Shape& out);

}  // namespace ingot::cpu
