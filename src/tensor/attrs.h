// SPDX-License-Identifier: Apache-2.0
// Attrs: the typed, named attributes of a node or a problem, kept sorted by name.
//
// Text form: {axis=1, alpha=0.5, mode="linear", pads=[0, 0, 1, 1], to=:f16, value=<f32[2,3] 0x...>, dims=($N,
// $floordiv(H, 2))}. A float always prints with a point or an exponent, so text round-trips types exactly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"
#include "tensor/host_tensor.h"

namespace ingot {

using Ints = std::vector<std::int64_t>;
using Floats = std::vector<double>;
using Strings = std::vector<std::string>;
using Attr = std::variant<std::int64_t, double, std::string, Ints, Floats, Strings, DType, TensorPtr, SymShape>;

class Attrs {
 public:
  using Entry = std::pair<std::string, Attr>;

  Attrs() = default;
  Attrs(std::initializer_list<Entry> entries);

  void set(std::string_view name, Attr value);
  void erase(std::string_view name);
  [[nodiscard]] const Attr* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  // The value, or the default when absent or of another type: a graph has been checked against the operators' schemas
  // (ops/) by then, and the text of a damaged plan must not abort the program.
  [[nodiscard]] std::int64_t get_int(std::string_view name, std::int64_t otherwise) const;
  [[nodiscard]] double get_float(std::string_view name, double otherwise) const;
  [[nodiscard]] std::string get_string(std::string_view name, std::string_view otherwise) const;
  [[nodiscard]] Ints get_ints(std::string_view name, const Ints& otherwise) const;
  [[nodiscard]] DType get_dtype(std::string_view name, DType otherwise) const;
  // nullptr when absent.
  [[nodiscard]] TensorPtr get_tensor(std::string_view name) const;

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::string to_string() const;
  // Parses a "{...}" at the start of text and removes it from text.
  static Result<Attrs> parse(std::string_view& text);
  friend bool operator==(const Attrs& a, const Attrs& b);  // tensors compare by content

 private:
  std::vector<Entry> entries_;
};

}  // namespace ingot
