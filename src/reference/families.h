// SPDX-License-Identifier: Apache-2.0
// The rows of the operator table, one function per family file.
#pragma once

#include <span>
#include <string_view>

#include "reference/operands.h"

namespace ingot::reference {

struct Row {
  std::string_view op;
  Kernel kernel;
  // >= 0: the kernel only moves elements of that operand's type about, so strings and sub-byte elements reach it as
  // integers of whole bytes (storage.h).
  int data_operand = -1;
  // What follows the epilogue; null: nothing.
  Result<Outputs> (*finish)(const Call& call, Outputs outputs) = nullptr;
};

std::span<const Row> attention_rows();
std::span<const Row> cast_rows();
std::span<const Row> convolution_rows();
std::span<const Row> cumulative_rows();
std::span<const Row> deform_conv_rows();
std::span<const Row> deform_points_rows();
std::span<const Row> einsum_rows();
std::span<const Row> expression_rows();
std::span<const Row> gather_rows();
std::span<const Row> generator_rows();
std::span<const Row> grid_sample_rows();
std::span<const Row> integer_rows();
std::span<const Row> linear_attention_rows();
std::span<const Row> loss_rows();
std::span<const Row> matmul_nbits_rows();
std::span<const Row> matmul_rows();
std::span<const Row> movement_rows();
std::span<const Row> normalization_rows();
std::span<const Row> pointwise_rows();
std::span<const Row> pooling_rows();
std::span<const Row> quantize_rows();
std::span<const Row> random_rows();
std::span<const Row> recurrent_rows();
std::span<const Row> reduce_rows();
std::span<const Row> region_rows();
std::span<const Row> resize_rows();
std::span<const Row> row_matmul_rows();
std::span<const Row> scatter_rows();
std::span<const Row> selection_rows();
std::span<const Row> sequence_rows();
std::span<const Row> shape_rows();
std::span<const Row> signal_rows();
std::span<const Row> softmax_rows();
std::span<const Row> squeeze_excite_rows();
std::span<const Row> string_rows();
std::span<const Row> tfidf_rows();
std::span<const Row> unique_rows();
std::span<const Row> vision_rows();

}  // namespace ingot::reference
