// SPDX-License-Identifier: Apache-2.0
// Times the fp32 CPU kernels on the layers of common networks and prints the share of the processor's peak.
//   cpu_kernels [filter] [rounds] [panel]
// All kernels are timed in turn, round after round, and the minimum counts, so a disturbance hits all alike. The share
// is that of the direct sum's operations: Winograd may exceed 100 %.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/depthwise.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/winograd.h"
#include "base/thread_pool.h"

namespace {
using namespace ingot;
using namespace ingot::cpu;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

using Memory = std::shared_ptr<float>;
Memory memory(std::size_t bytes) {
  auto* data = static_cast<float*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64));
  for (std::size_t i = 0; i < bytes / 4; ++i) data[i] = static_cast<float>(i * 7919 % 1000) * 1e-3F - 0.5F;
  return {data, &std::free};
}

// Independent multiply-adds on registers; 12 chains hide the latency of every current core.
#define INGOT_PEAK(name, isa, vector, set, fmadd, add, lanes)                                   \
  __attribute__((target(isa))) double name() {                                                  \
    volatile float source = 0.5F;                                                               \
    vector a[12];                                                                               \
    for (vector & v : a) v = set(source);                                                       \
    const vector x = set(source);                                                               \
    vector a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5];                    \
    vector a6 = a[6], a7 = a[7], a8 = a[8], a9 = a[9], b0 = a[10], b1 = a[11];                  \
    double best = 1e9;                                                                          \
    for (int round = 0; round < 100; ++round) {                                                 \
      const double start = seconds();                                                           \
      for (int i = 0; i < 20000; ++i) {                                                         \
        a0 = fmadd(x, a0, x), a1 = fmadd(x, a1, x), a2 = fmadd(x, a2, x), a3 = fmadd(x, a3, x); \
        a4 = fmadd(x, a4, x), a5 = fmadd(x, a5, x), a6 = fmadd(x, a6, x), a7 = fmadd(x, a7, x); \
        a8 = fmadd(x, a8, x), a9 = fmadd(x, a9, x), b0 = fmadd(x, b0, x), b1 = fmadd(x, b1, x); \
      }                                                                                         \
      best = std::min(best, seconds() - start);                                                 \
    }                                                                                           \
    const vector low = add(add(add(a0, a1), add(a2, a3)), add(a4, a5));                         \
    const vector sum = add(low, add(add(add(a6, a7), add(a8, a9)), add(b0, b1)));               \
    source = reinterpret_cast<const float*>(&sum)[0];                                           \
    return 20000.0 * 12 * 2 * (lanes) / best;                                                   \
  }
INGOT_PEAK(peak_flops_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps, 16)
INGOT_PEAK(peak_flops_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps, 8)
#undef INGOT_PEAK

struct Bench {
  std::string name;
  double flops;
  std::function<void(Parallel&)> run;
  double best[2] = {1e9, 1e9};
};

class Suite {
 public:
  Suite(std::string filter, int panel) : filter_(std::move(filter)), panel_(panel) {}

  void gemm_case(const std::string& name, std::int64_t m, std::int64_t n, std::int64_t k) {
    const GemmShape shape{m, n, k};
    const Memory a = memory(static_cast<std::size_t>(m * k) * 4);
    const Memory packed = memory(packed_b_bytes(k, n, panel_));
    const Memory c = memory(static_cast<std::size_t>(m * n) * 4);
    const Memory bias = memory(static_cast<std::size_t>(n) * 4);
    const Memory scratch = memory(gemm_scratch_bytes(shape, panel_, kThreads));
    add(name, 2.0 * static_cast<double>(m * n * k), [=, panel = panel_](Parallel& parallel) {
      Epilogue epilogue;
      epilogue.bias = bias.get();
      epilogue.clamp_min = 0;
      gemm(shape, a.get(), k, packed.get(), panel, c.get(), n, epilogue, bytes(scratch), parallel);
    });
  }

  void attention_case(const std::string& name, std::int64_t heads, std::int64_t m, std::int64_t n, std::int64_t k,
                      bool transposed) {
    const BatchGemmShape shape{{1, heads}, m, n, k, transposed};
    const Memory a = memory(static_cast<std::size_t>(heads * m * k) * 4);
    const Memory b = memory(static_cast<std::size_t>(heads * n * k) * 4);
    const Memory c = memory(static_cast<std::size_t>(heads * m * n) * 4);
    const Memory scratch =
        memory(std::max(batch_gemm_scratch_bytes(shape, panel_, 1), batch_gemm_scratch_bytes(shape, panel_, kThreads)));
    add(name, 2.0 * static_cast<double>(heads * m * n * k), [=, panel = panel_](Parallel& parallel) {
      batch_gemm(shape, {a.get(), k, {0, m * k}}, {b.get(), transposed ? k : n, {0, n * k}}, {c.get(), n, {0, m * n}},
                 panel, {}, bytes(scratch), parallel);
    });
  }

