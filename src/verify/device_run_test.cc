// SPDX-License-Identifier: Apache-2.0
// Contexts on a GPU: captured graphs by shape and address, host memory of all kinds, memory of runs whose sizes the
// data decide. Skipped where there is no GPU or no compiler for it.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "backends/cuda/compiler.h"
#include "builder/build.h"
#include "ir/text.h"
#include "plan/writer.h"
#include "runtime/context.h"
#include "verify/run_graph.h"

namespace ingot::verify {
namespace {

constexpr std::int64_t kWidth = 64;

constexpr const char* kNet = R"(graph "net" (%x: f32[n, 64], %w: f32[64, 64]) -> (%y) {
    %h: f32[n, 64] = MatMul(%x, %w) "first"
    %r: f32[n, 64] = Relu(%h)
    %s: f32[n, 64] = Softmax(%r) {axis=1}
    %t: f32[n, 64] = MatMul(%s, %w) "second"
    %y: f32[n, 64] = Add(%t, %x)
  })";

std::vector<float> numbers(std::int64_t count, int seed) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = 0.1f * static_cast<float>((i * 31 + static_cast<std::size_t>(seed) * 17) % 41) - 2.0f;
  return out;
}

HostTensor tensor_of(Shape shape, const std::vector<float>& values) {
  return HostTensor::of<float>(DType::f32, std::move(shape), values);
}

class DeviceRunTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<cuda::Device*> found = cuda::Device::get(0);
    if (!found.is_ok()) GTEST_SKIP() << found.status().to_string();
    if (const Status status = cuda::compiler_available(); !status.is_ok()) GTEST_SKIP() << status.to_string();
    device_ = *found;
    weights_ = numbers(kWidth * kWidth, 99);
  }

  void build(const std::string& text, const std::vector<builder::ShapeRange>& shapes) {
    graph_ = ir::parse(text).value();
    builder::BuildOptions options;
    options.time_budget_seconds = 0;
    options.shapes = shapes;
    const Status known = builder::set_device("cuda", "fp32", options);
    ASSERT_TRUE(known.is_ok()) << known.to_string();
    const auto built = builder::build(*graph_, options);
    ASSERT_TRUE(built.is_ok()) << built.status().to_string();
    const auto engine = Engine::load_bytes(plan::write(built->plan).value());
    ASSERT_TRUE(engine.is_ok()) << engine.status().to_string();
    engine_ = *engine;
  }
  void build_net(std::int64_t most = 4096) { build(kNet, {{"x", {1, kWidth}, {4, kWidth}, {most, kWidth}}}); }
  std::unique_ptr<Context> context(const ContextOptions& options = {}) {
    auto made = Context::create(engine_, options);
    EXPECT_TRUE(made.is_ok()) << made.status().to_string();
    return std::move(made).value();
  }

  // What kNet makes of these rows.
  const std::vector<float>& expected(const std::vector<float>& x) {
    std::vector<float>& known = expected_[x];
    if (!known.empty()) return known;
    const auto rows = static_cast<std::int64_t>(x.size()) / kWidth;
    const auto results =
        run_graph(*graph_, {{"x", tensor_of({rows, kWidth}, x)}, {"w", tensor_of({kWidth, kWidth}, weights_)}});
    EXPECT_TRUE(results.is_ok()) << results.status().to_string();
    const HostTensor& y = results->at("y");
    known.assign(y.data<float>(), y.data<float>() + y.elements());
    return known;
  }
  static void expect_near(const std::vector<float>& found, const std::vector<float>& wanted) {
    ASSERT_EQ(found.size(), wanted.size());
    float worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const float error = std::abs(found[i] - wanted[i]);
      worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    }
    EXPECT_LE(worst, 1e-3f);
  }

  // Inputs and output in memory of the GPU.
  struct Buffers {
    cuda::DeviceMemory x, y;
  };
  Buffers buffers(const std::vector<float>& x) {
    return {cuda::DeviceMemory::upload(*device_, std::as_bytes(std::span(x))).value(),
            cuda::DeviceMemory::allocate(*device_, x.size() * sizeof(float)).value()};
  }
  void bind(Context& run, const Buffers& of) {
    ASSERT_TRUE(run.bind_input(0, of.x.data(), of.x.size()).is_ok());
    ASSERT_TRUE(run.bind_output(0, of.y.data(), of.y.size()).is_ok());
  }
  void bind_weights(Context& run) {
    ASSERT_TRUE(run.bind_input(1, weights_.data(), weights_.size() * sizeof(float)).is_ok());
  }
  // The result, which is poisoned for the next run.
  std::vector<float> take(const Buffers& of) {
    const auto stream = cuda::Stream::create(*device_).value();
    std::vector<float> host(of.y.size() / sizeof(float));
    EXPECT_TRUE(stream->copy_to_host(host.data(), of.y.data(), of.y.size()).is_ok());
    EXPECT_TRUE(stream->synchronize().is_ok());
    EXPECT_TRUE(stream->set_bytes(of.y.data(), 0xff, of.y.size()).is_ok());
    EXPECT_TRUE(stream->synchronize().is_ok());
    return host;
  }
  void run_in_place(Context& run, const Buffers& of, const std::vector<float>& x) {
    bind(run, of);
    const Status status = run.run();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    expect_near(take(of), expected(x));
  }
  // From the host to the host.
  void run_rows(Context& run, std::int64_t rows, int seed) {
    const std::vector<float> x = numbers(rows * kWidth, seed);
    ASSERT_TRUE(run.set_input_shape(0, {rows, kWidth}).is_ok());
    ASSERT_TRUE(run.bind_input(0, x.data(), x.size() * sizeof(float)).is_ok());
    const Status status = run.run();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    const auto* y = static_cast<const float*>(run.output_data(0));
    ASSERT_NE(y, nullptr);
    expect_near({y, y + x.size()}, expected(x));
  }

  cuda::Device* device_ = nullptr;
  std::shared_ptr<ir::Graph> graph_;
  std::shared_ptr<const Engine> engine_;
  std::vector<float> weights_;
  std::map<std::vector<float>, std::vector<float>> expected_;
};

