// SPDX-License-Identifier: Apache-2.0
// The text form of attributes. Lists tell their type by their elements; an empty list of numbers or strings is marked:
// [] holds integers, []f numbers, []s strings.
#include <type_traits>

#include <fmt/ranges.h>

#include "base/text.h"
#include "base/text_scanner.h"
#include "tensor/attrs.h"
#include "tensor/tensor_text.h"

namespace ingot {
namespace {

constexpr std::string_view kNameExtra = ".:-";

template <typename List, typename F>
std::string list_text(const List& list, F&& element, std::string_view empty) {
  if (list.empty()) return std::string(empty);
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "[" : ", ") + element(item);
  return out + ']';
}

std::string text_of(const Attr& attr) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::int64_t>) {
          return fmt::format("{}", value);
        } else if constexpr (std::is_same_v<T, double>) {
          return float_text(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return quote(value);
        } else if constexpr (std::is_same_v<T, Ints>) {
          return to_string(value);
        } else if constexpr (std::is_same_v<T, Floats>) {
          return list_text(
              value, [](double item) { return float_text(item); }, "[]f");
        } else if constexpr (std::is_same_v<T, Strings>) {
          return list_text(value, quote, "[]s");
        } else if constexpr (std::is_same_v<T, DType>) {
          return fmt::format(":{}", to_string(value));
        } else if constexpr (std::is_same_v<T, TensorPtr>) {
          return value != nullptr ? tensor_text(*value) : "<>";
        } else {
          std::string out = "(";
          for (const Dim& dim : value) out += (out.size() == 1 ? "$" : ", $") + dim.to_string();
          return out + ')';
        }
      },
      attr);
}

// A number is a float when it has a point, an exponent, or is inf or nan.
bool is_float_text(std::string_view text) { return text.find_first_of(".einEIN") != std::string_view::npos; }

Result<Attr> parse_number(TextScanner& scanner) {
  TextScanner ahead = scanner;
  if (is_float_text(ahead.number())) {
    INGOT_ASSIGN_OR_RETURN(const double value, scanner.real());
    return Attr(value);
  }
  INGOT_ASSIGN_OR_RETURN(const std::int64_t value, scanner.integer());
  return Attr(value);
}

template <typename T>
Result<Attr> parse_elements(TextScanner& scanner, Result<T> (TextScanner::*read)()) {
  std::vector<T> out;
  do {
    INGOT_ASSIGN_OR_RETURN(T item, (scanner.*read)());
    out.push_back(std::move(item));
  } while (scanner.take(','));
  INGOT_RETURN_IF_ERROR(scanner.expect(']'));
  return Attr(std::move(out));
}

Result<Attr> parse_list(TextScanner& scanner) {
  INGOT_RETURN_IF_ERROR(scanner.expect('['));
  if (scanner.take(']')) {
    const std::string_view mark = scanner.word();
    if (mark == "f") return Attr(Floats{});
    if (mark == "s") return Attr(Strings{});
    if (!mark.empty()) return scanner.error("unknown mark of an empty list");
    return Attr(Ints{});
  }
  if (scanner.peek() == '"') return parse_elements<std::string>(scanner, &TextScanner::quoted);
  TextScanner ahead = scanner;
  if (is_float_text(ahead.number())) return parse_elements<double>(scanner, &TextScanner::real);
  return parse_elements<std::int64_t>(scanner, &TextScanner::integer);
}

Result<Attr> parse_dims(TextScanner& scanner) {
  INGOT_RETURN_IF_ERROR(scanner.expect('('));
  SymShape shape;
  while (!scanner.take(')')) {
    if (!shape.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
    INGOT_RETURN_IF_ERROR(scanner.expect('$'));
    INGOT_ASSIGN_OR_RETURN(Dim dim, Dim::parse(scanner.until(",)")));
    shape.push_back(std::move(dim));
  }
  return Attr(std::move(shape));
}

Result<Attr> parse_attr(TextScanner& scanner) {
  switch (scanner.peek()) {
    case '"': {
      INGOT_ASSIGN_OR_RETURN(std::string text, scanner.quoted());
      return Attr(std::move(text));
    }
    case '[': return parse_list(scanner);
    case '(': return parse_dims(scanner);
    case ':': {
      INGOT_RETURN_IF_ERROR(scanner.expect(':'));
      if (scanner.take_word("undefined")) return Attr(DType::undefined);
      INGOT_ASSIGN_OR_RETURN(const DType dtype, parse_dtype(scanner));
      return Attr(dtype);
    }
    case '<': {
      if (scanner.take("<>")) return Attr(TensorPtr());
      INGOT_ASSIGN_OR_RETURN(HostTensor tensor, parse_tensor(scanner));
      return Attr(share(std::move(tensor)));
    }
    default: return parse_number(scanner);
  }
}

bool is_plain_name(std::string_view name) {
  TextScanner scanner(name);
  return !name.empty() && scanner.word(kNameExtra) == name;
}

}  // namespace

std::string Attrs::to_string() const {
  std::string out = "{";
  for (const auto& [name, attr] : entries_) {
    if (out.size() > 1) out += ", ";
    out += is_plain_name(name) ? name : quote(name);
    out += '=';
    out += text_of(attr);
  }
  return out + '}';
}

Result<Attrs> Attrs::parse(std::string_view& text) {
  TextScanner scanner(text);
  INGOT_RETURN_IF_ERROR(scanner.expect('{'));
  Attrs attrs;
  while (!scanner.take('}')) {
    if (!attrs.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
    std::string name;
    if (scanner.peek() == '"') {
      INGOT_ASSIGN_OR_RETURN(name, scanner.quoted());
    } else {
      name = scanner.word(kNameExtra);
      if (name.empty()) return scanner.error("expected the name of an attribute");
    }
    INGOT_RETURN_IF_ERROR(scanner.expect('='));
    if (attrs.has(name)) return scanner.error(fmt::format("attribute '{}' is given twice", name));
    auto attr = parse_attr(scanner);
    if (!attr.is_ok()) return std::move(attr).status().annotate(fmt::format("attribute '{}'", name));
    attrs.set(name, std::move(attr).value());
  }
  text.remove_prefix(scanner.position());
  return attrs;
}

}  // namespace ingot
