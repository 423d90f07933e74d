// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8_conv.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/conv_rows.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {
namespace {

ConvRowPlan plan_of(const ConvShape& shape, const Int8Kernels& kernels) {
  return plan_conv_rows<std::uint8_t>(shape, shape.in_channels, kernels.panel);
}

std::size_t group_bytes(const ConvShape& shape, const Int8Kernels& kernels, const KSplit& k) {
  return static_cast<std::size_t>(ceil_div(shape.group_out(), kernels.panel) * int8_panel_bytes(kernels, k));
}

// What all threads share, before their own scratch: padding, and what is added to each column's sums.
struct SharedScratch {
  std::size_t add, factors, threads;
  SharedScratch(const ConvShape& shape, const KSplit& k) {
    const auto columns = static_cast<std::size_t>(int8_padded_columns(shape.out_channels)) * sizeof(std::int32_t);
    add = static_cast<std::size_t>(round_up(k.k_per_tap + 4, 64));
    factors = add + columns;
    threads = factors + columns;
  }
};

}  // namespace

ConvShape int8_matmul_shape(std::int64_t m, std::int64_t n, std::int64_t k) {
  ConvShape shape;
  shape.in_channels = k;
  shape.out_channels = n;
  shape.in[2] = shape.out[2] = m;
  return shape;
}

std::size_t int8_conv_packed_bytes(const ConvShape& shape, const Int8Kernels& kernels) {
  const ConvRowPlan plan = plan_of(shape, kernels);
  return static_cast<std::size_t>(shape.groups) * group_bytes(shape, kernels, plan.k);
}

void int8_conv_pack(const ConvShape& shape, const Int8WeightLayout& weights, const Int8Kernels& kernels,
                    std::int8_t* packed, std::int32_t* sums) {
  const ConvRowPlan plan = plan_of(shape, kernels);
  const std::int64_t channels = shape.group_in();
  const std::int64_t unit = kernels.unit;
  const std::int64_t panel = kernels.panel;
  const std::uint8_t flip = weights.is_signed ? 0 : 0x80;
  std::memset(sums, 0, static_cast<std::size_t>(int8_padded_columns(shape.out_channels)) * sizeof(*sums));
  std::memset(packed, 0, int8_conv_packed_bytes(shape, kernels));
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    for (std::int64_t first = 0; first < shape.group_out(); first += panel) {
      const std::int64_t columns = std::min(panel, shape.group_out() - first);
      for (std::int64_t i = 0; i < columns; ++i) {
        const std::int64_t column = group * shape.group_out() + first + i;
        const std::uint8_t* source = weights.data + column * weights.column_stride;
        std::int8_t* to = packed + i * unit;
        std::uint32_t sum = 0;
        // K runs over (position, channel); a tap is a stretch of it, padded to whole units.
        std::int64_t position = 0, channel = 0;
        for (std::int64_t tap = 0; tap < plan.k.taps; ++tap)
          for (std::int64_t k = 0; k < round_up(plan.k.k_per_tap, unit); ++k) {
            if (k < plan.k.k_per_tap) {
              const auto value = static_cast<std::int8_t>(source[channel * weights.channel_stride + position] ^ flip);
              to[k % unit] = value;
              sum += static_cast<std::uint32_t>(std::int32_t{value});
              if (++channel == channels) {
                channel = 0;
                ++position;
              }
            }
            if (k % unit == unit - 1) to += panel * unit;
          }
        sums[column] = static_cast<std::int32_t>(sum);
      }
      packed += int8_panel_bytes(kernels, plan.k);
    }
  }
}

std::size_t int8_conv_scratch_bytes(const ConvShape& shape, const Int8Kernels& kernels, bool has_program, int threads) {
  const ConvRowPlan plan = plan_of(shape, kernels);
  return SharedScratch(shape, plan.k).threads +
         static_cast<std::size_t>(threads) *
             int8_thread_scratch_bytes(kernels, plan.k, plan.copy_elements, has_program);
}

void int8_conv(const ConvShape& shape, const Int8ConvArgs& args, const Int8Kernels& kernels, const Int8Output& output,
               std::byte* scratch, Parallel& parallel) {
  const ConvRowPlan plan = plan_of(shape, kernels);
  const SharedScratch shared(shape, plan.k);
  auto* padding = reinterpret_cast<std::uint8_t*>(scratch);
  std::memset(padding, args.x_zero & 0xFF, shared.add);
  auto* add = reinterpret_cast<std::int32_t*>(scratch + shared.add);
  auto* factors = reinterpret_cast<std::int32_t*>(scratch + shared.factors);

  // sum (x - xz)(w - wz) = sum xw - xz sum w - wz sum x + K xz wz, modulo 2^32.
  const auto x_zero = static_cast<std::uint32_t>(args.x_zero + (args.x_signed ? kernels.signed_offset() : 0));
  const auto terms = static_cast<std::uint32_t>(shape.window() * shape.group_in());
  const std::int64_t padded = int8_padded_columns(shape.out_channels);
  for (std::int64_t i = 0; i < padded; ++i) {
    std::uint32_t sum = 0;
    if (i < shape.out_channels) {
      sum -= x_zero * static_cast<std::uint32_t>(args.sums[i]);
      if (args.zeros != nullptr) sum += terms * x_zero * static_cast<std::uint32_t>(args.zeros[i]);
      if (args.bias != nullptr) sum += static_cast<std::uint32_t>(args.bias[i]);
    }
    add[i] = static_cast<std::int32_t>(sum);
    if (args.zeros != nullptr) factors[i] = i < shape.out_channels ? -args.zeros[i] : 0;
  }

  const std::int64_t rows = shape.batch * shape.out_pixels();
  const TaskGrid grid(rows, shape.group_out(), plan.k.total(), shape.groups, kernels.panel, parallel.threads());
  const std::size_t per_thread =
      int8_thread_scratch_bytes(kernels, plan.k, plan.copy_elements, output.program != nullptr);
  const std::uint8_t* end = args.x + shape.batch * shape.in_pixels() * shape.in_channels;
  parallel.run(shape.groups * grid.tasks(), [&](std::int64_t task, int thread) {
    const std::int64_t group = task / grid.tasks();
    const TaskGrid::Part part = grid.part(task % grid.tasks());
    const ConvRows<std::uint8_t> source(shape, plan, args.x + group * shape.group_in(), end, shape.in_channels,
                                        padding);
    Int8CoreArgs core;
    core.kernels = &kernels;
    core.m = rows;
    core.n = shape.group_out();
    core.k = plan.k;
    core.rows = &source;
    core.a_signed = args.x_signed;
    core.panels = args.packed + static_cast<std::size_t>(group) * group_bytes(shape, kernels, plan.k);
    core.add = add;
    core.row_factors = args.zeros != nullptr ? factors : nullptr;
    core.output = &output;
    core.col_index = group * shape.group_out();
    core.row_index = args.row_index;
    int8_core_block(core, part.m_begin, part.m_end, part.n_begin, part.n_end,
                    scratch + shared.threads + static_cast<std::size_t>(thread) * per_thread);
  });
}

}  // namespace ingot::cpu
