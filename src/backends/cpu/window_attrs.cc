// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/window_attrs.h"

#include <algorithm>

namespace ingot::cpu {

Result<WindowSizes> window_sizes(const Attrs& attrs, const Shape& x, const Ints& kernel, const Shape& out) {
  const std::size_t spatial = kernel.size();
  if (spatial < 1 || spatial > 3 || x.size() != spatial + 2 || out.size() != spatial + 2)
    return unsupported("{} spatial dimensions", spatial);
  const bool last = attrs.get_int("channels_last", 0) != 0;
  const Ints strides = attrs.get_ints("strides", Ints(spatial, 1));
  const Ints dilations = attrs.get_ints("dilations", Ints(spatial, 1));
  const Ints pads = attrs.get_ints("pads", Ints(2 * spatial, 0));
  const std::string auto_pad = attrs.get_string("auto_pad", "NOTSET");
  if (strides.size() != spatial || dilations.size() != spatial || pads.size() != 2 * spatial)
    return invalid_argument("window attributes for {} dimensions expected", spatial);
  WindowSizes sizes;
  sizes.batch = x[0];
  sizes.channels = last ? x.back() : x[1];
  sizes.out_channels = last ? out.back() : out[1];
  for (std::size_t i = 0; i < spatial; ++i) {
    const std::size_t to = 3 - spatial + i;
    const std::size_t at = i + (last ? 1 : 2);
    sizes.in[to] = x[at];
    sizes.out[to] = out[at];
    sizes.kernel[to] = kernel[i];
    sizes.stride[to] = strides[i];
    sizes.dilation[to] = dilations[i];
    if (strides[i] < 1 || dilations[i] < 1 || kernel[i] < 1) return invalid_argument("a window with a size below 1");
    if (auto_pad.starts_with("SAME")) {
      const std::int64_t total =
          std::max<std::int64_t>(0, (out[at] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - x[at]);
      sizes.pad_begin[to] = auto_pad == "SAME_LOWER" ? total - total / 2 : total / 2;
      sizes.pad_end[to] = total - sizes.pad_begin[to];
    } else if (auto_pad != "VALID") {
      sizes.pad_begin[to] = pads[i];
      sizes.pad_end[to] = pads[i + spatial];
    }
  }
  return sizes;
}

}  // namespace ingot::cpu