TEST_F(DeviceRunTest, ShapesThatComeBackAreReplayed) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  // The largest first, so that no memory grows later.
  for (int round = 0; round < 2; ++round)
    for (const std::int64_t rows : {33, 4, 1, 17}) run_rows(*run, rows, round);
  EXPECT_EQ(run->graph_counts().captured, 4);
  EXPECT_EQ(run->graph_counts().stepwise, 4);
  for (int round = 0; round < 5; ++round)
    for (const std::int64_t rows : {1, 33, 4, 17}) run_rows(*run, rows, 10 + round);
  EXPECT_EQ(run->graph_counts().captured, 4);
  EXPECT_EQ(run->graph_counts().kept, 4);
  EXPECT_EQ(run->graph_counts().replayed, 20);
  EXPECT_EQ(run->graph_counts().stepwise, 4);
}

// Graphs point to memory that a larger shape moves.
TEST_F(DeviceRunTest, GrowingShapesForgetWhatPointsToOldMemory) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  for (const std::int64_t rows : {1, 5, 70, 300, 1000})
    for (int repeat = 0; repeat < 3; ++repeat) {
      run_rows(*run, rows, repeat);
      run_rows(*run, 1, repeat + 5);
    }
  const GraphCounts before = run->graph_counts();
  for (const std::int64_t rows : {1, 5, 70, 300, 1000}) run_rows(*run, rows, 3), run_rows(*run, rows, 4);
  const GraphCounts grown = run->graph_counts();
  for (const std::int64_t rows : {1, 5, 70, 300, 1000}) run_rows(*run, rows, 6);
  EXPECT_EQ(run->graph_counts().captured, grown.captured);
  EXPECT_EQ(run->graph_counts().stepwise, before.stepwise);
}

TEST_F(DeviceRunTest, MoreShapesThanAreKept) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context({.cuda_graphs = 2});
  bind_weights(*run);
  for (int round = 0; round < 3; ++round)
    for (const std::int64_t rows : {40, 3, 8, 21, 3}) run_rows(*run, rows, round), run_rows(*run, rows, round + 7);
  EXPECT_LE(run->graph_counts().kept, 2);
}

TEST_F(DeviceRunTest, WithoutGraphsStepsAreLaunched) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context({.cuda_graphs = 0});
  bind_weights(*run);
  for (int round = 0; round < 3; ++round) run_rows(*run, 4, round), run_rows(*run, 9, round);
  EXPECT_EQ(run->graph_counts().stepwise, 6);
  EXPECT_EQ(run->graph_counts().captured + run->graph_counts().replayed + run->graph_counts().kept, 0);
  EXPECT_FALSE(Context::create(engine_, {.cuda_graphs = -1}).is_ok());
}

