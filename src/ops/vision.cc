// SPDX-License-Identifier: Apache-2.0
// Sampling, region and patch operators of vision models.
#include "ops/windows.h"

namespace ingot::ops {
namespace {

Status infer_grid_sample(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"linear", "nearest", "cubic"}).status());
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "padding_mode", {"zeros", "border", "reflection"}).status());
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& x = *ctx.shape(0);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, x.size(), x.size()));
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 0, x[0], "the batch"));
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, x.size() - 1, Dim(static_cast<std::int64_t>(x.size()) - 2),
                                   "one coordinate per spatial dimension"));
  if (!ctx.shape(1)) return Status::ok();
  SymShape shape{x[0], x[1]};
  shape.insert(shape.end(), ctx.shape(1)->begin() + 1, ctx.shape(1)->end() - 1);
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_affine_grid(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3, 3));
  const auto size = ctx.symbolic_value(1);
  if (!size) return Status::ok();
  if (size->size() != 4 && size->size() != 5)
    return invalid_argument("input 1 (size) must have 4 or 5 entries, not {}", size->size());
  SymShape shape{size->front()};
  shape.insert(shape.end(), size->begin() + 2, size->end());
  shape.emplace_back(static_cast<std::int64_t>(size->size()) - 2);
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_roi_align(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 4, 4));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 2, 2));
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 1, Dim(4), "the corners of a region"));
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"avg", "max"}).status());
  const Dim regions = ctx.shape(1) ? (*ctx.shape(1))[0] : ctx.unknown_dim();
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, {regions}, "one index per region"));
  const Dim channels = ctx.shape(0) ? (*ctx.shape(0))[1] : ctx.unknown_dim();
  ctx.set_tensor(0, ctx.dtype(0),
                 SymShape{regions, channels, Dim(ctx.attrs().get_int("output_height", 1)),
                          Dim(ctx.attrs().get_int("output_width", 1))});
  return Status::ok();
}

Status infer_max_roi_pool(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 4, 4));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 2, 2));
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 1, Dim(5), "an image and the corners of a region"));
  const Ints pooled = ctx.attrs().get_ints("pooled_shape", {});
  if (pooled.size() != 2 || pooled[0] < 1 || pooled[1] < 1)
    return invalid_argument("attribute pooled_shape must hold two positive sizes");
  ctx.set_tensor(0, ctx.dtype(0),
                 SymShape{ctx.shape(1) ? (*ctx.shape(1))[0] : ctx.unknown_dim(),
                          ctx.shape(0) ? (*ctx.shape(0))[1] : ctx.unknown_dim(), Dim(pooled[0]), Dim(pooled[1])});
  return Status::ok();
}

Status infer_max_unpool(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3));
  const Ints kernel = ctx.attrs().get_ints("kernel_shape", {});
  INGOT_ASSIGN_OR_RETURN(const Windows windows, Windows::read(ctx, kernel));
  if (ctx.shape(0)) {
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, kernel.size() + 2, kernel.size() + 2));
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, *ctx.shape(0), "one index per element"));
  }
  if (ctx.present(2)) {
    const auto shape = ctx.symbolic_value(2);
    ctx.set_tensor(0, ctx.dtype(0), shape ? *shape : unknown_shape(ctx, kernel.size() + 2));
    return Status::ok();
  }
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  for (std::size_t i = 0; i < kernel.size(); ++i)
    shape[i + 2] = (shape[i + 2] - Dim(1)) * Dim(windows.strides[i]) +
                   Dim(kernel[i] - windows.pads[i] - windows.pads[i + kernel.size()]);
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_col2im(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3, 3));
  const auto image = ctx.symbolic_value(1);
  const auto block = ctx.symbolic_value(2);
  if (!ctx.shape(0) || !image || !block) return Status::ok();
  if (image->size() != block->size())
    return invalid_argument("input 1 (image_shape) and input 2 (block_shape) differ in length");
  SymShape shape{(*ctx.shape(0))[0], floor_div((*ctx.shape(0))[1], product(*block))};
  shape.insert(shape.end(), image->begin(), image->end());
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_det(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  if (!ctx.shape(0)) return Status::ok();
  ctx.set_tensor(0, ctx.dtype(0), SymShape(ctx.shape(0)->begin(), ctx.shape(0)->end() - 2));
  return Status::ok();
}

Status infer_image_decoder(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1, 1));
  INGOT_ASSIGN_OR_RETURN(const std::string format, text_choice(ctx, "pixel_format", {"RGB", "BGR", "Grayscale"}));
  ctx.set_tensor(0, DType::u8, SymShape{ctx.unknown_dim(), ctx.unknown_dim(), Dim(format == "Grayscale" ? 1 : 3)});
  return Status::ok();
}

}  // namespace

void add_vision_ops(Table& table) {
  const AttrSpec mode{"mode", AttrKind::text};
  const AttrSpec corners{"align_corners", AttrKind::integer};
  table.push_back(
      make_op("GridSample", "X grid:F", "Y", infer_grid_sample, {mode, corners, {"padding_mode", AttrKind::text}}));
  table.push_back(make_op("AffineGrid", "theta:F size:i64", "grid", infer_affine_grid, {corners}));
  table.push_back(make_op("RoiAlign", "X:F rois:F batch_indices:i64", "Y", infer_roi_align,
                          {mode,
                           {"coordinate_transformation_mode", AttrKind::text},
                           {"output_height", AttrKind::integer},
                           {"output_width", AttrKind::integer},
                           {"sampling_ratio", AttrKind::integer},
                           {"spatial_scale", AttrKind::number}}));
  table.push_back(make_op("MaxRoiPool", "X:F rois:F", "Y", infer_max_roi_pool,
                          {{"pooled_shape", AttrKind::integers, true}, {"spatial_scale", AttrKind::number}}));
  table.push_back(make_op(
      "MaxUnpool", "X:F I:i64 output_shape?:i64", "output", infer_max_unpool,
      {{"kernel_shape", AttrKind::integers, true}, {"pads", AttrKind::integers}, {"strides", AttrKind::integers}}));
  table.push_back(
      make_op("Col2Im", "input image_shape:i64 block_shape:i64", "output", infer_col2im,
              {{"dilations", AttrKind::integers}, {"pads", AttrKind::integers}, {"strides", AttrKind::integers}}));
  table.push_back(
      make_op("ImageDecoder", "encoded_stream:u8", "image", infer_image_decoder, {{"pixel_format", AttrKind::text}}));
  table.push_back(make_op("Det", "X:F", "Y", infer_det));
}

}  // namespace ingot::ops
