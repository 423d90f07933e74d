// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/matmul_shape.h"

#include <algorithm>

#include "backends/cpu/operand_checks.h"

namespace ingot::cpu {

MatmulShape matmul_shape(const Attrs& attrs, const Shape& a_shape, const Shape& b_shape) {
  MatmulShape out;
  Shape a = a_shape;
  Shape b = b_shape;
  out.trans_a = attrs.get_int("transA", 0) != 0;
  out.trans_b = attrs.get_int("transB", 0) != 0;
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  out.m = a[a.size() - (out.trans_a ? 1 : 2)];
  out.k = a[a.size() - (out.trans_a ? 2 : 1)];
  out.n = b[b.size() - (out.trans_b ? 2 : 1)];
  out.a_batch.assign(a.begin(), a.end() - 2);
  out.b_batch.assign(b.begin(), b.end() - 2);
  const std::size_t rank = std::max(out.a_batch.size(), out.b_batch.size());
  out.a_batch.insert(out.a_batch.begin(), rank - out.a_batch.size(), 1);
  out.b_batch.insert(out.b_batch.begin(), rank - out.b_batch.size(), 1);
  for (std::size_t i = 0; i < rank; ++i) out.batch.push_back(out.a_batch[i] == 1 ? out.b_batch[i] : out.a_batch[i]);
  return out;
}

Status check_matmul(const Attrs& attrs, const Shape& a, const Shape& b, const Operand* bias, const Shape& out) {
  const bool trans_a = attrs.get_int("transA", 0) != 0;
  const bool trans_b = attrs.get_int("transB", 0) != 0;
  if (a.size() < (trans_a ? 2U : 1U) || b.size() < (trans_b ? 2U : 1U))
    return invalid_argument("MatMul: {} by {}", to_string(a), to_string(b));
  const MatmulShape sizes = matmul_shape(attrs, a, b);
  const std::int64_t inner = b.size() == 1 ? b[0] : b[b.size() - (trans_b ? 1 : 2)];
  bool fits = inner == sizes.k;
  for (std::size_t i = 0; i < sizes.batch.size(); ++i)
    fits = fits && (sizes.a_batch[i] == 1 || sizes.a_batch[i] == sizes.batch[i]) &&
           (sizes.b_batch[i] == 1 || sizes.b_batch[i] == sizes.batch[i]);
  if (!fits) return invalid_argument("MatMul: {} by {} do not fit", to_string(a), to_string(b));
  if (bias != nullptr) INGOT_RETURN_IF_ERROR(expect_elements("MatMul", "the bias", *bias, sizes.n));
  if (element_count(out) == sizes.batches() * sizes.m * sizes.n) return Status::ok();
  return invalid_argument("MatMul: {} by {} makes no {}", to_string(a), to_string(b), to_string(out));
}

}  // namespace ingot::cpu
