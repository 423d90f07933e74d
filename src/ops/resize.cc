// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

// floor(size * scale), the product in float as exporters and other engines take it. For a symbolic size, the scale that
// is the float nearest to a small fraction stands for that fraction.
Dim scaled(InferContext& ctx, const Dim& size, double scale) {
  if (size.is_constant()) {
    const float product = std::floor(static_cast<float>(size.value()) * static_cast<float>(scale));
    return Dim(product < 9e18F ? static_cast<std::int64_t>(product) : std::numeric_limits<std::int64_t>::max());
  }
  for (std::int64_t below = 1; below <= 64; ++below) {
    const auto above = std::llround(scale * static_cast<double>(below));
    const float nearest = static_cast<float>(static_cast<double>(above) / static_cast<double>(below));
    if (above > 0 && nearest == static_cast<float>(scale)) return floor_div(size * Dim(above), Dim(below));
  }
  return ctx.unknown_dim();
}

// Sizes under a policy that keeps the aspect ratio: one common factor for all resized axes.
Status keep_aspect(InferContext& ctx, const std::string& policy, const std::vector<std::size_t>& axes,
                   const std::vector<Dim>& sizes, SymShape& shape) {
  std::optional<double> factor;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Dim& dim = shape[axes[i]];
    if (!dim.is_constant() || !sizes[i].is_constant() || dim.value() == 0) {
      for (const std::size_t axis : axes) shape[axis] = ctx.unknown_dim();
      return Status::ok();
    }
    const double ratio = static_cast<double>(sizes[i].value()) / static_cast<double>(dim.value());
    factor = !factor ? ratio : policy == "not_larger" ? std::min(*factor, ratio) : std::max(*factor, ratio);
  }
  for (const std::size_t axis : axes)
    shape[axis] = Dim(std::llround(std::min(*factor * static_cast<double>(shape[axis].value()), 9e18)));
  return Status::ok();
}

Status infer_resize(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"nearest", "linear", "cubic"}).status());
  INGOT_RETURN_IF_ERROR(
      text_choice(ctx, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}).status());
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "coordinate_transformation_mode",
                                    {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                     "asymmetric", "tf_crop_and_resize"})
                            .status());
  INGOT_ASSIGN_OR_RETURN(const std::string policy,
                         text_choice(ctx, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"}));
  // An empty scales tensor stands for an absent one.
  const auto empty = [&](std::size_t input) {
    return !ctx.present(input) ||
           (ctx.shape(input) && ctx.shape(input)->size() == 1 && (*ctx.shape(input))[0] == Dim(0));
  };
  const bool by_scales = !empty(2), by_sizes = !empty(3);
  if (by_scales == by_sizes)
    return invalid_argument("exactly one of input 2 (scales) and input 3 (sizes) must be given");
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  std::vector<std::size_t> axes;
  if (ctx.attrs().has("axes")) {
    const Ints given = ctx.attrs().get_ints("axes", {});
    INGOT_RETURN_IF_ERROR(normalize_axes(given, shape.size(), "attribute axes: axis").status());
    for (const std::int64_t axis : given) axes.push_back(normalize_axis(axis, shape.size()).value());
  } else {
    for (std::size_t i = 0; i < shape.size(); ++i) axes.push_back(i);
  }
  const std::size_t given = by_scales ? 2 : 3;
  INGOT_RETURN_IF_ERROR(
      expect_shape(ctx, given, {Dim(static_cast<std::int64_t>(axes.size()))}, "one entry per resized axis"));
  const HostTensor* scales = by_scales ? ctx.constant(2) : nullptr;
  const auto sizes = by_sizes ? ctx.symbolic_value(3) : std::nullopt;
  if (sizes && policy != "stretch") {
    INGOT_RETURN_IF_ERROR(keep_aspect(ctx, policy, axes, *sizes, shape));
  } else {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      Dim& dim = shape[axes[i]];
      if (sizes) {
        dim = (*sizes)[i];
      } else if (scales != nullptr) {
        const double scale = scales->as_double(static_cast<std::int64_t>(i));
        if (!(scale > 0) || scale > 1e9)
          return invalid_argument("input 2 (scales) holds {}, but scales are positive", scale);
        dim = scaled(ctx, dim, scale);
      } else {
        dim = ctx.unknown_dim();
      }
    }
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

}  // namespace

void add_resize_ops(Table& table) {
  table.push_back(make_op("Resize", "X:T roi?:F scales?:f32 sizes?:i64", "Y", infer_resize,
                          {{"antialias", AttrKind::integer},
                           {"axes", AttrKind::integers},
                           {"coordinate_transformation_mode", AttrKind::text},
                           {"cubic_coeff_a", AttrKind::number},
                           {"exclude_outside", AttrKind::integer},
                           {"extrapolation_value", AttrKind::number},
                           {"keep_aspect_ratio_policy", AttrKind::text},
                           {"mode", AttrKind::text},
                           {"nearest_mode", AttrKind::text}}));
}

}  // namespace ingot::ops
