// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor_text.h"

#include <cstring>

#include <fmt/ranges.h>

#include "base/text.h"

namespace ingot {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string tensor_text(const HostTensor& tensor) {
  std::string out = fmt::format("<{}[{}] ", to_string(tensor.dtype()), fmt::join(tensor.shape(), ","));
  if (tensor.dtype() == DType::string) {
    bool first = true;
    for (const std::string& text : tensor.strings()) {
      if (!first) out += ", ";
      out += quote(text);
      first = false;
    }
    return out + '>';
  }
  const auto bytes = tensor.bytes();
  out.reserve(out.size() + 2 * bytes.size() + 3);
  out += "0x";
  for (const std::byte byte : bytes) {
    out += kHex[std::to_integer<unsigned>(byte) >> 4];
    out += kHex[std::to_integer<unsigned>(byte) & 15U];
  }
  return out + '>';
}

Result<DType> parse_dtype(TextScanner& scanner) {
  const std::string_view word = scanner.word();
  if (const auto dtype = dtype_from_string(word)) return *dtype;
  return scanner.error(fmt::format("'{}' is not an element type", word));
}

Result<Shape> parse_shape(TextScanner& scanner) {
  INGOT_RETURN_IF_ERROR(scanner.expect('['));
  Shape shape;
  while (!scanner.take(']')) {
    if (!shape.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
    INGOT_ASSIGN_OR_RETURN(const std::int64_t dim, scanner.integer());
    shape.push_back(dim);
  }
  return shape;
}

Result<SymShape> parse_sym_shape(TextScanner& scanner) {
  INGOT_RETURN_IF_ERROR(scanner.expect('['));
  SymShape shape;
  while (!scanner.take(']')) {
    if (!shape.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
    INGOT_ASSIGN_OR_RETURN(Dim dim, Dim::parse(scanner.until(",]")));
    shape.push_back(std::move(dim));
  }
  return shape;
}

Result<HostTensor> parse_tensor(TextScanner& scanner) {
  INGOT_RETURN_IF_ERROR(scanner.expect('<'));
  INGOT_ASSIGN_OR_RETURN(const DType dtype, parse_dtype(scanner));
  INGOT_ASSIGN_OR_RETURN(Shape shape, parse_shape(scanner));
  const auto elements = element_count(shape);
  const auto bytes = elements ? bytes_of(dtype, *elements) : std::nullopt;
  if (!bytes) return scanner.error("a tensor has an impossible shape");
  if (dtype == DType::string) {
    std::vector<std::string> strings;
    while (!scanner.take('>')) {
      if (!strings.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
      INGOT_ASSIGN_OR_RETURN(std::string text, scanner.quoted());
      strings.push_back(std::move(text));
    }
    if (strings.size() != static_cast<std::uint64_t>(*elements))
      return scanner.error(fmt::format("a tensor of {} strings lists {}", *elements, strings.size()));
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
    tensor.strings() = std::move(strings);
    return tensor;
  }
  INGOT_RETURN_IF_ERROR(scanner.expect("0x"));
  // The length is checked before memory is asked for, so that a short text cannot claim a huge tensor.
  const std::string_view hex = scanner.rest();
  const auto size = static_cast<std::uint64_t>(*bytes);
  if (hex.size() / 2 < size) return scanner.error(fmt::format("a tensor of {} bytes has fewer", size));
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  const std::span<std::byte> out = tensor.mutable_bytes();
  for (std::size_t i = 0; i < size; ++i) {
    const int high = digit_of(hex[2 * i]);
    const int low = digit_of(hex[2 * i + 1]);
    if (high < 0 || low < 0) return scanner.error(fmt::format("a tensor of {} bytes has fewer", size));
    out[i] = static_cast<std::byte>(high * 16 + low);
  }
  scanner.advance(2 * size);
  INGOT_RETURN_IF_ERROR(scanner.expect('>'));
  return tensor;
}

std::string element_text(const HostTensor& tensor, std::int64_t i) {
  const DType dtype = tensor.dtype();
  if (dtype == DType::boolean) return tensor.as_int(i) != 0 ? "true" : "false";
  if (dtype == DType::u64) return fmt::format("{}", static_cast<std::uint64_t>(tensor.as_int(i)));
  if (is_integer(dtype)) return fmt::format("{}", tensor.as_int(i));
  return dtype == DType::f64 ? float_text(tensor.as_double(i)) : float_text(static_cast<float>(tensor.as_double(i)));
}

Status parse_element(TextScanner& scanner, HostTensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::boolean) {
    const bool value = scanner.take_word("true");
    if (!value && !scanner.take_word("false")) return scanner.error("expected true or false");
    tensor.set_int(i, value ? 1 : 0);
  } else if (is_integer(tensor.dtype())) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t value, scanner.integer());
    tensor.set_int(i, value);
  } else {
    INGOT_ASSIGN_OR_RETURN(const double value, scanner.real());
    tensor.set_double(i, value);
  }
  return Status::ok();
}

}  // namespace ingot
