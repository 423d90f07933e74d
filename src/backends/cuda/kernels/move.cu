// SPDX-License-Identifier: Apache-2.0
// out[i] = in[table[first + i] - 1], and the element that fills (zero when there is none) where the table has 0.
template <typename T>
INGOT_INLINE void move(const ingot_cuda::MoveParams& p) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    const int from = p.table[p.first + unit];
    T value{};
    if (from > 0)
      value = static_cast<const T*>(p.in)[from - 1];
    else if (p.fill != nullptr)
      value = *static_cast<const T*>(p.fill);
    static_cast<T*>(p.out)[unit] = value;
  }
}
#define INGOT_MOVE_ENTRY(bytes, type)                                                                              \
  extern "C" __global__ void __launch_bounds__(256) move_##bytes(const __grid_constant__ ingot_cuda::MoveParams p) { \
    move<type>(p);                                                                                                 \
  }
INGOT_MOVE_ENTRY(1, unsigned char)
INGOT_MOVE_ENTRY(2, unsigned short)
INGOT_MOVE_ENTRY(4, unsigned)
INGOT_MOVE_ENTRY(8, unsigned long long)
INGOT_MOVE_ENTRY(16, uint4)
