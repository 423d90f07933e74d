// SPDX-License-Identifier: Apache-2.0
// Reductions, arg-reductions and scans along axes.
#include <algorithm>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

SymShape reduced(const SymShape& shape, const std::vector<std::size_t>& axes, bool keep) {
  SymShape result;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!std::ranges::binary_search(axes, i)) {
      result.push_back(shape[i]);
    } else if (keep) {
      result.emplace_back(1);
    }
  }
  return result;
}

Status infer_reduce(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& shape = *ctx.shape(0);
  const bool keep = ctx.attrs().get_int("keepdims", 1) != 0;
  Ints axes;
  if (ctx.present(1)) {
    const auto given = constant_ints(ctx, 1);
    if (!given) {
      const auto count = vector_length(ctx, 1);
      if (keep) {
        ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, shape.size()));
      } else if (count && *count > 0 && *count <= shape.size()) {
        ctx.set_tensor(0, ctx.dtype(0), unknown_shape(ctx, shape.size() - *count));
      }
      return Status::ok();
    }
    axes = *given;
  }
  if (axes.empty()) {
    if (ctx.attrs().get_int("noop_with_empty_axes", 0) != 0) return infer_like_first(ctx);
    for (std::size_t i = 0; i < shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  INGOT_ASSIGN_OR_RETURN(const auto normal, normalize_axes(axes, shape.size(), "input 1 (axes): axis"));
  ctx.set_tensor(0, ctx.dtype(0), reduced(shape, normal, keep));
  // The product or sum of a shape vector is a common way to count elements.
  const auto value = ctx.symbolic_value(0);
  if (value && shape.size() == 1 && (ctx.op() == "ReduceProd" || ctx.op() == "ReduceSum")) {
    Dim total = ctx.op() == "ReduceProd" ? 1 : 0;
    for (const Dim& dim : *value) total = ctx.op() == "ReduceProd" ? total * dim : total + dim;
    ctx.set_symbolic_value(0, {total});
  }
  return Status::ok();
}

Status infer_arg_reduce(InferContext& ctx) {
  ctx.set_tensor(0, DType::i64, std::nullopt);
  if (!ctx.shape(0)) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(ctx.attrs().get_int("axis", 0), ctx.shape(0)->size()));
  ctx.set_tensor(0, DType::i64, reduced(*ctx.shape(0), {axis}, ctx.attrs().get_int("keepdims", 1) != 0));
  return Status::ok();
}

// CumSum and CumProd; the axis is an operand.
Status infer_scan_along(InferContext& ctx) {
  if (const auto axis = constant_ints(ctx, 1); axis && !axis->empty() && ctx.shape(0)) {
    INGOT_RETURN_IF_ERROR(normalize_axis(axis->front(), ctx.shape(0)->size(), "input 1 (axis)").status());
  }
  return infer_like_first(ctx);
}

// Softmax and its kin: the axis must exist, the shape stays.
Status infer_along_axis(InferContext& ctx) {
  if (ctx.shape(0))
    INGOT_RETURN_IF_ERROR(normalize_axis(ctx.attrs().get_int("axis", -1), ctx.shape(0)->size()).status());
  return infer_like_first(ctx);
}

}  // namespace

void add_reduce_ops(Table& table) {
  const AttrSpec axis{"axis", AttrKind::integer};
  const AttrSpec keepdims{"keepdims", AttrKind::integer};
  for (const std::string_view name : {"ReduceMean", "ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
                                      "ReduceLogSumExp", "ReduceSumSquare"}) {
    table.push_back(make_op(name, "data:N axes?:i64", "reduced", infer_reduce,
                            {keepdims, {"noop_with_empty_axes", AttrKind::integer}}, {.epilogue = true}));
  }
  for (const std::string_view name : {"ReduceMax", "ReduceMin"}) {  // of booleans too
    table.push_back(make_op(name, "data:R axes?:i64", "reduced", infer_reduce,
                            {keepdims, {"noop_with_empty_axes", AttrKind::integer}}, {.epilogue = true}));
  }
  for (const std::string_view name : {"ArgMax", "ArgMin"}) {
    table.push_back(make_op(name, "data:N", "reduced", infer_arg_reduce,
                            {axis, keepdims, {"select_last_index", AttrKind::integer}}));
  }
  for (const std::string_view name : {"CumSum", "CumProd"}) {
    table.push_back(make_op(name, "x:N axis:I", "y", infer_scan_along,
                            {{"exclusive", AttrKind::integer}, {"reverse", AttrKind::integer}}));
  }
  for (const std::string_view name : {"Softmax", "LogSoftmax", "Hardmax"}) {
    table.push_back(make_op(name, "input:F", "output", infer_along_axis, {axis}, {.epilogue = true}));
  }
  table.push_back(make_op("LpNormalization", "input:F", "output", infer_along_axis, {axis, {"p", AttrKind::integer}},
                          {.epilogue = true}));
}

}  // namespace ingot::ops
