// SPDX-License-Identifier: Apache-2.0
// Convolutions: plain, transposed, deformable, and the integer forms.
#include "ops/windows.h"

namespace ingot::ops {
namespace {

// Where a convolution's operands lie among the inputs.
struct ConvOperands {
  std::size_t x = 0;
  std::size_t w = 1;
  std::size_t bias = 2;
};

// The kernel extents from the attribute or the weights; empty when neither tells.
Result<Ints> kernel_of(const InferContext& ctx, std::size_t w) {
  const auto& shape = ctx.shape(w);
  Ints kernel = ctx.attrs().get_ints("kernel_shape", {});
  if (!shape) return kernel;
  if (kernel.empty()) {
    for (std::size_t i = 2; i < shape->size(); ++i) {
      if (!(*shape)[i].is_constant()) return Ints{};
      kernel.push_back((*shape)[i].value());
    }
  }
  if (kernel.size() + 2 != shape->size()) {
    return invalid_argument("attribute kernel_shape has {} entries, but {} has shape {}", kernel.size(),
                            ctx.input_name(w), to_string(*shape));
  }
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    INGOT_RETURN_IF_ERROR(expect_dim(ctx, w, i + 2, Dim(kernel[i]), "attribute kernel_shape"));
  }
  return kernel;
}

Result<std::int64_t> group_of(const InferContext& ctx, std::string_view name = "group") {
  const std::int64_t group = ctx.attrs().get_int(name, 1);
  if (group < 1 || group > 1 << 30) return invalid_argument("attribute {} is {}, but must be positive", name, group);
  return group;
}

Status check_channels(const InferContext& ctx, const ConvOperands& at, std::int64_t group) {
  const FeatureMap map(ctx, at.x);
  const Dim channels = (*ctx.shape(at.x))[map.channel()];
  const SymShape& w = *ctx.shape(at.w);
  if (channels.is_constant() && w[1].is_constant() && channels != w[1] * Dim(group)) {
    return invalid_argument("{} has {} channels (shape {}), but {} of shape {} with group {} takes {}",
                            ctx.input_name(at.x), channels.to_string(), to_string(*ctx.shape(at.x)),
                            ctx.input_name(at.w), to_string(w), group, (w[1] * Dim(group)).to_string());
  }
  if (w[0].is_constant() && w[0].value() % group != 0) {
    return invalid_argument("{} has shape {}, whose first dimension is no multiple of group {}", ctx.input_name(at.w),
                            to_string(w), group);
  }
  if (ctx.present(at.bias)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, at.bias, {w[0]}, "the output channels"));
  return Status::ok();
}

Status infer_conv_like(InferContext& ctx, const ConvOperands& at, DType result) {
  ctx.set_tensor(0, result, std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, at.x, 3));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, at.w, 3));
  if (!ctx.shape(at.x) || !ctx.shape(at.w)) return Status::ok();
  const FeatureMap map(ctx, at.x);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, at.w, map.rank, map.rank));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t group, group_of(ctx));
  INGOT_RETURN_IF_ERROR(check_channels(ctx, at, group));
  SymShape shape = *ctx.shape(at.x);
  shape[map.channel()] = (*ctx.shape(at.w))[0];
  INGOT_ASSIGN_OR_RETURN(Ints kernel, kernel_of(ctx, at.w));
  if (kernel.empty()) {
    for (std::size_t i = 0; i < map.spatial_count(); ++i) shape[map.spatial(i)] = ctx.unknown_dim();
  } else {
    INGOT_ASSIGN_OR_RETURN(const Windows windows, Windows::read(ctx, std::move(kernel)));
    for (std::size_t i = 0; i < map.spatial_count(); ++i)
      shape[map.spatial(i)] = windows.output(shape[map.spatial(i)], i);
  }
  ctx.set_tensor(0, result, std::move(shape));
  return Status::ok();
}

Status infer_conv(InferContext& ctx) { return infer_conv_like(ctx, {}, ctx.dtype(0)); }
Status infer_conv_integer(InferContext& ctx) { return infer_conv_like(ctx, {.bias = 99}, DType::i32); }
Status infer_qlinear_conv(InferContext& ctx) { return infer_conv_like(ctx, {.x = 0, .w = 3, .bias = 8}, ctx.dtype(7)); }

