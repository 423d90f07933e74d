// SPDX-License-Identifier: Apache-2.0
// The text form of Dim: sum := product (('+'|'-') product)*; product := factor ('*' factor)*;
// factor := number | symbol | function '(' sum ',' sum ')' | '(' sum ')' | '-' factor.
#include <charconv>

#include "tensor/dim.h"

namespace ingot {
namespace {

constexpr int kMaxDepth = 64;  // bounds recursion on hostile text

class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Result<Dim> parse() {
    INGOT_ASSIGN_OR_RETURN(Dim dim, sum(0));
    skip();
    if (at_ != text_.size()) return invalid_argument("dimension '{}': unexpected '{}'", text_, text_.substr(at_));
    return dim;
  }

 private:
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<Dim> sum(int depth) {
    if (depth > kMaxDepth) return invalid_argument("dimension '{}' is nested too deeply", text_);
    INGOT_ASSIGN_OR_RETURN(Dim total, product(depth));
    for (;;) {
      const bool plus = take('+');
      if (!plus && !take('-')) return total;
      INGOT_ASSIGN_OR_RETURN(const Dim next, product(depth));
      total = plus ? total + next : total - next;
    }
  }

  Result<Dim> product(int depth) {
    INGOT_ASSIGN_OR_RETURN(Dim total, factor(depth));
    while (take('*')) {
      INGOT_ASSIGN_OR_RETURN(const Dim next, factor(depth));
      total = total * next;
    }
    return total;
  }

  Result<Dim> factor(int depth) {
    if (depth > kMaxDepth) return invalid_argument("dimension '{}' is nested too deeply", text_);
    if (take('(')) {
      INGOT_ASSIGN_OR_RETURN(Dim inner, sum(depth + 1));
      if (!take(')')) return invalid_argument("dimension '{}': missing ')'", text_);
      return inner;
    }
    if (take('-')) {
      INGOT_ASSIGN_OR_RETURN(const Dim inner, factor(depth + 1));
      return inner * Dim(-1);
    }
    skip();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_' || text_[at_] == '.'))
      ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) return invalid_argument("dimension '{}': expected a number or a name", text_);
    if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error != std::errc() || end != word.data() + word.size())
        return invalid_argument("dimension '{}': '{}' is not a number of 64 bits", text_, word);
      return Dim(value);
    }
    if (!take('(')) return Dim::symbol(std::string(word));
    INGOT_ASSIGN_OR_RETURN(const Dim a, sum(depth + 1));
    if (!take(',')) return invalid_argument("dimension '{}': {} takes two operands", text_, word);
    INGOT_ASSIGN_OR_RETURN(const Dim b, sum(depth + 1));
    if (!take(')')) return invalid_argument("dimension '{}': missing ')'", text_);
    if (word == "floordiv") return floor_div(a, b);
    if (word == "mod") return mod(a, b);
    if (word == "min") return min(a, b);
    if (word == "max") return max(a, b);
    return invalid_argument("dimension '{}': unknown function '{}'", text_, word);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Dim> Dim::parse(std::string_view text) { return DimParser(text).parse(); }

}  // namespace ingot
