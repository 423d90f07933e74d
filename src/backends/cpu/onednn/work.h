// SPDX-License-Identifier: Apache-2.0
// A convolution or matrix product cut into shares, each of which one thread gives to oneDNN as a problem of its own.
#pragma once

#include <vector>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/onednn/library.h"

namespace ingot::cpu::onednn {

struct Share {
  dnnl_memory_desc_t src{}, weights{}, bias{}, dst{};            // weights in any layout
  dnnl_dims_t strides{}, dilations{}, pad_begin{}, pad_end{};    // of convolutions
  std::int64_t src_offset = 0, dst_offset = 0, bias_offset = 0;  // in floats
  std::size_t slice = 0;                                         // of the weights
  // What it finishes of the output, seen as a matrix of Work::columns columns.
  std::int64_t row_begin = 0, row_end = 0, col_begin = 0, col_end = 0;
};

// The part of the weights that shares use together, as it lies in the model.
struct WeightSlice {
  dnnl_memory_desc_t plain{};
  std::int64_t offset = 0;  // in floats
};

struct Work {
  bool is_conv = false;
  std::int64_t columns = 0;  // of the output: its last dimension
  std::vector<Share> shares;
  std::vector<WeightSlice> slices;
};

// Shares of whole images or, channels last, of rows of the output; one weight slice.
Result<Work> split_conv(const ConvShape& shape, bool channels_last, int threads);

// slices == 1: shares of rows. Otherwise one share per slice of columns.
Result<Work> split_matmul(const MatmulShape& shape, int threads, std::size_t slices);

}  // namespace ingot::cpu::onednn
