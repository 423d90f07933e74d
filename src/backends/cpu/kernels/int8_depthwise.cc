// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8_depthwise.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/conv_rows.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kRows = 8;                // pixels of a tile
constexpr std::int64_t kMinTaskWork = 64 << 10;  // products

// Row pointers see whole pixels: every tap is a pixel of all channels.
ConvShape pixel_shape(const ConvShape& shape) {
  ConvShape pixels = shape;
  pixels.groups = 1;
  return pixels;
}
ConvRowPlan pixel_plan(const ConvShape& shape) {
  ConvRowPlan plan;
  plan.mode = ConvRowMode::kTaps;
  plan.k = {shape.window(), shape.in_channels, std::int64_t{1} << 40};
  return plan;
}

struct Scratch {
  std::size_t add, threads, sums, strip, per_thread;
  Scratch(const ConvShape& shape, bool has_program) {
    const auto padded = [](std::int64_t bytes) { return static_cast<std::size_t>(round_up(bytes, 64)); };
    add = padded(shape.in_channels + kDepthwisePanel);
    threads = add + padded(int8_padded_columns(shape.out_channels) * 4);
    sums = padded(shape.window() * kMaxTileRows * static_cast<std::int64_t>(sizeof(void*)));
    strip = sums + kRows * kDepthwisePanel * 4;
    per_thread = strip + (has_program ? padded(shape.out_channels * 4) * kRows : 0);
  }
};

// Bytes of a panel's weights.
std::int64_t panel_bytes(const ConvShape& shape, bool as_bytes) {
  return as_bytes ? round_up(shape.window(), 4) * kDepthwisePanel : shape.window() * kDepthwisePanel * 4;
}

}  // namespace

bool int8_depthwise_supports(const ConvShape& shape) {
  return shape.groups == shape.in_channels && shape.groups == shape.out_channels && shape.groups > 1;
}

std::size_t int8_depthwise_packed_bytes(const ConvShape& shape, const Int8Kernels& kernels, bool plain) {
  const bool as_bytes = !plain && kernels.depthwise_bytes != nullptr;
  return static_cast<std::size_t>(ceil_div(shape.in_channels, kDepthwisePanel) * panel_bytes(shape, as_bytes));
}

void int8_depthwise_pack(const ConvShape& shape, const std::uint8_t* weights, bool is_signed, const std::int32_t* zeros,
                         const Int8Kernels& kernels, bool plain, std::byte* packed, std::int32_t* sums) {
  const bool as_bytes = !plain && kernels.depthwise_bytes != nullptr;
  const std::int64_t window = shape.window();
  std::memset(packed, 0, int8_depthwise_packed_bytes(shape, kernels, plain));
  std::memset(sums, 0, static_cast<std::size_t>(int8_padded_columns(shape.out_channels)) * sizeof(*sums));
  for (std::int64_t channel = 0; channel < shape.in_channels; ++channel) {
    std::byte* panel = packed + channel / kDepthwisePanel * panel_bytes(shape, as_bytes);
    const std::int64_t c = channel % kDepthwisePanel;
    for (std::int64_t tap = 0; tap < window; ++tap) {
      const std::uint8_t byte = weights[channel * window + tap];
      const std::int32_t value =
          (is_signed ? std::int32_t{static_cast<std::int8_t>(byte)} : std::int32_t{byte}) - zeros[channel];
      sums[channel] += value;
      if (as_bytes) {
        // See Int8Kernels::depthwise_bytes.
        const std::int64_t vector = c % 16 / 4;
        const std::int64_t lane = c / 16 * 4 + c % 4;
        panel[tap / 4 * 256 + vector * 64 + lane * 4 + tap % 4] = static_cast<std::byte>(value & 0xFF);
      } else {
        std::memcpy(panel + (tap * kDepthwisePanel + c) * 4, &value, 4);
      }
    }
  }
}

std::size_t int8_depthwise_scratch_bytes(const ConvShape& shape, bool has_program, int threads) {
  const Scratch layout(shape, has_program);
  return layout.threads + layout.per_thread * static_cast<std::size_t>(threads);
}

