// SPDX-License-Identifier: Apache-2.0
// What the problem suite does not reach: more shares than it has threads, refusals of stored weights, threads.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::string_view kProblems[] = {
    "Conv(f32[1,9,7,16], const f32[24,16,3,3], const f32[24]) -> (f32[1,9,7,24]) {channels_last=1, pads=[1, 1, 1, 1]}",
    "Conv(f32[3,11,9,16], const f32[24,16,3,3], const f32[24]) -> (f32[3,5,4,24])"
    " {channels_last=1, pads=[1, 0, 0, 1], strides=[2, 2]}",
    "Conv(f32[1,8,8,16], const f32[16,16,5,5], const f32[16]) -> (f32[1,12,12,16]) {channels_last=1, pads=[4, 4, 4, "
    "4]}",
    "Conv(f32[1,7,7,64], const f32[128,64,1,1], const f32[128]) -> (f32[1,7,7,128]) {channels_last=1}",
    "Conv(f32[1,30,16], const f32[64,16,5], const f32[64]) -> (f32[1,30,64]) {channels_last=1, pads=[2, 2]}",
    "Conv(f32[1,6,8,8,16], const f32[16,16,3,3,3]) -> (f32[1,6,8,8,16]) {channels_last=1, pads=[1, 1, 1, 1, 1, 1]}",
    "Conv(f32[5,16,12,12], const f32[16,4,3,3]) -> (f32[5,16,12,12]) {group=4, pads=[1, 1, 1, 1]}",
    "MatMul(f32[37,64], const f32[64,640], const f32[640]) -> (f32[37,640])",
    "MatMul(f32[1,256], const f32[700,256], const f32[700]) -> (f32[1,700]) {transB=1, alpha=0.5}",
};

class Threads final : public Parallel {
 public:
  explicit Threads(int threads) : threads_(threads) {}
  [[nodiscard]] int threads() const override { return threads_; }
  void run(std::int64_t tasks, FunctionRef<void(std::int64_t, int)> body) override {
    for (std::int64_t task = tasks - 1; task >= 0; --task) body(task, static_cast<int>(task % threads_));
  }

 private:
  int threads_;
};

TensorPtr random_tensor(const Shape& shape, unsigned seed) {
  HostTensor tensor = HostTensor::create(DType::f32, shape).value();
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, normal(random));
  return share(std::move(tensor));
}

struct Solved {
  Problem problem;
  DeviceInfo device = backend().device();
  const Tactic* tactic = nullptr;
  Packed packed;

  bool prepare(std::string_view text, int threads, std::size_t config) {
    problem = Problem::parse(text).value();
    device.threads = threads;
    tactic = problem.kind == "Conv" ? &onednn_conv_tactic() : &onednn_matmul_tactic();
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
      problem.inputs[i].value = random_tensor(problem.inputs[i].shape, static_cast<unsigned>(i));
    const Support support = tactic->supports(problem, device);
    if (support.reason == Refusal::kLibrary) return false;
    EXPECT_TRUE(support.ok()) << text << ": " << to_string(support.reason) << " " << support.detail;
    const std::vector<std::string> configs = tactic->configs(problem, device);
    if (!support.ok() || config >= configs.size()) return false;
    config_ = configs[config];
    packed = tactic->prepare(problem, config_, device).value();
    return true;
  }
  [[nodiscard]] Result<std::unique_ptr<Kernel>> load() const {
    const std::vector<std::span<const std::byte>> blobs(packed.blobs.begin(), packed.blobs.end());
    return tactic->load(problem, config_, blobs);
  }
  [[nodiscard]] std::vector<float> run(int threads) const {
    const std::unique_ptr<Kernel> kernel = load().value();
    ConfigureArgs configure;
    configure.inputs = problem.inputs;
    configure.outputs = problem.outputs;
    configure.threads = threads;
    const std::unique_ptr<KernelState> state = kernel->configure(configure).value();
    std::vector<float> out(static_cast<std::size_t>(element_count(problem.outputs[0].shape).value()), NAN);
    std::vector<std::byte> workspace(state->workspace_bytes + 64);
    std::vector<const void*> inputs;
    for (const Operand& input : problem.inputs) inputs.push_back(input.value->bytes().data());
    void* outputs[] = {out.data()};
    Threads parallel(threads);
    LaunchArgs launch;
    launch.inputs = inputs;
    launch.outputs = outputs;
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(workspace.data()) % 64;
    launch.workspace = std::span(workspace).subspan(64 - misaligned, state->workspace_bytes);
    launch.state = state.get();
    launch.parallel = &parallel;
    EXPECT_TRUE(kernel->launch(launch).is_ok());
    return out;
  }

 private:
  std::string config_;
};

TEST(OneDnn, SharesMakeTheSameOutput) {
  for (const std::string_view text : kProblems) {
    Solved alone;
    if (!alone.prepare(text, 1, 0)) GTEST_SKIP() << "no oneDNN here";
    const std::vector<float> expected = alone.run(1);
    for (const int threads : {3, 4, 7}) {
      Solved many;
      for (std::size_t config = 0; many.prepare(text, threads, config); ++config) {
        const std::vector<float> got = many.run(threads);
        for (std::size_t i = 0; i < got.size(); ++i)
          ASSERT_NEAR(got[i], expected[i], 1e-4) << text << " with " << threads << " threads at " << i;
        const std::vector<float> elsewhere = many.run(2);
        for (std::size_t i = 0; i < got.size(); ++i)
          ASSERT_NEAR(elsewhere[i], expected[i], 1e-4) << text << " packed for " << threads << ", at " << i;
      }
    }
  }
}

TEST(OneDnn, RefusesForeignWeights) {
  Solved solved;
  if (!solved.prepare(kProblems[0], 1, 0)) GTEST_SKIP() << "no oneDNN here";
  std::vector<std::byte>& blob = solved.packed.blobs[0];
  ASSERT_TRUE(solved.load().is_ok());
  blob[4] ^= std::byte{1};
  EXPECT_EQ(solved.load().status().code(), StatusCode::kIncompatible);
  blob[4] ^= std::byte{1};
  for (std::size_t i = 8; i < 256; ++i) {
    for (const int mask : {1, 0x80, 0xff}) {
      const std::byte before = blob[i];
      blob[i] ^= static_cast<std::byte>(mask);
      const Status status = solved.load().status();
      if (!status.is_ok()) {
        EXPECT_EQ(status.code(), StatusCode::kCorrupt) << i;
      }
      blob[i] = before;
    }
  }
  blob.resize(blob.size() - 4);
  EXPECT_EQ(solved.load().status().code(), StatusCode::kCorrupt);
  solved.packed.blobs.clear();
  EXPECT_EQ(solved.load().status().code(), StatusCode::kCorrupt);
}

TEST(OneDnn, StartsNoThreads) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
  };
  const auto before = threads();
  Solved solved;
  if (!solved.prepare(kProblems[0], 4, 0)) GTEST_SKIP() << "no oneDNN here";
  (void)solved.run(4);
  EXPECT_EQ(threads(), before);
}

}  // namespace
}  // namespace ingot::cpu
