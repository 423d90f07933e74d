// SPDX-License-Identifier: Apache-2.0
// DType: the element types of tensors, with their sizes in bits and their text names.
//
// Types of 4 and 2 bits are packed little-end first (element 0 in the low bits), each tensor padded to whole bytes, as
// in ONNX. Those of 6 bits take a byte each, whose upper bits mean nothing: only ONNX's raw data pack them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ingot {

// name, bits, kind (f float, i signed, u unsigned, b bool, c complex, s string), ONNX TensorProto.DataType number
#define INGOT_DTYPES(X)     \
  X(f32, 32, 'f', 1)        \
  X(u8, 8, 'u', 2)          \
  X(i8, 8, 'i', 3)          \
  X(u16, 16, 'u', 4)        \
  X(i16, 16, 'i', 5)        \
  X(i32, 32, 'i', 6)        \
  X(i64, 64, 'i', 7)        \
  X(string, 0, 's', 8)      \
  X(boolean, 8, 'b', 9)     \
  X(f16, 16, 'f', 10)       \
  X(f64, 64, 'f', 11)       \
  X(u32, 32, 'u', 12)       \
  X(u64, 64, 'u', 13)       \
  X(c64, 64, 'c', 14)       \
  X(c128, 128, 'c', 15)     \
  X(bf16, 16, 'f', 16)      \
  X(f8e4m3fn, 8, 'f', 17)   \
  X(f8e4m3fnuz, 8, 'f', 18) \
  X(f8e5m2, 8, 'f', 19)     \
  X(f8e5m2fnuz, 8, 'f', 20) \
  X(u4, 4, 'u', 21)         \
  X(i4, 4, 'i', 22)         \
  X(f4e2m1, 4, 'f', 23)     \
  X(f8e8m0, 8, 'f', 24)     \
  X(u2, 2, 'u', 25)         \
  X(i2, 2, 'i', 26)         \
  X(f6e2m3, 8, 'f', 27)     \
  X(f6e3m2, 8, 'f', 28)

// Numeric values are ONNX's, are stored in plans and are part of the C API: never renumber.
enum class DType : std::uint8_t {
  undefined = 0,
#define X(name, bits, kind, number) name = number,
  INGOT_DTYPES(X)
#undef X
};

// "f32", "boolean", ...
std::string_view to_string(DType type);
std::optional<DType> dtype_from_string(std::string_view name);
std::optional<DType> dtype_from_number(std::int64_t number);

int bits_of(DType type);  // 0 for strings
char kind_of(DType type);
inline bool is_float6(DType type) { return type == DType::f6e2m3 || type == DType::f6e3m2; }
inline bool is_float(DType type) { return kind_of(type) == 'f'; }
inline bool is_byte(DType type) { return type == DType::u8 || type == DType::i8; }
inline bool is_integer(DType type) { return kind_of(type) == 'i' || kind_of(type) == 'u'; }

// Bytes of `elements` packed elements; nullopt when that overflows int64 or elements is negative.
std::optional<std::int64_t> bytes_of(DType type, std::int64_t elements);

}  // namespace ingot