TEST_F(DeviceRunTest, TwoSetsOfBuffersInTurn) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  ASSERT_TRUE(run->set_input_shape(0, {6, kWidth}).is_ok());
  const std::vector<float> xs[] = {numbers(6 * kWidth, 1), numbers(6 * kWidth, 2)};
  const Buffers sets[] = {buffers(xs[0]), buffers(xs[1])};
  for (std::size_t i = 0; i < 12; ++i) run_in_place(*run, sets[i % 2], xs[i % 2]);
  EXPECT_EQ(run->graph_counts().stepwise, 1);
  EXPECT_EQ(run->graph_counts().captured, 2);
  EXPECT_EQ(run->graph_counts().updated, 0);
  EXPECT_EQ(run->graph_counts().replayed, 9);
}

TEST_F(DeviceRunTest, AddressesThatNeverComeBackUpdateAGraph) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context({.cuda_graphs = 3});
  bind_weights(*run);
  ASSERT_TRUE(run->set_input_shape(0, {6, kWidth}).is_ok());
  std::vector<Buffers> all;
  for (int i = 0; i < 12; ++i) {
    const std::vector<float> x = numbers(6 * kWidth, i);
    all.push_back(buffers(x));
    run_in_place(*run, all.back(), x);
  }
  EXPECT_EQ(run->graph_counts().stepwise, 1);
  EXPECT_EQ(run->graph_counts().captured, 11);
  EXPECT_EQ(run->graph_counts().updated, 8);
  EXPECT_EQ(run->graph_counts().kept, 3);
  run_in_place(*run, all[11], numbers(6 * kWidth, 11));
  EXPECT_EQ(run->graph_counts().replayed, 1);
}

// The same memory, but too little of it: found before anything is written, in a replay too.
TEST_F(DeviceRunTest, ReplaysCheckWhatIsBound) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  ASSERT_TRUE(run->set_input_shape(0, {6, kWidth}).is_ok());
  const std::vector<float> x = numbers(6 * kWidth, 1);
  const Buffers set = buffers(x);
  for (int i = 0; i < 3; ++i) run_in_place(*run, set, x);
  ASSERT_TRUE(run->bind_output(0, set.y.data(), set.y.size() - 4).is_ok());
  const Status status = run->run();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("output 'y'"), std::string::npos) << status.to_string();
  run_in_place(*run, set, x);
}

TEST_F(DeviceRunTest, RefusesAddressesThatKernelsCannotUse) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  ASSERT_TRUE(run->set_input_shape(0, {4, kWidth}).is_ok());
  const std::vector<float> x = numbers(4 * kWidth, 1);
  const Buffers set = buffers(x);
  const Status in = run->bind_input(0, static_cast<const std::byte*>(set.x.data()) + 4, set.x.size() - 4);
  EXPECT_EQ(in.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(in.message().find("input 'x'"), std::string::npos) << in.to_string();
  const Status out = run->bind_output(0, static_cast<std::byte*>(set.y.data()) + 8, set.y.size() - 8);
  EXPECT_EQ(out.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(out.message().find("output 'y'"), std::string::npos) << out.to_string();
  run_in_place(*run, set, x);
}

// What was bound before, and what is bound after, is host memory.
TEST_F(DeviceRunTest, DenseValuesAreBoundAsObjectsToo) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  for (const std::int64_t rows : {1, 300, 7}) {
    run_rows(*run, 1, 1);
    const std::vector<float> x = numbers(rows * kWidth, 5);
    const Object object{.items = {share(tensor_of({rows, kWidth}, x))}};
    ASSERT_TRUE(run->bind_value(0, Value::of(object)).is_ok());
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Status status = run->run();
      ASSERT_TRUE(status.is_ok()) << status.to_string();
      const auto* y = static_cast<const float*>(run->output_data(0));
      ASSERT_NE(y, nullptr);
      expect_near({y, y + x.size()}, expected(x));
    }
  }
  run_rows(*run, 9, 2);
}

