// SPDX-License-Identifier: Apache-2.0
#include "ir/type.h"

#include "tensor/tensor_text.h"

namespace ingot::ir {
namespace {

constexpr int kMaxDepth = 16;  // bounds recursion on hostile text

Result<Type> parse_at(TextScanner& scanner, int depth) {
  if (depth > kMaxDepth) return scanner.error("a type is nested too deeply");
  if (scanner.take_word("none")) return Type();
  const bool sequence = scanner.take_word("seq");
  if (sequence || scanner.take_word("optional")) {
    INGOT_RETURN_IF_ERROR(scanner.expect('<'));
    INGOT_ASSIGN_OR_RETURN(Type element, parse_at(scanner, depth + 1));
    INGOT_RETURN_IF_ERROR(scanner.expect('>'));
    return Type::of(sequence ? Type::Kind::sequence : Type::Kind::optional, std::move(element));
  }
  if (scanner.take_word("map")) {
    INGOT_RETURN_IF_ERROR(scanner.expect('<'));
    INGOT_ASSIGN_OR_RETURN(const DType key, parse_dtype(scanner));
    INGOT_RETURN_IF_ERROR(scanner.expect(','));
    INGOT_ASSIGN_OR_RETURN(Type element, parse_at(scanner, depth + 1));
    INGOT_RETURN_IF_ERROR(scanner.expect('>'));
    Type type = Type::of(Type::Kind::map, std::move(element));
    type.dtype = key;
    return type;
  }
  DType dtype = DType::undefined;
  if (!scanner.take_word("undefined")) {
    INGOT_ASSIGN_OR_RETURN(dtype, parse_dtype(scanner));
  }
  if (scanner.take("[?]")) return Type::tensor(dtype, std::nullopt);
  INGOT_ASSIGN_OR_RETURN(SymShape shape, parse_sym_shape(scanner));
  return Type::tensor(dtype, std::move(shape));
}

}  // namespace

std::string Type::to_string() const {
  const auto inner = [this] { return element != nullptr ? element->to_string() : std::string("none"); };
  switch (kind) {
    case Kind::none: return "none";
    case Kind::tensor: return fmt::format("{}{}", ingot::to_string(dtype), shape ? ingot::to_string(*shape) : "[?]");
    case Kind::sequence: return fmt::format("seq<{}>", inner());
    case Kind::optional: return fmt::format("optional<{}>", inner());
    case Kind::map: return fmt::format("map<{}, {}>", ingot::to_string(dtype), inner());
  }
  return "none";
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.shape != b.shape) return false;
  if (a.element == nullptr || b.element == nullptr) return a.element == b.element;
  return *a.element == *b.element;
}

Status check_compatible(const Type& a, const Type& b) {
  const auto differ = [&] { return invalid_argument("{} and {} do not agree", a.to_string(), b.to_string()); };
  if (a.kind == Type::Kind::none || b.kind == Type::Kind::none) return Status::ok();
  if (a.kind != b.kind || a.dtype != b.dtype) return differ();
  if (a.element != nullptr && b.element != nullptr) return check_compatible(*a.element, *b.element);
  if (!a.shape || !b.shape) return Status::ok();
  if (a.shape->size() != b.shape->size()) return differ();
  for (std::size_t i = 0; i < a.shape->size(); ++i) {
    const Dim difference = (*a.shape)[i] - (*b.shape)[i];
    if (difference.is_constant() && difference.value() != 0) return differ();
  }
  return Status::ok();
}

Result<Type> parse_type(TextScanner& scanner) { return parse_at(scanner, 0); }

}  // namespace ingot::ir
