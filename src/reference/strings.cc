// SPDX-License-Identifier: Apache-2.0
// Operators on strings, which are UTF-8.
#include "reference/strings.h"

#include <locale.h>
#include <algorithm>
#include <clocale>
#include <cwctype>
#include <regex>
#include <set>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

template <typename Visit>
Result<Shape> for_each_pair(const Call& call, Visit&& visit) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, string_operand(call, 0, "X"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* y, string_operand(call, 1, "Y"));
  INGOT_ASSIGN_OR_RETURN(Shape shape, broadcast_shapes({x->shape(), y->shape()}));
  INGOT_ASSIGN_OR_RETURN(const Shape x_strides, broadcast_strides(x->shape(), shape));
  INGOT_ASSIGN_OR_RETURN(const Shape y_strides, broadcast_strides(y->shape(), shape));
  for_each_element(shape, {x_strides, y_strides}, [&](const auto& offsets) {
    visit(x->strings()[to_size(offsets[0])], y->strings()[to_size(offsets[1])]);
  });
  return shape;
}

Result<HostTensor> string_tensor(Shape shape, std::vector<std::string> values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(DType::string, std::move(shape)));
  out.strings() = std::move(values);
  return out;
}

Result<Outputs> evaluate_concat(const Call& call) {
  std::vector<std::string> joined;
  INGOT_ASSIGN_OR_RETURN(const Shape shape, for_each_pair(call, [&](const std::string& x, const std::string& y) {
                           joined.push_back(x + y);
                         }));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, string_tensor(shape, std::move(joined)));
  return outputs_of(std::move(out));
}

// Runs of white space separate, and none stands at the ends; after `most` splits the rest stays as it is.
std::vector<std::string> split_words(const std::string& text, std::size_t most) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  std::vector<std::string> parts;
  for (std::size_t at = text.find_first_not_of(kSpace); at != std::string::npos;) {
    const std::size_t end = parts.size() == most ? text.size() : std::min(text.find_first_of(kSpace, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpace, end);
  }
  return parts;
}

std::vector<std::string> split_at(const std::string& text, const std::string& delimiter, std::size_t most) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (parts.size() < most) {
    const std::size_t end = text.find(delimiter, at);
    if (end == std::string::npos) break;
    parts.push_back(text.substr(at, end - at));
    at = end + delimiter.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

Result<Outputs> evaluate_split(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, string_operand(call, 0, "X"));
  const std::string delimiter = call.attrs->get_string("delimiter", "");
  const std::int64_t limit = call.attrs->get_int("maxsplit", -1);
  const std::size_t most = limit < 0 ? std::string::npos : to_size(limit);
  std::vector<std::vector<std::string>> lists;
  std::vector<std::int64_t> counts;
  std::size_t longest = 0;
  for (const std::string& text : x->strings()) {
    lists.push_back(delimiter.empty() ? split_words(text, most) : split_at(text, delimiter, most));
    counts.push_back(to_signed(lists.back().size()));
    longest = std::max(longest, lists.back().size());
  }
  std::vector<std::string> padded;
  for (std::vector<std::string>& list : lists) {
    list.resize(longest);
    padded.insert(padded.end(), list.begin(), list.end());
  }
  Shape shape = x->shape();
  shape.push_back(to_signed(longest));
  INGOT_ASSIGN_OR_RETURN(HostTensor parts, string_tensor(shape, std::move(padded)));
  INGOT_ASSIGN_OR_RETURN(HostTensor number, from_numbers(DType::i64, x->shape(), counts));
  return outputs_of(std::move(parts), std::move(number));
}

Result<Outputs> evaluate_regex_full_match(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, string_operand(call, 0, "X"));
  const std::string pattern = call.attrs->get_string("pattern", "");
  // std::regex recurses once per character.
  constexpr std::size_t kLongest = 4096;
  std::vector<std::int64_t> matches;
  try {
    const std::regex regex(pattern, std::regex::ECMAScript | std::regex::optimize);
    for (const std::string& text : x->strings()) {
      if (text.size() > kLongest) return unsupported("a string of {} bytes is too long to match", text.size());
      matches.push_back(std::regex_match(text, regex) ? 1 : 0);
    }
  } catch (const std::regex_error& error) {
    return unsupported("the pattern \"{}\" is not supported: {}", pattern, error.what());
  }
  return single_output(DType::boolean, x->shape(), matches);
}