// Around the sizes where the way of a copy changes, and more than the page-locked memory holds.
TEST_F(DeviceRunTest, HostMemoryOfAllSizes) {
  ASSERT_NO_FATAL_FAILURE(build_net(32768));
  const auto run = context();
  bind_weights(*run);
  for (const std::int64_t rows : {1, 255, 256, 257, 2047, 2048, 2049, 4096, 20001, 3}) {
    std::vector<float> x = numbers(rows * kWidth, 1);
    const std::vector<float> wanted = expected(x);
    std::vector<float> y(x.size());
    ASSERT_TRUE(run->set_input_shape(0, {rows, kWidth}).is_ok());
    ASSERT_TRUE(run->bind_input(0, x.data(), x.size() * sizeof(float)).is_ok());
    ASSERT_TRUE(run->bind_output(0, y.data(), y.size() * sizeof(float)).is_ok());
    for (int repeat = 0; repeat < 3; ++repeat) {
      std::ranges::fill(y, -1.0f);
      const Status status = run->run();
      ASSERT_TRUE(status.is_ok()) << status.to_string();
      SCOPED_TRACE(rows);
      expect_near(y, wanted);
    }
  }
}

TEST_F(DeviceRunTest, PinnedMemoryOfTheCallerIsUsedAsItIs) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto run = context();
  bind_weights(*run);
  constexpr std::int64_t kRows = 3000;
  const std::vector<float> xs[] = {numbers(kRows * kWidth, 1), numbers(kRows * kWidth, 2)};
  const std::size_t bytes = xs[0].size() * sizeof(float);
  const cuda::HostMemory in = cuda::HostMemory::allocate(*device_, bytes).value();
  const cuda::HostMemory out = cuda::HostMemory::allocate(*device_, bytes).value();
  EXPECT_EQ(device_->kind_of(in.data(), bytes), cuda::MemoryKind::kPinned);
  EXPECT_EQ(device_->kind_of(xs[0].data(), bytes), cuda::MemoryKind::kPageable);
  ASSERT_TRUE(run->set_input_shape(0, {kRows, kWidth}).is_ok());
  ASSERT_TRUE(run->bind_input(0, in.data(), bytes).is_ok());
  ASSERT_TRUE(run->bind_output(0, out.data(), bytes).is_ok());
  for (int i = 0; i < 4; ++i) {
    std::memcpy(in.data(), xs[i % 2].data(), bytes);
    std::memset(out.data(), 0xff, bytes);
    const Status status = run->run();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    const auto* y = static_cast<const float*>(out.data());
    expect_near({y, y + xs[0].size()}, expected(xs[i % 2]));
  }
}

// On the caller's stream, with the result on the GPU, run() does not wait for the run; the inputs are the caller's
// again all the same.
TEST_F(DeviceRunTest, InputsAreTheCallersAgainOnItsOwnStream) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto stream = cuda::Stream::create(*device_).value();
  const auto run = context({.cuda_stream = stream->handle()});
  bind_weights(*run);
  for (const std::int64_t rows : {2, 300, 2500}) {
    const std::size_t count = static_cast<std::size_t>(rows * kWidth), bytes = count * sizeof(float);
    const cuda::HostMemory pinned = cuda::HostMemory::allocate(*device_, bytes).value();
    std::vector<float> pageable(count);
    ASSERT_TRUE(run->set_input_shape(0, {rows, kWidth}).is_ok());
    std::vector<cuda::DeviceMemory> results;
    for (int i = 0; i < 12; ++i) {
      const std::vector<float> x = numbers(rows * kWidth, i % 3);
      void* const from = i % 2 == 0 ? pageable.data() : pinned.data();
      std::memcpy(from, x.data(), bytes);
      results.push_back(cuda::DeviceMemory::allocate(*device_, bytes).value());
      ASSERT_TRUE(run->bind_input(0, from, bytes).is_ok());
      ASSERT_TRUE(run->bind_output(0, results.back().data(), bytes).is_ok());
      const Status status = run->run();
      ASSERT_TRUE(status.is_ok()) << status.to_string();
      std::memset(from, 0xff, bytes);
    }
    for (int i = 0; i < 12; ++i) {
      std::vector<float> y(count);
      ASSERT_TRUE(stream->copy_to_host(y.data(), results[static_cast<std::size_t>(i)].data(), bytes).is_ok());
      ASSERT_TRUE(stream->synchronize().is_ok());
      SCOPED_TRACE(i);
      expect_near(y, expected(numbers(rows * kWidth, i % 3)));
    }
  }
}

