// SPDX-License-Identifier: Apache-2.0
// A peak filter, max over a window equal to the number itself, over numbers that are equal but for rounding.
#include "verify/decisions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "builder/build.h"
#include "ir/text.h"
#include "plan/writer.h"
#include "verify/verify.h"

namespace ingot::verify {
namespace {

constexpr double kTolerance = 1e-4;

std::shared_ptr<ir::Graph> parse(const std::string& text) {
  auto graph = ir::parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  return *graph;
}

std::shared_ptr<ir::Graph> peaks(const std::string& comparison = "Equal", int window = 3, int size = 4) {
  return parse(fmt::format(R"(graph "g" (%x: f32[1, 1, {0}, {0}]) -> (%y) {{
    %h: f32[1, 1, {0}, {0}] = Sigmoid(%x)
    %m: f32[1, 1, {0}, {0}] = MaxPool(%h) {{kernel_shape=[{1}, {1}], pads=[{2}, {2}, {2}, {2}], strides=[1, 1]}}
    %e: boolean[1, 1, {0}, {0}] = {3}(%h, %m)
    %k: f32[1, 1, {0}, {0}] = Cast(%e) {{to=:f32}}
    %y: f32[1, 1, {0}, {0}] = Mul(%h, %k)
  }})",
                           size, window, window / 2, comparison));
}

// Two neighbours in the middle that differ in the last bit, among others that are well apart.
HostTensor input(float first, float second) {
  std::vector<float> values(16);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = -1.F - 0.1F * static_cast<float>(i);
  values[5] = first;
  values[6] = second;
  return HostTensor::of<float>(DType::f32, {1, 1, 4, 4}, values);
}

TensorMap run(const ir::Graph& graph, const HostTensor& x, const Revise& revise = {}) {
  auto outputs = run_graph(graph, {{"x", x}}, revise);
  EXPECT_TRUE(outputs.is_ok()) << outputs.status().to_string();
  return outputs.is_ok() ? *outputs : TensorMap();
}

// What an engine computes of h: the larger of the two is smaller by rounding.
HostTensor rounded(HostTensor h) {
  h.set_double(5, h.as_double(6));
  return h;
}

// The engine's output, given its own h.
HostTensor filtered(const HostTensor& h, const ir::Graph& graph) {
  const Revise put = [&](const ir::Value& value, TensorPtr tensor) {
    return value.name == "h" ? share(HostTensor(h)) : std::move(tensor);
  };
  return run(graph, h, put).at("y");
}

bool agrees(const ir::Graph& graph, const HostTensor& x, const HostTensor& h, const HostTensor& y) {
  const std::vector<NamedTensor> computed{{"t0", y}, {"t1", h}};
  std::vector<Witness> witnesses;
  const TensorMap given = run(graph, x, with_own_numbers(graph, computed, kTolerance, witnesses));
  return compare(y, given.at("y")).value().within(kTolerance);
}

class Decisions : public ::testing::Test {
 protected:
  const std::shared_ptr<ir::Graph> graph_ = peaks();
  const HostTensor x_ = input(0.5000005F, 0.5F);
  HostTensor h_ = HostTensor::scalar(DType::f32, 0);

  void SetUp() override {
    const Revise look = [&](const ir::Value& value, TensorPtr tensor) {
      if (value.name == "h") h_ = *tensor;
      return tensor;
    };
    run(*graph_, x_, look);
    ASSERT_NE(h_.as_double(5), h_.as_double(6));
  }
};

TEST_F(Decisions, ATieThatRoundingMadeIsExcused) {
  const HostTensor h = rounded(h_), y = filtered(h, *graph_);
  EXPECT_FALSE(compare(y, run(*graph_, x_).at("y")).value().within(kTolerance));
  EXPECT_TRUE(agrees(*graph_, x_, h, y));
}

TEST_F(Decisions, AnEngineThatDecidesWronglyIsNot) {
  const HostTensor h = rounded(h_);
  EXPECT_FALSE(agrees(*graph_, x_, h, filtered(h, *peaks("GreaterOrEqual", 1))));  // another window
  EXPECT_FALSE(agrees(*graph_, x_, h, filtered(h, *peaks("Less"))));
  HostTensor one_lost = filtered(h, *graph_);  // of two equal ones
  one_lost.set_double(5, 0);
  EXPECT_FALSE(agrees(*graph_, x_, h, one_lost));
  EXPECT_FALSE(agrees(*graph_, x_, h, run(*graph_, input(0.5F, 0.4F)).at("y")));
}

