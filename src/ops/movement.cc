// SPDX-License-Identifier: Apache-2.0
// Operators that move elements without looking at them.
#include <algorithm>
#include <limits>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

Status infer_transpose(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& shape = *ctx.shape(0);
  Ints perm = ctx.attrs().get_ints("perm", {});
  if (!ctx.attrs().has("perm")) {
    for (std::size_t i = shape.size(); i-- > 0;) perm.push_back(static_cast<std::int64_t>(i));
  }
  if (perm.size() != shape.size()) {
    return invalid_argument("attribute perm has {} entries, but input 0 (data) has shape {}", perm.size(),
                            to_string(shape));
  }
  // Unlike other axes those of perm do not count from the back: what reads them later need not think of it.
  for (const std::int64_t axis : perm)
    if (axis < 0) return invalid_argument("attribute perm holds {}, which is no axis: they count from 0", axis);
  INGOT_RETURN_IF_ERROR(normalize_axes(perm, shape.size(), "attribute perm: axis").status());
  SymShape result;
  for (const std::int64_t axis : perm) result.push_back(shape[static_cast<std::size_t>(axis)]);
  ctx.set_tensor(0, ctx.dtype(0), std::move(result));
  return Status::ok();
}

Status infer_concat(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  std::optional<SymShape> result;
  std::optional<std::size_t> rank;
  std::vector<Dim> value;
  bool has_value = true;
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    if (auto part = ctx.symbolic_value(i)) {
      value.insert(value.end(), part->begin(), part->end());
    } else {
      has_value = false;
    }
    if (ctx.shape(i)) rank = ctx.shape(i)->size();
  }
  if (!rank) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), *rank));
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, *rank, *rank));
    const SymShape shape = ctx.shape(i) ? *ctx.shape(i) : unknown_shape(ctx, *rank);
    if (!result) {
      result = shape;
      continue;
    }
    for (std::size_t d = 0; d < *rank; ++d) {
      if (d == axis) {
        (*result)[d] = (*result)[d] + shape[d];
      } else {
        INGOT_RETURN_IF_ERROR(expect_dim(ctx, i, d, (*result)[d], "as in the inputs before it"));
        if (!(*result)[d].is_constant() && (shape[d].is_constant() || !ctx.shape(0))) (*result)[d] = shape[d];
      }
    }
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(result));
  if (has_value) ctx.set_symbolic_value(0, std::move(value));
  return Status::ok();
}

Status infer_split(InferContext& ctx) {
  for (std::size_t i = 0; i < ctx.output_count(); ++i) ctx.set_tensor(i, ctx.dtype(0), std::nullopt);
  const auto parts = static_cast<std::int64_t>(ctx.output_count());
  if (const std::int64_t asked = ctx.attrs().get_int("num_outputs", parts); asked != parts) {
    return invalid_argument("attribute num_outputs is {}, but the node has {} outputs", asked, parts);
  }
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& shape = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), shape.size()));
  std::vector<Dim> sizes;
  if (ctx.present(1)) {
    if (auto given = ctx.symbolic_value(1)) {
      if (given->size() != ctx.output_count()) {
        return invalid_argument("input 1 (split) has {} entries, but the node has {} outputs", given->size(), parts);
      }
      Dim sum = 0;
      for (const Dim& size : *given) sum = sum + size;
      if (!may_equal(sum, shape[axis])) {
        return invalid_argument("input 1 (split) adds up to {}, but dimension {} of {} is to be split", sum.to_string(),
                                axis, to_string(shape));
      }
      sizes = *std::move(given);
    } else {
      sizes = unknown_shape(ctx, ctx.output_count());
    }
  } else {
    // Equal parts, the last ones smaller or empty when they do not come out even.
    const Dim part = ceil_div(shape[axis], Dim(parts));
    Dim left = shape[axis];
    for (std::int64_t i = 0; i < parts; ++i) {
      const bool all_known = left.is_constant() && part.is_constant();
      sizes.push_back(i + 1 == parts ? left : all_known ? Dim(std::min(left.value(), part.value())) : part);
      left = left - sizes.back();
    }
  }
  const auto value = ctx.symbolic_value(0);
  std::size_t offset = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!value || !sizes[i].is_constant() || sizes[i].value() < 0) break;
    const auto length = static_cast<std::size_t>(sizes[i].value());
    if (offset + length > value->size()) break;
    const auto first = value->begin() + static_cast<std::ptrdiff_t>(offset);
    ctx.set_symbolic_value(i, std::vector<Dim>(first, first + static_cast<std::ptrdiff_t>(length)));
    offset += length;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    SymShape result = shape;
    result[axis] = sizes[i];
    ctx.set_tensor(i, ctx.dtype(0), std::move(result));
  }
  return Status::ok();
}

