// SPDX-License-Identifier: Apache-2.0
// Gather along one axis, in units of any size. An index outside the axis gives zeros: a device reports nothing.
template <typename T>
INGOT_INLINE void gather(const ingot_cuda::GatherParams& p) {
  begin_dependent();
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    const int inner = static_cast<int>(unit % p.inner);
    const long long line = unit / p.inner;
    const int at = static_cast<int>(line % p.indices);
    const long long outer = line / p.indices;
    long long index = p.wide != 0 ? static_cast<const long long*>(p.list)[at] : static_cast<const int*>(p.list)[at];
    if (index < 0) index += p.axis;
    T value{};
    if (index >= 0 && index < p.axis) value = static_cast<const T*>(p.in)[(outer * p.axis + index) * p.inner + inner];
    static_cast<T*>(p.out)[unit] = value;
  }
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
