// SPDX-License-Identifier: Apache-2.0
// Gather along one axis, in units of any size. An index outside the axis gives zeros: a device reports nothing.
// Units are counted in `Count`: 64-bit divisions would take longer than the copies.
template <typename T, typename Count>
INGOT_INLINE void gather_units(const ingot_cuda::GatherParams& p) {
  const Count step = static_cast<Count>(gridDim.x) * blockDim.x, all = static_cast<Count>(p.units);
  for (Count unit = static_cast<Count>(blockIdx.x) * blockDim.x + threadIdx.x; unit < all; unit += step) {
    const Count line = unit / static_cast<Count>(p.inner);
    const int inner = static_cast<int>(unit - line * static_cast<Count>(p.inner));
    const Count outer = line / static_cast<Count>(p.indices);
    const int at = static_cast<int>(line - outer * static_cast<Count>(p.indices));
    long long index = p.wide != 0 ? static_cast<const long long*>(p.list)[at] : static_cast<const int*>(p.list)[at];
    if (index < 0) index += p.axis;
    T value{};
    if (index >= 0 && index < p.axis) value = static_cast<const T*>(p.in)[(static_cast<long long>(outer) * p.axis + index) * p.inner + inner];
    static_cast<T*>(p.out)[unit] = value;
  }
}
template <typename T>
INGOT_INLINE void gather(const ingot_cuda::GatherParams& p) {
  begin_dependent();
  if (p.units < 1LL << 30)  // a step beyond the last unit is still a number
    gather_units<T, unsigned>(p);
  else
    gather_units<T, unsigned long long>(p);
}
#define INGOT_GATHER_ENTRY(bytes, type)                                                                                \
  extern "C" __global__ void __launch_bounds__(256) gather_##bytes(const __grid_constant__ ingot_cuda::GatherParams p) { \
    gather<type>(p);                                                                                                   \
  }
INGOT_GATHER_ENTRY(1, unsigned char)
INGOT_GATHER_ENTRY(2, unsigned short)
INGOT_GATHER_ENTRY(4, unsigned)
INGOT_GATHER_ENTRY(8, unsigned long long)
INGOT_GATHER_ENTRY(16, uint4)
