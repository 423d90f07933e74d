// SPDX-License-Identifier: Apache-2.0
// cuda.cudnn without a GPU: which epilogues become operations of the library's graph, and what is refused why. Its
// numbers are in tactics_test.cc, whose suite runs every tactic.
#include <gtest/gtest.h>

#include <thread>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/cudnn_epilogue.h"
#include "backends/cuda/tactics.h"
#include "tactics/testing/problem_case.h"

namespace ingot::cuda {
namespace {

constexpr CudnnPointwise kBias{.mode = CUDNN_POINTWISE_ADD, .operand = 2};
constexpr CudnnPointwise kRelu{.mode = CUDNN_POINTWISE_RELU_FWD};

DeviceInfo hopper() {
  DeviceInfo device;
  device.kind = "cuda";
  device.features = {"sm_90a"};
  return device;
}

Problem parsed(const std::string& text) {
  const Result<Problem> problem = Problem::parse(text);
  EXPECT_TRUE(problem.is_ok()) << text << problem.status().to_string();
  return *problem;
}

// Operands x1, x2, ... are inputs 3, 4, ...
Problem conv(const std::string& epilogue, int operands = 0) {
  std::string inputs = "f16[2,14,14,64], const f16[32,64,3,3], const f16[32]";
  for (int i = 0; i < operands; ++i) inputs += ", f16[2,14,14,32]";
  std::string attrs = "channels_last=1, pads=[1, 1, 1, 1]";
  if (!epilogue.empty()) attrs += ", epilogue=\"" + epilogue + "\", epilogue_inputs=" + std::to_string(operands);
  return parsed("Conv(" + inputs + ") -> (f16[2,14,14,32]) {" + attrs + "}");
}

using Chain = std::vector<CudnnPointwise>;

TEST(CudnnChain, IsTheBiasAlone) {
  EXPECT_EQ(cudnn_chain(conv("")), Chain{kBias});
  EXPECT_EQ(cudnn_chain(parsed("Conv(f16[1,4,4,8], const f16[8,8,1,1]) -> (f16[1,4,4,8]) {channels_last=1}")), Chain{});
}

TEST(CudnnChain, HasFunctions) {
  const struct {
    const char* body;
    CudnnPointwise step;
  } cases[] = {
      {"t0 = const<f16>(0); t1 = max(x0, t0)", kRelu},
      {"t0 = const<f16>(0); t1 = max(t0, x0)", kRelu},
      {"t0 = cast<f32>(x0); t1 = silu(t0); t2 = cast<f16>(t1)", {.mode = CUDNN_POINTWISE_SWISH_FWD}},
      {"t0 = sigmoid(x0)", {.mode = CUDNN_POINTWISE_SIGMOID_FWD}},
      {"t0 = tanh(x0)", {.mode = CUDNN_POINTWISE_TANH_FWD}},
      {"t0 = gelu(x0)", {.mode = CUDNN_POINTWISE_GELU_FWD}},
      {"t0 = gelu_tanh(x0)", {.mode = CUDNN_POINTWISE_GELU_APPROX_TANH_FWD}},
      {"t0 = const<f16>(0); t1 = const<f16>(6); t2 = clamp(x0, t0, t1)",
       {.mode = CUDNN_POINTWISE_RELU_FWD, .upper = 6}},
      {"t0 = const<f16>(-1); t1 = const<f16>(6); t2 = max(x0, t0); t3 = min(t2, t1)",
       {.mode = CUDNN_POINTWISE_RELU_FWD, .lower = -1, .upper = 6}},
      {"t0 = const<f16>(6); t1 = min(x0, t0)", {.mode = CUDNN_POINTWISE_RELU_FWD, .slope = 1, .upper = 6}},
      {"t0 = const<f16>(0.5); t1 = prelu(x0, t0)", {.mode = CUDNN_POINTWISE_RELU_FWD, .slope = 0.5}},
  };
  for (const auto& one : cases)
    EXPECT_EQ(cudnn_chain(conv(std::string("(x0:f16) { ") + one.body + " }")), (Chain{kBias, one.step})) << one.body;
}

// The order that most engines know: residual, bias, function.
TEST(CudnnChain, AddsTheResidualFirst) {
  const CudnnPointwise residual{.mode = CUDNN_POINTWISE_ADD, .operand = 3};
  EXPECT_EQ(cudnn_chain(conv("(x0:f16, x1:f16) { t0 = add(x1, x0); t1 = const<f16>(0); t2 = max(t0, t1) }", 1)),
            (Chain{residual, kBias, kRelu}));
  // Behind a function it stays there.
  EXPECT_EQ(cudnn_chain(conv("(x0:f16, x1:f16) { t0 = silu(x0); t1 = add(t0, x1) }", 1)),
            (Chain{kBias, {.mode = CUDNN_POINTWISE_SWISH_FWD}, residual}));
  const CudnnPointwise gate{.mode = CUDNN_POINTWISE_MUL, .operand = 3};
  EXPECT_EQ(cudnn_chain(conv("(x0:f16, x1:f16) { t0 = mul(x0, x1) }", 1)), (Chain{kBias, gate}));
}

TEST(CudnnChain, LeavesTheRest) {
  for (const char* body : {
           "t0 = hardswish(x0)",
           "t0 = sigmoid(x0); t1 = mul(x0, t0)",      // no chain
           "t0 = cast<i32>(x0); t1 = cast<f16>(t0)",  // cuts off
           "t0 = const<f16>(2); t1 = mul(x0, t0)",    // a constant is no tensor
           "t0 = const<f16>(-2); t1 = min(x0, t0)",   // slope and limit overlap
           "t0 = const<f16>(3); t1 = const<f16>(2); t2 = clamp(x0, t0, t1)",
           "t0 = tanh(x0); t1 = tanh(t0); t2 = tanh(t1); t3 = tanh(t2); t4 = tanh(t3)",
           "t0 = const<f16>(1)",
       })
    EXPECT_FALSE(cudnn_chain(conv(std::string("(x0:f16) { ") + body + " }"))) << body;
  EXPECT_FALSE(cudnn_chain(conv("(x0:f16, x1:f16) { t0 = add(x0, x1); t1 = add(t0, x1) }", 1)));
  EXPECT_FALSE(cudnn_chain(conv("(x0:f16, x1:f16, x2:f16) { t0 = add(x1, x2); t1 = add(x0, t0) }", 2)));
  EXPECT_FALSE(cudnn_chain(conv("(x0:f16, x1:f16) { t0 = const<f16>(0); t1 = max(x1, t0) }", 1)));
}

TEST(CudnnChain, TakesOperandsOfAllElementsOrOneAChannel) {
  const auto chain = [](const std::string& operand, const std::string& images = "2") {
    return cudnn_chain(parsed("Conv(f16[" + images + ",7,7,16], const f16[16,16,1,1], const f16[16], " + operand +
                              ") -> (f16[" + images +
                              ",7,7,16]) {channels_last=1, epilogue=\"(x0:f16, x1:f16) { t0 = "
                              "mul(x0, x1) }\", epilogue_inputs=1}"));
  };
  for (const char* taken : {"f16[2,7,7,16]", "f16[1,1,1,16]", "const f16[1,1,1,16]", "f16[16]", "f16[1]", "f16[]"})
    EXPECT_TRUE(chain(taken)) << taken;
  for (const char* left : {"f16[2,1,1,16]", "f16[1,7,7,1]", "f16[1,7,7,16]", "f16[2,1,1,1]"})
    EXPECT_FALSE(chain(left)) << left;
  // With one image nobody knows whether the operand grows with their number.
  EXPECT_TRUE(chain("const f16[1,1,1,16]", "1"));
  EXPECT_TRUE(chain("f16[16]", "1"));
  for (const char* left : {"f16[1,1,1,16]", "f16[1,7,7,16]", "const f16[1,7,7,16]"})
    EXPECT_FALSE(chain(left, "1")) << left;
}

TEST(CudnnTactic, SaysWhyNot) {
  const Tactic& tactic = cudnn_tactic();
  const auto reason = [&](const std::string& text) { return tactic.supports(parsed(text), hopper()).reason; };
  const bool here = cudnn().is_ok();
  EXPECT_EQ(tactic.supports(conv(""), hopper()).reason, here ? Refusal::kNone : Refusal::kLibrary);
  if (!here) {
    EXPECT_NE(tactic.supports(conv(""), hopper()).detail.find("libcudnn.so.9"), std::string::npos);
  }
  EXPECT_EQ(reason("MatMul(f16[8,8], const f16[8,8]) -> (f16[8,8])"), Refusal::kKind);
  EXPECT_EQ(reason("Conv(f64[1,4,4,8], const f64[8,8,1,1]) -> (f64[1,4,4,8]) {channels_last=1}"), Refusal::kDType);
  EXPECT_EQ(reason("Conv(f16[1,8,4,4], const f16[8,8,1,1]) -> (f16[1,8,4,4])"), Refusal::kLayout);
  EXPECT_EQ(reason("Conv(f16[1,4,4,8], f16[8,8,1,1]) -> (f16[1,4,4,8]) {channels_last=1}"), Refusal::kConstant);
  EXPECT_EQ(reason("Conv(f16[0,4,4,8], const f16[8,8,1,1]) -> (f16[0,4,4,8]) {channels_last=1}"), Refusal::kShape);
}

TEST(CudnnTactic, HasPlainConfigsWhereTheGraphHasMore) {
  const auto plain = [](const Problem& problem) {
    int count = 0;
    for (const std::string& config : cudnn_tactic().configs(problem, hopper())) count += config.starts_with("plain ");
    return count;
  };
  EXPECT_GT(plain(conv("")), 0);
  EXPECT_EQ(plain(parsed("Conv(f16[1,4,4,8], const f16[8,8,1,1]) -> (f16[1,4,4,8]) {channels_last=1}")), 0);
}

TEST(CudnnTactic, RefusesDamagedData) {
  const Problem problem = conv("");
  const std::vector<std::byte> head(16), rest(8);
  const std::span<const std::byte> short_head(rest);
  const std::vector<std::span<const std::byte>> damaged[] = {
      {}, {head, rest}, {short_head, rest, rest}, {head, rest, rest}, {head, rest, rest, rest}};
  for (const auto& blobs : damaged) {
    const auto kernel = cudnn_tactic().load(problem, "0", blobs);
    ASSERT_FALSE(kernel.is_ok());
    EXPECT_EQ(kernel.status().code(), StatusCode::kCorrupt) << kernel.status().to_string();
  }
  EXPECT_EQ(cudnn_tactic().load(problem, "first", damaged[0]).status().code(), StatusCode::kInvalidArgument);
}

class CudnnOnDevice : public testing::Test {
 protected:
  void SetUp() override {
    const Result<const Backend*> found = backend(0);
    if (!found.is_ok()) GTEST_SKIP() << found.status().to_string();
    if (const Status status = cudnn().status(); !status.is_ok()) GTEST_SKIP() << status.to_string();
    device_ = *Device::get(0);
    info_ = (*found)->device();
  }
  Device* device_ = nullptr;
  DeviceInfo info_;
};

TEST_F(CudnnOnDevice, ForgetsPlansOfAnotherVersion) {
  const testing_tools::ProblemCase test_case(conv("").to_string());
  Result<Packed> packed = cudnn_tactic().prepare(test_case.problem(), "0", info_);
  ASSERT_TRUE(packed.is_ok()) << packed.status().to_string();
  packed->blobs[0][0] ^= std::byte{1};  // the version
  const std::vector<std::span<const std::byte>> blobs(packed->blobs.begin(), packed->blobs.end());
  const auto kernel = cudnn_tactic().load(test_case.problem(), "0", blobs);
  ASSERT_FALSE(kernel.is_ok());
  EXPECT_EQ(kernel.status().code(), StatusCode::kIncompatible);
  EXPECT_NE(kernel.status().message().find("build it again"), std::string::npos);
}

// A context's share of a kernel: state, stream and memory of its own.
class Context {
 public:
  Context(Device& device, const testing_tools::LoadedKernel& loaded, const testing_tools::CaseData& data)
      : device_(device), loaded_(loaded), data_(data), stream_(Stream::create(device).value()) {
    const std::vector<Operand> inputs = loaded.operands(data.inputs);
    const SymbolValues symbols;
    Result<std::unique_ptr<KernelState>> state =
        loaded.kernel->configure({.inputs = inputs, .outputs = data.outputs, .symbols = &symbols});
    EXPECT_TRUE(state.is_ok()) << state.status().to_string();
    if (!state.is_ok()) return;
    state_ = std::move(state).value();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      places_.push_back(nullptr);
      if (!inputs[i].present()) continue;
      memory_.push_back(DeviceMemory::upload(device, data.values[i]->bytes()).value());
      places_.back() = memory_.back().data();
    }
    output_ = DeviceMemory::allocate(device, data.expected[0].bytes().size()).value();
    workspace_ = DeviceMemory::allocate(device, state_->workspace_bytes).value();
  }

