// SPDX-License-Identifier: Apache-2.0
// Release 10, IPluginV3: three tactics with the same result (a running sum over rows), one of them hopelessly slow, and
// an id for the timing cache. The launch fails unless a tactic was set.
#include "v3_base.h"

using namespace nvinfer1;

class RunningSum : public V3Base<RunningSum> {
 public:
  static constexpr char const* kName = "RunningSum";
  int32_t getNbTactics() noexcept override { return 3; }
  int32_t getValidTactics(int32_t* tactics, int32_t nbTactics) noexcept override {
    for (int32_t i = 0; i < nbTactics; ++i) tactics[i] = 10 * (i + 1);
    return 0;
  }
  char const* getTimingCacheID() noexcept override { return "running-sum-1"; }
  int32_t setTactic(int32_t tactic) noexcept override {
    mTactic = tactic;
    return tactic == 10 || tactic == 20 || tactic == 30 ? 0 : 1;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void*, cudaStream_t) noexcept override {
    if (mTactic == 0) return 1;
    int64_t const columns = in[0].dims.d[in[0].dims.nbDims - 1], rows = volume(in[0].dims) / columns;
    auto const* x = static_cast<float const*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        if (mTactic == 10) {  // from the start for every element
          float sum = 0;
          for (int64_t k = 0; k <= c; ++k) sum += x[r * columns + k];
          y[r * columns + c] = sum;
        } else {
          y[r * columns + c] = x[r * columns + c] + (c > 0 ? y[r * columns + c - 1] : 0.f);
        }
      }
    return 0;
  }

 private:
  int32_t mTactic = 0;
};
using RunningSumCreator = V3Creator<RunningSum>;
REGISTER_TENSORRT_PLUGIN(RunningSumCreator);
