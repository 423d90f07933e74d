// SPDX-License-Identifier: Apache-2.0
// Type: what a value of the graph is: a tensor, or a sequence, optional or map of other types.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace ingot {
class TextScanner;
}

namespace ingot::ir {

struct Type {
  enum class Kind : std::uint8_t { none, tensor, sequence, optional, map };

  Kind kind = Kind::none;
  DType dtype = DType::undefined;       // tensor: element; map: key
  std::optional<SymShape> shape;        // tensor: nullopt means that not even the rank is known
  std::shared_ptr<const Type> element;  // sequence, optional: element; map: value

  static Type tensor(DType dtype, std::optional<SymShape> shape) {
    return {Kind::tensor, dtype, std::move(shape), nullptr};
  }
  static Type of(Kind kind, Type element) {
    return {kind, DType::undefined, std::nullopt, std::make_shared<const Type>(std::move(element))};
  }

  [[nodiscard]] bool is_tensor() const { return kind == Kind::tensor; }
  // Rank of a tensor of known rank, else -1.
  [[nodiscard]] int rank() const { return shape ? static_cast<int>(shape->size()) : -1; }
  [[nodiscard]] std::string to_string() const;  // "f32[N, 3, 224, 224]", "f32[?]", "seq<i64[2]>"
  friend bool operator==(const Type& a, const Type& b);
};

// Fails when no value can have both types: kinds, element types or ranks differ, or two dimensions differ by a non-zero
// constant. Unknown parts agree with everything.
Status check_compatible(const Type& a, const Type& b);

// Reads what to_string() printed.
Result<Type> parse_type(TextScanner& scanner);

}  // namespace ingot::ir