  [[nodiscard]] bool ready() const { return state_ != nullptr; }
  [[nodiscard]] Status launch() {
    INGOT_RETURN_IF_ERROR(device_.make_current());
    const DeviceScope scope(device_, stream_->handle());
    void* const outputs[] = {output_.data()};
    LaunchArgs args;
    args.inputs = places_;
    args.outputs = outputs;
    args.workspace = {static_cast<std::byte*>(workspace_.data()), state_->workspace_bytes};
    args.state = state_.get();
    return loaded_.kernel->launch(args);
  }
  [[nodiscard]] Status replay() {
    INGOT_ASSIGN_OR_RETURN(const auto graph, CapturedGraph::capture(device_, *stream_, [this] { return launch(); }));
    INGOT_RETURN_IF_ERROR(graph->launch(stream_->handle()));
    return stream_->synchronize();
  }
  // The result, which is poisoned for the next run.
  [[nodiscard]] std::vector<std::byte> take() {
    std::vector<std::byte> host(output_.size());
    EXPECT_TRUE(stream_->copy_to_host(host.data(), output_.data(), host.size()).is_ok());
    EXPECT_TRUE(stream_->set_bytes(output_.data(), 0xff, host.size()).is_ok());
    EXPECT_TRUE(stream_->synchronize().is_ok());
    return host;
  }
  void check(const std::vector<std::byte>& result) const {
    testing_tools::compare(data_.expected[0], result.data(), 0, {4e-3, 0x1p-9});
  }