// A slice bound in [low, size + high], counted from the end when negative. A symbolic bound counts from the end when it
// is surely negative ("-N"); one of undecided sign ("N - 2") is taken for a position, as exporters mean it.
Dim slice_bound(const Dim& bound, const Dim& size, std::int64_t low, std::int64_t high) {
  if (!bound.is_constant()) {
    if (surely_positive(Dim(0) - bound)) return bound + size == Dim(0) ? Dim(0) : max(size + bound, Dim(low));
    return bound == size ? size + Dim(high) : min(bound, size + Dim(high));
  }
  const std::int64_t value = bound.value();
  const Dim top = size + Dim(high);
  if (size.is_constant()) {
    return Dim(std::clamp(value < 0 ? value + size.value() : value, low, std::max(low, top.value())));
  }
  // Exporters write "to the end" as one of the largest numbers.
  if (value > std::numeric_limits<std::int32_t>::max() / 2) return top;
  if (value < std::numeric_limits<std::int32_t>::min() / 2) return Dim(low);
  if (value < 0) return surely_not_negative(size + bound) ? size + bound : max(size + bound, Dim(low));
  return surely_not_negative(top - bound) ? bound : min(bound, top);
}

Result<Dim> slice_length(const Dim& size, const Dim& start, const Dim& end, std::int64_t step) {
  if (step == 0) return invalid_argument("input 4 (steps) holds a 0");
  if (step == std::numeric_limits<std::int64_t>::min()) return invalid_argument("input 4 (steps) holds {}", step);
  if (size == Dim(0)) return size;
  const bool forward = step > 0;
  const Dim first = forward ? slice_bound(start, size, 0, 0) : slice_bound(start, size, 0, -1);
  const Dim last = forward ? slice_bound(end, size, 0, 0) : slice_bound(end, size, -1, -1);
  const Dim span = forward ? last - first : first - last;
  const std::int64_t stride = forward ? step : -step;  // as large as it likes
  if (span.is_constant()) return Dim(span.value() <= 0 ? 0 : (span.value() - 1) / stride + 1);
  const Dim length = ceil_div(span, Dim(stride));
  // From the beginning or to the end, bounds that are within the tensor cannot cross.
  const bool from_edge = first == (forward ? Dim(0) : size - Dim(1));
  const bool to_edge = last == (forward ? size : Dim(-1));
  return from_edge || to_edge || surely_not_negative(span) ? length : max(length, Dim(0));
}

