// SPDX-License-Identifier: Apache-2.0
// The C++ layer, and through it the C API, over a built network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <numeric>
#include <string>
#include <thread>

#include "capi/digits_testing.h"

namespace {

using ingot_test::digits;
using ingot_test::image;
using ingot_test::scores;

TEST(Api, DescribesTheEngine) {
  ASSERT_EQ(digits().input_count(), 1U);
  const ingot::TensorInfo input = digits().input(0).value();
  EXPECT_EQ(input.name, "image");
  EXPECT_EQ(input.dtype, INGOT_F32);
  EXPECT_EQ(input.shape[0], -1);
  EXPECT_EQ(input.symbols[0], "batch");
  EXPECT_EQ(input.symbols[1], "");
  ASSERT_EQ(input.max.size(), input.shape.size());
  EXPECT_EQ(input.min[0], 1);
  EXPECT_EQ(input.max[0], 16);
  EXPECT_EQ(digits().find_output("scores").value(), 0U);
  EXPECT_EQ(digits().find_input("scores").status().code(), INGOT_NOT_FOUND);
  EXPECT_EQ(digits().input(1).status().code(), INGOT_INVALID_ARGUMENT);
  EXPECT_GT(digits().weight_bytes(), 0U);
  EXPECT_EQ(digits().device(), "cpu");
  ASSERT_GT(digits().step_count(), 0U);
  EXPECT_STRNE(digits().step(0).value().tactic, "");
  EXPECT_EQ(digits().step(digits().step_count()).status().code(), INGOT_INVALID_ARGUMENT);
}

TEST(Api, ReloadsWhatItSerialises) {
  const ingot::Engine reloaded = ingot::Engine::load_bytes(digits().serialise()).value();
  ingot::Context a = digits().create_context({.threads = 1}).value();
  ingot::Context b = reloaded.create_context({.threads = 1}).value();
  EXPECT_EQ(scores(a, image(2), 2), scores(b, image(2), 2));
}

TEST(Api, CountsOfGraphsAreAGpus) {
  ingot::Context context = digits().create_context({.threads = 1, .cuda_graphs = 3}).value();
  scores(context, image(1), 1);
  const ingot_graph_counts counts = context.graph_counts();
  EXPECT_EQ(counts.kept + counts.captured + counts.updated + counts.replayed + counts.stepwise, 0);
  const ingot::Status refused = digits().create_context({.cuda_graphs = 1025}).status();
  EXPECT_EQ(refused.code(), INGOT_INVALID_ARGUMENT);
  EXPECT_NE(std::string(refused.message()).find("1025 cuda_graphs: at most 1024"), std::string::npos);
}

TEST(Api, BindsOutputsAndFollowsShapes) {
  ingot::Context context = digits().create_context({.threads = 1}).value();
  for (const std::size_t batch : {1U, 3U, 16U, 2U}) {
    const std::vector<float> pixels = image(batch);
    const std::vector<float> own = scores(context, pixels, batch);
    std::vector<float> bound(own.size());
    EXPECT_THAT(context.output_shape(0).value(), testing::ElementsAre(batch, own.size() / batch));
    context.bind_output<float>(0, bound).check();
    context.run().check();
    EXPECT_EQ(bound, own);
    context.bind_output_bytes(0, nullptr, 0).check();
  }
}

TEST(Api, RefusesWrongUse) {
  ingot::Context context = digits().create_context({.threads = 1}).value();
  const std::vector<float> pixels = image(1);
  const std::vector<double> doubles(pixels.size());
  EXPECT_EQ(context.run().code(), INGOT_FAILED_PRECONDITION) << "no shape";
  EXPECT_EQ(context.bind_input<double>(0, doubles).code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(context.set_input_shape(0, {1, 1}).code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(context.set_input_shape(9, {1, 1}).code(), INGOT_INVALID_ARGUMENT);
  context.set_input_shape(0, ingot_test::image_shape(1)).check();
  EXPECT_EQ(context.run().code(), INGOT_FAILED_PRECONDITION) << "not bound";
  context.bind_input_bytes(0, pixels.data(), 3).check();
  EXPECT_EQ(context.run().code(), INGOT_INVALID_ARGUMENT) << "too small";
  context.bind_input<float>(0, pixels).check();
  context.set_input_shape(0, ingot_test::image_shape(17)).check();
  EXPECT_EQ(context.run().code(), INGOT_INVALID_ARGUMENT) << "outside the profile";
  EXPECT_EQ(digits().create_context({.threads = 1 << 20}).status().code(), INGOT_INVALID_ARGUMENT);
  EXPECT_THROW(ingot::Engine::load("/no/such.plan").value(), ingot::Error);
  ingot::BuildOptions options;
  options.shape_texts = {"nonsense:1"};
  EXPECT_EQ(ingot::build(INGOT_DIGITS, options).status().code(), INGOT_NOT_FOUND);
}

TEST(Api, BuildsWithRangesOfEitherKind) {
  ingot::BuildOptions options;
  options.time_budget_seconds = 0;
  options.shapes = {{"batch", {1}, {2}, {4}}};
  options.disabled_tactics = {"onednn.*", "cpu.conv.winograd"};
  const ingot::Engine engine = ingot::build(INGOT_DIGITS, options).value();
  EXPECT_EQ(engine.input(0).value().max[0], 4);
  for (std::size_t i = 0; i < engine.step_count(); ++i) {
    const std::string tactic = engine.step(i).value().tactic;
    EXPECT_FALSE(tactic.starts_with("onednn.") || tactic == "cpu.conv.winograd") << tactic;
  }
  const std::vector<std::int64_t> fixed = ingot_test::image_shape(2);
  options.shapes = {{"image", fixed, fixed, fixed}};
  std::size_t calls = 0;
  options.progress = [&](std::size_t done, std::size_t total, std::string_view) {
    calls += done <= total ? 1 : 0;
    return true;
  };
  EXPECT_THAT(ingot::build(INGOT_DIGITS, options).value().input(0).value().shape, testing::ElementsAreArray(fixed));
  EXPECT_GT(calls, 1U);
  options.progress = [](std::size_t, std::size_t, std::string_view) { return false; };
  EXPECT_EQ(ingot::build(INGOT_DIGITS, options).status().code(), INGOT_CANCELLED);
}

TEST(Api, ContextsOnThreadsShareAnEngine) {
  ingot::Context first = digits().create_context({.threads = 1}).value();
  const std::vector<float> expected = scores(first, image(3), 3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      ingot::Context context = digits().create_context({.threads = 1}).value();
      for (int i = 0; i < 20; ++i) wrong += scores(context, image(3), 3) == expected ? 0 : 1;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Api, ContextKeepsItsEngineAlive) {
  std::optional<ingot::Engine> engine = ingot::Engine::load_bytes(digits().serialise()).value();
  ingot::Context context = engine->create_context({.threads = 1}).value();
  engine.reset();
  EXPECT_EQ(scores(context, image(1), 1).size(), 10U);
}

TEST(Api, Profiler) {
  ingot::Context context = digits().create_context({.threads = 1}).value();
  std::vector<std::size_t> steps;
  context.set_profiler([&](const ingot::StepTime& time) {
    EXPECT_GE(time.microseconds, 0);
    EXPECT_EQ(time.tactic, digits().step(time.step).value().tactic);
    steps.push_back(time.step);
  });
  scores(context, image(1), 1);
  std::vector<std::size_t> all(digits().step_count());
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(steps, all);
  context.set_profiler({});
  scores(context, image(1), 1);
  EXPECT_EQ(steps.size(), all.size());
}

class CountingAllocator final : public ingot::Allocator {
 public:
  void* allocate(std::size_t bytes, std::size_t alignment) noexcept override {
    if (refuse) return nullptr;
    ++live;
    ++total;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  void deallocate(void* memory, std::size_t) noexcept override {
    --live;
    std::free(memory);
  }
  bool refuse = false;
  int live = 0, total = 0;
};

TEST(Api, Allocator) {
  CountingAllocator allocator;
  {
    ingot::Context context = digits().create_context({.threads = 1, .allocator = &allocator}).value();
    scores(context, image(4), 4);
    EXPECT_GT(allocator.live, 0);
    EXPECT_GT(context.memory_bytes(), 0U);
    const int before = allocator.total;
    scores(context, image(4), 4);
    EXPECT_EQ(allocator.total, before);
    allocator.refuse = true;
    const std::vector<float> pixels = image(16);
    context.set_input_shape(0, ingot_test::image_shape(16)).check();
    context.bind_input<float>(0, pixels).check();
    EXPECT_EQ(context.run().code(), INGOT_RESOURCE_EXHAUSTED);
    allocator.refuse = false;
    EXPECT_EQ(scores(context, pixels, 16).size(), 160U);
  }
  EXPECT_EQ(allocator.live, 0);
}

// Claims three threads and does all work on the caller's, in an order that no kernel may rely on.
class BackwardPool final : public ingot::ThreadPool {
 public:
  [[nodiscard]] int threads() const noexcept override { return 3; }
  void run(std::int64_t count, Task task) noexcept override {
    ++runs;
    for (std::int64_t i = count - 1; i >= 0; --i) task(i, static_cast<int>(i % 3));
  }
  int runs = 0;
};

TEST(Api, ThreadPool) {
  BackwardPool pool;
  ingot::Context plain = digits().create_context({.threads = 1}).value();
  ingot::Context pooled = digits().create_context({.thread_pool = &pool}).value();
  EXPECT_EQ(pooled.threads(), 3);
  const std::vector<float> expected = scores(plain, image(8), 8);
  const std::vector<float> actual = scores(pooled, image(8), 8);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-4F);
  EXPECT_GT(pool.runs, 0);
}

}  // namespace
