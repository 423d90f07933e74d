// SPDX-License-Identifier: Apache-2.0
// Control flow, sequences and optionals from the graph's text through the plan file to results.
#include <gtest/gtest.h>

#include "builder/build.h"
#include "ir/text.h"
#include "ops/infer.h"
#include "plan/writer.h"
#include "verify/verify.h"

namespace ingot::verify {
namespace {

HostTensor floats(Shape shape, const std::vector<float>& values) {
  return HostTensor::of<float>(DType::f32, std::move(shape), values);
}
HostTensor boolean(bool value) { return HostTensor::scalar(DType::boolean, value ? 1 : 0); }
HostTensor integer(std::int64_t value) { return HostTensor::scalar(DType::i64, static_cast<double>(value)); }

std::vector<float> values(const HostTensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.elements()};
}

std::shared_ptr<const Engine> engine_of(const std::string& text) {
  const auto graph = ir::parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  builder::BuildOptions options;
  options.threads = 1;
  options.time_budget_seconds = 0;
  const auto built = builder::build(**graph, options);
  EXPECT_TRUE(built.is_ok()) << built.status().to_string();
  const auto engine = Engine::load_bytes(plan::write(built->plan).value());
  EXPECT_TRUE(engine.is_ok()) << engine.status().to_string();
  return *engine;
}

TensorMap run(const std::shared_ptr<const Engine>& engine, const TensorMap& inputs) {
  auto outputs = run_engine(engine, inputs, 1, nullptr);
  EXPECT_TRUE(outputs.is_ok()) << outputs.status().to_string();
  return outputs.is_ok() ? *outputs : TensorMap();
}

TEST(ControlFlow, BranchesOfDifferentShapes) {
  const auto engine = engine_of(R"(graph "g" (%c: boolean[], %x: f32[2]) -> (%y) {
    %b: f32[_u] = If(%c, %x) "choose" subgraphs("then_branch"=graph "t@1" (%a: f32[2]) -> (%r) {
      %r: f32[2] = Neg(%a)
    }, "else_branch"=graph "e@1" (%a: f32[2]) -> (%r) {
      %r: f32[4] = Concat(%a, %a) {axis=0}
    })
    %y: f32[_u] = Abs(%b)
  })");
  const HostTensor x = floats({2}, {1, -2});
  EXPECT_EQ(values(run(engine, {{"c", boolean(true)}, {"x", x}}).at("y")), (std::vector<float>{1, 2}));
  EXPECT_EQ(values(run(engine, {{"c", boolean(false)}, {"x", x}}).at("y")), (std::vector<float>{1, 2, 1, 2}));
}

constexpr const char* kLoop = R"(graph "g" (%m: i64[], %x: f32[2], %d: f32[2]) -> (%last, %all) {
    %last: f32[2], %all: f32[_n, 2] = Loop(%m, _, %x, %d) {captures=1} "loop" subgraphs("body"=graph "b@1"
        (%i: i64[], %go: boolean[], %s: f32[2], %step: f32[2]) -> (%go2, %next, %square) {
      %go2: boolean[] = Identity(%go)
      %next: f32[2] = Add(%s, %step)
      %square: f32[2] = Mul(%next, %next)
    })
  })";

TEST(ControlFlow, LoopCountsAndStacks) {
  const auto engine = engine_of(kLoop);
  const HostTensor x = floats({2}, {1, 2});
  const HostTensor d = floats({2}, {1, 10});
  const TensorMap three = run(engine, {{"m", integer(3)}, {"x", x}, {"d", d}});
  EXPECT_EQ(values(three.at("last")), (std::vector<float>{4, 32}));
  EXPECT_EQ(values(three.at("all")), (std::vector<float>{4, 144, 9, 484, 16, 1024}));
  const TensorMap none = run(engine, {{"m", integer(0)}, {"x", x}, {"d", d}});
  EXPECT_EQ(values(none.at("last")), (std::vector<float>{1, 2}));
  EXPECT_EQ(none.at("all").shape(), (Shape{0, 2}));
}

