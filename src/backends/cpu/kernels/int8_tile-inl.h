// SPDX-License-Identifier: Apache-2.0
// The body of Int8Kernels for one instruction set: included once in a file that has set the compiler's target, inside
// its namespace, after
//   kLanes, kRows, kUnit, kWidens
//   I dot(I sum, I a, I b)                of each lane's unit of products
//   I load_b(const std::int8_t* p)        kLanes units of weights
// No function from outside may be inlined here: it would be compiled for the target, and the linker may choose it for
// others.

#define INGOT_INLINE inline __attribute__((always_inline))

using F = float __attribute__((vector_size(kLanes * 4)));
using Bytes = std::uint8_t __attribute__((vector_size(kLanes)));
using SignedBytes = std::int8_t __attribute__((vector_size(kLanes)));

constexpr int kBytesB = kLanes * kUnit;

template <typename V>
INGOT_INLINE V load(const void* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
template <typename V>
INGOT_INLINE void store(V v, void* p) {
  __builtin_memcpy(p, &v, sizeof(v));
}
INGOT_INLINE F splat(float x) { return F{} + x; }

// Four bytes, or two 16-bit integers, in every lane.
INGOT_INLINE I broadcast_a(const void* p) {
  std::int32_t unit;
  __builtin_memcpy(&unit, p, sizeof(unit));
  return I{} + unit;
}

template <int MR, int NV, bool Flip>
void tile_kernel(const Int8Tile& t) {
  // Small tiles keep several partial sums so that enough products are in flight.
  constexpr int kSplit = MR * NV >= 8 ? 1 : MR * NV >= 4 ? 2 : 4;
  I acc[kSplit][MR][NV];
  for (int s = 0; s < kSplit; ++s)
    for (int i = 0; i < MR; ++i)
      for (int v = 0; v < NV; ++v) acc[s][i][v] = I{};
  // Turns signed bytes into unsigned ones. Opaque: the compiler would do it to each number before it is broadcast.
  I flip = I{} + static_cast<std::int32_t>(0x80808080U);
#if defined(__x86_64__)
  if (Flip) asm("" : "+v"(flip));
#endif
  const std::int8_t* b = t.b;
  const void* const* table = t.a;
  const std::int64_t units = (t.k + kUnit - 1) / kUnit;
  for (std::int64_t tap = 0; tap < t.taps; ++tap, table += kMaxTileRows) {
    const char* a[MR];
    for (int i = 0; i < MR; ++i) a[i] = static_cast<const char*>(table[i]);
    std::int64_t u = 0;
    for (; u + kSplit <= units; u += kSplit) {
#pragma GCC unroll 4
      for (int s = 0; s < kSplit; ++s, b += 2 * kBytesB) {
        I bv[NV];
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) bv[v] = load_b(b + v * kBytesB);
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
          const I av = Flip ? broadcast_a(a[i] + (u + s) * 4) ^ flip : broadcast_a(a[i] + (u + s) * 4);
#pragma GCC unroll 2
          for (int v = 0; v < NV; ++v) acc[s][i][v] = dot(acc[s][i][v], av, bv[v]);
        }
      }
    }
    for (; u < units; ++u, b += 2 * kBytesB) {
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
        const I av = Flip ? broadcast_a(a[i] + u * 4) ^ flip : broadcast_a(a[i] + u * 4);
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) acc[0][i][v] = dot(acc[0][i][v], av, load_b(b + v * kBytesB));
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      U sum = reinterpret_cast<U>(acc[0][i][v]);
      for (int s = 1; s < kSplit; ++s) sum += reinterpret_cast<U>(acc[s][i][v]);
      store(sum, t.sums + (i * 2 + v) * kLanes);
    }
  }
}

using TileFn = void (*)(const Int8Tile&);
template <bool Flip, int... MR>
struct TileTable {
  static constexpr TileFn kFns[sizeof...(MR)] = {tile_kernel<MR, 2, Flip>...};
};
#if INGOT_INT8_ROWS == 12
template <bool Flip>
using Table = TileTable<Flip, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>;
#else
template <bool Flip>
using Table = TileTable<Flip, 1, 2, 3, 4, 5, 6>;
#endif

void tile(const Int8Tile& t) {
  if (!kWidens && t.a_signed)
    Table<!kWidens>::kFns[t.rows - 1](t);
  else
    Table<false>::kFns[t.rows - 1](t);
}

