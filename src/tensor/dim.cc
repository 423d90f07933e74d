// SPDX-License-Identifier: Apache-2.0
#include "tensor/dim.h"

#include <algorithm>
#include <limits>

#include <fmt/ranges.h>

namespace ingot {

struct DimAtom {
  enum class Kind : std::uint8_t { symbol, floor_div, mod, min, max };
  Kind kind = Kind::symbol;
  std::string name;  // of a symbol
  Dim a, b;          // operands of the others
  std::string text;

  // max(a, min(a, c)) = a and max(a, max(a, c)) = max(a, c), and the same with min and max exchanged.
  static std::optional<Dim> absorb(bool is_max, const Dim& a, const Dim& b);
};

namespace {

constexpr std::int64_t kTooLarge = std::numeric_limits<std::int64_t>::max();

// The most negative number counts as too large as well, so that negation and division by -1 cannot overflow.
constexpr std::int64_t kTooSmall = std::numeric_limits<std::int64_t>::min();

bool is_extreme(std::int64_t a) { return a == kTooLarge || a == kTooSmall; }

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (a == 0) return b;
  if (b == 0) return a;
  return is_extreme(a) || is_extreme(b) || __builtin_add_overflow(a, b, &r) || is_extreme(r) ? kTooLarge : r;
}

std::int64_t saturating_mul(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (a == 0 || b == 0) return 0;
  if (a == 1) return b;
  if (b == 1) return a;
  return is_extreme(a) || is_extreme(b) || __builtin_mul_overflow(a, b, &r) || is_extreme(r) ? kTooLarge : r;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == -1) return saturating_mul(a, -1);
  const std::int64_t q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

std::uint64_t magnitude_of(std::int64_t a) {
  return a < 0 ? 0 - static_cast<std::uint64_t>(a) : static_cast<std::uint64_t>(a);
}

std::shared_ptr<const DimAtom> make_atom(DimAtom::Kind kind, const Dim& a, const Dim& b) {
  auto atom = std::make_shared<DimAtom>();
  atom->kind = kind;
  atom->a = a;
  atom->b = b;
  switch (kind) {
    case DimAtom::Kind::floor_div: atom->text = fmt::format("floordiv({}, {})", a.to_string(), b.to_string()); break;
    case DimAtom::Kind::mod: atom->text = fmt::format("mod({}, {})", a.to_string(), b.to_string()); break;
    case DimAtom::Kind::min: atom->text = fmt::format("min({}, {})", a.to_string(), b.to_string()); break;
    case DimAtom::Kind::max: atom->text = fmt::format("max({}, {})", a.to_string(), b.to_string()); break;
    case DimAtom::Kind::symbol: break;
  }
  return atom;
}

}  // namespace

Dim::Dim(std::int64_t value) : constant_(value) {}

Dim Dim::symbol(std::string name) {
  auto atom = std::make_shared<DimAtom>();
  atom->text = name;
  atom->name = std::move(name);
  return from_atom(std::move(atom));
}

Dim Dim::from_atom(Atom atom) {
  Dim dim;
  dim.terms_.push_back({1, {std::move(atom)}});
  return dim;
}

std::int64_t Dim::value() const {
  INGOT_CHECK(is_constant(), "dimension {} is symbolic", to_string());
  return constant_;
}

std::optional<std::int64_t> Dim::constant() const { return is_constant() ? std::optional(constant_) : std::nullopt; }

std::string Dim::key_of(const Term& term) {
  std::string key;
  for (const Atom& atom : term.atoms) key += (key.empty() ? "" : "*") + atom->text;
  return key;
}

void Dim::add_term(Term term) {
  if (term.atoms.empty()) {
    constant_ = saturating_add(constant_, term.coefficient);
    return;
  }
  const std::string key = key_of(term);
  auto place = std::lower_bound(terms_.begin(), terms_.end(), key,
                                [](const Term& t, const std::string& k) { return key_of(t) < k; });
  if (place != terms_.end() && key_of(*place) == key) {
    place->coefficient = saturating_add(place->coefficient, term.coefficient);
    if (place->coefficient == 0) terms_.erase(place);
  } else if (term.coefficient != 0) {
    terms_.insert(place, std::move(term));
  }
}

std::string Dim::to_string() const {
  std::string out;
  for (const Term& term : terms_) {
    const bool negative = term.coefficient < 0;
    const std::uint64_t magnitude = magnitude_of(term.coefficient);
    out += out.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    out += magnitude == 1 ? key_of(term) : fmt::format("{}*{}", magnitude, key_of(term));
  }
  if (out.empty()) return fmt::format("{}", constant_);
  if (constant_ > 0) out += fmt::format(" + {}", constant_);
  if (constant_ < 0) out += fmt::format(" - {}", magnitude_of(constant_));
  return out;
}

