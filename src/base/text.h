// SPDX-License-Identifier: Apache-2.0
// Small text helpers: quoting, numbers that round-trip, and suggestions for misspelt names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

bool is_valid_utf8(std::string_view text);

// A double-quoted form that TextScanner::quoted() reads back byte for byte: \" \\ \n \t \r \xHH. UTF-8 stays readable;
// text that is not UTF-8 is escaped.
std::string quote(std::string_view text);

// Shortest text that reads back as the same double; always with a point, an exponent, or one of inf, -inf, nan.
std::string float_text(double value);
// The same for a float: "0.1", not "0.10000000149011612".
std::string float_text(float value);

// Number of insertions, deletions, replacements and swaps of neighbours that turn one into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);
// Up to three candidates that the writer of `name` may have meant, best first.
std::vector<std::string_view> near_matches(std::string_view name, std::span<const std::string_view> candidates);
// "; did you mean 'a' or 'b'?" for the end of a message, or "".
std::string suggestion(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace ingot
