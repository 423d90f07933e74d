// SPDX-License-Identifier: Apache-2.0
// Between which sizes a tensor with symbolic dimensions may lie, given the ranges of the symbols.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tensor/dim.h"

namespace ingot {

struct SymbolRange {
  std::int64_t least = 0, opt = 0, most = 0;
};
// Symbols whose range nobody declared are absent.
using SymbolRanges = std::map<std::string, SymbolRange, std::less<>>;

// By axis.
struct SizeBounds {
  Shape dims;              // -1 where the size may change
  Shape least, opt, most;  // -1 where that depends on a symbol without a range
};

// Null where nothing may change. The bounds of an expression are its extremes at the corners of its symbols' ranges:
// exact unless it turns round in between, as only mod and products of one symbol with itself do.
std::shared_ptr<const SizeBounds> bounds_of(const SymShape& shape, const SymbolRanges& ranges);

}  // namespace ingot