void int8_depthwise(const ConvShape& shape, const Int8ConvArgs& args, const Int8Kernels& kernels, bool plain,
                    const Int8Output& output, std::byte* scratch, Parallel& parallel) {
  const bool as_bytes = !plain && kernels.depthwise_bytes != nullptr;
  const bool has_program = output.program != nullptr;
  const Scratch layout(shape, has_program);
  auto* padding = reinterpret_cast<std::uint8_t*>(scratch);
  std::memset(padding, args.x_zero & 0xFF, layout.add);
  auto* add = reinterpret_cast<std::int32_t*>(scratch + layout.add);
  const std::int64_t channels = shape.in_channels;
  const auto x_zero = static_cast<std::uint32_t>(args.x_zero + (args.x_signed ? kernels.signed_offset() : 0));
  std::memset(add, 0, static_cast<std::size_t>(int8_padded_columns(channels)) * sizeof(*add));
  for (std::int64_t i = 0; i < channels; ++i) {
    std::uint32_t sum = 0 - x_zero * static_cast<std::uint32_t>(args.sums[i]);
    if (args.bias != nullptr) sum += static_cast<std::uint32_t>(args.bias[i]);
    add[i] = static_cast<std::int32_t>(sum);
  }

  const ConvShape pixels = pixel_shape(shape);
  const ConvRowPlan plan = pixel_plan(shape);
  const ConvRows<std::uint8_t> rows(pixels, plan, args.x, args.x + shape.batch * shape.in_pixels() * channels, channels,
                                    padding);
  const std::int64_t count = shape.batch * shape.out_pixels();
  const std::int64_t tiles = ceil_div(count, kRows);
  const std::int64_t tile_work = kRows * channels * shape.window();
  const std::int64_t per_task = std::max<std::int64_t>(1, kMinTaskWork / std::max<std::int64_t>(tile_work, 1));
  const auto out_bytes = static_cast<std::int64_t>(bits_of(output.type)) / 8;
  auto* out = static_cast<std::byte*>(output.data);
  const auto* packed = reinterpret_cast<const std::byte*>(args.packed);

  parallel.run(ceil_div(tiles, per_task), [&](std::int64_t task, int thread) {
    std::byte* mine = scratch + layout.threads + static_cast<std::size_t>(thread) * layout.per_thread;
    auto* table = reinterpret_cast<const std::uint8_t**>(mine);
    auto* strip = reinterpret_cast<std::int32_t*>(mine + layout.strip);
    Int8DepthwiseTile tile;
    tile.a = table;
    tile.taps = shape.window();
    tile.sums = reinterpret_cast<std::int32_t*>(mine + layout.sums);
    tile.a_signed = args.x_signed;
    Int8Finish finish;
    finish.sums = tile.sums;
    finish.sums_stride = kDepthwisePanel;
    if (!has_program) {
      finish.stages = output.stages;
      finish.stage_count = output.stage_count;
      finish.out_type = output.type;
    }
    finish.out_stride = has_program ? channels : output.ld;
    for (std::int64_t t = task * per_task; t < std::min(tiles, (task + 1) * per_task); ++t) {
      const std::int64_t row = t * kRows;
      tile.rows = finish.rows = static_cast<int>(std::min(kRows, count - row));
      rows.fill(row, tile.rows, plan.k.block(0), table, nullptr);
      finish.row_index = row;
      for (std::int64_t col = 0; col < channels; col += kDepthwisePanel) {
        tile.a_offset = col;
        tile.cols = finish.cols = static_cast<int>(std::min<std::int64_t>(kDepthwisePanel, channels - col));
        tile.weights = packed + col / kDepthwisePanel * panel_bytes(shape, as_bytes);
        (as_bytes ? kernels.depthwise_bytes : kernels.depthwise)(tile);
        finish.col_index = col;
        finish.add = add + col;
        finish.out = has_program ? static_cast<void*>(strip + col) : out + (row * output.ld + col) * out_bytes;
        kernels.finish(finish);
      }
      for (std::int64_t i = 0; has_program && i < tile.rows; ++i)
        output.program->run_row(output.operands, strip + i * channels, out + (row + i) * output.ld * out_bytes,
                                channels, row + i, 0);
    }
  });
}

}  // namespace ingot::cpu
