// SPDX-License-Identifier: Apache-2.0
// Squeeze-and-excite: the mean over the pixels, two products with an activation each, and the map times the result. Given:
// T, VECTOR (elements of the map at a time), WEIGHTS (weights in 16 bytes), THREADS, PIXEL_PARTS, CHANNEL_PARTS, KEEP
// (vectors of the map that a thread holds on to), KEEP_ALL (there should be no more of them), STAGED (weights lie in shared memory before the map is there),
// SCALES_ONLY, squeeze(v), excite(v), the epilogue. Entry: `squeeze_excite`, a block or a cluster of them an image.
//
// A block sums its channels over its pixels; blocks of the same channels exchange these sums. Each then makes its share of
// every squeezed value, which are exchanged too, and the scales of its own channels from all of them.
using Params = ingot_cuda::SqueezeExciteParams;
constexpr int kBlocks = PIXEL_PARTS * CHANNEL_PARTS;
// Most loops are of a round or two, and code that is not unrolled arrives sooner: a kernel of a few microseconds runs from
// a cold instruction cache.
constexpr int kTail = KEEP_ALL ? 1 : 4;

// Value of the same place in another block of the cluster.
INGOT_INLINE float load_from(const float* own, int rank) {
  float r;
  asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(r) : "r"(in_cluster(shared_address(own), rank)) : "memory");
  return r;
}

// Rows of weights to shared memory, without waiting for them.
INGOT_INLINE void fetch(const T* from, int pitch, T* to, int to_pitch, int rows, int columns) {
  const int pieces = columns / WEIGHTS;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < rows * pieces; i += THREADS) {
    const int row = i / pieces, column = i % pieces * WEIGHTS;
    copy_async_16(shared_address(to + row * to_pitch + column), from + static_cast<long long>(row) * pitch + column, true);
  }
}