 private:
  Device& device_;
  const testing_tools::LoadedKernel& loaded_;
  const testing_tools::CaseData& data_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<KernelState> state_;
  std::vector<const void*> places_;
  std::vector<DeviceMemory> memory_;
  DeviceMemory output_, workspace_;
};

// With the library's graph alone, and with a kernel behind the plain one.
TEST_F(CudnnOnDevice, RunsOtherSizesAndCapturedGraphs) {
  const testing_tools::ProblemCase test_case(conv("(x0:f16) { t0 = const<f16>(0); t1 = max(x0, t0) }").to_string());
  for (const char* config : {"0", "plain 0"}) {
    SCOPED_TRACE(config);
    const auto loaded = testing_tools::load(cudnn_tactic(), test_case.problem(), config, info_);
    ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
    for (const int batch : {1, 3}) {
      const Result<testing_tools::CaseData> data = test_case.data(batch);
      ASSERT_TRUE(data.is_ok()) << data.status().to_string();
      Context run(*device_, *loaded, *data);
      ASSERT_TRUE(run.ready());
      const Status launched = run.launch();
      ASSERT_TRUE(launched.is_ok()) << launched.to_string();
      const std::vector<std::byte> eager = run.take();
      run.check(eager);
      const Status replayed = run.replay();
      ASSERT_TRUE(replayed.is_ok()) << replayed.to_string();
      EXPECT_EQ(run.take(), eager);
    }
  }
}

// They share the device's handle, whose stream is now one's and then the other's.
TEST_F(CudnnOnDevice, RunsInContextsOnThreadsOfTheirOwn) {
  constexpr int kThreads = 4, kLaunches = 50;
  const testing_tools::ProblemCase test_case(conv("(x0:f16) { t0 = const<f16>(0); t1 = max(x0, t0) }").to_string());
  const auto loaded = testing_tools::load(cudnn_tactic(), test_case.problem(), "0", info_);
  ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
  const Result<testing_tools::CaseData> data = test_case.data();
  ASSERT_TRUE(data.is_ok()) << data.status().to_string();
  std::vector<std::unique_ptr<Context>> runs;
  for (int i = 0; i < kThreads; ++i) runs.push_back(std::make_unique<Context>(*device_, *loaded, *data));
  for (const auto& run : runs) ASSERT_TRUE(run->ready());
  const auto one = [](Context& run) {
    for (int i = 0; i < kLaunches; ++i) {
      const Status status = i % 5 == 4 ? run.replay() : run.launch();
      EXPECT_TRUE(status.is_ok()) << status.to_string();
      run.check(run.take());
    }
  };
  std::vector<std::thread> threads;
  for (const auto& run : runs) threads.emplace_back(one, std::ref(*run));
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ingot::cuda
