// SPDX-License-Identifier: Apache-2.0
#include "ops/moving.h"

#include <algorithm>
#include <array>

namespace ingot::ops {

bool only_moves(std::string_view op) {
  static constexpr auto kOps = std::to_array<std::string_view>(
      {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Concat", "Split", "Slice", "Expand", "Tile", "Pad",
       "Gather", "DepthToSpace", "SpaceToDepth", "Identity"});
  return std::ranges::find(kOps, op) != kOps.end();
}

}  // namespace ingot::ops
