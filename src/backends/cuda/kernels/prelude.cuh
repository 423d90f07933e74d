// SPDX-License-Identifier: Apache-2.0
// What every kernel source starts with: element types, conversions, vectors, the functions that printed expressions
// call, asynchronous copies. Needs no header, so that NVRTC needs no include path.
#define INGOT_INLINE __device__ __forceinline__

struct f16 {
  unsigned short bits;
};
struct bf16 {
  unsigned short bits;
};

INGOT_INLINE float load_value(f16 v) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(v.bits));
  return r;
}
INGOT_INLINE float load_value(bf16 v) { return __uint_as_float(static_cast<unsigned>(v.bits) << 16); }
template <typename T>
INGOT_INLINE T load_value(T v) {
  return v;
}

template <typename To>
struct Store {
  template <typename From>
  static INGOT_INLINE To make(From v) {
    return static_cast<To>(v);
  }
};
template <>
struct Store<f16> {
  static INGOT_INLINE f16 make(float v) {
    f16 r;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(v));
    return r;
  }
};
template <>
struct Store<bf16> {
  static INGOT_INLINE bf16 make(float v) {
    bf16 r;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(v));
    return r;
  }
};
template <typename To, typename From>
INGOT_INLINE To store_value(From v) {
  return Store<To>::make(v);
}

template <typename T, int N>
struct alignas(sizeof(T) * N) Vec {
  T v[N];
};

INGOT_INLINE int min_int(int a, int b) { return a < b ? a : b; }
INGOT_INLINE int max_int(int a, int b) { return a > b ? a : b; }

#define kInfinity __uint_as_float(0x7f800000u)

