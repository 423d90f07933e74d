// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/depthwise.h"

#include <algorithm>

#include "backends/cpu/kernels/depthwise_block.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kVector = 16;  // floats in the widest vector
constexpr std::int64_t kWidths[] = {kMaxDepthwiseBlock, 3, 1};

std::int64_t weight_pitch(const ConvShape& shape) { return round_up(shape.out_channels, kVector); }
std::int64_t window_lines(const ConvShape& shape) { return shape.kernel[0] * shape.kernel[1]; }

std::int64_t max_columns(const ConvShape& shape) {
  return (kMaxDepthwiseBlock - 1) * shape.stride[2] + shape.kernel[2];
}

std::int64_t table_entries(const ConvShape& shape) {
  return round_up(window_lines(shape) * (max_columns(shape) + 3), 8);
}

// Lines of the window that lie in the image, for one output line.
struct Lines {
  const float** pixels;   // [lines][columns]
  const float** weights;  // [lines]
  const float** inputs;   // [lines], at w = 0
  std::int64_t count = 0;

  Lines(const ConvShape& shape, std::byte* scratch)
      : pixels(reinterpret_cast<const float**>(scratch)),
        weights(pixels + window_lines(shape) * max_columns(shape)),
        inputs(weights + window_lines(shape)) {}
};

class Depthwise {
 public:
  Depthwise(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
            std::int64_t out_ld, const Epilogue& epilogue, const float* zeros)
      : shape_(shape),
        in_(in),
        in_ld_(in_ld),
        packed_(packed),
        out_(out),
        out_ld_(out_ld),
        epilogue_(epilogue),
        zeros_(zeros) {
    for (std::size_t i = 0; i < std::size(kWidths); ++i)
      kernels_[i] = depthwise_kernel(panel, shape.kernel[2], shape.stride[2], shape.dilation[2], kWidths[i]);
  }

  // Output line `line` (of all images), channels [begin, end).
  void run_line(std::int64_t line, std::int64_t begin, std::int64_t end, std::byte* scratch) const {
    Lines lines(shape_, scratch);
    find_lines(line, begin, lines);
    DepthwiseBlock block;
    block.pixels = lines.pixels;
    block.weights = lines.weights;
    block.weight_pitch = weight_pitch(shape_);
    block.lines = lines.count;
    block.kernel_w = shape_.kernel[2];
    block.channels = end - begin;
    block.out_ld = out_ld_;
    block.col_index = begin;
    for (std::int64_t w = 0; w < shape_.out[2];) {
      std::size_t choice = 0;
      while (kernels_[choice] == nullptr || w + kWidths[choice] > shape_.out[2]) ++choice;
      const std::int64_t width = kWidths[choice];
      fill_pixels(lines, w, width, block);
      block.row_index = line * shape_.out[2] + w;
      block.out = out_ + block.row_index * out_ld_ + begin;
      kernels_[choice](block, epilogue_);
      if (epilogue_.row_fn != nullptr)
        epilogue_.row_fn(epilogue_.row_ctx, {block.out, width, out_ld_, end - begin, block.row_index, begin});
      w += width;
    }
  }

 private:
  void find_lines(std::int64_t line, std::int64_t channel, Lines& lines) const {
    const std::int64_t h0 = line % shape_.out[1] * shape_.stride[1] - shape_.pad_begin[1];
    const std::int64_t d0 = line / shape_.out[1] % shape_.out[0] * shape_.stride[0] - shape_.pad_begin[0];
    const std::int64_t image = line / (shape_.out[1] * shape_.out[0]);
    for (std::int64_t i = 0; i < window_lines(shape_); ++i) {
      const std::int64_t d = d0 + i / shape_.kernel[1] * shape_.dilation[0];
      const std::int64_t h = h0 + i % shape_.kernel[1] * shape_.dilation[1];
      if (d < 0 || d >= shape_.in[0] || h < 0 || h >= shape_.in[1]) continue;
      lines.weights[lines.count] = packed_ + i * shape_.kernel[2] * weight_pitch(shape_) + channel;
      lines.inputs[lines.count] =
          in_ + ((image * shape_.in[0] + d) * shape_.in[1] + h) * shape_.in[2] * in_ld_ + channel;
      ++lines.count;
    }
  }

  void fill_pixels(const Lines& lines, std::int64_t w, std::int64_t width, DepthwiseBlock& block) const {
    const std::int64_t step = width == 1 ? shape_.dilation[2] : 1;
    block.columns = (width - 1) * shape_.stride[2] + shape_.kernel[2];
    const std::int64_t start = w * shape_.stride[2] - shape_.pad_begin[2];
    const bool inside = start >= 0 && start + (block.columns - 1) * step < shape_.in[2];
    const float** pixel = lines.pixels;
    for (std::int64_t line = 0; line < lines.count; ++line) {
      if (inside) {
        const float* p = lines.inputs[line] + start * in_ld_;
        for (std::int64_t x = 0; x < block.columns; ++x, p += step * in_ld_) *pixel++ = p;
        continue;
      }
      for (std::int64_t x = 0; x < block.columns; ++x) {
        const std::int64_t at = start + x * step;
        *pixel++ = at >= 0 && at < shape_.in[2] ? lines.inputs[line] + at * in_ld_ : zeros_;
      }
    }
  }

  const ConvShape& shape_;
  const float* in_;
  std::int64_t in_ld_;
  const float* packed_;
  float* out_;
  std::int64_t out_ld_;
  const Epilogue& epilogue_;
  const float* zeros_;
  DepthwiseFn kernels_[std::size(kWidths)];
};