Status infer_slice(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  const auto starts = ctx.symbolic_value(1);
  const auto ends = ctx.symbolic_value(2);
  std::optional<Ints> axes = constant_ints(ctx, 3);
  const std::optional<Ints> steps = constant_ints(ctx, 4);
  const auto count = starts ? std::optional(starts->size())
                     : ends ? std::optional(ends->size())
                            : vector_length(ctx, 1);
  if (!ctx.present(3) && count) {
    axes.emplace();
    for (std::size_t i = 0; i < *count; ++i) axes->push_back(static_cast<std::int64_t>(i));
  }
  if (!axes) {
    ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, shape.size()));
    return Status::ok();
  }
  INGOT_RETURN_IF_ERROR(normalize_axes(*axes, shape.size(), "input 3 (axes): axis").status());
  const auto wrong_length = [&](const auto& list) { return list && list->size() != axes->size(); };
  if (wrong_length(starts) || wrong_length(ends) || wrong_length(steps)) {
    return invalid_argument("inputs starts, ends and steps must have as many entries as there are axes ({})",
                            axes->size());
  }
  const bool known_steps = steps || !ctx.present(4);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    Dim& dim = shape[normalize_axis((*axes)[i], shape.size()).value()];
    if (!starts || !ends || !known_steps) {
      dim = ctx.unknown_dim();
    } else {
      INGOT_ASSIGN_OR_RETURN(dim, slice_length(dim, (*starts)[i], (*ends)[i], steps ? (*steps)[i] : 1));
    }
  }
  const auto value = ctx.symbolic_value(0);
  if (value && ctx.shape(0)->size() == 1 && starts && ends && known_steps && axes->size() == 1 &&
      shape[0].is_constant() && starts->front().is_constant()) {
    const std::int64_t step = steps ? steps->front() : 1;
    const Dim first = slice_bound(starts->front(), Dim(static_cast<std::int64_t>(value->size())), 0, step > 0 ? 0 : -1);
    std::vector<Dim> part;
    for (std::int64_t i = 0; i < shape[0].value(); ++i)
      part.push_back((*value)[static_cast<std::size_t>(first.value() + i * step)]);
    ctx.set_symbolic_value(0, std::move(part));
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_pad(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"constant", "reflect", "edge", "wrap"}).status());
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  const auto pads = ctx.symbolic_value(1);
  Ints axes;
  if (ctx.present(3)) {
    const auto given = constant_ints(ctx, 3);
    if (!given) {
      ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, shape.size()));
      return Status::ok();
    }
    axes = *given;
  } else {
    for (std::size_t i = 0; i < shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  INGOT_RETURN_IF_ERROR(normalize_axes(axes, shape.size(), "input 3 (axes): axis").status());
  if (pads && pads->size() != 2 * axes.size()) {
    return invalid_argument("input 1 (pads) has {} entries, but {} are needed (begin and end for {} axes)",
                            pads->size(), 2 * axes.size(), axes.size());
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = shape[normalize_axis(axes[i], shape.size()).value()];
    dim = pads ? dim + (*pads)[i] + (*pads)[i + axes.size()] : ctx.unknown_dim();
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_tile(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  const auto repeats = ctx.symbolic_value(1);
  if (repeats && repeats->size() != shape.size()) {
    return invalid_argument("input 1 (repeats) has {} entries, but input 0 (input) has shape {}", repeats->size(),
                            to_string(shape));
  }
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = repeats ? shape[i] * (*repeats)[i] : ctx.unknown_dim();
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

// DepthToSpace and its inverse: the channels by block^2 one way, both spatial dimensions by block the other way.
template <bool to_space>
Status infer_depth_space(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"DCR", "CRD"}).status());
  const std::int64_t block = ctx.attrs().get_int("blocksize", 1);
  if (block < 1 || block > 1 << 20) return invalid_argument("attribute blocksize is {}, but must be positive", block);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 4, 4));
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  const bool last = ctx.attrs().get_int("channels_last", 0) != 0;
  const std::size_t c = last ? 3 : 1, h = last ? 1 : 2, w = last ? 2 : 3;
  const auto divide = [&](std::size_t dim, std::int64_t by) -> Status {
    if (shape[dim].is_constant() && shape[dim].value() % by != 0) {
      return invalid_argument("input 0 (input) has shape {}, whose dimension {} is no multiple of {}", to_string(shape),
                              dim, by);
    }
    shape[dim] = floor_div(shape[dim], Dim(by));
    return Status::ok();
  };
  if (to_space) {
    INGOT_RETURN_IF_ERROR(divide(c, block * block));
    shape[h] = shape[h] * Dim(block);
    shape[w] = shape[w] * Dim(block);
  } else {
    INGOT_RETURN_IF_ERROR(divide(h, block));
    INGOT_RETURN_IF_ERROR(divide(w, block));
    shape[c] = shape[c] * Dim(block * block);
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_center_crop_pad(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  Ints axes = ctx.attrs().get_ints("axes", {});
  if (!ctx.attrs().has("axes")) {
    for (std::size_t i = 0; i < shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  INGOT_RETURN_IF_ERROR(normalize_axes(axes, shape.size(), "attribute axes: axis").status());
  const auto target = ctx.symbolic_value(1);
  if (target && target->size() != axes.size()) {
    return invalid_argument("input 1 (shape) has {} entries for {} axes", target->size(), axes.size());
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    shape[normalize_axis(axes[i], shape.size()).value()] = target ? (*target)[i] : ctx.unknown_dim();
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_trilu(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  return infer_like_first(ctx);
}

}  // namespace

void add_movement_ops(Table& table) {
  const AttrSpec axis{"axis", AttrKind::integer};
  const std::vector<AttrSpec> blocks{{"blocksize", AttrKind::integer, true}, {"mode", AttrKind::text}};
  table.push_back(make_op("Transpose", "data", "transposed", infer_transpose, {{"perm", AttrKind::integers}}));
  table.push_back(make_op("Concat", "inputs*:T", "concat_result", infer_concat, {{"axis", AttrKind::integer, true}}));
  table.push_back(
      make_op("Split", "input split?:i64", "outputs*", infer_split, {axis, {"num_outputs", AttrKind::integer}}));
  table.push_back(make_op("Slice", "data starts:I ends:I axes?:I steps?:I", "output", infer_slice));
  table.push_back(
      make_op("Pad", "data:T pads:i64 constant_value?:T axes?:I", "output", infer_pad, {{"mode", AttrKind::text}}));
  table.push_back(make_op("Tile", "input repeats:i64", "output", infer_tile));
  table.push_back(make_op("DepthToSpace", "input", "output", infer_depth_space<true>, blocks, {.channels_last = true}));
  table.push_back(
      make_op("SpaceToDepth", "input", "output", infer_depth_space<false>, blocks, {.channels_last = true}));
  table.push_back(make_op("CenterCropPad", "input_data shape:I", "output_data", infer_center_crop_pad,
                          {{"axes", AttrKind::integers}}));
  table.push_back(make_op("Trilu", "input k?:i64", "output", infer_trilu, {{"upper", AttrKind::integer}}));
  table.push_back(make_op("ReverseSequence", "input sequence_lens:i64", "Y", infer_like_first,
                          {{"batch_axis", AttrKind::integer}, {"time_axis", AttrKind::integer}}));
}

}  // namespace ingot::ops
