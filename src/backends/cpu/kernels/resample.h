// SPDX-License-Identifier: Apache-2.0
// Weighted sums of rows, and of the elements of a row: one axis of an interpolation.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// out[i] = the sum over the taps of weights[t] * rows[t][i], for n elements; at least one tap.
void blend_rows(const float* const* rows, const float* weights, std::int64_t taps, std::int64_t n, float* out);

// out[i] = the sum over the taps of weights[t * n + i] * line[positions[t * n + i]]. A tap without weight counts for
// nothing, even where the line is not finite.
void blend_line(const float* line, const std::int32_t* positions, const float* weights, std::int64_t taps,
                std::int64_t n, float* out);

}  // namespace ingot::cpu
