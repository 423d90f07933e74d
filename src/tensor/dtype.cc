// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

#include <limits>

namespace ingot {
namespace {

struct Row {
  std::string_view name;
  int bits;
  char kind;
};

constexpr Row row_of(DType type) {
  switch (type) {
    case DType::undefined: return {"undefined", 0, '?'};
#define X(name, bits, kind, number) \
  case DType::name: return {#name, bits, kind};
      INGOT_DTYPES(X)
#undef X
  }
  return {"undefined", 0, '?'};
}

}  // namespace

std::string_view to_string(DType type) { return row_of(type).name; }
int bits_of(DType type) { return row_of(type).bits; }
char kind_of(DType type) { return row_of(type).kind; }

std::optional<DType> dtype_from_string(std::string_view text) {
#define X(name, bits, kind, number) \
  if (text == #name) return DType::name;
  INGOT_DTYPES(X)
#undef X
  return std::nullopt;
}

std::optional<DType> dtype_from_number(std::int64_t value) {
#define X(name, bits, kind, number) \
  if (value == (number)) return DType::name;
  INGOT_DTYPES(X)
#undef X
  return std::nullopt;
}

std::optional<std::int64_t> bytes_of(DType type, std::int64_t elements) {
  const std::int64_t bits = bits_of(type);
  if (elements < 0) return std::nullopt;
  if (bits == 0) return 0;
  if (elements > (std::numeric_limits<std::int64_t>::max() - 7) / bits) return std::nullopt;
  return (elements * bits + 7) / 8;
}

}  // namespace ingot
