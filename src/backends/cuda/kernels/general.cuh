// SPDX-License-Identifier: Apache-2.0
// What templates of cuda.general share. Given for every operand: T<i> and U<i>, the types of inputs and outputs; A<i>
// and B<i>, what sums of them are made in; HAS_<i> and WANTS_<i>; the names of sizes and numbers.
using Params = ingot_cuda::GeneralParams;
using i64 = long long;

#define INGOT_KERNEL(name) extern "C" __global__ void __launch_bounds__(256) name(const __grid_constant__ Params p)
#define FOR_UNITS(unit)                                                                                        \
  for (i64 unit = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; \
       unit += static_cast<i64>(gridDim.x) * blockDim.x)
#define IN(i) static_cast<const T##i*>(p.in[i])
#define TO(i) static_cast<U##i*>(p.out[i])

// An element as what sums are made in.
template <typename A, typename T>
INGOT_INLINE A get(const T* from, i64 at) {
  return static_cast<A>(load_value(from[at]));
}

// The nearest element: floats round to the type, integers wrap, floats to integers truncate.
template <typename U, typename A>
struct Put {
  static INGOT_INLINE U make(A value) { return store_value<U>(value); }
};
#define INGOT_PUT(type)                                                                          \
  template <>                                                                                    \
  struct Put<type, float> {                                                                      \
    static INGOT_INLINE type make(float value) { return float_to_int<type>(value); }             \
  };                                                                                             \
  template <>                                                                                    \
  struct Put<type, double> {                                                                     \
    static INGOT_INLINE type make(double value) { return float_to_int<type>(value); }            \
  };
INGOT_PUT(signed char)
INGOT_PUT(unsigned char)
INGOT_PUT(short)
INGOT_PUT(unsigned short)
INGOT_PUT(int)
INGOT_PUT(unsigned)
INGOT_PUT(long long)
INGOT_PUT(unsigned long long)
#undef INGOT_PUT
template <typename A>
struct Put<bool, A> {
  static INGOT_INLINE bool make(A value) { return value != 0; }
};
template <typename U, typename A>
INGOT_INLINE void put(U* to, i64 at, A value) {
  to[at] = Put<U, A>::make(value);
}

INGOT_INLINE i64 clamp_index(i64 v, i64 low, i64 high) { return v < low ? low : v > high ? high : v; }

#ifdef HAS_EPILOGUE
// The result of the operator at element `at` goes through the epilogue.
INGOT_INLINE void finish(const Params& p, i64 at, X0 value) {
  constexpr int V = 1;
  constexpr int j = 0;
  const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
  const X0 x0[1] = {value};
  EPILOGUE_LOADS
  static_cast<OUT*>(p.out[0])[at] = EPILOGUE(j);
}
#endif