// The context ends while its work is on the way.
TEST_F(DeviceRunTest, AContextMayEndBeforeItsRuns) {
  ASSERT_NO_FATAL_FAILURE(build_net());
  const auto stream = cuda::Stream::create(*device_).value();
  const std::vector<float> x = numbers(4096 * kWidth, 4);
  const Buffers set = buffers(x);
  {
    const auto run = context({.cuda_stream = stream->handle()});
    bind_weights(*run);
    ASSERT_TRUE(run->set_input_shape(0, {4096, kWidth}).is_ok());
    bind(*run, set);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(run->run().is_ok());
  }
  ASSERT_TRUE(stream->synchronize().is_ok());
  expect_near(take(set), expected(x));
}

// Memory of the pool: outputs whose size the data decide, and the steps behind them.
constexpr const char* kFind = R"(graph "g" (%x: f32[n]) -> (%y, %s) {
    const %axes: i64[1] = [1]
    %at: i64[1, found] = NonZero(%x) "find"
    %f: f32[1, found] = Cast(%at) {to=:f32}
    %y: f32[1, found] = Neg(%f)
    %s: f32[1, 1] = ReduceSum(%f, %axes) {keepdims=1}
  })";

TEST_F(DeviceRunTest, SizesThatTheDataDecide) {
  ASSERT_NO_FATAL_FAILURE(build(kFind, {{"x", {1}, {100}, {100000}}}));
  const auto run = context();
  for (const std::int64_t count : {100, 7, 100000, 33, 100000, 7}) {
    std::vector<float> x = numbers(count, 3);
    double sum = 0;
    std::vector<float> wanted;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i % 5 != 0) x[i] = 0;
      if (x[i] == 0) continue;
      wanted.push_back(-static_cast<float>(i));
      sum += static_cast<double>(i);
    }
    ASSERT_TRUE(run->set_input_shape(0, {count}).is_ok());
    ASSERT_TRUE(run->bind_input(0, x.data(), x.size() * sizeof(float)).is_ok());
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Status status = run->run();
      ASSERT_TRUE(status.is_ok()) << status.to_string();
      const Value y = run->output_value(0);
      const auto* data = static_cast<const float*>(y.data);
      EXPECT_EQ((std::vector<float>(data, data + y.bytes / sizeof(float))), wanted);
      EXPECT_NEAR(*static_cast<const float*>(run->output_data(1)), sum, 1e-5 * sum + 1e-3);
    }
  }
  EXPECT_EQ(run->graph_counts().captured, 0);
  EXPECT_EQ(run->graph_counts().stepwise, 18);
}

// A loop takes memory for its states and for what it stacks in every run.
constexpr const char* kLoop = R"(graph "g" (%m: i64[], %x: f32[512], %d: f32[512]) -> (%last, %all) {
    %last: f32[512], %all: f32[_n, 512] = Loop(%m, _, %x, %d) {captures=1} "loop" subgraphs("body"=graph "b@1"
        (%i: i64[], %go: boolean[], %s: f32[512], %step: f32[512]) -> (%go2, %next, %square) {
      %go2: boolean[] = Identity(%go)
      %next: f32[512] = Add(%s, %step)
      %square: f32[512] = Mul(%next, %next)
    })
  })";

TEST_F(DeviceRunTest, LoopsTakeMemoryInEveryRun) {
  ASSERT_NO_FATAL_FAILURE(build(kLoop, {}));
  const auto run = context();
  const std::vector<float> x(512, 1.0f), d(512, 2.0f);
  ASSERT_TRUE(run->bind_input(1, x.data(), x.size() * sizeof(float)).is_ok());
  ASSERT_TRUE(run->bind_input(2, d.data(), d.size() * sizeof(float)).is_ok());
  for (const std::int64_t trips : {3, 40, 1, 0, 17, 40}) {
    ASSERT_TRUE(run->bind_input(0, &trips, sizeof(trips)).is_ok());
    const Status status = run->run();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(static_cast<const float*>(run->output_data(0))[511], 1.0f + 2.0f * static_cast<float>(trips));
    const Value all = run->output_value(1);
    ASSERT_EQ(all.shape, (Shape{trips, 512}));
    for (std::int64_t i = 0; i < trips; ++i) {
      const float state = 1.0f + 2.0f * static_cast<float>(i + 1);
      EXPECT_EQ(static_cast<const float*>(all.data)[i * 512 + 7], state * state);
    }
  }
}

