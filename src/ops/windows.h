// SPDX-License-Identifier: Apache-2.0
// The arithmetic of sliding windows that convolutions and pooling share. Private to this folder.
#pragma once

#include <string>
#include <vector>

#include "ops/rules.h"

namespace ingot::ops {

struct Windows {
  Ints kernel, strides, dilations;
  Ints pads;  // begins, then ends; all zero under auto_pad
  std::string auto_pad;
  bool ceil_mode = false;

  // Reads and checks the attributes for that many spatial dimensions.
  static Result<Windows> read(const InferContext& ctx, Ints kernel);
  [[nodiscard]] Dim output(const Dim& input, std::size_t spatial) const;
};

// Where the channels and the spatial dimensions of a feature map lie.
struct FeatureMap {
  bool channels_last = false;
  std::size_t rank = 0;

  FeatureMap(const InferContext& ctx, std::size_t input)
      : channels_last(ctx.attrs().get_int("channels_last", 0) != 0), rank(ctx.shape(input)->size()) {}
  [[nodiscard]] std::size_t spatial_count() const { return rank - 2; }
  [[nodiscard]] std::size_t channel() const { return channels_last ? rank - 1 : 1; }
  [[nodiscard]] std::size_t spatial(std::size_t i) const { return channels_last ? i + 1 : i + 2; }
};

inline std::vector<AttrSpec> window_attrs(bool kernel_required, std::vector<AttrSpec> more = {}) {
  more.insert(more.end(), {{"kernel_shape", AttrKind::integers, kernel_required},
                           {"strides", AttrKind::integers},
                           {"dilations", AttrKind::integers},
                           {"pads", AttrKind::integers},
                           {"auto_pad", AttrKind::text}});
  return more;
}

}  // namespace ingot::ops