// Any multiplier, one output pixel at a time.
void run_pixel(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, float* out,
               std::int64_t row, const Epilogue& e) {
  const std::int64_t outputs = shape.out_channels;
  const std::int64_t multiplier = outputs / shape.in_channels;
  for (std::int64_t c = 0; c < outputs; ++c) {
    float x = e.bias != nullptr ? e.bias[c] : 0.F;
    if (e.row_bias != nullptr) x += e.row_bias[row];
    if (e.residual != nullptr) x += e.residual[row * e.residual_stride + c];
    out[c] = x;
  }
  const std::int64_t image = row / shape.out_pixels();
  const std::int64_t start[3] = {
      row / (shape.out[1] * shape.out[2]) % shape.out[0] * shape.stride[0] - shape.pad_begin[0],
      row / shape.out[2] % shape.out[1] * shape.stride[1] - shape.pad_begin[1],
      row % shape.out[2] * shape.stride[2] - shape.pad_begin[2]};
  for (std::int64_t tap = 0; tap < shape.window(); ++tap) {
    const std::int64_t d = start[0] + tap / (shape.kernel[1] * shape.kernel[2]) * shape.dilation[0];
    const std::int64_t h = start[1] + tap / shape.kernel[2] % shape.kernel[1] * shape.dilation[1];
    const std::int64_t w = start[2] + tap % shape.kernel[2] * shape.dilation[2];
    if (d < 0 || d >= shape.in[0] || h < 0 || h >= shape.in[1] || w < 0 || w >= shape.in[2]) continue;
    const float* pixel = in + (((image * shape.in[0] + d) * shape.in[1] + h) * shape.in[2] + w) * in_ld;
    const float* weights = packed + tap * weight_pitch(shape);
    for (std::int64_t c = 0; c < shape.in_channels; ++c)
      for (std::int64_t j = 0; j < multiplier; ++j) out[c * multiplier + j] += pixel[c] * weights[c * multiplier + j];
  }
  if (e.clamps_low() || e.clamps_high())
    for (std::int64_t c = 0; c < outputs; ++c) out[c] = std::min(std::max(out[c], e.clamp_min), e.clamp_max);
  if (e.row_fn != nullptr) e.row_fn(e.row_ctx, {out, 1, outputs, outputs, row, 0});
}

}  // namespace

bool depthwise_supports(const ConvShape& shape) {
  return shape.groups == shape.in_channels && shape.in_channels > 0 && shape.out_channels % shape.in_channels == 0;
}

std::size_t depthwise_packed_bytes(const ConvShape& shape, int /*panel*/) {
  return static_cast<std::size_t>(shape.window() * weight_pitch(shape)) * sizeof(float);
}

void depthwise_pack(const ConvShape& shape, const float* weights, int /*panel*/, float* packed) {
  const std::int64_t window = shape.window();
  for (std::int64_t tap = 0; tap < window; ++tap)
    for (std::int64_t c = 0; c < weight_pitch(shape); ++c)
      *packed++ = c < shape.out_channels ? weights[c * window + tap] : 0.F;
}

std::size_t depthwise_scratch_bytes(const ConvShape& shape, std::int64_t /*in_ld*/, int /*panel*/, int threads) {
  return static_cast<std::size_t>(weight_pitch(shape)) * sizeof(float) +
         static_cast<std::size_t>(threads * table_entries(shape)) * sizeof(const float*);
}

void depthwise(const ConvShape& shape, const float* in, std::int64_t in_ld, const float* packed, int panel, float* out,
               std::int64_t out_ld, const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
  const std::int64_t lines = shape.batch * shape.out[0] * shape.out[1];
  const std::int64_t wanted = parallel.threads() == 1 ? 1 : 4 * parallel.threads();
  const std::int64_t line_chunks = std::min(lines, wanted);
  if (line_chunks <= 0) return;
  if (shape.out_channels != shape.in_channels) {
    parallel.run(line_chunks, [&](std::int64_t task, int) {
      const std::int64_t end = (task + 1) * lines / line_chunks * shape.out[2];
      for (std::int64_t row = task * lines / line_chunks * shape.out[2]; row < end; ++row)
        run_pixel(shape, in, in_ld, packed, out + row * out_ld, row, epilogue);
    });
    return;
  }
  const std::int64_t vectors = ceil_div(shape.in_channels, kVector);
  const std::int64_t channel_chunks = std::min(vectors, ceil_div(wanted, line_chunks));
  auto* zeros = reinterpret_cast<float*>(scratch);
  std::fill(zeros, zeros + weight_pitch(shape), 0.F);
  std::byte* tables = scratch + static_cast<std::size_t>(weight_pitch(shape)) * sizeof(float);
  const std::size_t per_thread = static_cast<std::size_t>(table_entries(shape)) * sizeof(const float*);
  const Depthwise kernel(shape, in, in_ld, packed, panel, out, out_ld, epilogue, zeros);
  parallel.run(line_chunks * channel_chunks, [&](std::int64_t task, int thread) {
    const std::int64_t chunk = task / line_chunks;
    const std::int64_t begin = chunk * vectors / channel_chunks * kVector;
    const std::int64_t end = std::min(shape.in_channels, (chunk + 1) * vectors / channel_chunks * kVector);
    const std::int64_t part = task % line_chunks;
    for (std::int64_t line = part * lines / line_chunks; line < (part + 1) * lines / line_chunks; ++line)
      kernel.run_line(line, begin, end, tables + static_cast<std::size_t>(thread) * per_thread);
  });
}

}  // namespace ingot::cpu
