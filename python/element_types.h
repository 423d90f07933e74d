// SPDX-License-Identifier: Apache-2.0
// Element types as NumPy, ml_dtypes and DLPack know them.
#pragma once

#include <cstddef>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "ingot/ingot.h"

namespace ingot_python {

namespace nb = nanobind;

struct ElementType {
  ingot_dtype dtype;
  const char* name;  // "float32": of NumPy, or where `extended`, of ml_dtypes
  int bits;          // as the engine stores an element; ml_dtypes has a byte for what is smaller
  nb::dlpack::dtype dlpack;
  bool extended;

  [[nodiscard]] bool packed() const { return bits < 8; }
  // Bytes of the engine's form, which packs small elements from the low bits up.
  [[nodiscard]] std::size_t bytes(std::size_t elements) const {
    return (elements * static_cast<std::size_t>(bits) + 7) / 8;
  }
  // The NumPy type of the same size under which the memory of an extended type is shared.
  [[nodiscard]] const char* storage() const { return !extended ? name : bits == 16 ? "uint16" : "uint8"; }
};

// Strings and unknown types have the name "str" or "undefined" and no size.
const ElementType& element_type(ingot_dtype dtype);

// Between an array with a byte per element and the engine's packed form.
void pack(const std::byte* elements, std::size_t count, int bits, std::byte* packed);
void unpack(const std::byte* packed, std::size_t count, int bits, std::byte* elements);

}  // namespace ingot_python
