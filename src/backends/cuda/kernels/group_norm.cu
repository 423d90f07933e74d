// SPDX-License-Identifier: Apache-2.0
// GroupNormalization and InstanceNormalization, statistics in fp32: a group of an image is cut into p.parts, a block
// each. With one part, `group_norm` does all; otherwise `group_stats` leaves mean and sum of squared differences of
// every part and `group_apply` combines them. Given: T, OUT, VECTOR, the epilogue. Entries for vectors along the fastest
// dimension (..._vector) and for single elements (..._any).
using Params = ingot_cuda::GroupNormParams;

constexpr int kThreads = 512;

INGOT_INLINE float block_sum(float v) {
  __shared__ float parts[kThreads / 32];
  v = warp_sum(v);
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
  __syncthreads();
  float all = 0.0f;
#pragma unroll
  for (int i = 0; i < kThreads / 32; ++i) all += parts[i];
  return all;
}

// This block's part of its group, in vectors of V elements.
template <int V>
struct Part {
  const Params& p;
  int group, part, first, last;
  long long base;

  INGOT_INLINE explicit Part(const Params& params) : p(params) {
    part = static_cast<int>(blockIdx.x) % p.parts;
    const int rest = static_cast<int>(blockIdx.x) / p.parts;
    group = rest % p.groups;
    base = static_cast<long long>(rest / p.groups) * p.channels * p.pixels;
    const int vectors = p.channels / p.groups * p.pixels / V, each = (vectors + p.parts - 1) / p.parts;
    first = min_int(vectors, part * each);
    last = min_int(vectors, first + each);
  }
  INGOT_INLINE int elements(int of_part) const {
    const int vectors = p.channels / p.groups * p.pixels / V, each = (vectors + p.parts - 1) / p.parts;
    return (min_int(vectors, (of_part + 1) * each) - min_int(vectors, of_part * each)) * V;
  }
  INGOT_INLINE long long place(int i, int& channel) const {
    const int width = p.channels / p.groups;
    if (p.channels_last != 0) {
      const int across = width / V;
      channel = group * width + i % across * V;
      return base + static_cast<long long>(i / across) * p.channels + channel;
    }
    channel = group * width + i * V / p.pixels;
    return base + static_cast<long long>(group) * width * p.pixels + static_cast<long long>(i) * V;
  }
  INGOT_INLINE Vec<T, V> load(int i) const {
    int channel = 0;
    return *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.x) + place(i, channel));
  }

  INGOT_INLINE void statistics(float& mean, float& squares) const {
    float sum = 0.0f;
    for (int i = first + static_cast<int>(threadIdx.x); i < last; i += kThreads) {
      const Vec<T, V> v = load(i);
#pragma unroll
      for (int j = 0; j < V; ++j) sum += load_value(v.v[j]);
    }
    mean = block_sum(sum) / static_cast<float>(max_int(1, elements(part)));
    sum = 0.0f;
    for (int i = first + static_cast<int>(threadIdx.x); i < last; i += kThreads) {
      const Vec<T, V> v = load(i);
#pragma unroll
      for (int j = 0; j < V; ++j) {
        const float d = load_value(v.v[j]) - mean;
        sum = fmaf(d, d, sum);
      }
    }
    squares = block_sum(sum);
  }

  INGOT_INLINE void normalise(float mean, float squares) const {
    const float count = static_cast<float>(p.channels / p.groups) * static_cast<float>(p.pixels);
    const float inverse = 1.0f / sqrtf(squares / count + p.epsilon);
    for (int i = first + static_cast<int>(threadIdx.x); i < last; i += kThreads) {
      int channel = 0;
      const long long at = place(i, channel);
      const Vec<T, V> v = *reinterpret_cast<const Vec<T, V>*>(static_cast<const T*>(p.x) + at);
      float x0[V];
#pragma unroll
      for (int j = 0; j < V; ++j) {
        const int c = p.channels_last != 0 ? channel + j : channel;
        x0[j] = (load_value(v.v[j]) - mean) * inverse * load_value(static_cast<const T*>(p.scale)[c]) +
                load_value(static_cast<const T*>(p.bias)[c]);
      }
      const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
      Vec<OUT, V> out;
      EPILOGUE_LOADS
#pragma unroll
      for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
      *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + at) = out;
    }
  }
};

template <int V>
INGOT_INLINE void run_norm(const Params& p) {
  const Part<V> part(p);
  float mean = 0.0f, squares = 0.0f;
  part.statistics(mean, squares);
  part.normalise(mean, squares);
}

template <int V>
INGOT_INLINE void run_stats(const Params& p) {
  float mean = 0.0f, squares = 0.0f;
  Part<V>(p).statistics(mean, squares);
  if (threadIdx.x == 0) {
    p.partial[2 * blockIdx.x] = mean;
    p.partial[2 * blockIdx.x + 1] = squares;
  }
}

template <int V>
INGOT_INLINE void run_apply(const Params& p) {
  const Part<V> part(p);
  const float* from = p.partial + static_cast<long long>(blockIdx.x / p.parts) * p.parts * 2;
  // A thread a part: fewer than threads.
  const int i = static_cast<int>(threadIdx.x);
  const bool mine = i < p.parts;
  const float n = mine ? static_cast<float>(part.elements(i)) : 0.0f, own = mine ? from[2 * i] : 0.0f;
  const float count = static_cast<float>(p.channels / p.groups) * static_cast<float>(p.pixels);
  const float mean = block_sum(n * own) / count;
  const float squares = block_sum(mine ? fmaf(n * (own - mean), own - mean, from[2 * i + 1]) : 0.0f);
  part.normalise(mean, squares);
}

#define INGOT_GROUP_ENTRY(name, V, body)                                                        \
  extern "C" __global__ void __launch_bounds__(kThreads) name(const __grid_constant__ Params p) { \
    begin_dependent();                                                                          \
    body<V>(p);                                                                                 \
  }
INGOT_GROUP_ENTRY(group_norm_vector, VECTOR, run_norm)
INGOT_GROUP_ENTRY(group_norm_any, 1, run_norm)
INGOT_GROUP_ENTRY(group_stats_vector, VECTOR, run_stats)
INGOT_GROUP_ENTRY(group_stats_any, 1, run_stats)
INGOT_GROUP_ENTRY(group_apply_vector, VECTOR, run_apply)
INGOT_GROUP_ENTRY(group_apply_any, 1, run_apply)
