// SPDX-License-Identifier: Apache-2.0
// What a fuzz target provides, in libFuzzer's terms, so that the same file links with libFuzzer (preset "fuzz") and with
// the small driver of this folder (every other build).
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

extern "C" {
// Runs the code under test on one input; a bug is a crash.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// Changes `data` in place, keeping its structure; returns the new size, at most `max_size`.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned int seed);
}

namespace ingot::fuzz {

using Random = std::minstd_rand;

// Uniform in [0, count); 0 for an empty range.
inline std::size_t pick(Random& random, std::size_t count) {
  return count == 0 ? 0 : std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

// Integers at which sizes and indices go wrong.
inline std::int64_t interesting_integer(Random& random) {
  constexpr std::int64_t kValues[] = {0,     1,     2,         3,          5,          7,         8,
                                      16,    17,    63,        64,         65,         127,       255,
                                      256,   1000,  65535,     65536,      2147483647, 2147483648, 4294967295,
                                      -1,    -2,    -3,        -64,        -2147483648, 1LL << 40, 1LL << 62,
                                      INT64_MAX, INT64_MIN};
  return kValues[pick(random, std::size(kValues))];
}

}  // namespace ingot::fuzz
