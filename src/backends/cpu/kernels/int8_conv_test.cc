// SPDX-License-Identifier: Apache-2.0
// Integer convolutions against the plain sum, for every instruction set of this machine.
#include "backends/cpu/kernels/int8_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/kernels/int8_depthwise.h"
#include "backends/cpu/kernels/pack.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

template <typename T>
T* aligned(std::vector<std::byte>& memory, std::size_t count) {
  memory.assign(count * sizeof(T) + 2 * kAlignment, std::byte{0x5A});
  auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return reinterpret_cast<T*>((address + kAlignment - 1) / kAlignment * kAlignment);
}

struct Case {
  ConvShape shape;
  bool x_signed = false, w_signed = true, w_zeros = false, bias = true, extreme = false;
  std::int32_t x_zero = 0;
};

ConvShape image(std::int64_t batch, std::int64_t channels, std::int64_t out_channels, std::int64_t size,
                std::int64_t kernel, std::int64_t stride, std::int64_t pad, std::int64_t groups = 1,
                std::int64_t dilation = 1) {
  ConvShape shape;
  shape.batch = batch;
  shape.in_channels = channels;
  shape.out_channels = out_channels;
  shape.groups = groups;
  for (const std::size_t axis : {1U, 2U}) {
    shape.in[axis] = size + static_cast<std::int64_t>(axis);
    shape.kernel[axis] = kernel;
    shape.stride[axis] = stride;
    shape.dilation[axis] = dilation;
    shape.pad_begin[axis] = pad;
    shape.out[axis] = (shape.in[axis] + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
  }
  return shape;
}

class Fixture {
 public:
  Fixture(const Case& c, std::uint32_t seed) : case_(c), random_(seed) {
    const ConvShape& s = c.shape;
    x_ = bytes(s.batch * s.in_pixels() * s.in_channels, c.x_signed);
    w_ = bytes(s.out_channels * s.group_in() * s.window(), c.w_signed);
    bias_.resize(static_cast<std::size_t>(int8_padded_columns(s.out_channels)));
    zeros_.assign(bias_.size(), 0);
    for (std::int64_t i = 0; i < s.out_channels; ++i) {
      bias_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(random_() % 20001) - 10000;
      if (c.w_zeros) {
        const auto zero = static_cast<std::int32_t>(random_() % 256) - (c.w_signed ? 128 : 0);
        zeros_[static_cast<std::size_t>(i)] = int8_stored_zero(zero, c.w_signed);
      } else {
        zeros_[static_cast<std::size_t>(i)] = int8_stored_zero(0, c.w_signed);
      }
    }
    expect();
  }

  // The plain sums [pixels][out_channels], modulo 2^32.
  [[nodiscard]] const std::vector<std::int32_t>& expected() const { return expected_; }
  [[nodiscard]] std::size_t outputs() const { return expected_.size(); }

  void run(const Int8Kernels& kernels, const Int8Output& output, int threads) const {
    const ConvShape& s = case_.shape;
    std::vector<std::byte> packed_memory, sums_memory, scratch_memory;
    if (int8_depthwise_supports(s)) {
      run_depthwise(kernels, output, threads);
      return;
    }
    auto* packed = aligned<std::int8_t>(packed_memory, int8_conv_packed_bytes(s, kernels));
    auto* sums = aligned<std::int32_t>(sums_memory, static_cast<std::size_t>(int8_padded_columns(s.out_channels)));
    int8_conv_pack(s, {w_.data(), case_.w_signed, s.group_in() * s.window(), s.window()}, kernels, packed, sums);
    Int8ConvArgs args;
    args.x = x_.data();
    args.x_signed = case_.x_signed;
    args.x_zero = case_.x_zero;
    args.packed = packed;
    args.sums = sums;
    args.zeros = case_.w_zeros || !case_.w_signed ? zeros_.data() : nullptr;
    args.bias = case_.bias ? bias_.data() : nullptr;
    ThreadPool pool(threads);
    const std::size_t bytes = int8_conv_scratch_bytes(s, kernels, output.program != nullptr, threads);
    auto* scratch = aligned<std::byte>(scratch_memory, bytes);
    int8_conv(s, args, kernels, output, scratch, pool);
    for (std::size_t i = 0; i < kAlignment / 2; ++i) EXPECT_EQ(scratch[bytes + i], std::byte{0x5A});
  }

 private:
  std::vector<std::uint8_t> bytes(std::int64_t count, bool is_signed) {
    std::vector<std::uint8_t> data(static_cast<std::size_t>(count));
    for (auto& value : data)
      value = case_.extreme ? static_cast<std::uint8_t>(is_signed ? 0x80 : 0xFF) : static_cast<std::uint8_t>(random_());
    return data;
  }
  // Bytes where the weights less their zero points are such, and the form that takes any.
  void run_depthwise(const Int8Kernels& kernels, const Int8Output& output, int threads) const {
    const ConvShape& s = case_.shape;
    std::vector<std::int32_t> zeros = zeros_;
    for (std::int32_t& zero : zeros) zero += case_.w_signed ? 0 : 128;
    const bool wide = case_.w_zeros || !case_.w_signed || threads > 1;
    std::vector<std::byte> packed_memory, sums_memory, scratch_memory;
    auto* packed = aligned<std::byte>(packed_memory, int8_depthwise_packed_bytes(s, kernels, wide));
    auto* sums = aligned<std::int32_t>(sums_memory, static_cast<std::size_t>(int8_padded_columns(s.out_channels)));
    int8_depthwise_pack(s, w_.data(), case_.w_signed, zeros.data(), kernels, wide, packed, sums);
    Int8ConvArgs args;
    args.x = x_.data();
    args.x_signed = case_.x_signed;
    args.x_zero = case_.x_zero;
    args.packed = reinterpret_cast<const std::int8_t*>(packed);
    args.sums = sums;
    args.bias = case_.bias ? bias_.data() : nullptr;
    ThreadPool pool(threads);
    const std::size_t bytes = int8_depthwise_scratch_bytes(s, output.program != nullptr, threads);
    auto* scratch = aligned<std::byte>(scratch_memory, bytes);
    int8_depthwise(s, args, kernels, wide, output, scratch, pool);
    for (std::size_t i = 0; i < kAlignment / 2; ++i) EXPECT_EQ(scratch[bytes + i], std::byte{0x5A});
  }
  static std::int64_t number(std::uint8_t byte, bool is_signed) {
    return is_signed ? std::int64_t{static_cast<std::int8_t>(byte)} : std::int64_t{byte};
  }

  void expect() {
    const ConvShape& s = case_.shape;
    for (std::int64_t b = 0; b < s.batch; ++b)
      for (std::int64_t h = 0; h < s.out[1]; ++h)
        for (std::int64_t w = 0; w < s.out[2]; ++w)
          for (std::int64_t m = 0; m < s.out_channels; ++m) expected_.push_back(sum_at(b, h, w, m));
  }
  [[nodiscard]] std::int32_t sum_at(std::int64_t b, std::int64_t h, std::int64_t w, std::int64_t m) const {
    const ConvShape& s = case_.shape;
    const std::int64_t zero = zeros_[static_cast<std::size_t>(m)] + (case_.w_signed ? 0 : 128);
    std::int64_t sum = case_.bias ? bias_[static_cast<std::size_t>(m)] : 0;
    for (std::int64_t kh = 0; kh < s.kernel[1]; ++kh)
      for (std::int64_t kw = 0; kw < s.kernel[2]; ++kw) {
        const std::int64_t y = h * s.stride[1] - s.pad_begin[1] + kh * s.dilation[1];
        const std::int64_t x = w * s.stride[2] - s.pad_begin[2] + kw * s.dilation[2];
        if (y < 0 || y >= s.in[1] || x < 0 || x >= s.in[2]) continue;
        for (std::int64_t c = 0; c < s.group_in(); ++c) {
          const std::int64_t channel = m / s.group_out() * s.group_in() + c;
          const auto at = static_cast<std::size_t>(((b * s.in[1] + y) * s.in[2] + x) * s.in_channels + channel);
          const auto weight = static_cast<std::size_t>((m * s.group_in() + c) * s.window() + kh * s.kernel[2] + kw);
          sum += (number(x_[at], case_.x_signed) - case_.x_zero) * (number(w_[weight], case_.w_signed) - zero);
        }
      }
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
  }

  Case case_;
  std::mt19937 random_;
  std::vector<std::uint8_t> x_, w_;
  std::vector<std::int32_t> bias_, zeros_, expected_;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  // {batch, channels, out channels, size, kernel, stride, padding, groups, dilation}
  const ConvShape shapes[] = {
      image(1, 3, 33, 9, 3, 2, 1),      image(2, 3, 8, 11, 7, 2, 3),         image(1, 64, 64, 7, 3, 1, 1),
      image(2, 64, 37, 5, 1, 1, 0),     image(1, 128, 96, 6, 3, 2, 1),       image(1, 65, 5, 4, 3, 1, 1),
      image(1, 24, 24, 7, 3, 1, 1, 4),  image(1, 128, 64, 5, 3, 1, 2, 2, 2), image(1, 20, 10, 6, 5, 3, 4),
      image(1, 1, 1, 3, 1, 1, 0),       image(1, 2, 3, 3, 2, 1, 0),          image(1, 32, 16, 9, 3, 1, 2, 1, 2),
      image(2, 70, 70, 6, 3, 1, 1, 70), image(1, 16, 16, 9, 5, 2, 2, 16),    image(1, 130, 130, 5, 3, 2, 0, 130),
      image(1, 5, 5, 3, 1, 1, 0, 5),    int8_matmul_shape(1, 1, 1),          int8_matmul_shape(1, 70, 257),
      int8_matmul_shape(13, 33, 0),     int8_matmul_shape(37, 65, 4099),     int8_matmul_shape(25, 64, 2048),
      int8_matmul_shape(7, 31, 66),     int8_matmul_shape(3, 129, 63)};
  int turn = 0;
  for (const ConvShape& shape : shapes)
    for (const bool x_signed : {false, true})
      for (const bool w_signed : {true, false}) {
        Case c{shape, x_signed, w_signed};
        c.w_zeros = turn % 2 == 0;
        c.bias = turn % 3 != 0;
        const std::int32_t ends[] = {0, 255, 131};
        c.x_zero = ends[turn % 3] - (x_signed ? 128 : 0);
        c.extreme = turn % 5 == 4;
        ++turn;
        all.push_back(c);
      }
  return all;
}

TEST(Int8Conv, SumsAreExact) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const Case& c : cases()) {
    const Fixture fixture(c, seed);
    for (const Int8Choice& choice : int8_choices()) {
      if (!choice.supported) continue;
      for (const int threads : {1, 3}) {
        std::vector<std::int32_t> got(fixture.outputs() + 1, 12345);
        Int8Output output;
        output.data = got.data();
        output.ld = c.shape.out_channels;
        fixture.run(*choice.kernels, output, threads);
        EXPECT_EQ(got.back(), 12345);
        got.pop_back();
        EXPECT_EQ(got, fixture.expected()) << choice.kernels->name << ": " << c.shape.in_channels << " channels, "
                                           << c.shape.out_channels << " outputs, window " << c.shape.kernel[2];
      }
    }
  }
}