TEST_F(Decisions, AnEngineOfWrongNumbersIsNot) {
  HostTensor h = rounded(h_);
  h.set_double(0, h.as_double(0) + 1e-3);
  EXPECT_FALSE(agrees(*graph_, x_, h, filtered(h, *graph_)));
}

TEST_F(Decisions, TheOrderOfDimensionsDoesNotMatter) {
  const auto graph = parse(R"(graph "g" (%x: f32[2, 3]) -> (%y) {
    %h: f32[2, 3] = Exp(%x)
    %y: i64[2, 1] = ArgMax(%h) {axis=1}
  })");
  const float e = std::exp(1.F);
  const HostTensor x = HostTensor::of<float>(DType::f32, {2, 3}, std::vector<float>{1, 1.0000002F, 0, 2, 0, 1});
  const HostTensor turned = HostTensor::of<float>(DType::f32, {3, 2}, std::vector<float>{e, std::exp(2.F), e, 1, 1, e});
  std::vector<Witness> witnesses;
  const TensorMap given = run(*graph, x, with_own_numbers(*graph, {{"t", turned}}, kTolerance, witnesses));
  EXPECT_EQ(given.at("y").as_int(0), 0);
  ASSERT_EQ(witnesses.size(), 1U);
  EXPECT_EQ(witnesses[0].value, "h");
}

// The whole way, with engines: a sigmoid so near to 1 that many neighbours are equal but for rounding.
class DecisionsOfAnEngine : public ::testing::Test {
 protected:
  static std::shared_ptr<const Engine> engine_of(const ir::Graph& graph) {
    builder::BuildOptions options;
    options.threads = 1;
    options.time_budget_seconds = 0;
    const auto built = builder::build(graph, options);
    EXPECT_TRUE(built.is_ok()) << built.status().to_string();
    return Engine::load_bytes(plan::write(built->plan).value()).value();
  }

  // Whether the engine of `built` passes as one of graph_.
  [[nodiscard]] bool passes(const ir::Graph& built) const {
    const auto engine = engine_of(built);
    const TensorMap reference = run_graph(*graph_, inputs_).value();
    auto reports = compare_outputs(run_engine(engine, inputs_, 1).value(), reference);
    EXPECT_TRUE(compare_given(engine, *graph_, inputs_, reference, 1, kTolerance, reports).is_ok());
    return std::ranges::all_of(reports, [](const OutputReport& report) { return report.passed(kTolerance); });
  }

  const std::shared_ptr<ir::Graph> graph_ = peaks("Equal", 3, 64);
  TensorMap inputs_ = random_inputs(*graph_, {}, 5, 1).value();

  void SetUp() override {
    HostTensor& x = inputs_.at("x");
    for (std::int64_t i = 0; i < x.elements(); ++i) x.set_double(i, 12 + x.as_double(i));
  }
};

TEST_F(DecisionsOfAnEngine, TheRightOnePasses) {
  EXPECT_TRUE(passes(*graph_));
  builder::BuildOptions options;
  options.threads = 1;
  const auto canonical = builder::make_canonical(*graph_, options);
  ASSERT_TRUE(canonical.is_ok()) << canonical.status().to_string();
  const auto layers = compare_layers(engine_of(*graph_), **canonical, inputs_, 1, kTolerance);
  ASSERT_TRUE(layers.is_ok()) << layers.status().to_string();
  EXPECT_FALSE(layers->empty());
  for (const LayerReport& layer : *layers) EXPECT_TRUE(layer.comparison.within(kTolerance)) << layer.step;
}

TEST_F(DecisionsOfAnEngine, WrongOnesDoNot) {
  EXPECT_FALSE(passes(*peaks("Equal", 5, 64)));
  EXPECT_FALSE(passes(*peaks("GreaterOrEqual", 1, 64)));
  EXPECT_FALSE(passes(*peaks("Less", 3, 64)));
}

}  // namespace
}  // namespace ingot::verify