TEST(ControlFlow, StateGrowsUntilTheConditionEnds) {
  const auto engine = engine_of(R"(graph "g" (%x: f32[1]) -> (%last) {
    const %t: boolean[] = [true]
    %last: f32[_n] = Loop(_, %t, %x) "loop" subgraphs("body"=graph "b@1"
        (%i: i64[], %go: boolean[], %s: f32[_k]) -> (%go2, %next) {
      const %limit: i64[] = [5]
      %next: f32[_j] = Concat(%s, %s) {axis=0}
      %n: i64[] = Size(%next)
      %go2: boolean[] = Less(%n, %limit)
    })
  })");
  EXPECT_EQ(values(run(engine, {{"x", floats({1}, {3})}}).at("last")), std::vector<float>(8, 3));
}

TEST(ControlFlow, ScanWalksBackwards) {
  const auto engine = engine_of(R"(graph "g" (%s0: f32[], %x: f32[3]) -> (%s, %y) {
    %s: f32[], %y: f32[3] = Scan(%s0, %x) {num_scan_inputs=1, scan_input_directions=[1]} "scan" subgraphs("body"=graph "b@1"
        (%a: f32[], %b: f32[]) -> (%c, %d) {
      %c: f32[] = Add(%a, %b)
      %d: f32[] = Neg(%c)
    })
  })");
  const TensorMap out = run(engine, {{"s0", floats({}, {1})}, {"x", floats({3}, {1, 2, 3})}});
  EXPECT_EQ(values(out.at("s")), std::vector<float>{7});
  EXPECT_EQ(values(out.at("y")), (std::vector<float>{-4, -6, -7}));
}

TEST(ControlFlow, KnownConditionIsInlined) {
  const auto engine = engine_of(R"(graph "g" (%x: f32[N]) -> (%y) {
    const %c: boolean[] = [false]
    %y: f32[N] = If(%c, %x) "choose" subgraphs("then_branch"=graph "t@1" (%a: f32[N]) -> (%r) {
      %r: f32[N] = Neg(%a)
    }, "else_branch"=graph "e@1" (%a: f32[N]) -> (%r) {
      %r: f32[N] = Abs(%a)
    })
  })");
  EXPECT_TRUE(engine->plan().programs.empty());
  EXPECT_EQ(values(run(engine, {{"x", floats({2}, {-1, 2})}}).at("y")), (std::vector<float>{1, 2}));
}

TEST(Objects, SequencesAndOptionals) {
  const auto engine = engine_of(R"(graph "g" (%x: f32[2, 3], %p: i64[]) -> (%n, %y, %f, %has) {
    %s: seq<f32[2, 1]> = SplitToSequence(%x) {axis=1} "split"
    %e: seq<f32[2, 1]> = SequenceErase(%s, %p) "erase"
    %n: i64[] = SequenceLength(%e) "length"
    %y: f32[2, _w] = ConcatFromSequence(%e) {axis=1} "concat"
    %a: f32[2, 1] = SequenceAt(%e, %p) "at"
    %o: optional<f32[2, 1]> = Optional(%a) "optional"
    %has: boolean[] = OptionalHasElement(%o) "has"
    %g: f32[2, 1] = OptionalGetElement(%o) "get"
    %f: f32[2, 1] = Neg(%g) "neg"
  })");
  const TensorMap out = run(engine, {{"x", floats({2, 3}, {1, 2, 3, 4, 5, 6})}, {"p", integer(0)}});
  EXPECT_EQ(out.at("n").as_int(0), 2);
  EXPECT_EQ(out.at("y").shape(), (Shape{2, 2}));
  EXPECT_EQ(values(out.at("y")), (std::vector<float>{2, 3, 5, 6}));
  EXPECT_EQ(values(out.at("f")), (std::vector<float>{-2, -5}));
  EXPECT_EQ(out.at("has").as_int(0), 1);
  // An impossible position is an error that names the step.
  const auto wrong = run_engine(engine, {{"x", floats({2, 3}, {1, 2, 3, 4, 5, 6})}, {"p", integer(7)}}, 1, nullptr);
  EXPECT_NE(wrong.status().message().find("erase"), std::string::npos) << wrong.status().to_string();
}

}  // namespace
}  // namespace ingot::verify
