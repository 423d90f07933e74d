// SPDX-License-Identifier: Apache-2.0
// Matrix products in f64: B is packed into panels of a few vectors, A is read where it lies.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// Columns of a panel, on this machine.
std::int64_t gemm_f64_panel();

// A strided matrix.
struct MatrixF64 {
  const double* data = nullptr;
  std::int64_t row = 0, column = 0;  // strides
};

// Copies columns [first, first + gemm_f64_panel()) of k x n into k * panel elements, zeros beyond the last column.
void pack_f64(const MatrixF64& b, std::int64_t k, std::int64_t n, std::int64_t first, double* panel);
// c[m, columns] = a[m, k] times the panel; columns is at most the panel's. Rows of c are ldc apart.
void gemm_f64(const MatrixF64& a, std::int64_t m, std::int64_t k, const double* panel, std::int64_t columns, double* c,
              std::int64_t ldc);

}  // namespace ingot::cpu
