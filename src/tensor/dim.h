// SPDX-License-Identifier: Apache-2.0
// Dim: one dimension of a shape, a constant or an expression over named symbols ("N", "(H + 1) // 2").
//
// Held in a canonical form (a sum of products with integer coefficients over atoms, an atom being a symbol or a
// floor-division, modulo, minimum or maximum), so that equal expressions usually compare equal and print alike.
// Symbols stand for sizes, hence are assumed positive when a common factor is cancelled.
// Arithmetic saturates to "too large" rather than wrapping: evaluate() then reports an error.
// Immutable values, safe to share between threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace ingot {

struct DimAtom;

class Dim {
 public:
  Dim() = default;                      // the constant 0
  Dim(std::int64_t value);              // NOLINT(*-explicit-*)
  static Dim symbol(std::string name);  // letters, digits, '_', '.', not starting with a digit
  static Result<Dim> parse(std::string_view text);

  [[nodiscard]] bool is_constant() const { return terms_.empty(); }
  // The value of a constant Dim.
  [[nodiscard]] std::int64_t value() const;
  [[nodiscard]] std::optional<std::int64_t> constant() const;
  [[nodiscard]] std::string to_string() const;
  // Number of products in the sum: the measure of how large the expression is.
  [[nodiscard]] std::size_t term_count() const { return terms_.size(); }

  // Fails on an unbound symbol, a division by zero or an overflow.
  [[nodiscard]] Result<std::int64_t> evaluate(const std::map<std::string, std::int64_t, std::less<>>& symbols) const;
  // Adds the names of all symbols in the expression.
  void collect_symbols(std::vector<std::string>& names) const;
  // Replaces symbols by expressions.
  [[nodiscard]] Dim substitute(const std::map<std::string, Dim, std::less<>>& replacements) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floor_div(const Dim& a, const Dim& b);
  friend Dim mod(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);
  friend bool operator==(const Dim& a, const Dim& b);

 private:
  using Atom = std::shared_ptr<const DimAtom>;
  struct Term {
    std::int64_t coefficient = 0;
    std::vector<Atom> atoms;  // sorted by text
  };
  friend struct DimAtom;

  static Dim from_atom(Atom atom);
  void add_term(Term term);
  [[nodiscard]] std::optional<Dim> divide_exactly(const Term& divisor) const;
  static std::string key_of(const Term& term);

  std::int64_t constant_ = 0;
  std::vector<Term> terms_;  // sorted by key, no zero coefficients, never a term without atoms
};

inline Dim ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - Dim(1), b); }

// A shape that may hold symbols, and a concrete one.
using SymShape = std::vector<Dim>;
using Shape = std::vector<std::int64_t>;

std::string to_string(const SymShape& shape);  // "[N, 3, 224, 224]"
std::string to_string(const Shape& shape);
// The product of all dimensions; nullopt on a negative dimension or an overflow of int64.
std::optional<std::int64_t> element_count(const Shape& shape);
// All dimensions as numbers, when none is symbolic.
std::optional<Shape> concrete(const SymShape& shape);
SymShape symbolic(const Shape& shape);

}  // namespace ingot