// take(row, sum of a row of weights times v), by groups of `lanes` threads.
template <typename Take>
INGOT_INLINE void products(const T* w, int pitch, const float* v, int rows, int columns, int lanes, const Take& take) {
  const int lane = static_cast<int>(threadIdx.x) & (lanes - 1), step = THREADS / lanes;
#pragma unroll 1
  for (int base = 0; base < rows; base += step) {
    const int row = base + static_cast<int>(threadIdx.x) / lanes;
    float sum = 0;
    if (row < rows) {
#pragma unroll 2
      for (int k = lane * WEIGHTS; k < columns; k += lanes * WEIGHTS) {
        const Vec<T, WEIGHTS> a = *reinterpret_cast<const Vec<T, WEIGHTS>*>(w + static_cast<long long>(row) * pitch + k);
        const Vec<float, WEIGHTS> b = *reinterpret_cast<const Vec<float, WEIGHTS>*>(v + k);
#pragma unroll
        for (int j = 0; j < WEIGHTS; ++j) sum = fmaf(load_value(a.v[j]), b.v[j], sum);
      }
    }
#pragma unroll 1
    for (int offset = lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if (lane == 0 && row < rows) take(row, sum);
  }
}

template <int V>
INGOT_INLINE void finish(const Params& p, const float (&values)[V], int row, int column) {
  float x0[V];
#pragma unroll
  for (int j = 0; j < V; ++j) x0[j] = values[j];
  Vec<OUT, V> out;
  EPILOGUE_LOADS
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = EPILOGUE(j);
  *reinterpret_cast<Vec<OUT, V>*>(static_cast<OUT*>(p.y) + static_cast<long long>(row) * p.channels + column) = out;
}

extern "C" __global__ void __launch_bounds__(THREADS) squeeze_excite(const __grid_constant__ Params p) {
  extern __shared__ __align__(128) unsigned char shared[];
  release_dependents();
  const int thread = static_cast<int>(threadIdx.x), rank = static_cast<int>(blockIdx.x) % kBlocks;
  const int image = static_cast<int>(blockIdx.x) / kBlocks;
  const int pixel_part = rank / CHANNEL_PARTS, channel_part = rank % CHANNEL_PARTS;
  const int first_channel = channel_part * p.part_channels;
  const int channels = max_int(0, min_int(p.part_channels, p.channels - first_channel));
  const int padded = max_int(0, min_int(p.part_channels, p.channel_pitch - first_channel));
  const int first_squeezed = CHANNEL_PARTS > 1 ? pixel_part * p.part_squeezed : 0;
  const int squeezed = max_int(0, min_int(p.part_squeezed, p.squeezed - first_squeezed));

  float* const own = reinterpret_cast<float*>(shared);    // sums over this block's pixels
  float* const pooled = own + p.part_channels;            // means over all
  float* const partial = pooled + p.part_channels;        // squeezed values, of this block's channels
  float* const all_squeezed = partial + p.squeezed_pitch;
  float* const scales = all_squeezed + p.squeezed_pitch;
  float* const bias1 = scales + p.part_channels;
  float* const bias2 = bias1 + p.squeezed_pitch;
  float* const sums = bias2 + p.part_channels;            // [rows of threads][channels]
  float* const few_sums = sums + THREADS * VECTOR;
  T* const near1 = reinterpret_cast<T*>(few_sums + THREADS);
  T* const near2 = near1 + p.part_squeezed * p.part_channels;
  const T* const w1 = static_cast<const T*>(p.w1) + static_cast<long long>(first_squeezed) * p.channel_pitch + first_channel;
  const T* const w2 = static_cast<const T*>(p.w2) + static_cast<long long>(first_channel) * p.squeezed_pitch;

  // What does not depend on the kernels ahead.
  if constexpr (STAGED != 0) {
    fetch(w1, p.channel_pitch, near1, p.part_channels, squeezed, padded);
    fetch(w2, p.squeezed_pitch, near2, p.squeezed_pitch, channels, p.squeezed_pitch);
    copy_async_commit();
  }
#pragma unroll 1
  for (int i = thread; i < p.squeezed_pitch; i += THREADS) {
    bias1[i] = p.bias[i];
    all_squeezed[i] = 0;
  }
#pragma unroll 1
  for (int i = thread; i < padded; i += THREADS) bias2[i] = p.bias[p.squeezed_pitch + first_channel + i];
  const int across = channels / VECTOR, down = across > 0 ? THREADS / across : 0;
  const int x = across > 0 ? thread % across : 0, y = across > 0 ? thread / across : 0;
  const int first_pixel = pixel_part * p.part_pixels;
  const int pixels = max_int(0, min_int(p.part_pixels, p.pixels - first_pixel));
  const int count = y < down && y < pixels ? (pixels - y + down - 1) / down : 0;  // vectors of this thread
  const int first_row = image * p.pixels + first_pixel + y, column = first_channel + x * VECTOR;
  const T* const from = static_cast<const T*>(p.x) + static_cast<long long>(first_row) * p.channels + column;
  const long long step = static_cast<long long>(down) * p.channels;
  wait_for_inputs();

  // The squeeze.
  using V = Vec<T, VECTOR>;
  V kept[KEEP];
  float sum[VECTOR] = {};
#pragma unroll
  for (int k = 0; k < KEEP; ++k)
    if (k < count) kept[k] = *reinterpret_cast<const V*>(from + k * step);
#pragma unroll
  for (int k = 0; k < KEEP; ++k)
    if (k < count)
#pragma unroll
      for (int j = 0; j < VECTOR; ++j) sum[j] += load_value(kept[k].v[j]);
#pragma unroll kTail
  for (int k = KEEP; k < count; ++k) {
    const V v = *reinterpret_cast<const V*>(from + k * step);
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) sum[j] += load_value(v.v[j]);
  }
  if (y < down)
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) sums[y * channels + x * VECTOR + j] = sum[j];
  __syncthreads();
  // Over the rows of threads: to a few sums by all threads, then to one.
  const int few = channels > 0 ? max_int(1, min_int(down, THREADS / channels)) : 1;
