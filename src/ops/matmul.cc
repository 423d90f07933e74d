// SPDX-License-Identifier: Apache-2.0
// Matrix products.
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// The product's shape under numpy's rules: leading dimensions broadcast, rank 1 is a row or column that vanishes.
Status product_shape(InferContext& ctx, std::size_t a_input, std::size_t b_input, DType result) {
  ctx.set_tensor(0, result, std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, a_input, 1));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, b_input, 1));
  if (!ctx.shape(a_input) || !ctx.shape(b_input)) return Status::ok();
  SymShape a = *ctx.shape(a_input);
  SymShape b = *ctx.shape(b_input);
  const auto transpose = [&](std::string_view name, SymShape& shape, std::size_t input) -> Status {
    if (ctx.attrs().get_int(name, 0) == 0) return Status::ok();
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, input, 2));
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
    return Status::ok();
  };
  INGOT_RETURN_IF_ERROR(transpose("transA", a, a_input));
  INGOT_RETURN_IF_ERROR(transpose("transB", b, b_input));
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), Dim(1));
  if (column) b.emplace_back(1);
  if (a.back().is_constant() && b[b.size() - 2].is_constant() && a.back() != b[b.size() - 2]) {
    return invalid_argument("{} of shape {} and {} of shape {} do not multiply: {} columns meet {} rows",
                            ctx.input_name(a_input), to_string(*ctx.shape(a_input)), ctx.input_name(b_input),
                            to_string(*ctx.shape(b_input)), a.back().to_string(), b[b.size() - 2].to_string());
  }
  auto shape = broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!shape) {
    return invalid_argument(
        "{} of shape {} and {} of shape {} do not multiply: the leading dimensions do not broadcast",
        ctx.input_name(a_input), to_string(*ctx.shape(a_input)), ctx.input_name(b_input),
        to_string(*ctx.shape(b_input)));
  }
  if (!row) shape->push_back(a[a.size() - 2]);
  if (!column) shape->push_back(b.back());
  ctx.set_tensor(0, result, *std::move(shape));
  return Status::ok();
}

Status infer_matmul(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(product_shape(ctx, 0, 1, ctx.dtype(0)));
  if (!ctx.present(2) || !ctx.shape(1)) return Status::ok();
  const SymShape& b = *ctx.shape(1);
  if (b.size() < 2)
    return invalid_argument("input 2 (bias) needs an input 1 (B) of rank 2 or more, not of shape {}", to_string(b));
  const Dim& columns = b[b.size() - (ctx.attrs().get_int("transB", 0) != 0 ? 2 : 1)];
  return expect_shape(ctx, 2, {columns}, "the columns of the product");
}

Status infer_gemm(InferContext& ctx) {
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2, 2));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 1, 2, 2));
  INGOT_RETURN_IF_ERROR(product_shape(ctx, 0, 1, ctx.dtype(0)));
  if (!ctx.present(2) || !ctx.shape(0) || !ctx.shape(1)) return Status::ok();
  const auto side = [&](std::size_t input, std::string_view name, std::size_t dim) {
    return (*ctx.shape(input))[ctx.attrs().get_int(name, 0) != 0 ? 1 - dim : dim];
  };
  return expect_broadcasts_to(ctx, 2, {side(0, "transA", 0), side(1, "transB", 1)});
}

Status infer_matmul_integer(InferContext& ctx) { return product_shape(ctx, 0, 1, DType::i32); }
Status infer_qlinear_matmul(InferContext& ctx) { return product_shape(ctx, 0, 3, ctx.dtype(7)); }

}  // namespace

void add_matmul_ops(Table& table) {
  const std::vector<AttrSpec> transposed{
      {"transA", AttrKind::integer}, {"transB", AttrKind::integer}, {"alpha", AttrKind::number}};
  std::vector<AttrSpec> gemm = transposed;
  gemm.push_back({"beta", AttrKind::number});
  std::vector<AttrSpec> matmul = transposed;
  matmul.push_back({"exact", AttrKind::integer});
  table.push_back(make_op("MatMul", "A:N B:N bias?:N", "Y", infer_matmul, matmul, {.epilogue = true}));
  table.push_back(make_op("Gemm", "A:N B:N C?:N", "Y", infer_gemm, gemm));
  table.push_back(make_op("MatMulInteger", "A:Q B:Q1 a_zero_point?:Q b_zero_point?:Q1", "Y", infer_matmul_integer, {},
                          {.epilogue = true}));
  table.push_back(make_op("QLinearMatMul",
                          "a:N a_scale:F a_zero_point:N b:N1 b_scale:F b_zero_point:N1 y_scale:F y_zero_point:N2", "y",
                          infer_qlinear_matmul));
}

}  // namespace ingot::ops