bool operator==(const Dim& a, const Dim& b) {
  if (a.constant_ != b.constant_ || a.terms_.size() != b.terms_.size()) return false;
  for (std::size_t i = 0; i < a.terms_.size(); ++i)
    if (a.terms_[i].coefficient != b.terms_[i].coefficient || Dim::key_of(a.terms_[i]) != Dim::key_of(b.terms_[i]))
      return false;
  return true;
}

Dim operator+(const Dim& a, const Dim& b) {
  Dim sum = a;
  sum.constant_ = saturating_add(sum.constant_, b.constant_);
  for (const Dim::Term& term : b.terms_) sum.add_term(term);
  return sum;
}

Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

Dim operator*(const Dim& a, const Dim& b) {
  Dim product;
  const auto add = [&product](std::int64_t coefficient, std::vector<Dim::Atom> left,
                              const std::vector<Dim::Atom>& right) {
    left.insert(left.end(), right.begin(), right.end());
    std::sort(left.begin(), left.end(), [](const auto& x, const auto& y) { return x->text < y->text; });
    product.add_term({coefficient, std::move(left)});
  };
  add(saturating_mul(a.constant_, b.constant_), {}, {});
  for (const auto& term : a.terms_) add(saturating_mul(term.coefficient, b.constant_), term.atoms, {});
  for (const auto& term : b.terms_) add(saturating_mul(term.coefficient, a.constant_), term.atoms, {});
  for (const auto& left : a.terms_)
    for (const auto& right : b.terms_)
      add(saturating_mul(left.coefficient, right.coefficient), left.atoms, right.atoms);
  return product;
}

std::optional<Dim> Dim::divide_exactly(const Term& divisor) const {
  Dim quotient;
  std::vector<Term> all = terms_;
  if (constant_ != 0) all.push_back({constant_, {}});
  for (Term term : all) {
    if (divisor.coefficient == 0 || is_extreme(term.coefficient) || is_extreme(divisor.coefficient))
      return std::nullopt;
    if (term.coefficient % divisor.coefficient != 0) return std::nullopt;
    term.coefficient /= divisor.coefficient;
    for (const Atom& atom : divisor.atoms) {
      auto found = std::find_if(term.atoms.begin(), term.atoms.end(),
                                [&](const Atom& candidate) { return candidate->text == atom->text; });
      if (found == term.atoms.end()) return std::nullopt;
      term.atoms.erase(found);
    }
    quotient.add_term(std::move(term));
  }
  return quotient;
}

Dim floor_div(const Dim& a, const Dim& b) {
  if (b.is_constant() && b.constant_ == 1) return a;
  if (a.is_constant() && b.is_constant() && b.constant_ != 0) return Dim(floor_divide(a.constant_, b.constant_));
  if (b.is_constant() && b.constant_ != 0) {
    if (auto quotient = a.divide_exactly({b.constant_, {}})) return *quotient;
  } else if (b.constant_ == 0 && b.terms_.size() == 1) {
    if (auto quotient = a.divide_exactly(b.terms_[0])) return *quotient;
  } else if (a == b) {
    return Dim(1);
  }
  return Dim::from_atom(make_atom(DimAtom::Kind::floor_div, a, b));
}

Dim mod(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant() && b.constant_ != 0) return Dim(floor_mod(a.constant_, b.constant_));
  if (a == b || (b.is_constant() && b.constant_ != 0 && a.divide_exactly({b.constant_, {}}))) return Dim(0);
  return Dim::from_atom(make_atom(DimAtom::Kind::mod, a, b));
}

std::optional<Dim> DimAtom::absorb(bool is_max, const Dim& a, const Dim& b) {
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    if (other->constant_ != 0 || other->terms_.size() != 1) continue;
    const Dim::Term& term = other->terms_[0];
    if (term.coefficient != 1 || term.atoms.size() != 1) continue;
    const DimAtom& atom = *term.atoms[0];
    if (atom.kind != DimAtom::Kind::min && atom.kind != DimAtom::Kind::max) continue;
    if (!(atom.a == *one) && !(atom.b == *one)) continue;
    return (atom.kind == DimAtom::Kind::max) == is_max ? *other : *one;
  }
  return std::nullopt;
}

