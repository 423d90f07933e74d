// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tensor_map.h"

#include <cstdlib>

namespace ingot::cuda {
namespace {

// CUtensorMapDataType, CUtensorMapSwizzle, CUtensorMapL2promotion
constexpr int kF16 = 6, kBF16 = 9, kSwizzle128 = 3, kPromote256 = 3;
constexpr unsigned kTileK = 64;

}  // namespace

bool TensorMapSpec::can_express() const {
  constexpr int kCorner = 128, kOffset = 255, kStride = 8;  // a corner is a signed byte, a tap's offset an unsigned one
  for (std::size_t i = 0; windows && i < 2; ++i) {
    // The last place shifts by less than a stride with the size of the image.
    const int most = kCorner - static_cast<int>(strides[i]);
    if (strides[i] > kStride || reach[i] > kOffset || std::abs(lower[i]) >= most || std::abs(upper[i]) >= most)
      return false;
  }
  return true;
}

Status encode(const Driver& api, const TensorMapSpec& spec, const void* base, ingot_cuda::TensorMap& map) {
  constexpr std::uintptr_t kAlignment = 16;
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  if (base == nullptr || address % kAlignment != 0)
    return invalid_argument(
        "an operand at {:#x}: kernels read it in pieces of {} bytes, which need an address that is a "
        "multiple of that",
        address, kAlignment);
  const unsigned rank = spec.windows ? 4 : 3;
  std::array<std::uint64_t, 4> sizes{};
  std::array<std::uint64_t, 3> pitches{};
  for (std::size_t i = 0; i < rank; ++i) sizes[i] = static_cast<std::uint64_t>(spec.sizes[i]);
  for (std::size_t i = 0; i + 1 < rank; ++i) pitches[i] = static_cast<std::uint64_t>(spec.pitches[i]) * 2;
  const int type = spec.dtype == DType::bf16 ? kBF16 : kF16;
  void* const data = const_cast<void*>(base);
  if (spec.windows) {
    const std::array<unsigned, 4> strides = {1, spec.strides[0], spec.strides[1], 1};
    INGOT_CUDA_RETURN_IF_ERROR(
        api,
        tensor_map_windows(&map, type, rank, data, sizes.data(), pitches.data(), spec.lower.data(), spec.upper.data(),
                           kTileK, spec.rows, strides.data(), 0, kSwizzle128, kPromote256, 0),
        "describing windows");
    return Status::ok();
  }
  const std::array<unsigned, 3> box = {kTileK, 1, spec.rows}, strides = {1, 1, 1};
  INGOT_CUDA_RETURN_IF_ERROR(api,
                             tensor_map_tiled(&map, type, rank, data, sizes.data(), pitches.data(), box.data(),
                                              strides.data(), 0, kSwizzle128, kPromote256, 0),
                             "describing rows");
  return Status::ok();
}

}  // namespace ingot::cuda
