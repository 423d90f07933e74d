// SPDX-License-Identifier: Apache-2.0
// MatMul, Conv and DeformConv problems as what the tile engine (kernels/tile_gemm.cu) computes.
#pragma once

#include "backends/cuda/kernels/params.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

// The values are those of the kernel's A_MODE and B_MODE.
enum class ModeA : std::uint8_t { kRows = 0, kWindow = 1, kElements = 2, kDeform = 3, kAny = 4 };
enum class ModeB : std::uint8_t { kNK = 0, kKN = 1, kNKAny = 2, kKNAny = 3 };

struct GemmShape {
  ModeA a = ModeA::kRows;
  ModeB b = ModeB::kNK;
  bool a_columns = false;       // A is stored transposed
  bool weights_packed = false;  // B is constant, packed as [group][n][k rounded up to a chunk]
  std::int64_t batches = 1;     // or groups
  std::size_t bias_input = 2;
  ingot_cuda::GemmParams params{};  // all sizes and strides; no pointers, tiles or epilogue

  [[nodiscard]] bool aligned() const { return a != ModeA::kAny && b != ModeB::kNKAny && b != ModeB::kKNAny; }
};

// Elements in 16 bytes.
std::int64_t chunk_of(DType type);

// `force_any` asks for the forms that work without alignment.
Result<GemmShape> gemm_shape(const Problem& problem, std::span<const Operand> inputs, std::span<const Operand> outputs,
                             bool force_any);

// A convolution's weights [rows, channels, taps...] as rows of `pitch` elements, taps outside and channels inside.
Result<std::vector<std::byte>> pack_filter(const HostTensor& weights, std::int64_t pitch);

// The weights of a problem whose shape says weights_packed.
Result<Packed> pack_weights(const Problem& problem);

}  // namespace ingot::cuda
