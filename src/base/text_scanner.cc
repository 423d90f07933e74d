// SPDX-License-Identifier: Apache-2.0
#include "base/text_scanner.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"

namespace ingot {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void TextScanner::skip() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else {
      return;
    }
  }
}

bool TextScanner::at_end() {
  skip();
  return at_ >= text_.size();
}

char TextScanner::peek() {
  skip();
  return at_ < text_.size() ? text_[at_] : '\0';
}

std::string_view TextScanner::rest() {
  skip();
  return text_.substr(std::min(at_, text_.size()));
}

bool TextScanner::take(char c) {
  if (at_end() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool TextScanner::take(std::string_view token) {
  if (!rest().starts_with(token)) return false;
  at_ += token.size();
  return true;
}

bool TextScanner::take_word(std::string_view wanted) {
  skip();
  const std::size_t begin = at_;
  if (word() == wanted) return true;
  at_ = begin;
  return false;
}

Status TextScanner::expect(char c) { return expect(std::string_view(&c, 1)); }

Status TextScanner::expect(std::string_view token) {
  if (take(token)) return Status::ok();
  return error(fmt::format("expected '{}'", token));
}

std::string_view TextScanner::word(std::string_view extra) {
  skip();
  const std::size_t begin = at_;
  if (at_ >= text_.size() || !is_letter(text_[at_])) return {};
  while (at_ < text_.size() &&
         (is_letter(text_[at_]) || is_digit(text_[at_]) || extra.find(text_[at_]) != std::string_view::npos))
    ++at_;
  return text_.substr(begin, at_ - begin);
}

std::string_view TextScanner::number() {
  skip();
  const std::size_t begin = at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    const bool sign = (c == '-' || c == '+') && (at_ == begin || text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
    if (!sign && !is_digit(c) && !is_letter(c) && c != '.') break;
    ++at_;
  }
  return text_.substr(begin, at_ - begin);
}

Result<std::int64_t> TextScanner::integer() {
  const std::size_t begin = position();
  auto value = parse_integer(number());
  if (!value.is_ok()) at_ = begin;
  return value.is_ok() ? value : Result<std::int64_t>(error("expected an integer of 64 bits"));
}

Result<double> TextScanner::real() {
  const std::size_t begin = position();
  auto value = parse_real(number());
  if (!value.is_ok()) at_ = begin;
  return value.is_ok() ? value : Result<double>(error("expected a number"));
}

Result<std::string> TextScanner::quoted() {
  if (!take('"')) return error("expected a quoted string");
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at_ >= text_.size()) break;
    const char escaped = text_[at_++];
    switch (escaped) {
      case '"':
      case '\\': out += escaped; break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case 'x': {
        const int high = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
        const int low = at_ + 1 < text_.size() ? hex_digit(text_[at_ + 1]) : -1;
        if (high < 0 || low < 0) return error("\\x needs two hexadecimal digits");
        out += static_cast<char>(high * 16 + low);
        at_ += 2;
        break;
      }
      default: return error("unknown escape in a string");
    }
  }
  return error("a string has no closing quote");
}

std::string_view TextScanner::until(std::string_view stops) {
  skip();
  const std::size_t begin = at_;
  for (int depth = 0; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (depth == 0 && stops.find(c) != std::string_view::npos) break;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if ((c == ')' || c == ']' || c == '}') && depth-- == 0) break;
  }
  return text_.substr(begin, at_ - begin);
}

Status TextScanner::error(std::string_view what) {
  skip();
  constexpr std::size_t kExcerpt = 40;
  const std::size_t at = std::min(at_, text_.size());
  const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  if (at == text_.size()) return invalid_argument("{} at line {}, where the text ends", what, line);
  return invalid_argument("{} at line {}, at {}", what, line, quote(text_.substr(at, kExcerpt)));
}

Result<std::int64_t> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::uint64_t magnitude = 0;
  const char* begin = text.data() + (negative ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(begin, end, magnitude);
  constexpr std::uint64_t kMinMagnitude = std::uint64_t{1} << 63;
  if (code != std::errc() || stop != end || (negative && magnitude > kMinMagnitude))
    return invalid_argument("'{}' is not an integer of 64 bits", text);
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

Result<double> parse_real(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  // from_chars reports out of range for denormals too in some libraries; they still parse to the nearest value.
  if (text.empty() || stop != end || code == std::errc::invalid_argument)
    return invalid_argument("'{}' is not a number", text);
  if (code == std::errc::result_out_of_range) return invalid_argument("'{}' does not fit a double", text);
  return value;
}

}  // namespace ingot
