// SPDX-License-Identifier: Apache-2.0
// Reductions over any axes of any type: a warp per result. Kept dimensions are KEPT with strides, reduced ones GONE.
INGOT_INLINE ACC merge(ACC a, ACC b) { return MERGE; }
INGOT_INLINE i64 offset_of(i64 index, int rank, const i64* dims, const i64* strides) {
  i64 at = 0;
  for (int d = rank - 1; d >= 0; --d) {
    at += index % dims[d] * strides[d];
    index /= dims[d];
  }
  return at;
}
INGOT_KERNEL(reduce_any) {
  const i64 warps = static_cast<i64>(gridDim.x) * (blockDim.x / 32);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (i64 unit = static_cast<i64>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; unit < RESULTS; unit += warps) {
    const T0* x = IN(0) + offset_of(unit, static_cast<int>(KEPT_RANK), &KEPT(0), &KEPT_STRIDE(0));
    ACC shift = 0;
#ifdef LOG_SUM_EXP
    shift = -static_cast<ACC>(kInfinity);
    for (i64 i = lane; i < COUNT; i += 32)
      shift = x_max(shift, get<ACC>(x, offset_of(i, static_cast<int>(GONE_RANK), &GONE(0), &GONE_STRIDE(0))));
    for (int offset = 16; offset > 0; offset /= 2) shift = x_max(shift, __shfl_xor_sync(0xffffffffu, shift, offset));
    if (!(x_abs(shift) < static_cast<ACC>(kInfinity))) shift = 0;
#endif
    ACC sum = START;
    for (i64 i = lane; i < COUNT; i += 32) {
      const ACC v = get<ACC>(x, offset_of(i, static_cast<int>(GONE_RANK), &GONE(0), &GONE_STRIDE(0)));
      sum = merge(sum, TAKE);
    }
    for (int offset = 16; offset > 0; offset /= 2) sum = merge(sum, __shfl_xor_sync(0xffffffffu, sum, offset));
    if (lane == 0) {
      const ACC count = static_cast<ACC>(COUNT);
      const ACC value = FINISH;
#ifdef HAS_EPILOGUE
      finish(p, unit, value);
#else
      put(TO(0), unit, value);
#endif
    }
  }
}
