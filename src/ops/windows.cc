// SPDX-License-Identifier: Apache-2.0
#include "ops/windows.h"

#include <algorithm>

namespace ingot::ops {
namespace {

// Larger numbers are surely a damaged file and would overflow window arithmetic.
constexpr std::int64_t kLimit = std::int64_t{1} << 31;

Result<Ints> read_list(const InferContext& ctx, std::string_view name, std::size_t length, std::int64_t otherwise,
                       std::int64_t least) {
  Ints list = ctx.attrs().get_ints(name, Ints(length, otherwise));
  if (list.size() != length)
    return invalid_argument("attribute {} has {} entries, but {} are needed", name, list.size(), length);
  for (const std::int64_t value : list) {
    if (value < least || value > kLimit)
      return invalid_argument("attribute {} holds {}, but must be at least {}", name, value, least);
  }
  return list;
}

}  // namespace

Result<Windows> Windows::read(const InferContext& ctx, Ints kernel) {
  Windows w;
  w.kernel = std::move(kernel);
  for (const std::int64_t extent : w.kernel) {
    if (extent < 1 || extent > kLimit) return invalid_argument("the kernel extent {} must be positive", extent);
  }
  const std::size_t n = w.kernel.size();
  INGOT_ASSIGN_OR_RETURN(w.strides, read_list(ctx, "strides", n, 1, 1));
  INGOT_ASSIGN_OR_RETURN(w.dilations, read_list(ctx, "dilations", n, 1, 1));
  INGOT_ASSIGN_OR_RETURN(w.auto_pad, text_choice(ctx, "auto_pad", {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}));
  // Negative pads crop, which some exporters use.
  INGOT_ASSIGN_OR_RETURN(w.pads, read_list(ctx, "pads", 2 * n, 0, -kLimit));
  if (w.auto_pad != "NOTSET") std::ranges::fill(w.pads, 0);
  w.ceil_mode = ctx.attrs().get_int("ceil_mode", 0) != 0;
  return w;
}

Dim Windows::output(const Dim& input, std::size_t i) const {
  const std::int64_t stride = strides[i];
  if (auto_pad.starts_with("SAME")) return ceil_div(input, Dim(stride));
  const std::int64_t extent = (kernel[i] - 1) * dilations[i] + 1;
  const std::int64_t begin = pads[i], end = pads[i + kernel.size()];
  const Dim span = input + Dim(begin + end - extent);
  if (!ceil_mode) return floor_div(span, Dim(stride)) + Dim(1);
  const Dim up = ceil_div(span, Dim(stride)) + Dim(1);
  // A window may not start in the padding behind the input.
  if (stride + end <= extent) return up;
  return min(up, floor_div(input + Dim(begin - 1), Dim(stride)) + Dim(1));
}

}  // namespace ingot::ops
