// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv.h"

#include <algorithm>

#include "backends/cpu/kernels/conv_rows.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {
namespace {

// Pixels map one to one: the convolution is a plain matrix product.
bool is_pointwise(const ConvShape& shape) {
  for (std::size_t i = 0; i < 3; ++i)
    if (shape.kernel[i] != 1 || shape.stride[i] != 1 || shape.pad_begin[i] != 0 || shape.in[i] != shape.out[i])
      return false;
  return shape.groups == 1;
}

GemmShape pointwise_gemm(const ConvShape& shape) {
  return {shape.batch * shape.out_pixels(), shape.out_channels, shape.in_channels};
}

std::size_t group_packed_floats(const ConvShape& shape, int panel) {
  return packed_b_bytes(shape.window() * shape.group_in(), shape.group_out(), panel) / sizeof(float);
}

}  // namespace

std::size_t conv_packed_bytes(const ConvShape& shape, int panel) {
  return static_cast<std::size_t>(shape.groups) * group_packed_floats(shape, panel) * sizeof(float);
}

void conv_pack(const ConvShape& shape, const float* weights, int panel, float* packed) {
  const std::int64_t channels = shape.group_in();
  const std::int64_t window = shape.window();
  const std::int64_t columns = shape.group_out();
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    for (std::int64_t col = 0; col < columns; col += panel) {
      const float* source = weights + (group * columns + col) * channels * window;
      for (std::int64_t tap = 0; tap < window; ++tap) {
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          for (std::int64_t i = 0; i < panel; ++i, ++packed)
            *packed = col + i < columns ? source[(i * channels + channel) * window + tap] : 0.F;
        }
      }
    }
  }
}

std::size_t conv_scratch_bytes(const ConvShape& shape, std::int64_t in_ld, int panel, int threads) {
  if (is_pointwise(shape)) return gemm_scratch_bytes(pointwise_gemm(shape), panel, threads);
  const ConvRowPlan plan = plan_conv_rows<float>(shape, in_ld, panel);
  return core_thread_scratch_bytes(plan.k, plan.copy_elements) * static_cast<std::size_t>(threads);
}

void conv(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
          std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  if (is_pointwise(shape)) {
    gemm(pointwise_gemm(shape), in, in_ld, packed, panel, out, out_ld, epilogue, scratch, parallel);
    return;
  }
  const ConvRowPlan plan = plan_conv_rows<float>(shape, in_ld, panel);
  const std::int64_t rows = shape.batch * shape.out_pixels();
  const TaskGrid grid(rows, shape.group_out(), plan.k.total(), shape.groups, panel, parallel.threads());
  const std::size_t per_thread = core_thread_scratch_bytes(plan.k, plan.copy_elements);
  const std::size_t group_floats = group_packed_floats(shape, panel);
  parallel.run(shape.groups * grid.tasks(), [&](std::int64_t task, int thread) {
    const std::int64_t group = task / grid.tasks();
    const std::int64_t channel = group * shape.group_out();
    const TaskGrid::Part part = grid.part(task % grid.tasks());
    const ConvRows<float> source(shape, plan, in + group * shape.group_in(),
                                 in + shape.batch * shape.in_pixels() * in_ld, in_ld, conv_zeros());
    const CoreArgs args{
        rows,  shape.group_out(), plan.k, &source, packed + static_cast<std::size_t>(group) * group_floats,
        panel, out + channel,     out_ld, 0,       channel};
    core_block(args, epilogue, part.m_begin, part.m_end, part.n_begin, part.n_end,
               scratch + static_cast<std::size_t>(thread) * per_thread);
  });
}

}  // namespace ingot::cpu
