// SPDX-License-Identifier: Apache-2.0
// How long a product takes with a tile of cuda.hopper_gemm: the order in which the tuner tries tiles, and the choice
// where there is no time to try them.
#pragma once

#include <cstdint>

namespace ingot::cuda {

struct HopperGuess {
  std::int64_t k_tiles = 0;     // of 64 elements
  std::int64_t blocks = 0;      // tiles of the output, all batches
  int splits = 1;               // parts of k
  int m = 0, n = 0;             // of a tile
  int blocks_at_once = 1;       // on a multiprocessor
  bool reads_operands = false;  // of the output's shape, in the epilogue
};

// Microseconds, on 132 multiprocessors.
double guess_microseconds(const HopperGuess& guess);

}  // namespace ingot::cuda
