// SPDX-License-Identifier: Apache-2.0
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// The scale (input 1) is one number, one per index of the axis, or one per block along the axis; the zero point (input
// 2) has its shape.
Status check_scale(const InferContext& ctx) {
  const std::int64_t block = ctx.attrs().get_int("block_size", 0);
  if (block < 0) return invalid_argument("attribute block_size is {}, but must not be negative", block);
  if (!ctx.shape(0) || !ctx.shape(1)) return Status::ok();
  const SymShape& x = *ctx.shape(0);
  const SymShape& scale = *ctx.shape(1);
  // One number for the whole tensor may have rank 0 or be a vector of one, each of the two for itself.
  if (scale.empty() || (block == 0 && scale.size() == 1 && scale[0] == Dim(1)))
    return expect_broadcasts_to(ctx, 2, {Dim(1)});
  if (ctx.present(2)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, scale, "the shape of the scale"));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 1), x.size()));
  if (block == 0) return expect_shape(ctx, 1, {x[axis]}, "one scale per index of the axis");
  SymShape blocks = x;
  blocks[axis] = ceil_div(x[axis], Dim(block));
  return expect_shape(ctx, 1, blocks, "one scale per block");
}

Status infer_quantize(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(check_scale(ctx));
  const DType asked = ctx.attrs().get_dtype("output_dtype", DType::undefined);
  if (ctx.present(2) && asked != DType::undefined && asked != ctx.dtype(2)) {
    return invalid_argument("input 2 (y_zero_point) is {}, but attribute output_dtype is {}", to_string(ctx.dtype(2)),
                            to_string(asked));
  }
  const DType type = asked != DType::undefined ? asked : ctx.present(2) ? ctx.dtype(2) : DType::u8;
  if (!is_integer(type) && bits_of(type) > 8) return invalid_argument("{} is no type to quantise to", to_string(type));
  ctx.set_tensor(0, type, ctx.shape(0));
  return Status::ok();
}

Status infer_dequantize(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(check_scale(ctx));
  ctx.set_tensor(0, ctx.attrs().get_dtype("output_dtype", ctx.dtype(1)), ctx.shape(0));
  return Status::ok();
}

Status infer_dynamic_quantize(InferContext& ctx) {
  ctx.set_tensor(0, DType::u8, ctx.shape(0));
  ctx.set_tensor(1, DType::f32, SymShape{});
  ctx.set_tensor(2, DType::u8, SymShape{});
  return Status::ok();
}

}  // namespace

void add_quantize_ops(Table& table) {
  const std::vector<AttrSpec> common{
      {"axis", AttrKind::integer}, {"block_size", AttrKind::integer}, {"output_dtype", AttrKind::dtype}};
  std::vector<AttrSpec> quantize = common;
  quantize.push_back({"saturate", AttrKind::integer});
  quantize.push_back({"precision", AttrKind::dtype});
  table.push_back(make_op("QuantizeLinear", "x:N y_scale:N1 y_zero_point?:N2", "y", infer_quantize, quantize));
  table.push_back(make_op("DequantizeLinear", "x:N x_scale:F x_zero_point?:N", "y", infer_dequantize, common));
  table.push_back(make_op("DynamicQuantizeLinear", "x:f32", "y y_scale? y_zero_point?", infer_dynamic_quantize));
}

}  // namespace ingot::ops
