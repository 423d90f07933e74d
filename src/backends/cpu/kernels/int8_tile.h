// SPDX-License-Identifier: Apache-2.0
// The register tiles of integer products, by instruction set: sums of u8 or s8 activations times s8 weights, exact in
// 32 bits (beyond which they wrap), and what turns the sums into results. Internal to the folder.
//
// Weights are stored as s8 in units of consecutive k: [k / unit][panel][unit], zeros behind the last k of a tap.
// Instruction sets that multiply unsigned by signed bytes ("vnni") store nothing else than what they are given; for
// them a signed activation counts as that number + 128 (`signed_offset`), which its zero point must then include. The
// others take activations widened to 16 bits: pairs of their products are exact in 32.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "backends/cpu/kernels/gemm_tile.h"
#include "tensor/dtype.h"

namespace ingot::cpu {

struct Int8Tile {
  const void* const* a = nullptr;  // [taps][kMaxTileRows]; bytes, or 16-bit integers where the kernels widen
  std::int64_t taps = 1;
  std::int64_t k = 0;              // per tap
  const std::int8_t* b = nullptr;  // the panel
  std::int32_t* sums = nullptr;    // [rows][panel], all columns of the panel
  int rows = 0;                    // 1..Int8Kernels::rows
  bool a_signed = false;           // ignored where the kernels widen
};

// One step from sums to results, each operation rounded to f32 in this order: v = (v - before) * scale + shift +
// (residual - residual_zero) * residual_scale, kept in [low, high], divided by `divisor`, and where `rounds`
// v = round(v) + zero, kept in [q_low, q_high] (rounding half to even).
// scale and shift have one value per column and may be read up to a panel beyond the last one.
struct Int8Stage {
  float before = 0;
  const float* scale = nullptr;
  const float* shift = nullptr;            // may be null
  const void* residual = nullptr;          // a matrix of the output's shape, or null
  DType residual_type = DType::undefined;  // f32, u8 or i8
  std::int64_t residual_stride = 0;
  float residual_zero = 0, residual_scale = 1;
  float low = 0, high = 0;
  float divisor = 1;
  bool rounds = false;
  float zero = 0, q_low = 0, q_high = 0;
};

inline constexpr int kMaxInt8Stages = 3;

// Sums of a depthwise convolution: each of up to kDepthwisePanel channels with weights of its own.
struct Int8DepthwiseTile {
  const std::uint8_t* const* a =
      nullptr;  // [taps][kMaxTileRows]; each points at the tile's first channel less a_offset
  std::int64_t a_offset = 0;
  std::int64_t taps = 1;
  const void* weights = nullptr;  // of the panel, as the kernel wants them
  std::int32_t* sums = nullptr;   // [rows][kDepthwisePanel]
  int rows = 0, cols = 0;
  bool a_signed = false;
};
inline constexpr int kDepthwisePanel = 64;

// From the sums of a tile to its place in the output.
struct Int8Finish {
  const std::int32_t* sums = nullptr;  // [rows][sums_stride]
  std::int64_t sums_stride = 0;
  int rows = 0, cols = 0;
  const std::int32_t* add = nullptr;       // one per column of the tile, added to its sums
  const std::int32_t* row_sums = nullptr;  // one per row: sum += row_sums[row] * row_factors[column]; or null
  const std::int32_t* row_factors = nullptr;
  const Int8Stage* stages = nullptr;          // up to kMaxInt8Stages
  int stage_count = 0;                        // none: results are integers
  void* out = nullptr;                        // of the tile's first element
  std::int64_t out_stride = 0;                // in elements
  DType out_type = DType::i32;                // i32 without stages; f32; u8 or i8 when the last stage rounds
  std::int64_t row_index = 0, col_index = 0;  // of the tile, for residuals and parameters of stages
};

struct Int8Kernels {
  std::string_view name;
  int panel = 0, rows = 0;
  int unit = 4;         // of k
  bool widens = false;  // activations as 16-bit integers
  void (*tile)(const Int8Tile& tile) = nullptr;
  void (*finish)(const Int8Finish& finish) = nullptr;
  // Weights: i32 [taps][kDepthwisePanel], any numbers of at most 9 bits.
  void (*depthwise)(const Int8DepthwiseTile& tile) = nullptr;
  // Null, or with stored bytes as weights: [taps / 4][4][16][4], where number e of lane l of vector j belongs to tap
  // 4 * block + e and channel 16 * (l / 4) + 4 * j + l % 4.
  void (*depthwise_bytes)(const Int8DepthwiseTile& tile) = nullptr;
  // k bytes as 16-bit integers, zeros up to a whole unit.
  void (*widen)(const std::uint8_t* in, std::int64_t k, bool is_signed, std::int16_t* out) = nullptr;
  // The sum of k bytes as the tile counts them (see signed_offset).
  std::int32_t (*row_sum)(const std::uint8_t* in, std::int64_t k, bool is_signed) = nullptr;

  // The least and the greatest of n numbers and those that are there already; NaN is neither.
  void (*extremes)(const float* x, std::int64_t n, float* low, float* high) = nullptr;
  // round(x / scale) + zero, saturated; rounding half to even. zero is an integer in [0, 255].
  void (*quantize)(const float* x, std::int64_t n, float scale, float zero, std::uint8_t* out) = nullptr;

  [[nodiscard]] int signed_offset() const { return widens ? 0 : 128; }
};

// All that this build has, best first; `supported` says whether this machine runs them.
struct Int8Choice {
  const Int8Kernels* kernels = nullptr;
  bool supported = false;
};
std::span<const Int8Choice> int8_choices();
// nullptr when there is none of that name or this machine cannot run it.
const Int8Kernels* int8_kernels(std::string_view name);
const Int8Kernels& best_int8_kernels();

}  // namespace ingot::cpu