// Reads kLanes elements, of which `left` exist.
template <typename V>
INGOT_INLINE V load_some(const void* p, int left) {
  if (left >= kLanes) [[likely]]
    return load<V>(p);
  V v{};
  __builtin_memcpy(&v, p, static_cast<std::size_t>(left) * (sizeof(V) / kLanes));
  return v;
}
template <typename V>
INGOT_INLINE void store_some(V v, void* p, int left) {
  if (left >= kLanes) [[likely]]
    store(v, p);
  else
    __builtin_memcpy(p, &v, static_cast<std::size_t>(left) * (sizeof(V) / kLanes));
}

INGOT_INLINE F load_residual(const Int8Stage& stage, std::int64_t at, int left) {
  const auto* p = static_cast<const char*>(stage.residual);
  if (stage.residual_type == DType::u8)
    return __builtin_convertvector(__builtin_convertvector(load_some<Bytes>(p + at, left), I), F);
  if (stage.residual_type == DType::i8)
    return __builtin_convertvector(__builtin_convertvector(load_some<SignedBytes>(p + at, left), I), F);
  return load_some<F>(p + at * 4, left);
}

INGOT_INLINE F round_to_range(const Int8Stage& stage, F v) {
  // Kept in range first: the addition below rounds half to even what is small against 2^23.
  const F low = splat(stage.q_low - stage.zero);
  const F high = splat(stage.q_high - stage.zero);
  v = v > low ? v : low;
  v = v < high ? v : high;
  constexpr float kRound = 12582912.F;  // 1.5 * 2^23
  return ((v + kRound) - kRound) + stage.zero;
}

INGOT_INLINE F run_stage(const Int8Stage& stage, F v, std::int64_t row, std::int64_t col, int left) {
  v = (v - stage.before) * load<F>(stage.scale + col);
  if (stage.shift != nullptr) v = v + load<F>(stage.shift + col);
  if (stage.residual != nullptr) {
    const F residual = load_residual(stage, row * stage.residual_stride + col, left);
    v = v + (residual - stage.residual_zero) * stage.residual_scale;
  }
  const F low = splat(stage.low);
  const F high = splat(stage.high);
  v = v > low ? v : low;
  v = v < high ? v : high;
  if (stage.divisor != 1) v = v / stage.divisor;
  return stage.rounds ? round_to_range(stage, v) : v;
}

INGOT_INLINE I final_sum(const Int8Finish& f, int row, int col) {
  U sum = load<U>(f.sums + row * f.sums_stride + col) + load<U>(f.add + col);
  if (f.row_sums != nullptr) sum += load<U>(f.row_factors + col) * static_cast<std::uint32_t>(f.row_sums[row]);
  return reinterpret_cast<I>(sum);
}

template <int Stages, DType Out>
void finish_as(const Int8Finish& f) {
  Int8Stage stages[Stages > 0 ? Stages : 1];
  for (int s = 0; s < Stages; ++s) stages[s] = f.stages[s];
  for (int col = 0; col < f.cols; col += kLanes) {
    const int left = f.cols - col;
    for (int row = 0; row < f.rows; ++row) {
      const I sum = final_sum(f, row, col);
      const std::int64_t at = row * f.out_stride + col;
      if (Out == DType::i32) {
        store_some(sum, static_cast<std::int32_t*>(f.out) + at, left);
        continue;
      }
      F v = __builtin_convertvector(sum, F);
#pragma GCC unroll 3
      for (int s = 0; s < Stages; ++s) v = run_stage(stages[s], v, f.row_index + row, f.col_index + col, left);
      if (Out == DType::f32)
        store_some(v, static_cast<float*>(f.out) + at, left);
      else if (Out == DType::u8)
        store_some(__builtin_convertvector(__builtin_convertvector(v, I), Bytes),
                   static_cast<std::uint8_t*>(f.out) + at, left);
      else
        store_some(__builtin_convertvector(__builtin_convertvector(v, I), SignedBytes),
                   static_cast<std::int8_t*>(f.out) + at, left);
    }
  }
}

template <int Stages>
void finish_stages(const Int8Finish& f) {
  if (f.out_type == DType::f32)
    finish_as<Stages, DType::f32>(f);
  else if (f.out_type == DType::u8)
    finish_as<Stages, DType::u8>(f);
  else
    finish_as<Stages, DType::i8>(f);
}

void finish(const Int8Finish& f) {
  switch (f.stage_count) {
    case 0: finish_as<0, DType::i32>(f); break;
    case 1: finish_stages<1>(f); break;
    case 2: finish_stages<2>(f); break;
    default: finish_stages<3>(f); break;
  }
}