// Says what the ways of running cost; for people: --gtest_also_run_disabled_tests.
TEST_F(DeviceRunTest, DISABLED_Times) {
  const auto microseconds = [](int runs, const std::function<void(int)>& once) {
    for (int i = 0; i < 20; ++i) once(i);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) once(i);
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    return spent.count() / runs;
  };
  // A chain of small steps, as a small network at batch 1.
  std::string text = "graph \"chain\" (%x: f32[n, 64], %w: f32[64, 64]) -> (%y) {\n    %s0: f32[n, 64] = Relu(%x)\n";
  constexpr int kSteps = 100;
  for (int i = 0; i < kSteps; ++i)
    text += fmt::format("    %s{}: f32[n, 64] = {}\n", i + 1,
                        i % 2 == 0 ? fmt::format("MatMul(%s{}, %w)", i) : fmt::format("Softmax(%s{}) {{axis=1}}", i));
  text += fmt::format("    %y: f32[n, 64] = Add(%s{}, %x)\n  }}", kSteps);
  ASSERT_NO_FATAL_FAILURE(build(text, {{"x", {1, kWidth}, {4, kWidth}, {4096, kWidth}}}));
  std::printf("%zu steps\n", engine_->plan().steps.size());
  for (const int graphs : {0, 8}) {
    const auto run = context({.cuda_graphs = graphs});
    bind_weights(*run);
    ASSERT_TRUE(run->set_input_shape(0, {4, kWidth}).is_ok());
    std::vector<Buffers> sets;
    for (int i = 0; i < 64; ++i) sets.push_back(buffers(numbers(4 * kWidth, i)));
    for (const std::size_t in_turn : {1, 2, 64}) {
      const double spent = microseconds(200, [&](int i) {
        bind(*run, sets[static_cast<std::size_t>(i) % in_turn]);
        ASSERT_TRUE(run->run().is_ok());
      });
      std::printf("%d graphs, %2zu sets of buffers in turn: %8.1f us a run\n", graphs, in_turn, spent);
    }
    const double spent = microseconds(200, [&](int i) {
      ASSERT_TRUE(run->set_input_shape(0, {1 + i % 4, kWidth}).is_ok());
      ASSERT_TRUE(run->run().is_ok());
    });
    const GraphCounts counts = run->graph_counts();
    std::printf("%d graphs, 4 shapes in turn: %8.1f us a run; %ld captured, %ld updated, %ld replayed\n", graphs, spent,
                static_cast<long>(counts.captured), static_cast<long>(counts.updated),
                static_cast<long>(counts.replayed));
  }
  ASSERT_NO_FATAL_FAILURE(build("graph \"copy\" (%x: f32[n, 64]) -> (%y) {\n    %y: f32[n, 64] = Neg(%x)\n  }",
                                {{"x", {1, kWidth}, {4, kWidth}, {1 << 20, kWidth}}}));
  for (const int threads : {1, 8})
    for (const std::int64_t rows : {16, 1024, 8192, 65536, 262144}) {
      const auto run = context({.threads = threads});
      const std::vector<float> x = numbers(rows * kWidth, 1);
      std::vector<float> y(x.size());
      const std::size_t bytes = x.size() * sizeof(float);
      const cuda::HostMemory in = cuda::HostMemory::allocate(*device_, bytes).value();
      const cuda::HostMemory out = cuda::HostMemory::allocate(*device_, bytes).value();
      ASSERT_TRUE(run->set_input_shape(0, {rows, kWidth}).is_ok());
      double spent[2];
      for (const int pinned : {0, 1}) {
        ASSERT_TRUE(run->bind_input(0, pinned != 0 ? in.data() : x.data(), bytes).is_ok());
        ASSERT_TRUE(run->bind_output(0, pinned != 0 ? out.data() : y.data(), bytes).is_ok());
        spent[pinned] = microseconds(20, [&](int) { ASSERT_TRUE(run->run().is_ok()); });
      }
      std::printf("%d threads, %9zu bytes in and out: %9.1f us pageable, %9.1f us pinned\n", threads, bytes, spent[0],
                  spent[1]);
    }
  ASSERT_NO_FATAL_FAILURE(build(kFind, {{"x", {1}, {1024}, {1 << 20}}}));
  const auto run = context();
  const std::vector<float> x = numbers(1 << 18, 1);
  ASSERT_TRUE(run->set_input_shape(0, {1 << 18}).is_ok());
  ASSERT_TRUE(run->bind_input(0, x.data(), x.size() * sizeof(float)).is_ok());
  std::printf("NonZero and a sum of 2^18: %8.1f us a run\n",
              microseconds(100, [&](int) { ASSERT_TRUE(run->run().is_ok()); }));
}

}  // namespace
}  // namespace ingot::verify