Dim min(const Dim& a, const Dim& b) {
  if (a == b) return a;
  const Dim difference = a - b;
  if (difference.is_constant()) return difference.constant_ < 0 ? a : b;
  if (auto known = DimAtom::absorb(false, a, b)) return *known;
  return Dim::from_atom(make_atom(DimAtom::Kind::min, a, b));
}

Dim max(const Dim& a, const Dim& b) {
  if (a == b) return a;
  const Dim difference = a - b;
  if (difference.is_constant()) return difference.constant_ < 0 ? b : a;
  if (auto known = DimAtom::absorb(true, a, b)) return *known;
  return Dim::from_atom(make_atom(DimAtom::Kind::max, a, b));
}

Result<std::int64_t> Dim::evaluate(const std::map<std::string, std::int64_t, std::less<>>& symbols) const {
  std::int64_t sum = constant_;
  for (const Term& term : terms_) {
    std::int64_t product = term.coefficient;
    for (const Atom& atom : term.atoms) {
      std::int64_t factor = 0;
      if (atom->kind == DimAtom::Kind::symbol) {
        const auto found = symbols.find(atom->name);
        if (found == symbols.end()) return failed_precondition("dimension '{}' is not bound", atom->name);
        factor = found->second;
      } else {
        INGOT_ASSIGN_OR_RETURN(const std::int64_t a, atom->a.evaluate(symbols));
        INGOT_ASSIGN_OR_RETURN(const std::int64_t b, atom->b.evaluate(symbols));
        const bool divides = atom->kind == DimAtom::Kind::floor_div || atom->kind == DimAtom::Kind::mod;
        if (divides && b == 0) return invalid_argument("dimension {} divides by zero", to_string());
        switch (atom->kind) {
          case DimAtom::Kind::floor_div: factor = floor_divide(a, b); break;
          case DimAtom::Kind::mod: factor = floor_mod(a, b); break;
          case DimAtom::Kind::min: factor = std::min(a, b); break;
          case DimAtom::Kind::max: factor = std::max(a, b); break;
          case DimAtom::Kind::symbol: break;
        }
      }
      product = saturating_mul(product, factor);
    }
    sum = saturating_add(sum, product);
  }
  if (sum == kTooLarge) return invalid_argument("dimension {} does not fit 64 bits", to_string());
  return sum;
}

void Dim::collect_symbols(std::vector<std::string>& names) const {
  for (const Term& term : terms_)
    for (const Atom& atom : term.atoms) {
      if (atom->kind == DimAtom::Kind::symbol) {
        if (std::find(names.begin(), names.end(), atom->name) == names.end()) names.push_back(atom->name);
      } else {
        atom->a.collect_symbols(names);
        atom->b.collect_symbols(names);
      }
    }
}

Dim Dim::substitute(const std::map<std::string, Dim, std::less<>>& replacements) const {
  Dim sum(constant_);
  for (const Term& term : terms_) {
    Dim product(term.coefficient);
    for (const Atom& atom : term.atoms) {
      Dim factor;
      switch (atom->kind) {
        case DimAtom::Kind::symbol: {
          const auto found = replacements.find(atom->name);
          factor = found == replacements.end() ? from_atom(atom) : found->second;
          break;
        }
        case DimAtom::Kind::floor_div:
          factor = floor_div(atom->a.substitute(replacements), atom->b.substitute(replacements));
          break;
        case DimAtom::Kind::mod:
          factor = mod(atom->a.substitute(replacements), atom->b.substitute(replacements));
          break;
        case DimAtom::Kind::min:
          factor = min(atom->a.substitute(replacements), atom->b.substitute(replacements));
          break;
        case DimAtom::Kind::max:
          factor = max(atom->a.substitute(replacements), atom->b.substitute(replacements));
          break;
      }
      product = product * factor;
    }
    sum = sum + product;
  }
  return sum;
}

std::string to_string(const SymShape& shape) {
  std::vector<std::string> parts;
  parts.reserve(shape.size());
  for (const Dim& dim : shape) parts.push_back(dim.to_string());
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::optional<std::int64_t> element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    empty = empty || dim == 0;
  }
  if (empty) return 0;
  for (const std::int64_t dim : shape)
    if (__builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  return count;
}

std::optional<Shape> concrete(const SymShape& shape) {
  Shape out;
  out.reserve(shape.size());
  for (const Dim& dim : shape) {
    if (!dim.is_constant()) return std::nullopt;
    out.push_back(dim.value());
  }
  return out;
}

SymShape symbolic(const Shape& shape) { return {shape.begin(), shape.end()}; }

}  // namespace ingot
