// SPDX-License-Identifier: Apache-2.0
// The text form of Dim: sum := product (('+'|'-') product)*; product := factor ('*' factor)*;
// factor := number | symbol | function '(' sum ',' sum ')' | '(' sum ')' | '-' factor.
#include <cctype>
#include <charconv>
#include <string>

#include "tensor/dim.h"

namespace ingot {
namespace {

constexpr int kMaxDepth = 64;            // bounds recursion on hostile text
constexpr std::size_t kMaxTerms = 1024;  // a product of sums grows exponentially with the text
constexpr std::size_t kMaxText = 4096;

class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Result<Dim> parse() {
    if (text_.size() > kMaxText) return invalid_argument("a dimension of {} characters is too long", text_.size());
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
      if ((total.term_count() + 1) * (next.term_count() + 1) > kMaxTerms)
        return invalid_argument("dimension '{}' is too large an expression", text_);
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
      // The most negative number has no positive counterpart, so a sign before digits belongs to them.
      skip();
      if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) return number(true);
      INGOT_ASSIGN_OR_RETURN(const Dim inner, factor(depth + 1));
      return inner * Dim(-1);
    }
    skip();
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) return number(false);
    const std::string_view word = take_word();
    if (word.empty()) return invalid_argument("dimension '{}': expected a number or a name", text_);
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

  std::string_view take_word() {
    const std::size_t begin = at_;
    const auto belongs = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    };
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Result<Dim> number(bool negative) {
    const std::string word = (negative ? "-" : "") + std::string(take_word());
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size())
      return invalid_argument("dimension '{}': '{}' is not a number of 64 bits", text_, word);
    return Dim(value);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Dim> Dim::parse(std::string_view text) { return DimParser(text).parse(); }

}  // namespace ingot