  void conv_case(const std::string& name, std::int64_t size, std::int64_t channels, std::int64_t outputs,
                 std::int64_t kernel, std::int64_t stride, bool depthwise_layer = false) {
    const std::int64_t pad = kernel / 2;
    const std::int64_t out = (size + 2 * pad - kernel) / stride + 1;
    const ConvShape shape{1,
                          channels,
                          outputs,
                          depthwise_layer ? channels : 1,
                          {1, size, size},
                          {1, out, out},
                          {1, kernel, kernel},
                          {1, stride, stride},
                          {1, 1, 1},
                          {0, pad, pad}};
    const double flops = 2.0 * static_cast<double>(shape.out_pixels() * outputs * shape.group_in() * kernel * kernel);
    const Memory in = memory(static_cast<std::size_t>(shape.in_pixels() * channels) * 4);
    const Memory result = memory(static_cast<std::size_t>(shape.out_pixels() * outputs) * 4);
    const Memory weights = memory(static_cast<std::size_t>(outputs * shape.group_in() * kernel * kernel) * 4);
    const int panel = panel_;
    Epilogue epilogue;
    epilogue.clamp_min = 0;
    if (depthwise_layer) {
      const Memory packed = memory(depthwise_packed_bytes(shape, panel));
      depthwise_pack(shape, weights.get(), panel, packed.get());
      const Memory scratch = memory(depthwise_scratch_bytes(shape, channels, panel, kThreads));
      add(name, flops, [=](Parallel& parallel) {
        depthwise(shape, in.get(), channels, packed.get(), panel, result.get(), outputs, epilogue, bytes(scratch),
                  parallel);
      });
      return;
    }
    const Memory packed = memory(conv_packed_bytes(shape, panel));
    conv_pack(shape, weights.get(), panel, packed.get());
    const Memory scratch = memory(conv_scratch_bytes(shape, channels, panel, kThreads));
    add(name, flops, [=](Parallel& parallel) {
      conv(shape, in.get(), channels, packed.get(), panel, result.get(), outputs, epilogue, bytes(scratch), parallel);
    });
    if (!winograd_supports(shape)) return;
    for (const int tile : {4, 2}) {
      const Memory transformed = memory(winograd_packed_bytes(shape, tile, panel));
      winograd_pack(shape, weights.get(), tile, panel, transformed.get());
      const Memory work = memory(std::max(winograd_scratch_bytes(shape, tile, panel, 1),
                                          winograd_scratch_bytes(shape, tile, panel, kThreads)));
      add(name + " winograd " + std::to_string(tile), flops, [=](Parallel& parallel) {
        winograd(shape, in.get(), channels, transformed.get(), tile, panel, result.get(), outputs, epilogue,
                 bytes(work), parallel);
      });
    }
  }

  void run(int rounds) {
    const double peak = panel_ == 32 ? peak_flops_avx512() : peak_flops_avx2();
    std::printf("%s, peak %.1f GFLOP/s per thread\n", isa_name(panel_), peak * 1e-9);
    Serial serial;
    ThreadPool pool(kThreads);
    Parallel* parallels[] = {&serial, &pool};
    for (int round = 0; round < rounds; ++round)
      for (Bench& bench : benches_)
        for (std::size_t i = 0; i < 2; ++i)
          for (int twice = 0; twice < 2; ++twice) {
            const double start = seconds();
            bench.run(*parallels[i]);
            bench.best[i] = std::min(bench.best[i], seconds() - start);
          }
    std::printf("%-34s %10s %6s   %10s %6s\n", "", "1 thread", "peak", "2 threads", "peak");
    for (const Bench& bench : benches_)
      std::printf("%-34s %7.1f us %5.1f%%   %7.1f us %5.1f%%\n", bench.name.c_str(), bench.best[0] * 1e6,
                  100 * bench.flops / bench.best[0] / peak, bench.best[1] * 1e6,
                  100 * bench.flops / bench.best[1] / peak / kThreads);
  }