Status infer_conv_transpose(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 3));
  if (!ctx.shape(0) || !ctx.shape(1)) return Status::ok();
  const FeatureMap map(ctx, 0);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, map.rank, map.rank));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t group, group_of(ctx));
  SymShape shape = *ctx.shape(0);
  const SymShape& w = *ctx.shape(1);
  INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, 0, shape[map.channel()], "the channels of input 0 (X)"));
  const Dim channels = w[1] * Dim(group);
  if (ctx.present(2)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, {channels}, "the output channels"));
  shape[map.channel()] = channels;
  INGOT_ASSIGN_OR_RETURN(Ints kernel, kernel_of(ctx, 1));
  const std::size_t n = map.spatial_count();
  const Ints asked = ctx.attrs().get_ints("output_shape", {});
  const Ints extra = ctx.attrs().get_ints("output_padding", Ints(n, 0));
  if (extra.size() != n || (!asked.empty() && asked.size() != n)) {
    return invalid_argument("attributes output_padding and output_shape take {} entries", n);
  }
  constexpr std::int64_t kMostAsked = std::int64_t{1} << 40;
  for (const std::int64_t size : asked)
    if (size < 1 || size > kMostAsked) return invalid_argument("attribute output_shape holds {}", size);
  if (kernel.empty()) {
    for (std::size_t i = 0; i < n; ++i) shape[map.spatial(i)] = asked.empty() ? ctx.unknown_dim() : Dim(asked[i]);
    ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const Windows windows, Windows::read(ctx, std::move(kernel)));
  for (std::size_t i = 0; i < n; ++i) {
    Dim& dim = shape[map.spatial(i)];
    const std::int64_t extent = (windows.kernel[i] - 1) * windows.dilations[i] + 1;
    if (!asked.empty()) {
      dim = Dim(asked[i]);
    } else if (windows.auto_pad.starts_with("SAME")) {
      dim = dim * Dim(windows.strides[i]);
    } else {
      dim = (dim - Dim(1)) * Dim(windows.strides[i]) + Dim(extra[i]) +
            Dim(extent - windows.pads[i] - windows.pads[i + n]);
    }
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_deform_conv(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 4));
  INGOT_RETURN_IF_ERROR(infer_conv_like(ctx, {.bias = 3}, ctx.dtype(0)));
  if (!ctx.shape(0) || !ctx.shape(1)) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const std::int64_t groups, group_of(ctx, "offset_group"));
  INGOT_ASSIGN_OR_RETURN(Ints kernel, kernel_of(ctx, 1));
  const SymShape& x = *ctx.shape(0);
  const FeatureMap map(ctx, 0);
  const Dim channels = x[map.channel()];
  if (channels.is_constant() && channels.value() % groups != 0) {
    return invalid_argument("input 0 (X) has shape {}, whose channels are no multiple of offset_group {}", to_string(x),
                            groups);
  }
  if (kernel.empty()) return Status::ok();
  Dim taps = groups;
  for (const std::int64_t extent : kernel) taps = taps * Dim(extent);
  INGOT_ASSIGN_OR_RETURN(const Windows windows, Windows::read(ctx, kernel));
  SymShape positions;
  for (std::size_t i = 0; i < kernel.size(); ++i) positions.push_back(windows.output(x[map.spatial(i)], i));
  const bool last = ctx.attrs().get_int("offset_channels_last", 0) != 0;
  const auto shape_of = [&](const Dim& count) {
    SymShape shape = positions;
    shape.insert(shape.begin(), x[0]);
    shape.insert(last ? shape.end() : shape.begin() + 1, count);
    return shape;
  };
  INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, shape_of(taps * Dim(static_cast<std::int64_t>(kernel.size()))),
                                     "one offset per tap and spatial dimension at each output position"));
  if (ctx.present(4))
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 4, shape_of(taps), "one factor per tap at each output position"));
  return Status::ok();
}

