// SPDX-License-Identifier: Apache-2.0
// GroupNormalization and InstanceNormalization: a block per image and group, statistics in fp32 and two passes. Given:
// T, OUT, the epilogue.
using Params = ingot_cuda::GroupNormParams;

INGOT_INLINE float block_sum(float v) {
  __shared__ float parts[16];
  v = warp_sum(v);
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
  __syncthreads();
  float all = 0.0f;
#pragma unroll
  for (int i = 0; i < 16; ++i) all += parts[i];
  return all;
}

extern "C" __global__ void __launch_bounds__(512) group_norm(const __grid_constant__ Params p) {
  constexpr int V = 1;
  constexpr int j = 0;
  const int group = static_cast<int>(blockIdx.x) % p.groups, image = static_cast<int>(blockIdx.x) / p.groups;
  const int width = p.channels / p.groups;
  const int count = width * p.pixels;
  const long long base = static_cast<long long>(image) * p.channels * p.pixels;
  const auto place = [&](int i, int& channel) {
    if (p.channels_last != 0) {
      channel = group * width + i % width;
      return base + static_cast<long long>(i / width) * p.channels + channel;
    }
    channel = group * width + i / p.pixels;
    return base + static_cast<long long>(group) * count + i;
  };
  const T* x = static_cast<const T*>(p.x);
  float sum = 0.0f;
  int channel = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 512) sum += load_value(x[place(i, channel)]);
  const float mean = block_sum(sum) / static_cast<float>(count);
  float squares = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 512) {
    const float d = load_value(x[place(i, channel)]) - mean;
    squares = fmaf(d, d, squares);
  }
  const float inverse = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(count) + p.epsilon);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 512) {
    const long long at = place(i, channel);
    const float x0[1] = {(load_value(x[at]) - mean) * inverse * load_value(static_cast<const T*>(p.scale)[channel]) +
                         load_value(static_cast<const T*>(p.bias)[channel])};
    const int row = static_cast<int>(at / p.columns), column = static_cast<int>(at % p.columns);
    EPILOGUE_LOADS
    static_cast<OUT*>(p.y)[at] = EPILOGUE(j);
  }
}
