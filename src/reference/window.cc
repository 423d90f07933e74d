// SPDX-License-Identifier: Apache-2.0
#include "reference/window.h"

namespace ingot::reference {

namespace {

// Sizes beyond this cannot belong to a tensor that fits in memory; below it the arithmetic cannot overflow.
constexpr std::int64_t kLimit = std::int64_t{1} << 30;

Result<Shape> per_axis(const Attrs& attrs, std::string_view name, std::size_t count, std::int64_t otherwise,
                       std::int64_t least) {
  const Ints values = attrs.get_ints(name, Ints(count, otherwise));
  if (values.size() != count) return invalid_argument("{} has {} elements; {} are needed", name, values.size(), count);
  for (std::int64_t value : values)
    if (value < least || value > kLimit) return invalid_argument("{} has the element {}", name, value);
  return values;
}

}  // namespace

Result<Window> read_window(const Attrs& attrs, Shape kernel) {
  Window window;
  const std::size_t rank = kernel.size();
  for (std::int64_t size : kernel)
    if (size < 1 || size > kLimit) return invalid_argument("a kernel of shape {} is not possible", to_string(kernel));
  window.kernel = std::move(kernel);
  INGOT_ASSIGN_OR_RETURN(window.strides, per_axis(attrs, "strides", rank, 1, 1));
  INGOT_ASSIGN_OR_RETURN(window.dilations, per_axis(attrs, "dilations", rank, 1, 1));
  INGOT_ASSIGN_OR_RETURN(const Shape pads, per_axis(attrs, "pads", 2 * rank, 0, -kLimit));
  window.pads_begin.assign(pads.begin(), pads.begin() + to_signed(rank));
  window.pads_end.assign(pads.begin() + to_signed(rank), pads.end());
  return window;
}

Result<Shape> resolve_coarse(const Attrs& attrs, const Shape& fine, Window& window) {
  const std::string auto_pad = attrs.get_string("auto_pad", "NOTSET");
  const bool ceil_mode = attrs.get_int("ceil_mode", 0) != 0;
  Shape coarse(fine.size());
  for (std::size_t axis = 0; axis < fine.size(); ++axis) {
    const std::int64_t stride = window.strides[axis];
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      coarse[axis] = (fine[axis] + stride - 1) / stride;
      const std::int64_t total =
          std::max(std::int64_t{0}, (coarse[axis] - 1) * stride + window.reach(axis) - fine[axis]);
      const std::int64_t half = total / 2;
      window.pads_begin[axis] = auto_pad == "SAME_UPPER" ? half : total - half;
      window.pads_end[axis] = total - window.pads_begin[axis];
      continue;
    }
    if (auto_pad == "VALID") window.pads_begin[axis] = window.pads_end[axis] = 0;
    const std::int64_t room = fine[axis] + window.pads_begin[axis] + window.pads_end[axis] - window.reach(axis);
    // A window that is larger by less than its stride has no place: an empty result.
    if (room < -stride)
      return invalid_argument("operand 0 (X) with spatial shape {} is smaller than the window of {} along axis {}",
                              to_string(fine), window.reach(axis), axis);
    coarse[axis] = (ceil_mode ? room + 2 * stride - 1 : room + stride) / stride;
    // A window must not begin in the padding at the end.
    if (ceil_mode && (coarse[axis] - 1) * stride >= fine[axis] + window.pads_begin[axis]) --coarse[axis];
  }
  return coarse;
}

}  // namespace ingot::reference
