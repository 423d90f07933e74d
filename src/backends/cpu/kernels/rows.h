// SPDX-License-Identifier: Apache-2.0
// Kernels on rows of f32: normalisation, softmax and reductions. No alignment needed; outputs may lie over inputs where
// said. Single-threaded, stateless.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// out = (x - mean) / sqrt(variance + epsilon) * scale + bias; bias may be null. With `rms` the mean is taken as zero.
// out may be x.
void normalise_row(const float* x, std::int64_t n, const float* scale, const float* bias, float epsilon, bool rms,
                   float* out);

// One mean and variance over `channels` planes of `pixels` elements that lie one after the other; scale and bias per
// plane. out may be x.
void normalise_planes(const float* x, std::int64_t channels, std::int64_t pixels, const float* scale, const float* bias,
                      float epsilon, float* out);

// out may be x.
void softmax_row(const float* x, std::int64_t n, float* out);
void log_softmax_row(const float* x, std::int64_t n, float* out);

// The scores of one query, in place: softmax(x * scale + mask) over n keys. mask: one float per key, null for none;
// keep: one boolean per key, null for none. All zeros when no key may be seen.
void attention_row(float* x, std::int64_t n, float scale, const float* mask, const std::uint8_t* keep);

enum class Combine : std::uint8_t { sum, max, min, sum_squares, sum_abs, product };

// The value of an empty reduction.
float combine_start(Combine how);
float combine_row(Combine how, const float* x, std::int64_t n);
// out[i] = rows[0][i] (+) rows[1][i] (+) ...; with `accumulate` the old out[i] takes part (squares and magnitudes are
// of the rows only).
void combine_rows(Combine how, const float* const* rows, std::int64_t count, std::int64_t n, bool accumulate,
                  float* out);

// out = x * factor + addend, per element of the row; out may be x.
void scale_shift_row(const float* x, std::int64_t n, const float* factor, const float* addend, float* out);
// x *= factor.
void scale_row(float* x, std::int64_t n, float factor);

}  // namespace ingot::cpu
