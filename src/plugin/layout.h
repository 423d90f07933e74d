// SPDX-License-Identifier: Apache-2.0
// The formats of the plugin interface: sizes, names, and conversion from and to the engine's row-major tensors.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ingot/plugin.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace ingot::plugin {

struct Format {
  DType dtype = DType::undefined;  // undefined: an absent operand
  std::int32_t layout = INGOT_PLUGIN_LINEAR;

  [[nodiscard]] bool is_linear(DType type) const { return dtype == type && layout == INGOT_PLUGIN_LINEAR; }
  // "f16", "f16.nhwc", "i8.chw4", "_" for absent: stands in plans.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Format&, const Format&) = default;
};

bool is_known_layout(std::int32_t layout);
std::optional<Format> parse_format(std::string_view text);

// nullopt on overflow.
std::optional<std::int64_t> bytes_of(const Format& format, const Shape& shape);

// Between a row-major tensor of `dtype` and one of the format, element by element where types differ. Channels that
// pad a block are written as zeros. A layout other than linear needs at least two dimensions.
void to_format(const void* from, DType dtype, const Shape& shape, const Format& format, void* to);
void from_format(const void* from, const Format& format, const Shape& shape, DType dtype, void* to);

}  // namespace ingot::plugin