// ---- floating functions of expressions: F is float or double ----
INGOT_INLINE float x_min(float a, float b) {
  float r;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
INGOT_INLINE float x_max(float a, float b) {
  float r;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
INGOT_INLINE double x_min(double a, double b) { return a < b || a != a ? a : b; }
INGOT_INLINE double x_max(double a, double b) { return a > b || a != a ? a : b; }
// a for a > 0, less |a| times the normal distribution's tail beyond |a|, which is exp(-a * a / 2) times a polynomial of
// 1 / (1 + 0.3 |a|), fitted to a relative error of 2e-7. erfcf has branches and several times the instructions, which
// would be most of the time of a product's epilogue.
INGOT_INLINE float gelu_without_branches(float a) {
  const float u = fminf(fabsf(a), 15.0f);  // there and beyond, the tail is 0
  const float t = __fdividef(1.0f, fmaf(0.3f, u, 1.0f));
  float r = fmaf(t, 0.03567488f, -0.1572035f);
  r = fmaf(t, r, 0.2063542f);
  r = fmaf(t, r, -0.05368425f);
  r = fmaf(t, r, 0.12856192f);
  r = fmaf(t, r, 0.09991341f);
  r = fmaf(t, r, 0.12075397f);
  r = fmaf(t, r, 0.1196293f) * t;
  return fmaf(x_min(a, -u), exp2f(u * u * -0.72134752f) * r, x_max(a, 0.0f));  // of -inf NaN, as -inf * 0 is
}
#define INGOT_UNARY(name, single, twice)                   \
  INGOT_INLINE float x_##name(float a) { return single; }  \
  INGOT_INLINE double x_##name(double a) { return twice; }
INGOT_UNARY(neg, -a, -a)
INGOT_UNARY(abs, fabsf(a), fabs(a))
INGOT_UNARY(sign, a > 0 ? 1.0f : a < 0 ? -1.0f : a, a > 0 ? 1.0 : a < 0 ? -1.0 : a)
INGOT_UNARY(reciprocal, 1.0f / a, 1.0 / a)
INGOT_UNARY(sqrt, sqrtf(a), sqrt(a))
INGOT_UNARY(rsqrt, 1.0f / sqrtf(a), 1.0 / sqrt(a))
INGOT_UNARY(exp, expf(a), exp(a))
INGOT_UNARY(log, logf(a), log(a))
INGOT_UNARY(sin, sinf(a), sin(a))
INGOT_UNARY(cos, cosf(a), cos(a))
INGOT_UNARY(tan, tanf(a), tan(a))
INGOT_UNARY(asin, asinf(a), asin(a))
INGOT_UNARY(acos, acosf(a), acos(a))
INGOT_UNARY(atan, atanf(a), atan(a))
INGOT_UNARY(sinh, sinhf(a), sinh(a))
INGOT_UNARY(cosh, coshf(a), cosh(a))
INGOT_UNARY(asinh, asinhf(a), asinh(a))
INGOT_UNARY(acosh, acoshf(a), acosh(a))
INGOT_UNARY(atanh, atanhf(a), atanh(a))
INGOT_UNARY(tanh, tanhf(a), tanh(a))
INGOT_UNARY(erf, erff(a), erf(a))
INGOT_UNARY(sigmoid, 1.0f / (1.0f + expf(-a)), 1.0 / (1.0 + exp(-a)))
INGOT_UNARY(softplus, x_max(a, 0.0f) + log1pf(expf(-fabsf(a))), x_max(a, 0.0) + log1p(exp(-fabs(a))))
INGOT_UNARY(floor, floorf(a), floor(a))
INGOT_UNARY(ceil, ceilf(a), ceil(a))
INGOT_UNARY(round, rintf(a), rint(a))
INGOT_UNARY(gelu, gelu_without_branches(a), 0.5 * a * erfc(a * -0.70710678118654752440))
INGOT_UNARY(gelu_tanh, 0.5f * a * (1.0f + tanhf(0.79788456080286536f * (a + 0.044715f * a * a * a))),
            0.5 * a * (1.0 + tanh(0.79788456080286535588 * (a + 0.044715 * a * a * a))))
INGOT_UNARY(silu, a / (1.0f + expf(-a)), a / (1.0 + exp(-a)))
INGOT_UNARY(hardsigmoid, x_max(0.0f, x_min(1.0f, a / 6.0f + 0.5f)), x_max(0.0, x_min(1.0, a / 6.0 + 0.5)))
INGOT_UNARY(hardswish, a * x_hardsigmoid(a), a * x_hardsigmoid(a))
#undef INGOT_UNARY

// ---- the same in few instructions, for results that are rounded to 16 bits ----
INGOT_INLINE float quick_exp2(float a) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
  return r;
}
INGOT_INLINE float quick_reciprocal(float a) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
  return r;
}
INGOT_INLINE float q_sigmoid(float a) { return quick_reciprocal(1.0f + quick_exp2(a * -1.44269504088896341f)); }
INGOT_INLINE float q_silu(float a) { return a * q_sigmoid(a); }
INGOT_INLINE float q_hardsigmoid(float a) { return x_max(0.0f, x_min(1.0f, fmaf(a, 1.0f / 6.0f, 0.5f))); }
INGOT_INLINE float q_hardswish(float a) { return a * q_hardsigmoid(a); }
// As gelu_without_branches, to a relative error of 4e-5.
INGOT_INLINE float q_gelu(float a) {
  const float u = fminf(fabsf(a), 15.0f), t = quick_reciprocal(fmaf(0.38f, u, 1.0f));
  float r = fmaf(t, -0.0899260720f, 0.1888716313f);
  r = fmaf(t, r, 0.0919834763f);
  r = fmaf(t, r, 0.1578282020f);
  r = fmaf(t, r, 0.1512253010f) * t;
  return fmaf(x_min(a, -u), quick_exp2(u * u * -0.72134752f) * r, x_max(a, 0.0f));
}
INGOT_INLINE float q_gelu_tanh(float a) {
  return a * q_sigmoid(1.59576912160573071f * (a + 0.044715f * a * a * a));
}

