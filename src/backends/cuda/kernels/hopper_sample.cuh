// SPDX-License-Identifier: Apache-2.0
// Producers of the tile engine for sm_90a that bring bilinear samples: A of deformable convolutions.
// Given: see hopper_gemm.cu.
#if __CUDA_ARCH__ >= 900
#ifdef SAMPLE_HALF
using SampleWeight = T;
#else
using SampleWeight = float;
#endif
using SampleWeights = Vec<SampleWeight, 4>;

// By tap and row of the tile: where the sample's upper left pixel lies, in bytes, and the weights of the four pixels,
// mask included. All four pixels exist: at the edge of the image the one beyond it has the weight zero and is replaced
// by one inside, so that the same four distances serve every sample.
struct SampleTable {
  static constexpr int kTaps = W_TAPS, kEntries = kTaps * BM;
  SampleWeights* weights;
  unsigned* corners;

  INGOT_INLINE explicit SampleTable(unsigned char* memory)
      : weights(reinterpret_cast<SampleWeights*>(memory)),
        corners(reinterpret_cast<unsigned*>(memory + kEntries * sizeof(SampleWeights))) {}

  // One axis: the first of two pixels, and the weights of both.
  static INGOT_INLINE int split(float at, int size, float& low, float& high) {
    at = fminf(fmaxf(at, -1.0f), static_cast<float>(size));  // also of NaN: weights of zero
    const int first = max_int(min_int(static_cast<int>(floorf(at)), size - 2), 0);
    const float beyond = at - static_cast<float>(first);
    low = fmaxf(1.0f - fabsf(beyond), 0.0f);
    high = size > 1 ? fmaxf(1.0f - fabsf(beyond - 1.0f), 0.0f) : 0.0f;
    return first;
  }

  // By THREADS threads, of which each keeps to one row.
  template <int THREADS>
  INGOT_INLINE void fill(const Params& p, const TileRows& rows, int offset_group, int thread) const {
    constexpr int kTeams = THREADS / BM, kTurns = (kTaps + kTeams - 1) / kTeams, kBatch = kTurns < 5 ? kTurns : 5;
    static_assert(kTeams * BM == THREADS, "every thread has one row");
    const int row = thread % BM, m = rows.at(row), pixels = p.out_h * p.out_w, image = m / pixels;
    const int pixel = m - image * pixels, oy = pixel / p.out_w, ox = pixel - oy * p.out_w;
    const T* const offset = static_cast<const T*>(p.offset) + image * p.offset_n + pixel * p.offset_pixel +
                            2 * offset_group * kTaps * p.offset_channel;
    const T* const mask = static_cast<const T*>(p.mask) + image * p.mask_n + pixel * p.mask_pixel +
                          offset_group * kTaps * p.mask_channel;
    const bool inside = m < p.m;
    wait_for_inputs();
    for (int begin = thread / BM; begin < kTaps; begin += kTeams * kBatch) {
      float dy[kBatch], dx[kBatch], scale[kBatch];  // whose loads are on their way together
#pragma unroll
      for (int b = 0; b < kBatch; ++b) {
        const int tap = begin + b * kTeams;
        dy[b] = dx[b] = scale[b] = 0.0f;
        if (tap >= kTaps || !inside) continue;
#ifdef OFFSET_PAIRS
        const unsigned pair = *reinterpret_cast<const unsigned*>(offset + 2 * tap);
        dy[b] = load_value(T{static_cast<unsigned short>(pair)});
        dx[b] = load_value(T{static_cast<unsigned short>(pair >> 16)});
#else
        dy[b] = load_value(offset[2 * tap * p.offset_channel]);
        dx[b] = load_value(offset[(2 * tap + 1) * p.offset_channel]);
#endif
        scale[b] = p.mask != nullptr ? load_value(mask[tap * p.mask_channel]) : 1.0f;
      }
#pragma unroll
      for (int b = 0; b < kBatch; ++b) {
        const int tap = begin + b * kTeams, tap_y = tap / W_KERNEL_W, tap_x = tap - tap_y * W_KERNEL_W;
        if (tap >= kTaps) continue;
        float up, down, left, right;
        const float grid_y = static_cast<float>(oy * p.stride_h - p.pad_h + tap_y * p.dilation_h);
        const float grid_x = static_cast<float>(ox * p.stride_w - p.pad_w + tap_x * p.dilation_w);
        const int y = split(grid_y + dy[b], p.in_h, up, down), x = split(grid_x + dx[b], p.in_w, left, right);
        SampleWeights w;
        w.v[0] = store_value<SampleWeight>(up * scale[b] * left);
        w.v[1] = store_value<SampleWeight>(up * scale[b] * right);
        w.v[2] = store_value<SampleWeight>(down * scale[b] * left);
        w.v[3] = store_value<SampleWeight>(down * scale[b] * right);
        weights[tap * BM + row] = w;
        corners[tap * BM + row] =
            inside ? static_cast<unsigned>((image * p.in_h + y) * p.in_w + x) * static_cast<unsigned>(p.in_c * 2) : 0;
      }
    }
  }
};

INGOT_INLINE unsigned twice(T v) {
  unsigned r;
  asm("mov.b32 %0, {%1, %1};" : "=r"(r) : "h"(v.bits));
  return r;
}

