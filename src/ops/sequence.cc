// SPDX-License-Identifier: Apache-2.0
// Sequences and optionals.
#include "ops/sequence.h"

#include "base/text_scanner.h"

namespace ingot::ops {
namespace {

using Kind = ir::Type::Kind;

// The element type of a sequence operand.
Result<const ir::Type*> element_of(const InferContext& ctx, std::size_t input) {
  const ir::Type& type = ctx.type(input);
  if (type.kind != Kind::sequence || type.element == nullptr || !type.element->is_tensor())
    return invalid_argument("{} must be a sequence of tensors, not {}", ctx.input_name(input), type.to_string());
  return type.element.get();
}

Status expect_tensor(const InferContext& ctx, std::size_t input) {
  if (ctx.type(input).is_tensor()) return Status::ok();
  return invalid_argument("{} must be a tensor, not {}", ctx.input_name(input), ctx.type(input).to_string());
}

Status expect_position(const InferContext& ctx, std::size_t input) {
  if (!ctx.present(input)) return Status::ok();
  INGOT_RETURN_IF_ERROR(expect_tensor(ctx, input));
  if (ctx.dtype(input) == DType::i32 || ctx.dtype(input) == DType::i64) return Status::ok();
  return invalid_argument("{} must be i32 or i64", ctx.input_name(input));
}

// What the elements of a sequence have in common: dimensions that differ are left open, and so the whole shape, as
// nothing inside a sequence has a name outside.
Result<ir::Type> common(const ir::Type& a, const ir::Type& b) {
  if (a.dtype != b.dtype)
    return invalid_argument("a sequence of {} cannot hold {}", to_string(a.dtype), to_string(b.dtype));
  if (a == b && a.shape && concrete(*a.shape)) return a;
  return ir::Type::tensor(a.dtype, std::nullopt);
}

Status infer_construct(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_tensor(ctx, 0));
  ir::Type element = ctx.type(0);
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    INGOT_RETURN_IF_ERROR(expect_tensor(ctx, i));
    INGOT_ASSIGN_OR_RETURN(element, common(element, ctx.type(i)));
  }
  ctx.set_type(0, ir::Type::of(Kind::sequence, std::move(element)));
  return Status::ok();
}

Status infer_empty(InferContext& ctx) {
  const DType dtype = ctx.attrs().get_dtype("dtype", DType::f32);
  ctx.set_type(0, ir::Type::of(Kind::sequence, ir::Type::tensor(dtype, std::nullopt)));
  return Status::ok();
}

Status infer_insert(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(const ir::Type* element, element_of(ctx, 0));
  INGOT_RETURN_IF_ERROR(expect_tensor(ctx, 1));
  INGOT_RETURN_IF_ERROR(expect_position(ctx, 2));
  INGOT_ASSIGN_OR_RETURN(ir::Type joined, common(*element, ctx.type(1)));
  ctx.set_type(0, ir::Type::of(Kind::sequence, std::move(joined)));
  return Status::ok();
}

Status infer_erase(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(element_of(ctx, 0).status());
  INGOT_RETURN_IF_ERROR(expect_position(ctx, 1));
  ctx.set_type(0, ctx.type(0));
  return Status::ok();
}

Status infer_at(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(const ir::Type* element, element_of(ctx, 0));
  INGOT_RETURN_IF_ERROR(expect_position(ctx, 1));
  ctx.set_type(0, *element);
  return Status::ok();
}

Status infer_length(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(element_of(ctx, 0).status());
  ctx.set_tensor(0, DType::i64, SymShape{});
  return Status::ok();
}

Status infer_split(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_tensor(ctx, 0));
  INGOT_RETURN_IF_ERROR(expect_position(ctx, 1));
  ir::Type element = ir::Type::tensor(ctx.dtype(0), std::nullopt);
  if (ctx.shape(0)) {
    SymShape shape = *ctx.shape(0);
    INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), shape.size()));
    const bool single = !ctx.present(1);
    if (single && ctx.attrs().get_int("keepdims", 1) == 0) {
      shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    } else if (single) {
      shape[axis] = 1;
    }
    if (single && concrete(shape)) element.shape = std::move(shape);
  }
  ctx.set_type(0, ir::Type::of(Kind::sequence, std::move(element)));
  return Status::ok();
}

Status infer_concat(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(const ir::Type* element, element_of(ctx, 0));
  if (!ctx.attrs().has("axis")) return invalid_argument("attribute axis is missing");
  if (!element->shape) {
    ctx.set_tensor(0, element->dtype, std::nullopt);
    return Status::ok();
  }
  SymShape shape = *element->shape;
  const bool stack = ctx.attrs().get_int("new_axis", 0) != 0;
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(ctx.attrs().get_int("axis", 0), shape.size() + (stack ? 1 : 0)));
  if (stack) {
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), ctx.unknown_dim());
  } else {
    shape[axis] = ctx.unknown_dim();
  }
  ctx.set_tensor(0, element->dtype, std::move(shape));
  return Status::ok();
}

Status infer_optional(InferContext& ctx) {
  if (ctx.present(0)) {
    ctx.set_type(0, ir::Type::of(Kind::optional, ctx.type(0)));
    return Status::ok();
  }
  const std::string text = ctx.attrs().get_string("type", "");
  if (text.empty())
    return invalid_argument("an optional that holds nothing needs the type of what it could hold (attribute type)");
  TextScanner scanner(text);
  Result<ir::Type> type = ir::parse_type(scanner);
  if (!type.is_ok()) return std::move(type).status().annotate("attribute type");
  ctx.set_type(0, ir::Type::of(Kind::optional, std::move(type).value()));
  return Status::ok();
}

Status infer_has_element(InferContext& ctx) {
  ctx.set_tensor(0, DType::boolean, SymShape{});
  return Status::ok();
}

Status infer_get_element(InferContext& ctx) {
  const ir::Type& type = ctx.type(0);
  ctx.set_type(0, type.kind == Kind::optional ? *type.element : type);
  return Status::ok();
}

}  // namespace

void add_sequence_ops(Table& table) {
  const AttrSpec axis{"axis", AttrKind::integer};
  table.push_back(make_op("SequenceConstruct", "inputs*", "sequence", infer_construct));
  table.push_back(make_op("SequenceEmpty", "", "sequence", infer_empty, {{"dtype", AttrKind::dtype}}));
  table.push_back(make_op("SequenceInsert", "sequence:any tensor position?", "sequence", infer_insert));
  table.push_back(make_op("SequenceErase", "sequence:any position?", "sequence", infer_erase));
  table.push_back(make_op("SequenceAt", "sequence:any position", "tensor", infer_at));
  table.push_back(make_op("SequenceLength", "sequence:any", "length", infer_length));
  table.push_back(
      make_op("SplitToSequence", "input split?", "sequence", infer_split, {axis, {"keepdims", AttrKind::integer}}));
  table.push_back(
      make_op("ConcatFromSequence", "sequence:any", "result", infer_concat, {axis, {"new_axis", AttrKind::integer}}));
  table.push_back(make_op("Optional", "input?:any", "output", infer_optional, {{"type", AttrKind::text}}));
  table.push_back(make_op("OptionalHasElement", "input?:any", "output", infer_has_element));
  table.push_back(make_op("OptionalGetElement", "input:any", "output", infer_get_element));
}

}  // namespace ingot::ops
