// SPDX-License-Identifier: Apache-2.0
#include "ops/windows.h"

namespace ingot::ops {
namespace {

Status infer_pool(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  ctx.set_tensor(1, DType::i64, std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3));
  INGOT_ASSIGN_OR_RETURN(const Windows windows, Windows::read(ctx, ctx.attrs().get_ints("kernel_shape", {})));
  if (!ctx.shape(0)) return Status::ok();
  const FeatureMap map(ctx, 0);
  if (windows.kernel.size() != map.spatial_count()) {
    return invalid_argument("attribute kernel_shape has {} entries, but input 0 (X) has shape {}",
                            windows.kernel.size(), to_string(*ctx.shape(0)));
  }
  SymShape shape = *ctx.shape(0);
  for (std::size_t i = 0; i < map.spatial_count(); ++i)
    shape[map.spatial(i)] = windows.output(shape[map.spatial(i)], i);
  ctx.set_tensor(0, ctx.dtype(0), shape);
  ctx.set_tensor(1, DType::i64, std::move(shape));
  return Status::ok();
}

Status infer_global_pool(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  if (!ctx.shape(0)) return Status::ok();
  const FeatureMap map(ctx, 0);
  SymShape shape = *ctx.shape(0);
  for (std::size_t i = 0; i < map.spatial_count(); ++i) shape[map.spatial(i)] = 1;
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

}  // namespace

void add_pooling_ops(Table& table) {
  constexpr Traits both{.epilogue = true, .channels_last = true};
  const AttrSpec ceil_mode{"ceil_mode", AttrKind::integer};
  const AttrSpec p{"p", AttrKind::integer};
  table.push_back(make_op("MaxPool", "X:N", "Y Indices?", infer_pool,
                          window_attrs(true, {ceil_mode, {"storage_order", AttrKind::integer}}), both));
  table.push_back(make_op("AveragePool", "X:F", "Y", infer_pool,
                          window_attrs(true, {ceil_mode, {"count_include_pad", AttrKind::integer}}), both));
  table.push_back(make_op("LpPool", "X:F", "Y", infer_pool, window_attrs(true, {ceil_mode, p}), both));
  table.push_back(make_op("GlobalAveragePool", "X:F", "Y", infer_global_pool, {}, both));
  table.push_back(make_op("GlobalMaxPool", "X:F", "Y", infer_global_pool, {}, both));
  table.push_back(make_op("GlobalLpPool", "X:F", "Y", infer_global_pool, {p}, both));
}

}  // namespace ingot::ops
