// SPDX-License-Identifier: Apache-2.0
#include "element_types.h"

#include <algorithm>
#include <cstring>

namespace ingot_python {
namespace {

using Code = nb::dlpack::dtype_code;

// DLPack's codes of the small floating types, as numbers: headers of every age may be about.
enum SmallFloat : std::uint8_t {
  kE4m3fn = 10,
  kE4m3fnuz = 11,
  kE5m2 = 12,
  kE5m2fnuz = 13,
  kE8m0fnu = 14,
  kE2m3fn = 15,
  kE3m2fn = 16,
  kE2m1fn = 17
};

constexpr nb::dlpack::dtype of(auto code, int bits) {
  return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(bits), 1};
}

constexpr ElementType kTypes[] = {
    {INGOT_F32, "float32", 32, of(Code::Float, 32), false},
    {INGOT_F64, "float64", 64, of(Code::Float, 64), false},
    {INGOT_F16, "float16", 16, of(Code::Float, 16), false},
    {INGOT_BF16, "bfloat16", 16, of(Code::Bfloat, 16), true},
    {INGOT_BOOL, "bool", 8, of(Code::Bool, 8), false},
    {INGOT_U8, "uint8", 8, of(Code::UInt, 8), false},
    {INGOT_U16, "uint16", 16, of(Code::UInt, 16), false},
    {INGOT_U32, "uint32", 32, of(Code::UInt, 32), false},
    {INGOT_U64, "uint64", 64, of(Code::UInt, 64), false},
    {INGOT_I8, "int8", 8, of(Code::Int, 8), false},
    {INGOT_I16, "int16", 16, of(Code::Int, 16), false},
    {INGOT_I32, "int32", 32, of(Code::Int, 32), false},
    {INGOT_I64, "int64", 64, of(Code::Int, 64), false},
    {INGOT_C64, "complex64", 64, of(Code::Complex, 64), false},
    {INGOT_C128, "complex128", 128, of(Code::Complex, 128), false},
    {INGOT_F8E4M3FN, "float8_e4m3fn", 8, of(kE4m3fn, 8), true},
    {INGOT_F8E4M3FNUZ, "float8_e4m3fnuz", 8, of(kE4m3fnuz, 8), true},
    {INGOT_F8E5M2, "float8_e5m2", 8, of(kE5m2, 8), true},
    {INGOT_F8E5M2FNUZ, "float8_e5m2fnuz", 8, of(kE5m2fnuz, 8), true},
    {INGOT_F8E8M0, "float8_e8m0fnu", 8, of(kE8m0fnu, 8), true},
    {INGOT_F6E2M3, "float6_e2m3fn", 8, of(kE2m3fn, 8), true},
    {INGOT_F6E3M2, "float6_e3m2fn", 8, of(kE3m2fn, 8), true},
    {INGOT_U4, "uint4", 4, of(Code::UInt, 4), true},
    {INGOT_I4, "int4", 4, of(Code::Int, 4), true},
    {INGOT_F4E2M1, "float4_e2m1fn", 4, of(kE2m1fn, 4), true},
    {INGOT_U2, "uint2", 2, of(Code::UInt, 2), true},
    {INGOT_I2, "int2", 2, of(Code::Int, 2), true},
    {INGOT_STRING, "str", 0, {}, false},
    {INGOT_UNDEFINED, "undefined", 0, {}, false},
};

}  // namespace

const ElementType& element_type(ingot_dtype dtype) {
  const auto* last = std::end(kTypes) - 1;
  return *std::find_if(std::begin(kTypes), last, [&](const ElementType& type) { return type.dtype == dtype; });
}

void pack(const std::byte* elements, std::size_t count, int bits, std::byte* packed) {
  const auto width = static_cast<std::size_t>(bits);
  const std::byte mask{static_cast<unsigned char>((1U << width) - 1)};
  std::memset(packed, 0, (count * width + 7) / 8);
  for (std::size_t i = 0; i < count; ++i) packed[i * width / 8] |= (elements[i] & mask) << (i * width % 8);
}

void unpack(const std::byte* packed, std::size_t count, int bits, std::byte* elements) {
  const auto width = static_cast<std::size_t>(bits);
  const std::byte mask{static_cast<unsigned char>((1U << width) - 1)};
  for (std::size_t i = 0; i < count; ++i) elements[i] = (packed[i * width / 8] >> (i * width % 8)) & mask;
}

}  // namespace ingot_python