INGOT_INLINE float x_fmod(float a, float b) { return fmodf(a, b); }
INGOT_INLINE double x_fmod(double a, double b) { return fmod(a, b); }
INGOT_INLINE float x_pow(float a, float b) { return powf(a, b); }
INGOT_INLINE double x_pow(double a, double b) { return pow(a, b); }
INGOT_INLINE float x_fma(float a, float b, float c) { return fmaf(a, b, c); }
INGOT_INLINE double x_fma(double a, double b, double c) { return fma(a, b, c); }
template <typename F>
INGOT_INLINE F x_add(F a, F b) {
  return a + b;
}
template <typename F>
INGOT_INLINE F x_sub(F a, F b) {
  return a - b;
}
template <typename F>
INGOT_INLINE F x_mul(F a, F b) {
  return a * b;
}
template <typename F>
INGOT_INLINE F x_div(F a, F b) {
  return a / b;
}
template <typename F>
INGOT_INLINE F x_mod(F a, F b) {
  const F rest = x_fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
template <typename F>
INGOT_INLINE F x_prelu(F a, F slope) {
  return a < 0 ? slope * a : a;
}
template <typename F>
INGOT_INLINE F x_clamp(F a, F low, F high) {
  return x_min(x_max(a, low), high);
}

// ---- integer functions: I is the type itself; wrapping arithmetic goes through the widest unsigned type ----
template <typename I>
constexpr bool kSigned = static_cast<I>(-1) < static_cast<I>(0);
#define INGOT_WRAP(expression) static_cast<I>(expression)
using u64 = unsigned long long;
template <typename I>
INGOT_INLINE I i_add(I a, I b) {
  return INGOT_WRAP(static_cast<u64>(a) + static_cast<u64>(b));
}
template <typename I>
INGOT_INLINE I i_sub(I a, I b) {
  return INGOT_WRAP(static_cast<u64>(a) - static_cast<u64>(b));
}
template <typename I>
INGOT_INLINE I i_mul(I a, I b) {
  return INGOT_WRAP(static_cast<u64>(a) * static_cast<u64>(b));
}
template <typename I>
INGOT_INLINE I i_neg(I a) {
  return INGOT_WRAP(0ULL - static_cast<u64>(a));
}
// Division by zero gives 0 and the dividend; it never traps.
template <typename I>
INGOT_INLINE I i_div(I a, I b) {
  if (b == 0) return 0;
  if (kSigned<I> && b == static_cast<I>(-1)) return i_neg(a);
  return static_cast<I>(a / b);
}
template <typename I>
INGOT_INLINE I i_fmod(I a, I b) {
  if (b == 0 || (kSigned<I> && b == static_cast<I>(-1))) return 0;
  return static_cast<I>(a % b);
}
template <typename I>
INGOT_INLINE I i_mod(I a, I b) {
  const I rest = i_fmod(a, b);
  return kSigned<I> && rest != 0 && (rest < 0) != (b < 0) ? static_cast<I>(rest + b) : rest;
}
template <typename I>
INGOT_INLINE I i_pow(I a, I b) {
  if (kSigned<I> && b < 0) {
    if (a == 1) return 1;
    return a == static_cast<I>(-1) ? (b % 2 != 0 ? static_cast<I>(-1) : static_cast<I>(1)) : static_cast<I>(0);
  }
  u64 result = 1, base = static_cast<u64>(a);
  for (u64 n = static_cast<u64>(b); n != 0; n >>= 1) {
    if ((n & 1ULL) != 0) result *= base;
    base *= base;
  }
  return static_cast<I>(result);
}
template <typename I>
INGOT_INLINE I i_min(I a, I b) {
  return b < a ? b : a;
}
template <typename I>
INGOT_INLINE I i_max(I a, I b) {
  return a < b ? b : a;
}
template <typename I>
INGOT_INLINE I i_prelu(I a, I b) {
  return a < 0 ? i_mul(a, b) : a;
}
template <typename I>
INGOT_INLINE I i_bit_and(I a, I b) {
  return static_cast<I>(a & b);
}
template <typename I>
INGOT_INLINE I i_bit_or(I a, I b) {
  return static_cast<I>(a | b);
}
template <typename I>
INGOT_INLINE I i_bit_xor(I a, I b) {
  return static_cast<I>(a ^ b);
}
template <typename I>
INGOT_INLINE I i_bit_not(I a) {
  return static_cast<I>(~a);
}
template <typename I>
INGOT_INLINE I i_shift_left(I a, I b) {
  return b >= 0 && b < static_cast<I>(8 * sizeof(I)) ? static_cast<I>(static_cast<u64>(a) << b) : static_cast<I>(0);
}
template <typename I>
INGOT_INLINE I i_shift_right(I a, I b) {
  if (!(b >= 0 && b < static_cast<I>(8 * sizeof(I)))) return a < 0 ? static_cast<I>(-1) : static_cast<I>(0);
  return static_cast<I>(a >> b);
}
template <typename I>
INGOT_INLINE I i_abs(I a) {
  return a < 0 ? i_neg(a) : a;
}
template <typename I>
INGOT_INLINE I i_sign(I a) {
  return a == 0 ? static_cast<I>(0) : a < 0 ? static_cast<I>(-1) : static_cast<I>(1);
}
template <typename I>
INGOT_INLINE I i_fma(I a, I b, I c) {
  return i_add(i_mul(a, b), c);
}
template <typename I>
INGOT_INLINE I i_clamp(I a, I low, I high) {
  return i_min(i_max(a, low), high);
}

// ---- conversions: floats to integers truncate to 64 bits first (NaN gives 0, out of range saturates there), then wrap
template <typename I, typename F>
INGOT_INLINE I float_to_int(F v) {
  if (v != v) return 0;
  if (!kSigned<I> && sizeof(I) == 8 && v >= static_cast<F>(9223372036854775808.0))
    return v < static_cast<F>(18446744073709551616.0) ? static_cast<I>(static_cast<u64>(v)) : static_cast<I>(~0ULL);
  if (v >= static_cast<F>(9223372036854775808.0)) return static_cast<I>(0x7fffffffffffffffLL);
  if (v < static_cast<F>(-9223372036854775808.0)) return static_cast<I>(-0x7fffffffffffffffLL - 1);
  return static_cast<I>(static_cast<long long>(v));
}
INGOT_INLINE float round_f16(float v) { return load_value(Store<f16>::make(v)); }
INGOT_INLINE float round_bf16(float v) { return load_value(Store<bf16>::make(v)); }

// ---- loads without branches, so that many are on their way together: zero when not ok ----
template <typename H>
INGOT_INLINE H load_or_zero(const H* from, bool ok) {
  H r;
  asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; mov.b16 %0, 0; @p ld.global.b16 %0, [%1];}"
               : "=h"(r.bits)
               : "l"(from), "r"(static_cast<int>(ok)));
  return r;
}
INGOT_INLINE void load_or_zero(unsigned (&r)[1], const void* from, bool ok) {
  asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; mov.b32 %0, 0; @p ld.global.b32 %0, [%1];}"
               : "=r"(r[0])
               : "l"(from), "r"(static_cast<int>(ok)));
}
INGOT_INLINE void load_or_zero(unsigned (&r)[2], const void* from, bool ok) {
  asm volatile(
      "{.reg .pred p; setp.ne.s32 p, %3, 0; mov.b32 %0, 0; mov.b32 %1, 0; @p ld.global.v2.b32 {%0, %1}, [%2];}"
      : "=r"(r[0]), "=r"(r[1])
      : "l"(from), "r"(static_cast<int>(ok)));
}
INGOT_INLINE void load_or_zero(unsigned (&r)[4], const void* from, bool ok) {
  asm volatile(
      "{.reg .pred p; setp.ne.s32 p, %5, 0; mov.b32 %0, 0; mov.b32 %1, 0; mov.b32 %2, 0; mov.b32 %3, 0; "
      "@p ld.global.v4.b32 {%0, %1, %2, %3}, [%4];}"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "l"(from), "r"(static_cast<int>(ok)));
}
// Element j of words as they were loaded.
template <typename E>
struct Unpack {
  static INGOT_INLINE E at(const unsigned* words, int j) {
    return E{static_cast<unsigned short>(words[j / 2] >> (j % 2 * 16))};
  }
};
template <>
struct Unpack<float> {
  static INGOT_INLINE float at(const unsigned* words, int j) { return __uint_as_float(words[j]); }
};

