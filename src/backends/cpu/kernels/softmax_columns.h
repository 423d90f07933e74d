// SPDX-License-Identifier: Apache-2.0
// Softmax and LogSoftmax down the columns of a matrix.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// Of n columns of `length` elements each, `stride` apart in x and out alike; length > 0. out may be x.
void softmax_columns(const float* x, std::int64_t length, std::int64_t stride, std::int64_t n, bool log, float* out);

}  // namespace ingot::cpu
