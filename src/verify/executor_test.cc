// SPDX-License-Identifier: Apache-2.0
// An executor that keeps what it configured for shapes that come back.
#include "runtime/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/build.h"
#include "ir/text.h"
#include "plan/writer.h"

namespace ingot::verify {
namespace {

using testing::ElementsAre;

constexpr const char* kNet = R"(graph "net" (%x: f32[n, 8], %w: f32[8, 8]) -> (%y) {
    %h: f32[n, 8] = MatMul(%x, %w)
    %s: f32[n, 8] = Softmax(%h) {axis=1}
    %t: f32[n, 8] = MatMul(%s, %w)
    %y: f32[n, 8] = Add(%t, %x)
  })";

class ExecutorTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto graph = ir::parse(kNet).value();
    builder::BuildOptions options;
    options.threads = 1;
    options.time_budget_seconds = 0;
    options.shapes = {{"x", {1, 8}, {4, 8}, {100, 8}}};
    const auto built = builder::build(*graph, options);
    ASSERT_TRUE(built.is_ok()) << built.status().to_string();
    engine_ = Engine::load_bytes(plan::write(built->plan).value()).value();
    executor_ = make();
    executor_->keep_configurations(3, [this](std::uint64_t number) { dropped_.push_back(number); });
  }
  std::unique_ptr<Executor> make() {
    return std::make_unique<Executor>(*engine_, engine_->main(), default_allocator(), serial_);
  }
  std::vector<float> run(Executor& executor, std::int64_t rows) {
    const std::vector<float> x(static_cast<std::size_t>(rows) * 8, static_cast<float>(rows) / 7);
    const std::vector<float> w(64, 0.25f);
    EXPECT_TRUE(executor.set_input_shape(0, {rows, 8}).is_ok());
    EXPECT_TRUE(executor.bind_input(0, x.data(), x.size() * sizeof(float)).is_ok());
    EXPECT_TRUE(executor.bind_input(1, w.data(), w.size() * sizeof(float)).is_ok());
    const Status status = executor.run();
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    const Value y = executor.output(0);
    EXPECT_EQ(y.shape, (Shape{rows, 8}));
    const auto* data = static_cast<const float*>(y.data);
    return {data, data + x.size()};
  }
  // Runs, and gives the configuration's number.
  std::uint64_t check(std::int64_t rows) {
    EXPECT_EQ(run(*executor_, rows), run(*make(), rows)) << rows << " rows";
    EXPECT_TRUE(executor_->has_run());
    return executor_->configuration();
  }

  Serial serial_;
  std::shared_ptr<const Engine> engine_;
  std::vector<std::uint64_t> dropped_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(ExecutorTest, ShapesThatComeBackAreConfiguredOnce) {
  const std::uint64_t one = check(1), five = check(5), hundred = check(100);
  EXPECT_THAT(dropped_, ElementsAre());
  const std::uint64_t moves = executor_->memory_moves();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(check(1), one);
    EXPECT_EQ(check(100), hundred);
    EXPECT_EQ(check(5), five);
  }
  EXPECT_EQ(executor_->memory_moves(), moves);
  EXPECT_THAT(dropped_, ElementsAre());
}

TEST_F(ExecutorTest, TheOneUnusedForLongestGoes) {
  const std::uint64_t one = check(1), two = check(2);
  check(3);
  EXPECT_EQ(check(1), one);
  check(4);
  EXPECT_THAT(dropped_, ElementsAre(two));
  EXPECT_EQ(check(1), one);
  EXPECT_GT(check(2), two);
}

TEST_F(ExecutorTest, LargerShapesMoveMemory) {
  check(1);
  const std::uint64_t moves = executor_->memory_moves();
  check(100);
  EXPECT_GT(executor_->memory_moves(), moves);
  check(1);
}

TEST_F(ExecutorTest, ShapesThatFailLeaveTheOthers) {
  const std::uint64_t one = check(1);
  ASSERT_TRUE(executor_->set_input_shape(0, {5, 8}).is_ok());
  ASSERT_TRUE(executor_->bind_input(0, nullptr, 0).is_ok());
  EXPECT_FALSE(executor_->run().is_ok());
  EXPECT_FALSE(executor_->has_run());
  EXPECT_EQ(check(1), one);
  // Back before anybody asked.
  ASSERT_TRUE(executor_->set_input_shape(0, {7, 8}).is_ok());
  EXPECT_EQ(check(1), one);
}

}  // namespace
}  // namespace ingot::verify