// ---- asynchronous copies to shared memory: zero-filled when not ok ----
INGOT_INLINE unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
INGOT_INLINE void copy_async_16(unsigned to, const void* from, bool ok) {
  const int bytes = ok ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
// By way of the first-level cache, for data that neighbouring blocks or taps read again.
INGOT_INLINE void copy_async_16_cached(unsigned to, const void* from, bool ok) {
  const int bytes = ok ? 16 : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
// 4 or 8 bytes.
template <int BYTES>
INGOT_INLINE void copy_async_piece(unsigned to, const void* from, bool ok) {
  const int bytes = ok ? BYTES : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(BYTES), "r"(bytes) : "memory");
}
INGOT_INLINE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
INGOT_INLINE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

INGOT_INLINE void copy_async_wait_all() { asm volatile("cp.async.wait_all;" ::: "memory"); }

// ---- overlap of kernels: one that is launched as `dependent` may begin before the kernels ahead of it end. It must
// wait before it touches memory that others write, in every block. It may begin once all blocks of the kernel ahead
// have released it.
INGOT_INLINE void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
INGOT_INLINE void release_dependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
// The first statement of a dependent kernel that has nothing to do ahead of its inputs.
INGOT_INLINE void begin_dependent() {
  release_dependents();
  wait_for_inputs();
}

INGOT_INLINE float warp_sum(float v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffu, v, offset);
  return v;
}
INGOT_INLINE float warp_max(float v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) v = x_max(v, __shfl_xor_sync(0xffffffffu, v, offset));
  return v;
}