// One product reaches the limits of the 16-bit pairs that some instructions would saturate.
TEST(Int8Conv, NothingSaturates) {
  for (const std::int64_t k : {1, 2, 3, 4, 5, 1000})
    for (const Int8Choice& choice : int8_choices()) {
      if (!choice.supported) continue;
      Case c{int8_matmul_shape(1, 1, k)};
      c.extreme = true;
      c.bias = false;
      const Fixture fixture(c, 1);
      std::int32_t got = 0;
      Int8Output output;
      output.data = &got;
      output.ld = 1;
      fixture.run(*choice.kernels, output, 1);
      EXPECT_EQ(got, -128 * 255 * k) << choice.kernels->name;
    }
}

// Two stages as a quantised sum has them: round, then add a residual and round again.
TEST(Int8Conv, Stages) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const DType type : {DType::u8, DType::i8, DType::f32})
    for (const DType residual_type : {DType::undefined, DType::u8, DType::i8, DType::f32})
      for (const Int8Choice& choice : int8_choices()) {
        if (!choice.supported) continue;
        Case c{image(1, 32, 37, 6, 3, 1, 1)};
        c.x_zero = 7;
        const Fixture fixture(c, seed);
        std::mt19937 random(seed + 1);
        const std::size_t count = fixture.outputs();
        const auto columns = static_cast<std::size_t>(int8_padded_columns(37));
        std::vector<float> scale(columns), shift(columns), ones(columns, 1.F);
        for (std::size_t i = 0; i < columns; ++i) {
          scale[i] = std::ldexp(static_cast<float>(random() % 15 + 1), -13);
          shift[i] = static_cast<float>(random() % 64) / 8;
        }
        std::vector<float> real(count);
        std::vector<std::uint8_t> small(count);
        for (std::size_t i = 0; i < count; ++i) {
          small[i] = static_cast<std::uint8_t>(random());
          real[i] = static_cast<float>(random() % 512) / 16 - 16;
        }
        Int8Stage stages[2];
        stages[0] = {.scale = scale.data(),
                     .shift = shift.data(),
                     .low = 0,
                     .high = 1000,
                     .rounds = true,
                     .zero = 3,
                     .q_low = 0,
                     .q_high = 255};
        stages[1] = {.scale = ones.data(),
                     .residual_type = residual_type,
                     .residual_stride = 37,
                     .residual_scale = 0.5F,
                     .low = -1e30F,
                     .high = 1e30F,
                     .rounds = type != DType::f32,
                     .zero = -100,
                     .q_low = type == DType::u8 ? 0.F : -128.F,
                     .q_high = type == DType::u8 ? 255.F : 127.F};
        if (residual_type != DType::undefined)
          stages[1].residual = residual_type == DType::f32 ? static_cast<const void*>(real.data()) : small.data();
        std::vector<float> got_floats(count + 1, 99.F);
        std::vector<std::uint8_t> got_bytes(count + 1, 99);
        Int8Output output;
        output.data = type == DType::f32 ? static_cast<void*>(got_floats.data()) : got_bytes.data();
        output.ld = 37;
        output.type = type;
        output.stages = stages;
        output.stage_count = 2;
        fixture.run(*choice.kernels, output, 2);
        EXPECT_EQ(got_floats.back(), 99.F);
        EXPECT_EQ(got_bytes.back(), 99);
        for (std::size_t i = 0; i < count; ++i) {
          // Every number here is exact in f32, so the order of the sums does not matter.
          double v = static_cast<double>(fixture.expected()[i]) * scale[i % 37] + shift[i % 37];
          v = std::clamp(std::nearbyint(std::clamp(v, 0.0, 1000.0)) + 3, 0.0, 255.0);
          if (residual_type == DType::f32) v += 0.5 * real[i];
          if (residual_type == DType::u8) v += 0.5 * small[i];
          if (residual_type == DType::i8) v += 0.5 * static_cast<std::int8_t>(small[i]);
          if (type == DType::f32) {
            ASSERT_EQ(got_floats[i], v) << choice.kernels->name << " at " << i;
            continue;
          }
          v = std::clamp(std::nearbyint(v) - 100, double{stages[1].q_low}, double{stages[1].q_high});
          const int got = type == DType::u8 ? int{got_bytes[i]} : int{static_cast<std::int8_t>(got_bytes[i])};
          ASSERT_EQ(got, static_cast<int>(v)) << choice.kernels->name << " at " << i;
        }
      }
}

}  // namespace
}  // namespace ingot::cpu
