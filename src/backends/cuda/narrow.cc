// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/narrow.h"

#include "backends/cuda/source.h"

namespace ingot::cuda {
namespace {

struct Format {
  DType type;
  std::string_view fields;  // of SmallFloat
  double beyond;            // what rounds to something greater than the greatest value, and whether a tie does
  bool at_tie;
  int beyond_code;
};
constexpr Format kFormats[] = {
    {DType::f8e4m3fn, "{3, 7, 0x7e, 0x80, 0x7f, 0, true}", 464, false, 0x7f},
    {DType::f8e4m3fnuz, "{3, 8, 0x7f, 0x80, 0x80, 0, false}", 248, true, 0x80},
    {DType::f8e5m2, "{2, 15, 0x7b, 0x80, 0x7f, 0x7c, true}", 61440, true, 0x7c},
    {DType::f8e5m2fnuz, "{2, 16, 0x7f, 0x80, 0x80, 0, false}", 61440, true, 0x80},
    {DType::f4e2m1, "{1, 1, 7, 8, 0, 0, true}", 1e300, false, 7},
};

const Format* format_of(DType type) {
  for (const Format& format : kFormats)
    if (format.type == type) return &format;
  return nullptr;
}

// The value of an element of a narrow type, given its bits.
std::string decoded(DType type, std::string_view bits) {
  if (const Format* format = format_of(type); format != nullptr)
    return fmt::format("decode_small(SmallFloat{}, {})", format->fields, bits);
  if (type == DType::f8e8m0) return fmt::format("decode_exponent({})", bits);
  return kind_of(type) == 'i' ? fmt::format("sign_extend<{}>({})", bits_of(type), bits) : std::string(bits);
}

}  // namespace

bool loadable(DType type) {
  return !cuda_type(type).empty() || format_of(type) != nullptr || type == DType::f8e8m0 ||
         (is_integer(type) && bits_of(type) < 8);
}

int elements_per_byte(DType type) { return bits_of(type) >= 8 || bits_of(type) == 0 ? 1 : 8 / bits_of(type); }

std::string define_load(std::string_view name, DType type) {
  const bool wide = is_float(type);
  const std::string body = cuda_type(type).empty()
                               ? decoded(type, fmt::format("unpack<{}>(from, at)", bits_of(type)))
                               : fmt::format("load_value(static_cast<const {}*>(from)[at])", cuda_type(type));
  return fmt::format("INGOT_INLINE {0} {1}(const void* from, i64 at) {{ return static_cast<{0}>({2}); }}\n",
                     wide ? "double" : "i64", name, body);
}

std::string define_encode(std::string_view name, DType type, const Attrs& attrs) {
  const bool saturate = attrs.get_int("saturate", 1) != 0;
  std::string body;
  if (const Format* format = format_of(type); format != nullptr) {
    // fp4 has no NaN: it becomes a negative zero.
    const std::string_view value =
        type == DType::f4e2m1 ? "(value != value ? -0.0 : static_cast<double>(value))" : "static_cast<double>(value)";
    body = fmt::format("encode_small(SmallFloat{}, {}, {}, {:.1f}, {}, {})", format->fields, value, saturate,
                       format->beyond, format->at_tie, format->beyond_code);
  } else if (type == DType::f8e8m0) {
    const std::string mode = attrs.get_string("round_mode", "up");
    body = fmt::format("encode_exponent(static_cast<double>(value), {}, {})", saturate,
                       mode == "up"        ? 0
                       : mode == "nearest" ? 1
                                           : 2);
  } else {
    body = fmt::format("static_cast<unsigned>(Put<i64, V>::make(value)) & {}u", (1U << bits_of(type)) - 1);
  }
  return fmt::format("template <typename V>\nINGOT_INLINE unsigned {}(V value) {{ return {}; }}\n", name, body);
}

std::string define_round(DType type) {
  if (!cuda_type(type).empty() || !loadable(type)) return "";
  const std::string_view name = to_string(type), wide = is_float(type) ? "float" : "int";
  const std::string bits = is_float(type)
                               ? fmt::format("encode_{}(value)", name)
                               : fmt::format("static_cast<unsigned>(value) & {}u", (1U << bits_of(type)) - 1);
  return (is_float(type) ? define_encode(fmt::format("encode_{}", name), type, {}) : "") +
         fmt::format("INGOT_INLINE {0} round_{1}({0} value) {{ return static_cast<{0}>({2}); }}\n", wide, name,
                     decoded(type, bits));
}

}  // namespace ingot::cuda
