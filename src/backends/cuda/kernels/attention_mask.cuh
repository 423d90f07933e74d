// SPDX-License-Identifier: Apache-2.0
// What attention kernels on the tensor cores share: exponentials to base 2 and the mask as they read it. Given: MASK (0
// none, 1 added, 2 boolean: true may be seen), MASK_T.
constexpr float kLog2E = 1.4426950408889634f;

INGOT_INLINE float power_of_2(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

#if MASK != 0
INGOT_INLINE float mask_value(MASK_T value) {
#if MASK == 1
  return load_value(value) * kLog2E;
#else
  return value ? 0.0f : -kInfinity;
#endif
}

// What one row of the mask adds to the scores of a thread's keys, pairs 8 apart from `key0` on, to base 2; minus
// infinity: not to be seen.
template <int PAIRS>
INGOT_INLINE void load_mask(float (&added)[PAIRS][2], const ingot_cuda::AttentionParams& p, const MASK_T* row, int key0) {
  if (p.mask_pairs != 0) {
#pragma unroll
    for (int n = 0; n < PAIRS; ++n) {
      const int k = key0 + n * 8;
      const bool ok = k < p.keys;
      const Vec<MASK_T, 2> pair = *reinterpret_cast<const Vec<MASK_T, 2>*>(row + (ok ? k : 0));
#pragma unroll
      for (int e = 0; e < 2; ++e) added[n][e] = ok ? mask_value(pair.v[e]) : -kInfinity;
    }
  } else {
#pragma unroll
    for (int n = 0; n < PAIRS; ++n)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int k = key0 + n * 8 + e;
        added[n][e] = k < p.keys ? mask_value(row[k]) : -kInfinity;
      }
  }
}
#endif
