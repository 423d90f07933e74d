// SPDX-License-Identifier: Apache-2.0
// TextScanner: the cursor that every text form of the project is read with. Errors give the place in the text.
//
// Reading skips white space and comments (# to the end of the line) first. Safe on any input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace ingot {

class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : text_(text) {}

  void skip();
  [[nodiscard]] bool at_end();
  // The next character, or '\0' at the end.
  [[nodiscard]] char peek();
  // What follows, white space skipped.
  [[nodiscard]] std::string_view rest();
  void advance(std::size_t bytes) { at_ += bytes; }

  // Consumes the text if it is next.
  bool take(char c);
  bool take(std::string_view token);
  // Consumes an identifier of letters, digits, '_' and the extra characters, if the whole identifier is `word`.
  bool take_word(std::string_view word);
  Status expect(char c);
  Status expect(std::string_view token);

  // An identifier: a letter or '_', then letters, digits, '_' and any of `extra`. Empty when there is none.
  std::string_view word(std::string_view extra = "");
  // A run of the characters of a number: digits, letters, '_', '.', '+', '-' (signs only at the start or after e).
  std::string_view number();
  Result<std::int64_t> integer();  // up to 64 bits; values above INT64_MAX wrap, for unsigned elements
  Result<double> real();
  Result<std::string> quoted();
  // Everything up to, not including, the first of `stops` outside of (), [], {}.
  std::string_view until(std::string_view stops);

  // invalid argument: "<what> at line 3: '...'"
  [[nodiscard]] Status error(std::string_view what);
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// Values of the text of a number, exactly as TextScanner reads them.
Result<std::int64_t> parse_integer(std::string_view text);
Result<double> parse_real(std::string_view text);

}  // namespace ingot
