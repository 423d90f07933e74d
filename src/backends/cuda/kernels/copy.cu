// SPDX-License-Identifier: Apache-2.0
// Copies of boxes between strided places, and filling. One module serves every type: only the element's size counts.
template <typename T>
INGOT_INLINE void copy_box(const ingot_cuda::CopyParams& p) {
  begin_dependent();
  const T* in = static_cast<const T*>(p.in) + p.in_offset;
  T* out = static_cast<T*>(p.out) + p.out_offset;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    unsigned rest = static_cast<unsigned>(unit);
    long long from = 0, to = 0;
    for (int d = p.rank - 1; d > 0; --d) {
      const unsigned dim = static_cast<unsigned>(p.dims[d]);
      const unsigned index = rest % dim;
      rest /= dim;
      from += index * p.in_strides[d];
      to += index * p.out_strides[d];
    }
    from += rest * p.in_strides[0];
    to += rest * p.out_strides[0];
    out[to] = in[from];
  }
}

// The last two dimensions [rows, columns] with out contiguous along columns and in along rows: squares through shared
// memory, so that both sides move whole lines. blockIdx.x: squares, blockIdx.y: the outer dimensions.
template <typename T>
INGOT_INLINE void copy_transposed(const ingot_cuda::CopyParams& p) {
  begin_dependent();
  constexpr int kSide = 32;
  __shared__ T square[kSide][kSide + 1];
  const int rows = p.dims[p.rank - 2], columns = p.dims[p.rank - 1];
  const int across = (columns + kSide - 1) / kSide;
  const int row0 = static_cast<int>(blockIdx.x) / across * kSide;
  const int column0 = static_cast<int>(blockIdx.x) % across * kSide;
  long long outer_count = 1;
  for (int d = 0; d < p.rank - 2; ++d) outer_count *= p.dims[d];
  for (long long outer = blockIdx.y; outer < outer_count; outer += gridDim.y) {
    unsigned rest = static_cast<unsigned>(outer);
    long long from = p.in_offset, to = p.out_offset;
    for (int d = p.rank - 3; d >= 0; --d) {
      const unsigned dim = static_cast<unsigned>(p.dims[d]);
      from += rest % dim * p.in_strides[d];
      to += rest % dim * p.out_strides[d];
      rest /= dim;
    }
    const T* in = static_cast<const T*>(p.in) + from;
    T* out = static_cast<T*>(p.out) + to;
    __syncthreads();
    for (int i = threadIdx.y; i < kSide; i += 8) {
      const int row = row0 + static_cast<int>(threadIdx.x), column = column0 + i;
      if (row < rows && column < columns)
        square[i][threadIdx.x] = in[row * p.in_strides[p.rank - 2] + column * p.in_strides[p.rank - 1]];
    }
    __syncthreads();
    for (int i = threadIdx.y; i < kSide; i += 8) {
      const int row = row0 + i, column = column0 + static_cast<int>(threadIdx.x);
      if (row < rows && column < columns)
        out[row * p.out_strides[p.rank - 2] + column * p.out_strides[p.rank - 1]] = square[threadIdx.x][i];
    }
  }
}

template <typename T>
INGOT_INLINE void fill(const ingot_cuda::FillParams& p) {
  begin_dependent();
  const T value = static_cast<T>(p.value);
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step)
    static_cast<T*>(p.out)[unit] = value;
}

#define INGOT_COPY_ENTRIES(bytes, type)                                                                               \
  extern "C" __global__ void __launch_bounds__(256) copy_##bytes(const __grid_constant__ ingot_cuda::CopyParams p) {  \
    copy_box<type>(p);                                                                                                \
  }                                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256)                                                                   \
      transpose_##bytes(const __grid_constant__ ingot_cuda::CopyParams p) {                                           \
    copy_transposed<type>(p);                                                                                         \
  }
#define INGOT_FILL_ENTRY(bytes, type)                                                                                \
  extern "C" __global__ void __launch_bounds__(256) fill_##bytes(const __grid_constant__ ingot_cuda::FillParams p) { \
    fill<type>(p);                                                                                                   \
  }
INGOT_COPY_ENTRIES(1, unsigned char)
INGOT_COPY_ENTRIES(2, unsigned short)
INGOT_COPY_ENTRIES(4, unsigned)
INGOT_COPY_ENTRIES(8, unsigned long long)
INGOT_COPY_ENTRIES(16, uint4)
INGOT_FILL_ENTRY(1, unsigned char)
INGOT_FILL_ENTRY(2, unsigned short)
INGOT_FILL_ENTRY(4, unsigned)
INGOT_FILL_ENTRY(8, unsigned long long)
