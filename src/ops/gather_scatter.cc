// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

Status infer_gather(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1));
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& data = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), data.size()));
  const auto indices = constant_ints(ctx, 1);
  if (indices && data[axis].is_constant()) {
    const std::int64_t size = data[axis].value();
    for (const std::int64_t index : *indices) {
      if (index < -size || index >= size) {
        return invalid_argument("input 1 (indices) holds {}, but dimension {} of {} has {} entries", index, axis,
                                to_string(data), size);
      }
    }
  }
  if (!ctx.shape(1)) return Status::ok();
  const auto at = static_cast<std::ptrdiff_t>(axis);
  SymShape shape(data.begin(), data.begin() + at);
  shape.insert(shape.end(), ctx.shape(1)->begin(), ctx.shape(1)->end());
  shape.insert(shape.end(), data.begin() + at + 1, data.end());
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  const auto value = ctx.symbolic_value(0);
  if (value && data.size() == 1 && data[0] == Dim(static_cast<std::int64_t>(value->size())) && indices &&
      ctx.shape(1)->size() <= 1) {
    const auto size = static_cast<std::int64_t>(value->size());
    std::vector<Dim> picked;
    for (const std::int64_t index : *indices)
      picked.push_back((*value)[static_cast<std::size_t>(index < 0 ? index + size : index)]);
    ctx.set_symbolic_value(0, std::move(picked));
  }
  return Status::ok();
}

// The dimensions of an index tensor that is parallel to the data: no larger than the data but along the axis.
Status check_parallel(const InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1));
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& data = *ctx.shape(0);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, data.size(), data.size()));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), data.size()));
  if (!ctx.shape(1)) return Status::ok();
  const SymShape& indices = *ctx.shape(1);
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (i != axis && data[i].is_constant() && indices[i].is_constant() && indices[i].value() > data[i].value()) {
      return invalid_argument("input 1 (indices) has shape {}, which is larger than {} in dimension {}",
                              to_string(indices), to_string(data), i);
    }
  }
  return Status::ok();
}

Status infer_gather_elements(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(check_parallel(ctx));
  ctx.set_tensor(0, ctx.dtype(0), ctx.shape(1));
  return Status::ok();
}

Status infer_scatter_elements(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "reduction", {"none", "add", "mul", "max", "min"}).status());
  INGOT_RETURN_IF_ERROR(check_parallel(ctx));
  if (ctx.shape(1)) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, *ctx.shape(1), "the shape of indices"));
  return infer_like_first(ctx);
}

// The shape of the slices that the tuples in the last dimension of the indices name: leading index dimensions, then
// what the tuples leave of the data. nullopt when the tuple length is not known.
Result<std::optional<SymShape>> tuple_slices(const InferContext& ctx, std::size_t batch) {
  const SymShape& data = *ctx.shape(0);
  const SymShape& indices = *ctx.shape(1);
  if (!indices.back().is_constant()) return std::optional<SymShape>();
  const std::int64_t length = indices.back().value();
  if (length < 0 || length > static_cast<std::int64_t>(data.size() - batch)) {
    return invalid_argument("input 1 (indices) has shape {}: tuples of {} do not index a tensor of shape {}",
                            to_string(indices), length, to_string(data));
  }
  SymShape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(batch) + static_cast<std::ptrdiff_t>(length),
               data.end());
  return std::optional<SymShape>(std::move(shape));
}

Status infer_gather_nd(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 1));
  if (!ctx.shape(0) || !ctx.shape(1)) return Status::ok();
  const std::int64_t batch = ctx.attrs().get_int("batch_dims", 0);
  const auto limit = static_cast<std::int64_t>(std::min(ctx.shape(0)->size(), ctx.shape(1)->size()));
  if (batch < 0 || batch >= limit)
    return invalid_argument("attribute batch_dims is {}, but must be in [0, {}]", batch, limit - 1);
  for (std::int64_t i = 0; i < batch; ++i) {
    const auto dim = static_cast<std::size_t>(i);
    INGOT_RETURN_IF_ERROR(expect_dim(ctx, 1, dim, (*ctx.shape(0))[dim], "a batch dimension"));
  }
  INGOT_ASSIGN_OR_RETURN(auto shape, tuple_slices(ctx, static_cast<std::size_t>(batch)));
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_scatter_nd(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "reduction", {"none", "add", "mul", "max", "min"}).status());
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 1));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 1));
  if (ctx.shape(0) && ctx.shape(1)) {
    INGOT_ASSIGN_OR_RETURN(const auto shape, tuple_slices(ctx, 0));
    if (shape) INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, *shape, "the slices that the indices name"));
  }
  return infer_like_first(ctx);
}

Status infer_tensor_scatter(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(text_choice(ctx, "mode", {"linear", "circular"}).status());
  if (ctx.shape(0)) {
    SymShape update = *ctx.shape(0);
    INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", -2), update.size()));
    if (axis == 0) return invalid_argument("axis must not be the batch dimension");
    if (ctx.shape(1) && axis < ctx.shape(1)->size()) update[axis] = (*ctx.shape(1))[axis];
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 1, update, "as in the cache"));
    INGOT_RETURN_IF_ERROR(expect_shape(ctx, 2, {update[0]}, "one place per sample"));
  }
  return infer_like_first(ctx);
}

}  // namespace

void add_gather_scatter_ops(Table& table) {
  const AttrSpec axis{"axis", AttrKind::integer};
  const AttrSpec reduction{"reduction", AttrKind::text};
  table.push_back(make_op("Gather", "data indices:I", "output", infer_gather, {axis}));
  table.push_back(make_op("GatherElements", "data indices:I", "output", infer_gather_elements, {axis}));
  table.push_back(
      make_op("GatherND", "data indices:i64", "output", infer_gather_nd, {{"batch_dims", AttrKind::integer}}));
  table.push_back(
      make_op("ScatterElements", "data:T indices:I updates:T", "output", infer_scatter_elements, {axis, reduction}));
  table.push_back(make_op("ScatterND", "data:T indices:i64 updates:T", "output", infer_scatter_nd, {reduction}));
  table.push_back(make_op("TensorScatter", "past_cache:T update:T write_indices?:i64", "present_cache",
                          infer_tensor_scatter, {axis, {"mode", AttrKind::text}}));
}

}  // namespace ingot::ops