 private:
  static constexpr int kThreads = 2;
  static std::byte* bytes(const Memory& m) { return reinterpret_cast<std::byte*>(m.get()); }
  void add(const std::string& name, double flops, std::function<void(Parallel&)> run) {
    if (name.find(filter_) != std::string::npos) benches_.push_back({name, flops, std::move(run)});
  }
  std::string filter_;
  int panel_;
  std::vector<Bench> benches_;
};

}  // namespace

int main(int argc, char** argv) {
  Suite suite(argc > 1 ? argv[1] : "", argc > 3 ? std::atoi(argv[3]) : best_panel());
  suite.gemm_case("gemm 256x256x256", 256, 256, 256);
  suite.conv_case("resnet 224x224x3 7x7s2 64", 224, 3, 64, 7, 2);
  suite.conv_case("resnet 56x56x64 3x3 64", 56, 64, 64, 3, 1);
  suite.conv_case("resnet 56x56x64 1x1 64", 56, 64, 64, 1, 1);
  suite.conv_case("resnet 56x56x64 1x1 256", 56, 64, 256, 1, 1);
  suite.conv_case("resnet 56x56x256 1x1 64", 56, 256, 64, 1, 1);
  suite.conv_case("resnet 56x56x128 3x3s2 128", 56, 128, 128, 3, 2);
  suite.conv_case("resnet 28x28x128 3x3 128", 28, 128, 128, 3, 1);
  suite.conv_case("resnet 28x28x128 1x1 512", 28, 128, 512, 1, 1);
  suite.conv_case("resnet 28x28x512 1x1 128", 28, 512, 128, 1, 1);
  suite.conv_case("resnet 28x28x512 1x1s2 1024", 28, 512, 1024, 1, 2);
  suite.conv_case("resnet 28x28x256 3x3s2 256", 28, 256, 256, 3, 2);
  suite.conv_case("resnet 14x14x256 3x3 256", 14, 256, 256, 3, 1);
  suite.conv_case("resnet 14x14x256 1x1 1024", 14, 256, 1024, 1, 1);
  suite.conv_case("resnet 14x14x1024 1x1 256", 14, 1024, 256, 1, 1);
  suite.conv_case("resnet 7x7x512 3x3 512", 7, 512, 512, 3, 1);
  suite.conv_case("resnet 7x7x512 1x1 2048", 7, 512, 2048, 1, 1);
  suite.conv_case("resnet 7x7x2048 1x1 512", 7, 2048, 512, 1, 1);
  suite.gemm_case("resnet fc 1x2048x1000", 1, 1000, 2048);
  suite.gemm_case("bert 128x768x768", 128, 768, 768);
  suite.gemm_case("bert 128x768x3072", 128, 3072, 768);
  suite.gemm_case("bert 128x3072x768", 128, 768, 3072);
  suite.attention_case("bert qk 12x128x128x64", 12, 128, 128, 64, true);
  suite.attention_case("bert pv 12x128x64x128", 12, 128, 64, 128, false);
  suite.gemm_case("vit 197x768x3072", 197, 3072, 768);
  suite.gemm_case("vit 197x3072x768", 197, 768, 3072);
  suite.conv_case("mobilenet 224x224x3 3x3s2 32", 224, 3, 32, 3, 2);
  suite.conv_case("mobilenet 112x112x32 dw3", 112, 32, 32, 3, 1, true);
  suite.conv_case("mobilenet 112x112x32 1x1 16", 112, 32, 16, 1, 1);
  suite.conv_case("mobilenet 112x112x96 dw3s2", 112, 96, 96, 3, 2, true);
  suite.conv_case("mobilenet 56x56x144 dw3", 56, 144, 144, 3, 1, true);
  suite.conv_case("mobilenet 56x56x24 1x1 144", 56, 24, 144, 1, 1);
  suite.conv_case("mobilenet 56x56x144 1x1 24", 56, 144, 24, 1, 1);
  suite.conv_case("mobilenet 28x28x192 dw3", 28, 192, 192, 3, 1, true);
  suite.conv_case("mobilenet 14x14x576 dw3", 14, 576, 576, 3, 1, true);
  suite.conv_case("mobilenet 14x14x96 1x1 576", 14, 96, 576, 1, 1);
  suite.conv_case("mobilenet 7x7x960 dw3", 7, 960, 960, 3, 1, true);
  suite.conv_case("mobilenet 28x28x240 dw5", 28, 240, 240, 5, 1, true);
  suite.conv_case("convnext 56x56x96 dw7", 56, 96, 96, 7, 1, true);
  suite.run(argc > 2 ? std::atoi(argv[2]) : 15);
}