// Code points of UTF-8; a byte that is none stands for itself.
std::u32string decode(const std::string& text) {
  std::u32string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    char32_t code = more == 0 ? lead : lead & (0x3fU >> more);
    bool valid = i + more < text.size();
    for (std::size_t k = 1; k <= more && valid; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      valid = (next & 0xc0U) == 0x80;
      code = code << 6 | (next & 0x3fU);
    }
    result.push_back(valid ? code : lead);
    i += valid ? more + 1 : 1;
  }
  return result;
}

std::string encode(const std::u32string& text) {
  std::string result;
  for (const char32_t code : text) {
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned kLead[] = {0, 0xc0, 0xe0, 0xf0};
    result.push_back(static_cast<char>(kLead[more] | code >> (6 * more)));
    for (int k = more - 1; k >= 0; --k) result.push_back(static_cast<char>(0x80U | (code >> (6 * k) & 0x3fU)));
  }
  return result;
}

std::string change_case(const std::string& text, bool upper) {
  // Where the C library has no such locale, only ASCII has cases.
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", static_cast<locale_t>(nullptr));
  std::u32string codes = decode(text);
  for (char32_t& code : codes) {
    const auto wide = static_cast<std::wint_t>(code);
    if (unicode != nullptr) {
      code = static_cast<char32_t>(upper ? towupper_l(wide, unicode) : towlower_l(wide, unicode));
    } else if (code < 0x80) {
      code = static_cast<char32_t>(upper ? std::towupper(wide) : std::towlower(wide));
    }
  }
  return encode(codes);
}

Result<Outputs> evaluate_normalizer(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, string_operand(call, 0, "X"));
  Shape shape = x->shape();
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[0] != 1))
    return invalid_argument("operand 0 (X) has shape {}; [C] or [1, C] is needed", to_string(shape));
  const std::string action = call.attrs->get_string("case_change_action", "NONE");
  const bool sensitive = call.attrs->get_int("is_case_sensitive", 0) != 0;
  const auto changed = [](const std::string& text, const std::string& how) {
    return how == "LOWER" || how == "UPPER" ? change_case(text, how == "UPPER") : text;
  };
  const std::string compared = sensitive ? "NONE" : "LOWER";
  std::set<std::string> stop;
  if (const auto* words = std::get_if<Strings>(call.attrs->find("stopwords")))
    for (const std::string& word : *words) stop.insert(changed(word, compared));
  std::vector<std::string> kept;
  for (const std::string& text : x->strings())
    if (!stop.contains(changed(text, compared))) kept.push_back(changed(text, action));
  if (kept.empty()) kept.emplace_back();
  shape.back() = to_signed(kept.size());
  INGOT_ASSIGN_OR_RETURN(HostTensor out, string_tensor(shape, std::move(kept)));
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {
    {"StringConcat", evaluate_concat},
    {"StringSplit", evaluate_split},
    {"StringNormalizer", evaluate_normalizer},
    {"RegexFullMatch", evaluate_regex_full_match},
};

}  // namespace

Result<const HostTensor*> string_operand(const Call& call, std::size_t index, std::string_view name) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, required_operand(call, index, name));
  if (operand->dtype() != DType::string)
    return invalid_argument("operand {} ({}) has type {}; string is needed", index, name, to_string(operand->dtype()));
  return operand;
}

Result<Outputs> equal_strings(const Call& call) {
  std::vector<std::int64_t> equal;
  INGOT_ASSIGN_OR_RETURN(const Shape shape, for_each_pair(call, [&](const std::string& x, const std::string& y) {
                           equal.push_back(x == y ? 1 : 0);
                         }));
  return single_output(DType::boolean, shape, equal);
}

std::span<const Row> string_rows() { return kRows; }

}  // namespace ingot::reference
