// SPDX-License-Identifier: Apache-2.0
// The plugin interface itself, on both devices; its steps may be captured in a graph.
#include "ingot/plugin.hpp"

namespace {

__global__ void scale(float const* x, float* y, long long count, float factor) {
  long long const i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
  if (i < count) y[i] = factor * x[i];
}

struct Scale {
  explicit Scale(const ingot::plugins::Attributes& a) : factor(static_cast<float>(a.number("factor"))) {}
  static ingot::plugins::Schema schema() {
    return ingot::plugins::Schema("demo", "ScaleBoth")
        .inputs(1)
        .outputs(1)
        .number("factor")
        .devices(INGOT_PLUGIN_CPU | INGOT_PLUGIN_CUDA);
  }
  static void infer(ingot::plugins::Infer& call) { call.like(0, 0); }
  void run(const ingot::plugins::Launch& call) const {
    const long long count = call.input(0).elements();
    const float* x = call.input(0).data<float>();
    float* y = call.output(0).data<float>();
    if (!call.on_cuda()) {
      for (long long i = 0; i < count; ++i) y[i] = factor * x[i];
    } else if (count > 0) {
      scale<<<static_cast<unsigned>((count + 255) / 256), 256, 0, static_cast<cudaStream_t>(call.stream())>>>(
          x, y, count, factor);
      if (const cudaError_t error = cudaPeekAtLastError(); error != cudaSuccess)
        ingot::plugins::fail(cudaGetErrorString(error));
    }
  }
  float factor;
};

}  // namespace

INGOT_PLUGIN_LIBRARY("demo_cuda", "1.0.0", Scale)
