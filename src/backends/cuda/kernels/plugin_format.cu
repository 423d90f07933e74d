// SPDX-License-Identifier: Apache-2.0
// Operands of plugins from the engine's row-major tensors to other types and layouts, and back. One thread an element.
INGOT_INLINE double load_number(const void* from, int type, long long at) {
  switch (type) {
    case 1: return static_cast<const float*>(from)[at];
    case 10: return load_value(static_cast<const f16*>(from)[at]);
    case 16: return load_value(static_cast<const bf16*>(from)[at]);
    default: return static_cast<const double*>(from)[at];
  }
}
INGOT_INLINE void store_number(void* to, int type, long long at, double value) {
  switch (type) {
    case 1: static_cast<float*>(to)[at] = static_cast<float>(value); break;
    case 10: static_cast<f16*>(to)[at] = store_value<f16>(static_cast<float>(value)); break;
    case 16: static_cast<bf16*>(to)[at] = store_value<bf16>(static_cast<float>(value)); break;
    default: static_cast<double*>(to)[at] = value;
  }
}
INGOT_INLINE long long load_whole(const void* from, int type, long long at) {
  switch (type) {
    case 2:
    case 9: return static_cast<const unsigned char*>(from)[at];
    case 3: return static_cast<const signed char*>(from)[at];
    case 4: return static_cast<const unsigned short*>(from)[at];
    case 5: return static_cast<const short*>(from)[at];
    case 6: return static_cast<const int*>(from)[at];
    case 12: return static_cast<const unsigned*>(from)[at];
    default: return static_cast<const long long*>(from)[at];
  }
}
INGOT_INLINE void store_whole(void* to, int type, long long at, long long value) {
  switch (type) {
    case 2:
    case 3: static_cast<unsigned char*>(to)[at] = static_cast<unsigned char>(value); break;
    case 9: static_cast<unsigned char*>(to)[at] = value != 0 ? 1 : 0; break;
    case 4:
    case 5: static_cast<unsigned short*>(to)[at] = static_cast<unsigned short>(value); break;
    case 6:
    case 12: static_cast<unsigned*>(to)[at] = static_cast<unsigned>(value); break;
    default: static_cast<long long*>(to)[at] = value;
  }
}

extern "C" __global__ void __launch_bounds__(256)
    plugin_format(const __grid_constant__ ingot_cuda::PluginFormatParams p) {
  const bool numbers = p.in_type == 1 || p.in_type == 10 || p.in_type == 11 || p.in_type == 16;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long unit = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; unit < p.units; unit += step) {
    long long batch, channel, place;
    if (p.into == 0) {
      place = unit % p.spatial;
      channel = unit / p.spatial % p.channels;
      batch = unit / (p.spatial * p.channels);
    } else if (p.channels_last != 0) {
      channel = unit % p.padded_channels;
      place = unit / p.padded_channels % p.spatial;
      batch = unit / (p.padded_channels * p.spatial);
    } else {
      place = unit / p.block % p.spatial;
      channel = unit / (p.block * p.spatial) % (p.padded_channels / p.block) * p.block + unit % p.block;
      batch = unit / (p.padded_channels * p.spatial);
    }
    const long long linear = (batch * p.channels + channel) * p.spatial + place;
    const long long placed =
        p.channels_last != 0
            ? (batch * p.spatial + place) * p.padded_channels + channel
            : ((batch * (p.padded_channels / p.block) + channel / p.block) * p.spatial + place) * p.block +
                  channel % p.block;
    const long long from = p.into != 0 ? linear : placed;
    const bool inside = channel < p.channels;
    if (numbers)
      store_number(p.out, p.out_type, unit, inside ? load_number(p.in, p.in_type, from) : 0.0);
    else
      store_whole(p.out, p.out_type, unit, inside ? load_whole(p.in, p.in_type, from) : 0);
  }
}
