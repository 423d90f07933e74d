// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/deform_conv.h"

#include <algorithm>

#include "backends/cpu/kernels/deform_sample.h"
#include "backends/cpu/kernels/gemm_rows.h"

namespace ingot::cpu {
namespace {

// What corners outside the image point at; as long as the longest K block.
alignas(64) constexpr float kZeros[kBlockK] = {};

// Samples cost more than what a block of B beyond its usual share of the cache does.
constexpr std::int64_t kCostlyRowsBytesB = 640 << 10;

KSplit split_k(const ConvShape& shape) { return {shape.window(), shape.group_in(), kBlockK}; }

// The order of K is (kh, kw, channel).
class DeformRows final : public RowSource {
 public:
  // `first_channel` is that of the convolution's group.
  DeformRows(const DeformShape& shape, const DeformOperands& operands, std::int64_t first_channel, std::int64_t pitch,
             DeformSampleFn sample)
      : shape_(shape), conv_(shape.conv), operands_(operands), first_(first_channel), pitch_(pitch), sample_(sample) {}

  void fill(std::int64_t row, int rows, const KBlock& block, const float** table, float* copy) const override {
    Pixel pixels[kMaxTileRows];
    locate(row, rows, pixels);
    const std::int64_t per_group = conv_.in_channels / shape_.offset_groups;
    DeformSample samples[kMaxTileRows];
    for (std::int64_t t = 0; t < block.taps; ++t, table += kMaxTileRows) {
      float* out = copy + t * block.k;
      for (int i = 0; i < rows; ++i) table[i] = out + i * pitch_;
      // Channels in runs that share an offset group.
      const std::int64_t end = first_ + block.offset + block.k;
      for (std::int64_t channel = first_ + block.offset; channel < end;) {
        const std::int64_t group = channel / per_group;
        const std::int64_t count = std::min(end, (group + 1) * per_group) - channel;
        for (int i = 0; i < rows; ++i) samples[i] = locate_sample(pixels[i], group, block.tap + t, channel);
        sample_(samples, rows, count, out, pitch_);
        out += count;
        channel += count;
      }
    }
  }

 private:
  // An output pixel and what belongs to it.
  struct Pixel {
    std::int64_t y, x;  // of its window's first tap
    const float* image;
    const float* offset;
    const float* mask;
  };

  void locate(std::int64_t row, int rows, Pixel* pixels) const {
    const std::int64_t width = conv_.out[2];
    std::int64_t image = row / conv_.out_pixels();
    std::int64_t at = row % conv_.out_pixels();
    for (int i = 0; i < rows; ++i) {
      Pixel& pixel = pixels[i];
      pixel.y = at / width * conv_.stride[1] - conv_.pad_begin[1];
      pixel.x = at % width * conv_.stride[2] - conv_.pad_begin[2];
      pixel.image = operands_.in + image * conv_.in_pixels() * operands_.in_ld;
      const PixelTensor& offset = operands_.offset;
      const PixelTensor& mask = operands_.mask;
      pixel.offset = offset.data + image * offset.image_stride + at * offset.pixel_stride;
      pixel.mask = mask.data == nullptr ? nullptr : mask.data + image * mask.image_stride + at * mask.pixel_stride;
      if (++at == conv_.out_pixels()) {
        at = 0;
        ++image;
      }
    }
  }

  [[nodiscard]] DeformSample locate_sample(const Pixel& pixel, std::int64_t group, std::int64_t tap,
                                           std::int64_t channel) const {
    const std::int64_t index = group * conv_.window() + tap;
    const float* offset = pixel.offset + 2 * index * operands_.offset.channel_stride;
    const std::int64_t kh = tap / conv_.kernel[2];
    const std::int64_t kw = tap % conv_.kernel[2];
    const float y = static_cast<float>(pixel.y + kh * conv_.dilation[1]) + offset[0];
    const float x = static_cast<float>(pixel.x + kw * conv_.dilation[2]) + offset[operands_.offset.channel_stride];
    DeformSample sample;
    // Also false for NaN; beyond it the coordinates fit an integer.
    if (!(y > -1.F && y < static_cast<float>(conv_.in[1]) && x > -1.F && x < static_cast<float>(conv_.in[2]))) {
      sample.corner[0] = nullptr;
      return sample;
    }
    const auto floor_of = [](float value) {
      const auto whole = static_cast<std::int64_t>(value);
      return whole - (static_cast<float>(whole) > value ? 1 : 0);
    };
    const std::int64_t top = floor_of(y);
    const std::int64_t left = floor_of(x);
    const float v = y - static_cast<float>(top);
    const float u = x - static_cast<float>(left);
    const float factor = pixel.mask == nullptr ? 1.F : pixel.mask[index * operands_.mask.channel_stride];
    sample.weight[0] = (1.F - v) * (1.F - u) * factor;
    sample.weight[1] = (1.F - v) * u * factor;
    sample.weight[2] = v * (1.F - u) * factor;
    sample.weight[3] = v * u * factor;
    const bool has_top = top >= 0, has_bottom = top + 1 < conv_.in[1];
    const bool has_left = left >= 0, has_right = left + 1 < conv_.in[2];
    const float* first = pixel.image + (top * conv_.in[2] + left) * operands_.in_ld + channel;
    const std::int64_t line = conv_.in[2] * operands_.in_ld;
    sample.corner[0] = has_top && has_left ? first : kZeros;
    sample.corner[1] = has_top && has_right ? first + operands_.in_ld : kZeros;
    sample.corner[2] = has_bottom && has_left ? first + line : kZeros;
    sample.corner[3] = has_bottom && has_right ? first + line + operands_.in_ld : kZeros;
    return sample;
  }

  const DeformShape& shape_;
  const ConvShape& conv_;
  const DeformOperands& operands_;
  std::int64_t first_, pitch_;
  DeformSampleFn sample_;
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
  const DeformSampleFn sample = deform_sample_fn(panel);
  parallel.run(conv.groups * grid.tasks(), [&](std::int64_t task, int thread) {
    const std::int64_t group = task / grid.tasks();
    const std::int64_t channel = group * conv.group_out();
    const TaskGrid::Part part = grid.part(task % grid.tasks());
    const DeformRows source(shape, operands, group * conv.group_in(), copy_pitch(k), sample);
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
