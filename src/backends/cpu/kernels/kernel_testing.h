// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: seeded data, guarded buffers, the epilogue in double precision, comparison.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/pack.h"

namespace ingot::cpu::testing {

// 64-byte aligned storage with a guard after it: reads beyond give NaN, writes beyond are found by intact().
class Buffer {
 public:
  explicit Buffer(std::size_t floats) : size_(floats), data_(allocate(floats), &std::free) {
    std::fill(data_.get(), data_.get() + size_ + kGuard, std::numeric_limits<float>::quiet_NaN());
  }
  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  float& operator[](std::size_t i) { return data_.get()[i]; }
  const float& operator[](std::size_t i) const { return data_.get()[i]; }
  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(data_.get()); }
  [[nodiscard]] bool intact() const {
    return std::all_of(data_.get() + size_, data_.get() + size_ + kGuard, [](float x) { return std::isnan(x); });
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static float* allocate(std::size_t floats) {
    const std::size_t bytes = (floats + kGuard) * sizeof(float);
    return static_cast<float*>(std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment));
  }
  std::size_t size_;
  std::unique_ptr<float, decltype(&std::free)> data_;
};

inline Buffer scratch(std::size_t bytes) { return Buffer((bytes + sizeof(float) - 1) / sizeof(float)); }

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  float value() { return std::uniform_real_distribution<float>(-1.F, 1.F)(engine_); }
  Buffer buffer(std::int64_t floats) {
    Buffer result(static_cast<std::size_t>(floats));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = value();
    return result;
  }
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }

 private:
  std::mt19937 engine_;
};

inline std::vector<int> panels() {
  std::vector<int> result;
  for (const int panel : {8, 16, 32})
    if (panel_supported(panel)) result.push_back(panel);
  return result;
}

// A sum in double with the bound of what fp32 in any order may make of it.
struct Sum {
  double value = 0;
  double magnitude = 0;
  std::int64_t terms = 0;
  void add(double x) {
    value += x;
    magnitude += std::fabs(x);
    ++terms;
  }
  void add(double a, double b) { add(a * b); }
  [[nodiscard]] double tolerance() const {
    return (static_cast<double>(terms) + 2) * std::numeric_limits<float>::epsilon() * magnitude + 1e-30;
  }
};

// Which parts of the epilogue a case uses; operands are made for `rows` x `cols`.
struct EpilogueCase {
  bool bias = false;
  bool row_bias = false;
  bool residual = false;
  bool in_place = false;  // the residual is the output
  bool clamp = false;
  bool row_fn = false;
};

inline std::vector<EpilogueCase> epilogue_cases() {
  return {{},
          {.bias = true},
          {.row_bias = true},
          {.residual = true},
          {.clamp = true},
          {.row_fn = true},
          {.bias = true, .residual = true, .in_place = true, .clamp = true},
          {.bias = true, .row_bias = true, .residual = true, .clamp = true, .row_fn = true}};
}

class EpilogueFixture {
 public:
  EpilogueFixture(const EpilogueCase& which, std::int64_t rows, std::int64_t cols, Random& random)
      : which_(which),
        cols_(cols),
        residual_ld_(cols + 3),
        bias_(random.buffer(cols)),
        row_bias_(random.buffer(rows)),
        residual_(random.buffer(rows * residual_ld_)) {}

  // `out` [rows][ld] gets the residual when the case is in place.
  Epilogue make(Buffer& out, std::int64_t rows, std::int64_t ld) {
    Epilogue e;
    if (which_.bias) e.bias = bias_.data();
    if (which_.row_bias) e.row_bias = row_bias_.data();
    if (which_.residual) {
      e.residual = which_.in_place ? out.data() : residual_.data();
      e.residual_stride = which_.in_place ? ld : residual_ld_;
      if (which_.in_place)
        for (std::int64_t r = 0; r < rows; ++r)
          std::copy_n(residual_.data() + r * residual_ld_, cols_, out.data() + r * ld);
    }
    if (which_.clamp) {
      e.clamp_min = -0.25F;
      e.clamp_max = 0.75F;
    }
    if (which_.row_fn) e.row_fn = twist;
    return e;
  }

  [[nodiscard]] double expected(Sum& sum, std::int64_t row, std::int64_t col) const {
    if (which_.bias) sum.add(at(bias_, col));
    if (which_.row_bias) sum.add(at(row_bias_, row));
    if (which_.residual) sum.add(at(residual_, row * residual_ld_ + col));
    double x = sum.value;
    if (which_.clamp) x = std::clamp(x, -0.25, 0.75);
    if (which_.row_fn) x = x * 0.5 + static_cast<double>(row % 13) + static_cast<double>(col % 7);
    return x;
  }

 private:
  static double at(const Buffer& b, std::int64_t i) { return static_cast<double>(b[static_cast<std::size_t>(i)]); }
  static void twist(const void*, const Epilogue::Piece& piece) {
    for (std::int64_t r = 0; r < piece.rows; ++r) {
      float* row = piece.data + r * piece.stride;
      for (std::int64_t i = 0; i < piece.count; ++i)
        row[i] = row[i] * 0.5F + static_cast<float>((piece.row_index + r) % 13) +
                 static_cast<float>((piece.col_begin + i) % 7);
    }
  }

  EpilogueCase which_;
  std::int64_t cols_;
  std::int64_t residual_ld_;
  Buffer bias_;
  Buffer row_bias_;
  Buffer residual_;
};

// Compares [rows][ld] with `reference(row, col)` -> Sum and checks that nothing else was written.
template <typename Reference>
::testing::AssertionResult matches(const Buffer& out, std::int64_t rows, std::int64_t cols, std::int64_t ld,
                                   const EpilogueFixture& epilogue, Reference&& reference, double factor = 1) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < ld; ++c) {
      const float got = out[static_cast<std::size_t>(r * ld + c)];
      if (c >= cols) {
        if (!std::isnan(got)) return ::testing::AssertionFailure() << "gap written at row " << r << " column " << c;
        continue;
      }
      Sum sum = reference(r, c);
      const double want = epilogue.expected(sum, r, c);
      const double tolerance = factor * sum.tolerance() + 2 * std::numeric_limits<float>::epsilon() * std::fabs(want);
      if (!(std::fabs(static_cast<double>(got) - want) <= tolerance))
        return ::testing::AssertionFailure()
               << "row " << r << " column " << c << ": " << got << ", want " << want << " within " << tolerance;
    }
  }
  if (!out.intact()) return ::testing::AssertionFailure() << "written beyond the end";
  return ::testing::AssertionSuccess();
}

}  // namespace ingot::cpu::testing