void widen(const std::uint8_t* in, std::int64_t k, bool is_signed, std::int16_t* out) {
  using Shorts = std::int16_t __attribute__((vector_size(kLanes * 2)));
  std::int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes)
    store(is_signed ? __builtin_convertvector(load<SignedBytes>(in + i), Shorts)
                    : __builtin_convertvector(load<Bytes>(in + i), Shorts),
          out + i);
  for (; i < k; ++i)
    out[i] = is_signed ? static_cast<std::int16_t>(static_cast<std::int8_t>(in[i])) : static_cast<std::int16_t>(in[i]);
  for (; i % kUnit != 0; ++i) out[i] = 0;
}

std::int32_t row_sum(const std::uint8_t* in, std::int64_t k, bool is_signed) {
  // As the tile counts: bytes + 128 for the instructions that take unsigned ones, signed numbers where it widens.
  const auto flip = static_cast<std::uint8_t>(is_signed ? 0x80 : 0);
  U sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) sums += __builtin_convertvector(load<Bytes>(in + i) ^ flip, U);
  std::uint32_t sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += sums[lane];
  for (; i < k; ++i) sum += static_cast<std::uint32_t>(in[i] ^ flip);
  if (kWidens && is_signed) sum -= static_cast<std::uint32_t>(k) * 128;
  return static_cast<std::int32_t>(sum);
}

// Bytes as the sums count them.
template <bool Signed>
INGOT_INLINE I load_counted(const std::uint8_t* p, int left) {
  if (Signed && kWidens) return __builtin_convertvector(load_some<SignedBytes>(p, left), I);
  const Bytes bytes = load_some<Bytes>(p, left);
  return __builtin_convertvector(Signed ? bytes ^ static_cast<std::uint8_t>(0x80) : bytes, I);
}

template <bool Signed>
void depthwise_as(const Int8DepthwiseTile& t) {
  constexpr int kVectors = 4;  // at a time
  const auto* weights = static_cast<const std::int32_t*>(t.weights);
  for (int row = 0; row < t.rows; ++row)
    for (int col = 0; col < t.cols; col += kVectors * kLanes) {
      U sums[kVectors] = {};
      for (std::int64_t tap = 0; tap < t.taps; ++tap) {
        const std::uint8_t* a = t.a[tap * kMaxTileRows + row] + t.a_offset + col;
        const std::int32_t* w = weights + tap * kDepthwisePanel + col;
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          const int left = t.cols - col - v * kLanes;
          if (left <= 0) break;
          sums[v] += reinterpret_cast<U>(load_counted<Signed>(a + v * kLanes, left) * load<I>(w + v * kLanes));
        }
      }
      for (int v = 0; v < kVectors; ++v) store(sums[v], t.sums + row * kDepthwisePanel + col + v * kLanes);
    }
}
void depthwise(const Int8DepthwiseTile& t) {
  if (t.a_signed)
    depthwise_as<true>(t);
  else
    depthwise_as<false>(t);
}

void extremes(const float* x, std::int64_t n, float* low, float* high) {
  constexpr int kVectors = 4;
  F lows[kVectors], highs[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    lows[v] = splat(*low);
    highs[v] = splat(*high);
  }
  std::int64_t i = 0;
  for (; i + kVectors * kLanes <= n; i += kVectors * kLanes)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const F value = load<F>(x + i + v * kLanes);
      lows[v] = value < lows[v] ? value : lows[v];
      highs[v] = value > highs[v] ? value : highs[v];
    }
  for (int v = 0; v < kVectors; ++v)
    for (int lane = 0; lane < kLanes; ++lane) {
      *low = lows[v][lane] < *low ? lows[v][lane] : *low;
      *high = highs[v][lane] > *high ? highs[v][lane] : *high;
    }
  for (; i < n; ++i) {
    *low = x[i] < *low ? x[i] : *low;
    *high = x[i] > *high ? x[i] : *high;
  }
}

void quantize(const float* x, std::int64_t n, float scale, float zero, std::uint8_t* out) {
  Int8Stage stage;
  stage.rounds = true;
  stage.zero = zero;
  stage.q_high = 255;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const int left = n - i < kLanes ? static_cast<int>(n - i) : kLanes;
    const F v = round_to_range(stage, load_some<F>(x + i, left) / scale);
    store_some(__builtin_convertvector(__builtin_convertvector(v, I), Bytes), out + i, left);
  }
}

constexpr Int8Kernels kKernels{
    kName, 2 * kLanes, kRows,    kUnit,   kWidens, tile, finish, depthwise, INGOT_INT8_DEPTHWISE_BYTES,
    widen, row_sum,    extremes, quantize};

#undef INGOT_INLINE
