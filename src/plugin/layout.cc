// SPDX-License-Identifier: Apache-2.0
#include "plugin/layout.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tensor/host_tensor.h"

namespace ingot::plugin {
namespace {

constexpr std::array<std::pair<std::int32_t, std::string_view>, 8> kLayouts = {
    {{INGOT_PLUGIN_LINEAR, ""},
     {INGOT_PLUGIN_CHANNELS_LAST, "nhwc"},
     {INGOT_PLUGIN_CHANNELS_2, "chw2"},
     {INGOT_PLUGIN_CHANNELS_4, "chw4"},
     {INGOT_PLUGIN_CHANNELS_8, "chw8"},
     {INGOT_PLUGIN_CHANNELS_16, "chw16"},
     {INGOT_PLUGIN_CHANNELS_32, "chw32"},
     {INGOT_PLUGIN_CHANNELS_LAST_8, "nhwc8"}}};

// [N, C, S] as N x outer x S x inner, channel = outer * inner_count + inner; outer_last: N x S x (outer, inner).
struct Blocks {
  std::int64_t batch = 1, channels = 1, spatial = 1, inner = 1, outer = 1;
  bool outer_last = false;

  [[nodiscard]] std::int64_t at(std::int64_t n, std::int64_t c, std::int64_t s) const {
    if (outer_last) return (n * spatial + s) * outer * inner + c;
    return ((n * outer + c / inner) * spatial + s) * inner + c % inner;
  }
  [[nodiscard]] std::int64_t elements() const { return batch * outer * inner * spatial; }
};

Blocks blocks_of(std::int32_t layout, const Shape& shape) {
  Blocks out;
  if (shape.size() < 2) {
    out.spatial = shape.empty() ? 1 : shape[0];
    return out;
  }
  out.batch = shape[0];
  out.channels = shape[1];
  for (std::size_t i = 2; i < shape.size(); ++i) out.spatial *= shape[i];
  out.outer_last = layout == INGOT_PLUGIN_CHANNELS_LAST || layout == INGOT_PLUGIN_CHANNELS_LAST_8;
  out.inner = layout == INGOT_PLUGIN_CHANNELS_LAST     ? 1
              : layout == INGOT_PLUGIN_CHANNELS_LAST_8 ? 8
                                                       : std::max<std::int32_t>(layout, 1);
  out.outer = (out.channels + out.inner - 1) / out.inner;
  return out;
}

template <typename T>
void permute(const T* from, T* to, const Blocks& blocks, bool into) {
  for (std::int64_t n = 0; n < blocks.batch; ++n)
    for (std::int64_t c = 0; c < blocks.channels; ++c)
      for (std::int64_t s = 0; s < blocks.spatial; ++s) {
        const std::int64_t linear = (n * blocks.channels + c) * blocks.spatial + s;
        const std::int64_t blocked = blocks.at(n, c, s);
        if (into) {
          to[blocked] = from[linear];
        } else {
          to[linear] = from[blocked];
        }
      }
}

void permute_bytes(const void* from, void* to, int bits, const Blocks& blocks, bool into) {
  switch (bits) {
    case 8: return permute(static_cast<const std::uint8_t*>(from), static_cast<std::uint8_t*>(to), blocks, into);
    case 16: return permute(static_cast<const std::uint16_t*>(from), static_cast<std::uint16_t*>(to), blocks, into);
    case 32: return permute(static_cast<const std::uint32_t*>(from), static_cast<std::uint32_t*>(to), blocks, into);
    default: return permute(static_cast<const std::uint64_t*>(from), static_cast<std::uint64_t*>(to), blocks, into);
  }
}

// The same elements in another type, row-major.
HostTensor converted(const void* from, DType from_type, const Shape& shape, DType to_type) {
  const std::int64_t count = element_count(shape).value_or(0);
  const auto bytes = static_cast<std::size_t>(ingot::bytes_of(from_type, count).value_or(0));
  const HostTensor source =
      HostTensor::view(from_type, shape, {static_cast<const std::byte*>(from), bytes}, nullptr).value();
  HostTensor out = HostTensor::create(to_type, shape).value();
  const bool whole = !is_float(from_type) && !is_float(to_type);
  for (std::int64_t i = 0; i < count; ++i) {
    if (whole) {
      out.set_int(i, source.as_int(i));
    } else {
      out.set_double(i, source.as_double(i));
    }
  }
  return out;
}

void copy_linear(const void* from, DType dtype, const Shape& shape, void* to) {
  const auto bytes = ingot::bytes_of(dtype, element_count(shape).value_or(0)).value_or(0);
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

}  // namespace

bool is_known_layout(std::int32_t layout) {
  return std::ranges::any_of(kLayouts, [&](const auto& entry) { return entry.first == layout; });
}

std::string Format::to_string() const {
  if (dtype == DType::undefined) return "_";
  for (const auto& [number, name] : kLayouts)
    if (number == layout) return fmt::format("{}{}{}", ingot::to_string(dtype), name.empty() ? "" : ".", name);
  return fmt::format("{}.{}", ingot::to_string(dtype), layout);
}

std::optional<Format> parse_format(std::string_view text) {
  if (text == "_") return Format{};
  const std::size_t dot = text.find('.');
  const auto dtype = dtype_from_string(text.substr(0, dot));
  const std::string_view layout = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (!dtype) return std::nullopt;
  for (const auto& [number, name] : kLayouts)
    if (name == layout) return Format{*dtype, number};
  return std::nullopt;
}

std::optional<std::int64_t> bytes_of(const Format& format, const Shape& shape) {
  const auto count = element_count(shape);
  if (!count) return std::nullopt;
  if (format.layout == INGOT_PLUGIN_LINEAR) return ingot::bytes_of(format.dtype, *count);
  Shape padded = shape;
  if (padded.size() >= 2) {
    const Blocks blocks = blocks_of(format.layout, shape);
    padded[1] = blocks.outer * blocks.inner;
  }
  const auto elements = element_count(padded);
  return elements ? ingot::bytes_of(format.dtype, *elements) : std::nullopt;
}

void to_format(const void* from, DType dtype, const Shape& shape, const Format& format, void* to) {
  HostTensor cast;
  if (dtype != format.dtype) {
    cast = converted(from, dtype, shape, format.dtype);
    from = cast.bytes().data();
  }
  if (format.layout == INGOT_PLUGIN_LINEAR) return copy_linear(from, format.dtype, shape, to);
  std::memset(to, 0, static_cast<std::size_t>(bytes_of(format, shape).value_or(0)));
  permute_bytes(from, to, bits_of(format.dtype), blocks_of(format.layout, shape), true);
}

void from_format(const void* from, const Format& format, const Shape& shape, DType dtype, void* to) {
  HostTensor linear;
  if (format.layout != INGOT_PLUGIN_LINEAR) {
    linear = HostTensor::create(format.dtype, shape).value();
    permute_bytes(from, linear.mutable_bytes().data(), bits_of(format.dtype), blocks_of(format.layout, shape), false);
    from = linear.bytes().data();
  }
  if (dtype == format.dtype) return copy_linear(from, dtype, shape, to);
  const HostTensor cast = converted(from, format.dtype, shape, dtype);
  copy_linear(cast.bytes().data(), dtype, shape, to);
}

}  // namespace ingot::plugin
