// SPDX-License-Identifier: Apache-2.0
// The sliding window of convolutions and pools, for any number of spatial axes.
//
// A window relates a coarse side (what the strides step over: a convolution's output) with a fine side (its input):
// fine = coarse * stride + tap * dilation - pad.
#pragma once

#include <algorithm>

#include "reference/indexing.h"
#include "reference/operands.h"

namespace ingot::reference {

struct Window {
  Shape kernel;
  Shape strides;
  Shape dilations;
  Shape pads_begin;
  Shape pads_end;

  [[nodiscard]] std::size_t rank() const { return kernel.size(); }
  // The extent of the dilated kernel along an axis.
  [[nodiscard]] std::int64_t reach(std::size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

// Reads strides, dilations, pads (auto_pad not resolved yet), checked to be sane.
Result<Window> read_window(const Attrs& attrs, Shape kernel);
// auto_pad for a given fine shape, and the coarse shape that results; honours ceil_mode.
Result<Shape> resolve_coarse(const Attrs& attrs, const Shape& fine, Window& window);

// Visits every pair of positions that one tap (an index into the kernel) joins, as runs along the last axis:
// body(coarse_offset, fine_offset, count), the coarse side stepping by 1 and the fine side by the last stride.
template <typename Body>
void for_each_tap_run(const Window& window, const Shape& tap, const Shape& coarse, const Shape& fine, Body&& body) {
  const std::size_t rank = window.rank();
  if (rank == 0) {
    body(std::int64_t{0}, std::int64_t{0}, std::int64_t{1});
    return;
  }
  Shape first(rank);
  Shape count(rank);
  Shape start(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t stride = window.strides[axis];
    const std::int64_t shift = tap[axis] * window.dilations[axis] - window.pads_begin[axis];
    const std::int64_t low = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    const std::int64_t beyond = fine[axis] - shift;
    const std::int64_t high = beyond <= 0 ? 0 : std::min(coarse[axis], (beyond + stride - 1) / stride);
    if (low >= high) return;
    first[axis] = low;
    count[axis] = high - low;
    start[axis] = low * stride + shift;
  }
  const Shape coarse_strides = strides_of(coarse);
  const Shape fine_strides = strides_of(fine);
  std::int64_t coarse_base = 0;
  std::int64_t fine_base = 0;
  Shape fine_steps(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    coarse_base += first[axis] * coarse_strides[axis];
    fine_base += start[axis] * fine_strides[axis];
    fine_steps[axis] = fine_strides[axis] * window.strides[axis];
  }
  for_each_run(count, {coarse_strides, fine_steps}, [&](const auto& offsets, const auto&, std::int64_t run) {
    body(coarse_base + offsets[0], fine_base + offsets[1], run);
  });
}

// The spatial part of [N, C, spatial...].
inline Shape spatial_of(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

}  // namespace ingot::reference
