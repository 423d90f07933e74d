// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/deform_conv.h"

#include <algorithm>

#include "backends/cpu/kernels/deform_locate.h"
#include "backends/cpu/kernels/deform_sample.h"
#include "backends/cpu/kernels/gemm_rows.h"

namespace ingot::cpu {
namespace {

// What corners outside the image point at; as long as the longest K block.
alignas(64) constexpr float kZeros[kBlockK] = {};

// Samples cost more than what a block of B beyond its usual share of the cache does.
constexpr std::int64_t kCostlyRowsBytesB = 640 << 10;

KSplit split_k(const ConvShape& shape) { return {shape.window(), shape.group_in(), kBlockK}; }

static_assert(kMaxTileRows <= DeformPlaces::kCount);

// The order of K is (kh, kw, channel).
class DeformRows final : public RowSource {
 public:
  // `first_channel` is that of the convolution's group.
  DeformRows(const DeformShape& shape, const DeformOperands& operands, std::int64_t first_channel, std::int64_t pitch,
             int panel)
      : conv_(shape.conv),
        operands_(operands),
        per_group_(shape.conv.in_channels / shape.offset_groups),
        first_(first_channel),
        pitch_(pitch),
        sample_(deform_sample_fn(panel)),
        locate_(deform_locate_fn(panel)) {}

  void fill(std::int64_t row, int rows, const KBlock& block, const float** table, float* copy) const override {
    for (std::int64_t t = 0; t < block.taps; ++t)
      for (int i = 0; i < rows; ++i) table[t * kMaxTileRows + i] = copy + i * pitch_ + t * block.k;
    Pixels pixels;
    locate_pixels(row, rows, pixels);
    // The samples of a run, and of the next: their pixels are fetched ahead.
    DeformSample samples[2][kMaxTileRows];
    Run run = run_at(block, 0, first_ + block.offset);
    locate_samples(pixels, rows, run, samples[0]);
    for (int turn = 0; run.count > 0; turn = 1 - turn) {
      const Run next = next_run(block, run);
      if (next.count > 0) locate_samples(pixels, rows, next, samples[1 - turn]);
      float* out = copy + (run.tap - block.tap) * block.k + run.channel - first_ - block.offset;
      sample_(samples[turn], next.count > 0 ? samples[1 - turn] : nullptr, rows, run.count, out, pitch_);
      run = next;
    }
  }

 private:
  // The output pixels of a tile and what belongs to them.
  struct Pixels {
    float y[kMaxTileRows], x[kMaxTileRows];  // of the window's first tap
    const float* image[kMaxTileRows];
    const float* offset[kMaxTileRows];
    const float* mask[kMaxTileRows];
  };
  // Channels of one tap that share an offset group.
  struct Run {
    std::int64_t tap = 0, channel = 0, count = 0;
  };

  [[nodiscard]] Run run_at(const KBlock& block, std::int64_t tap, std::int64_t channel) const {
    const std::int64_t end = first_ + block.offset + block.k;
    return {block.tap + tap, channel, std::min(end, (channel / per_group_ + 1) * per_group_) - channel};
  }
  // Behind the last, one without channels.
  [[nodiscard]] Run next_run(const KBlock& block, const Run& run) const {
    const std::int64_t tap = run.tap - block.tap, channel = run.channel + run.count;
    if (channel < first_ + block.offset + block.k) return run_at(block, tap, channel);
    return tap + 1 < block.taps ? run_at(block, tap + 1, first_ + block.offset) : Run{};
  }