// Its window lies in X [N, H, W, C] whatever the attributes say of layouts.
Status infer_dcnv3(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 4, 4));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 4, 4));
  const Ints kernel = ctx.attrs().get_ints("kernel_shape", {});
  if (kernel.size() != 2 || kernel[0] < 1 || kernel[1] < 1)
    return invalid_argument("attribute kernel_shape must hold two positive sizes");
  INGOT_ASSIGN_OR_RETURN(const Windows windows, Windows::read(ctx, kernel));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t groups, group_of(ctx, "group"));
  const bool remove_center = ctx.attrs().get_int("remove_center", 0) != 0;
  if (remove_center && (kernel[0] % 2 == 0 || kernel[1] % 2 == 0))
    return invalid_argument("attribute remove_center needs a window with a middle, not {}x{}", kernel[0], kernel[1]);
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& x = *ctx.shape(0);
  if (x[3].is_constant() && x[3].value() % groups != 0)
    return invalid_argument("input 0 (X) has shape {}, whose channels are no multiple of group {}", to_string(x),
                            groups);
  const Dim points = Dim(groups) * Dim(kernel[0] * kernel[1] - (remove_center ? 1 : 0));
  const SymShape pixels{x[0], windows.output(x[1], 0), windows.output(x[2], 1)};
  const auto with_last = [&](const Dim& last) { return SymShape{pixels[0], pixels[1], pixels[2], last}; };
  if (ctx.present(2)) {
    INGOT_RETURN_IF_ERROR(
        expect_shape(ctx, 1, with_last(points * Dim(2)), "dx and dy of each group and point at each output position"));
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, with_last(points), "one factor per group and point"));
  } else if (ctx.shape(1)) {
    const Dim last = ctx.shape(1)->back();
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, with_last(last), "the points of each output position"));
    if (last.is_constant() && points.is_constant() && last.value() < 3 * points.value())
      return invalid_argument("input 1 (offset) has shape {}; {} values at each position are needed, or a mask",
                              to_string(*ctx.shape(1)), 3 * points.value());
  }
  ctx.set_tensor(0, ctx.dtype(0), with_last(x[3]));
  return Status::ok();
}

}  // namespace

void add_convolution_ops(Table& table) {
  constexpr AttrSpec group{"group", AttrKind::integer};
  constexpr Traits both{.epilogue = true, .channels_last = true};
  table.push_back(make_op("Conv", "X:F W:F B?:F", "Y", infer_conv,
                          window_attrs(false, {group, {"exact", AttrKind::integer}}), both));
  table.push_back(make_op(
      "ConvTranspose", "X:F W:F B?:F", "Y", infer_conv_transpose,
      window_attrs(false, {group, {"output_padding", AttrKind::integers}, {"output_shape", AttrKind::integers}}),
      both));
  table.push_back(make_op("DeformConv", "X:F W:F offset:F B?:F mask?:F", "Y", infer_deform_conv,
                          {group,
                           {"offset_group", AttrKind::integer},
                           {"kernel_shape", AttrKind::integers},
                           {"strides", AttrKind::integers},
                           {"dilations", AttrKind::integers},
                           {"pads", AttrKind::integers},
                           {"offset_channels_last", AttrKind::integer}},
                          both));
  table.push_back(make_op("DCNv3", "X:F offset:F mask?:F", "Y", infer_dcnv3,
                          {group,
                           {"kernel_shape", AttrKind::integers, true},
                           {"strides", AttrKind::integers},
                           {"dilations", AttrKind::integers},
                           {"pads", AttrKind::integers},
                           {"offset_scale", AttrKind::number},
                           {"remove_center", AttrKind::integer}}));
  table.push_back(make_op("ConvInteger", "x:Q w:Q1 x_zero_point?:Q w_zero_point?:Q1", "y", infer_conv_integer,
                          window_attrs(false, {group}), both));
  table.push_back(
      make_op("QLinearConv",
              "x:Q x_scale:f32 x_zero_point:Q w:Q1 w_scale:f32 w_zero_point:Q1 y_scale:f32 y_zero_point:Q2 B?:i32", "y",
              infer_qlinear_conv, window_attrs(false, {group})));
}

}  // namespace ingot::ops
