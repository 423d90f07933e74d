// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/matmul_shape.h"

#include <algorithm>

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

}  // namespace ingot::cpu