  void locate_pixels(std::int64_t row, int rows, Pixels& pixels) const {
    const std::int64_t width = conv_.out[2];
    std::int64_t image = row / conv_.out_pixels();
    std::int64_t at = row % conv_.out_pixels();
    for (int i = 0; i < rows; ++i) {
      pixels.y[i] = static_cast<float>(at / width * conv_.stride[1] - conv_.pad_begin[1]);
      pixels.x[i] = static_cast<float>(at % width * conv_.stride[2] - conv_.pad_begin[2]);
      pixels.image[i] = operands_.in + image * conv_.in_pixels() * operands_.in_ld;
      const PixelTensor& offset = operands_.offset;
      const PixelTensor& mask = operands_.mask;
      pixels.offset[i] = offset.data + image * offset.image_stride + at * offset.pixel_stride;
      pixels.mask[i] = mask.data == nullptr ? nullptr : mask.data + image * mask.image_stride + at * mask.pixel_stride;
      // Those of the next tile.
      __builtin_prefetch(pixels.offset[i] + rows * offset.pixel_stride);
      if (pixels.mask[i] != nullptr) __builtin_prefetch(pixels.mask[i] + rows * mask.pixel_stride);
      if (++at == conv_.out_pixels()) {
        at = 0;
        ++image;
      }
    }
  }

  void locate_samples(const Pixels& pixels, int rows, const Run& run, DeformSample* samples) const {
    const std::int64_t index = run.channel / per_group_ * conv_.window() + run.tap;
    const std::int64_t offset_y = 2 * index * operands_.offset.channel_stride;
    const std::int64_t offset_x = offset_y + operands_.offset.channel_stride;
    const auto y = static_cast<float>(run.tap / conv_.kernel[2] * conv_.dilation[1]);
    const auto x = static_cast<float>(run.tap % conv_.kernel[2] * conv_.dilation[2]);
    DeformPlaces places;
    for (int i = 0; i < rows; ++i) {
      places.y[i] = pixels.y[i] + y + pixels.offset[i][offset_y];
      places.x[i] = pixels.x[i] + x + pixels.offset[i][offset_x];
      places.factor[i] = operands_.mask.data == nullptr ? 1.F : pixels.mask[i][index * operands_.mask.channel_stride];
    }
    locate_(places, static_cast<std::int32_t>(conv_.in[1]), static_cast<std::int32_t>(conv_.in[2]));
    for (int i = 0; i < rows; ++i) {
      for (int c = 0; c < 4; ++c) {
        const std::int32_t pixel = places.pixel[c][i];
        samples[i].weight[c] = places.weight[c][i];
        samples[i].corner[c] = pixel < 0 ? kZeros : pixels.image[i] + pixel * operands_.in_ld + run.channel;
      }
    }
  }

  const ConvShape& conv_;
  const DeformOperands& operands_;
  std::int64_t per_group_, first_, pitch_;
  DeformSampleFn sample_;
  DeformLocateFn locate_;
};

}  // namespace

std::size_t deform_conv_scratch_bytes(const DeformShape& shape, int threads) {
  const KSplit k = split_k(shape.conv);
  return core_thread_scratch_bytes(k, copy_floats(k)) * static_cast<std::size_t>(threads);
}

void deform_conv(const DeformShape& shape, const DeformOperands& operands, const float* packed, int panel, float* out,
                 std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  const ConvShape& conv = shape.conv;
  const KSplit k = split_k(conv);
  const std::int64_t rows = conv.batch * conv.out_pixels();
  const TaskGrid grid(rows, conv.group_out(), k.total(), conv.groups, panel, parallel.threads());
  const std::size_t per_thread = core_thread_scratch_bytes(k, copy_floats(k));
  const std::size_t group_floats = packed_b_bytes(k.total(), conv.group_out(), panel) / sizeof(float);
  parallel.run(conv.groups * grid.tasks(), [&](std::int64_t task, int thread) {
    const std::int64_t group = task / grid.tasks();
    const std::int64_t channel = group * conv.group_out();
    const TaskGrid::Part part = grid.part(task % grid.tasks());
    const DeformRows source(shape, operands, group * conv.group_in(), copy_pitch(k), panel);
    const CoreArgs args{rows,
                        conv.group_out(),
                        k,
                        &source,
                        packed + static_cast<std::size_t>(group) * group_floats,
                        panel,
                        out + channel,
                        out_ld,
                        0,
                        channel,
                        kCostlyRowsBytesB};
    core_block(args, epilogue, part.m_begin, part.m_end, part.n_begin, part.n_end,
               scratch + static_cast<std::size_t>(thread) * per_thread);
  });
}

}  // namespace ingot::cpu