INGOT_INLINE uint4 combine(const uint4 (&corner)[4], const SampleWeights& weights) {
  uint4 out;
  unsigned* to = reinterpret_cast<unsigned*>(&out);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#ifdef SAMPLE_HALF
    unsigned sum = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j)
      asm("fma.rn." HALF_NAME "x2 %0, %1, %2, %0;"
          : "+r"(sum)
          : "r"(reinterpret_cast<const unsigned*>(&corner[j])[i]), "r"(twice(weights.v[j])));
    to[i] = sum;
#else
    float low = 0.0f, high = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const unsigned pair = reinterpret_cast<const unsigned*>(&corner[j])[i];
      low = fmaf(weights.v[j], load_value(T{static_cast<unsigned short>(pair)}), low);
      high = fmaf(weights.v[j], load_value(T{static_cast<unsigned short>(pair >> 16)}), high);
    }
    asm("cvt.rn." HALF_NAME "x2.f32 %0, %1, %2;" : "=r"(to[i]) : "f"(high), "f"(low));
#endif
  }
  return out;
}

// The offset group of the tile of k at `tile`, and the tile at which the next one begins.
struct OffsetGroup {
  int index, end;
  INGOT_INLINE OffsetGroup(const Params& p, int z, int tile) {
    const int size = p.in_c / W_OFFSET_GROUPS, channel = z * p.group_c + tile / W_TAPS * 64;
    index = channel / size;
    end = ((index + 1) * size - z * p.group_c) / 64 * W_TAPS;
  }
};

#if PRODUCERS > 0
INGOT_INLINE void producers_meet() { asm volatile("bar.sync 2, %0;" ::"n"(PRODUCERS) : "memory"); }

// The table is filled for the first offset group.
INGOT_INLINE void produce(const Params& p, int b_tile, const Shared& shared, const SampleTable& table,
                          const TileRows& rows, int z, int first, int count) {
  const int thread = static_cast<int>(threadIdx.x) - kConsumers, column = thread % 8, row0 = thread / 8;
  const unsigned to0 = static_cast<unsigned>(row0 * kRowBytes + ((column ^ (row0 & 7)) << 4));
  const char* const x = reinterpret_cast<const char*>(static_cast<const T*>(p.a) + z * p.group_c);
  const char* const below = x + (p.in_h > 1 ? p.in_w * (p.in_c * 2LL) : 0);
  const unsigned right = p.in_w > 1 ? static_cast<unsigned>(p.in_c * 2) : 0;
  constexpr int kAhead = SAMPLES_AHEAD;
  uint4 raw[kAhead][kRows][4];
  int ahead_tap = first % W_TAPS, tap = ahead_tap;
  unsigned ahead_channel = static_cast<unsigned>(first / W_TAPS * 128 + column * 16);
  const auto load = [&](uint4(&to)[4], unsigned corner) {
    const unsigned at = corner + ahead_channel;
    to[0] = *reinterpret_cast<const uint4*>(x + at);
    to[1] = *reinterpret_cast<const uint4*>(x + (at + right));
    to[2] = *reinterpret_cast<const uint4*>(below + at);
    to[3] = *reinterpret_cast<const uint4*>(below + (at + right));
  };
  const auto advance = [&] {
    if (++ahead_tap == W_TAPS) {
      ahead_tap = 0;
      ahead_channel += 128;
    }
  };
  int s = 0, phase = 0;
  // The table holds one offset group: the tiles that share it are one segment.
  for (int begin = 0, end = 0; begin < count; begin = end) {
    const OffsetGroup group(p, z, first + begin);
    end = min_int(count, group.end - first);
    if (W_OFFSET_GROUPS > 1 && begin > 0) {
      producers_meet();
      table.fill<PRODUCERS>(p, rows, group.index, thread);
      producers_meet();
    }
#pragma unroll
    for (int d = 0; d < kAhead; ++d)
      if (begin + d < end) {
#pragma unroll
        for (int i = 0; i < kRows; ++i) load(raw[d][i], table.corners[ahead_tap * BM + row0 + i * kRowsPerPass]);
        advance();
      }
    for (int t0 = begin; t0 < end; t0 += kAhead) {
#pragma unroll
      for (int d = 0; d < kAhead; ++d) {
        const int t = t0 + d;
        if (t >= end) break;
        const bool more = t + kAhead < end;
        SampleWeights weights[kRows];
        unsigned corners[kRows];
        if (kRows <= 2)
#pragma unroll
          for (int i = 0; i < kRows; ++i) {
            weights[i] = table.weights[tap * BM + row0 + i * kRowsPerPass];
            corners[i] = table.corners[ahead_tap * BM + row0 + i * kRowsPerPass];
          }
        if (t >= STAGES) {
          barrier_wait(shared.empty + s * 8, phase ^ 1);
          if (thread == 0) fetch_b(p, shared, b_tile + t, s);
        }
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
          if (kRows > 2) {
            weights[i] = table.weights[tap * BM + row0 + i * kRowsPerPass];
            corners[i] = table.corners[ahead_tap * BM + row0 + i * kRowsPerPass];
          }
          const uint4 value = combine(raw[d][i], weights[i]);
          if (more) load(raw[d][i], corners[i]);
          const unsigned to = shared.a(s) + to0 + i * kRowsPerPass * kRowBytes;
          asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(value.x), "r"(value.y),
                       "r"(value.z), "r"(value.w)
                       : "memory");
        }
        barrier_arrive(shared.full + s * 8);
        if (more) advance();
        if (++tap == W_TAPS) tap = 0;
        if (++s == STAGES) {
          s = 0;
          phase ^= 1;
        }
      }
    }
  }
}
#endif
#endif