#pragma unroll 1
  for (int i = thread; i < channels * few; i += THREADS) {
    float a = 0;
    const int c = i % channels;
#pragma unroll 4
    for (int r = i / channels; r < down; r += few) a += sums[r * channels + c];
    (few > 1 ? few_sums : own)[i] = a;
  }
  __syncthreads();
  if (few > 1) {
#pragma unroll 1
    for (int c = thread; c < channels; c += THREADS) {
      float a = 0;
#pragma unroll 4
      for (int r = 0; r < few; ++r) a += few_sums[r * channels + c];
      own[c] = a;
    }
    __syncthreads();
  }
  if constexpr (PIXEL_PARTS > 1) {
    publish_shared();
    cluster_arrive();
    cluster_wait();
  }
#pragma unroll 1
  for (int c = thread; c < padded; c += THREADS) {
    float a = 0;
    if (c < channels) {
      if constexpr (PIXEL_PARTS > 1) {
#pragma unroll
        for (int part = 0; part < PIXEL_PARTS; ++part) a += load_from(own + c, part * CHANNEL_PARTS + channel_part);
      } else {
        a = own[c];
      }
    }
    pooled[c] = a * p.one_over_pixels;
  }
  if constexpr (STAGED != 0) copy_async_wait_all();
  __syncthreads();

  // The excitation.
  const T* const rows1 = STAGED != 0 ? near1 : w1;
  const int pitch1 = STAGED != 0 ? p.part_channels : p.channel_pitch;
  if constexpr (CHANNEL_PARTS > 1) {
    products(rows1, pitch1, pooled, squeezed, padded, p.lanes1,
             [&](int row, float value) { partial[first_squeezed + row] = value; });
    publish_shared();
    cluster_arrive();
    cluster_wait();
#pragma unroll 1
    for (int s = thread; s < p.squeezed; s += THREADS) {
      const int part = s / p.part_squeezed * CHANNEL_PARTS;
      float a = bias1[s];
#pragma unroll
      for (int q = 0; q < CHANNEL_PARTS; ++q) a += load_from(partial + s, part + q);
      all_squeezed[s] = squeeze(a);
    }
  } else {
    products(rows1, pitch1, pooled, squeezed, padded, p.lanes1,
             [&](int row, float value) { all_squeezed[row] = squeeze(value + bias1[row]); });
  }
  __syncthreads();
  if constexpr (kBlocks > 1) cluster_arrive();  // nothing more is read from other blocks
  products(STAGED != 0 ? near2 : w2, p.squeezed_pitch, all_squeezed, channels, p.squeezed_pitch, p.lanes2,
           [&](int row, float value) { scales[row] = excite(value + bias2[row]); });
  __syncthreads();

  if constexpr (SCALES_ONLY != 0) {
    if (pixel_part == 0)
#pragma unroll 1
      for (int c = thread; c < channels; c += THREADS) {
        const float value[1] = {scales[c]};
        finish<1>(p, value, image, first_channel + c);
      }
  } else if (count > 0) {
    float scale[VECTOR];
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) scale[j] = scales[x * VECTOR + j];
    const auto multiply = [&](const V& v, int k) {
      float values[VECTOR];
#pragma unroll
      for (int j = 0; j < VECTOR; ++j) values[j] = load_value(v.v[j]) * scale[j];
      finish<VECTOR>(p, values, first_row + k * down, column);
    };
#pragma unroll
    for (int k = 0; k < KEEP; ++k)
      if (k < count) multiply(kept[k], k);
#pragma unroll kTail
    for (int k = KEEP; k < count; ++k) multiply(*reinterpret_cast<const V*>(from + k * step), k);
  }
  if constexpr (kBlocks > 1) cluster_wait();  // this block's memory is read no more
}
