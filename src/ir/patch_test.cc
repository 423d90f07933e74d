// SPDX-License-Identifier: Apache-2.0
#include "ir/patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "ir/text.h"
#include "ir/verify.h"

namespace ingot::ir {
namespace {

// Every output has the type of the first operand; "Bad" is refused, "Wide" gives another rank.
Result<std::vector<Type>> infer(const Patch& patch, const std::string& op, const Attrs&,
                                const std::vector<ValueId>& inputs, std::size_t output_count) {
  if (op == "Bad") return invalid_argument("no such operator");
  if (op == "Wide") return std::vector<Type>{Type::tensor(DType::f32, SymShape{Dim(1), Dim(2)})};
  return std::vector<Type>(output_count, patch.type(inputs.at(0)));
}

std::shared_ptr<Graph> graph_of(std::string_view text) {
  auto graph = parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string();
  return *graph;
}

constexpr std::string_view kChain = R"(graph "g" (%x: f32[4]) -> (%d) {
  const %w: f32[4] = [1.0, 2.0, 3.0, 4.0]
  %a: f32[4] = Conv(%x, %w) "conv"
  %b: f32[4] = Mul(%a, %w) "mul"
  %c: f32[4] = Relu(%b) "relu"
  %d: f32[4] = Exp(%c) "exp"
})";

NodeId maker(const Graph& graph, std::string_view value) { return graph.value(graph.find_value(value)).producer; }

void expect_sound(const Graph& graph) {
  EXPECT_TRUE(verify(graph).is_ok()) << verify(graph).to_string() << print(graph);
}

TEST(Patch, FusesAndCleansUp) {
  auto graph = graph_of(kChain);
  Patch patch(*graph, "fuse", infer);
  const ValueId folded = patch.add_constant("w_folded", share(HostTensor::of_ints(std::vector<std::int64_t>{1})));
  const ValueId fused =
      *patch.add("Fused", {graph->find_value("x"), folded}, {{"k", std::int64_t{1}}}, maker(*graph, "c"));
  patch.also_from(fused, maker(*graph, "a"));
  EXPECT_EQ(patch.type(fused), graph->value(graph->find_value("x")).type);
  EXPECT_NE(patch.constant(folded), nullptr);
  patch.replace(graph->find_value("c"), fused);
  ASSERT_TRUE(std::move(patch).apply(*graph).is_ok());
  EXPECT_EQ(print(*graph), R"(graph "g" (%x: f32[4]) -> (%d) {
  const %w_folded: i64[1] = [1]
  %c: f32[4] = Fused(%x, %w_folded) {k=1} "relu + conv"
  %d: f32[4] = Exp(%c) "exp"
}
)");
  expect_sound(*graph);
}

TEST(Patch, ReplacesAGraphOutputAndKeepsItsName) {
  auto graph = graph_of(kChain);
  Patch patch(*graph, "exp", infer);
  patch.replace(graph->find_value("d"), *patch.add("Exp2", {graph->find_value("c")}, {}, maker(*graph, "d")));
  ASSERT_TRUE(std::move(patch).apply(*graph).is_ok());
  EXPECT_EQ(graph->producer(graph->find_value("d"))->op, "Exp2");
  EXPECT_EQ(graph->outputs()[0], graph->find_value("d"));
  expect_sound(*graph);
}

TEST(Patch, MayUseWhatItReplaces) {
  auto graph = graph_of(kChain);
  Patch patch(*graph, "insert", infer);
  const ValueId b = graph->find_value("b");
  patch.replace(b, *patch.add("Quantize", {b}, {}, maker(*graph, "b")));
  ASSERT_TRUE(std::move(patch).apply(*graph).is_ok());
  EXPECT_EQ(graph->producer(graph->node(maker(*graph, "c")).inputs[0])->op, "Quantize");
  EXPECT_EQ(graph->value(b).uses.size(), 1U);
  expect_sound(*graph);
}

TEST(Patch, MovesBeforeAnEarlierUser) {
  auto graph = graph_of(R"(graph "g" (%x: f32[4]) -> (%u, %b) {
    %a: f32[4] = A(%x)
    %u: f32[4] = User(%a)
    %b: f32[4] = B(%x)
  })");
  Patch patch(*graph, "merge", infer);
  const auto both = *patch.add_node("AB", {graph->find_value("x")}, {}, maker(*graph, "b"), 2);
  patch.replace(graph->find_value("a"), both[0]);
  patch.replace(graph->find_value("b"), both[1]);
  ASSERT_TRUE(std::move(patch).apply(*graph).is_ok());
  expect_sound(*graph);
  EXPECT_EQ(graph->node(graph->nodes().front()).op, "AB");
  EXPECT_EQ(graph->node_count(), 2U);
}

TEST(Patch, FindsAPlaceAfterLateOperands) {
  auto graph = graph_of(R"(graph "g" (%x: f32[4]) -> (%u, %v) {
    %a: f32[4] = A(%x)
    %l: f32[4] = Late(%x)
    %u: f32[4] = User(%a)
    %k: f32[4] = Later(%l)
    %v: f32[4] = V(%k)
  })");
  auto other = graph->clone();
  Patch patch(*graph, "late", infer);
  patch.replace(graph->find_value("a"), *patch.add("N", {graph->find_value("l")}, {}, maker(*graph, "a")));
  ASSERT_TRUE(std::move(patch).apply(*graph).is_ok());
  expect_sound(*graph);
  // Here the only order is a new one: User has to move behind Later.
  Patch sorting(*other, "sort", infer);
  sorting.replace(other->find_value("a"), *sorting.add("N", {other->find_value("k")}, {}, maker(*other, "a")));
  ASSERT_TRUE(std::move(sorting).apply(*other).is_ok());
  expect_sound(*other);
}

TEST(Patch, FollowsChainsOfReplacements) {
  auto graph = graph_of(kChain);
  Patch patch(*graph, "chain", infer);
  patch.replace(graph->find_value("b"), graph->find_value("a"));
  patch.replace(graph->find_value("a"), graph->find_value("x"));
  ASSERT_TRUE(std::move(patch).apply(*graph).is_ok());
  EXPECT_EQ(graph->node(maker(*graph, "c")).inputs[0], graph->find_value("x"));
  EXPECT_EQ(graph->node_count(), 2U);
  expect_sound(*graph);
}

class PatchErrors : public testing::Test {
 protected:
  PatchErrors() : graph_(graph_of(kChain)), before_(print_full(*graph_)) {}
  void expect_refused(Patch patch, const char* message) {
    EXPECT_THAT(std::move(patch).apply(*graph_).message(), testing::HasSubstr(message));
    EXPECT_EQ(print_full(*graph_), before_);
    expect_sound(*graph_);
  }
  ValueId value(std::string_view name) { return graph_->find_value(name); }

  std::shared_ptr<Graph> graph_;
  std::string before_;
};

TEST_F(PatchErrors, OtherType) {
  Patch patch(*graph_, "p", infer);
  patch.replace(value("a"), value("x"));
  patch.replace(value("c"), *patch.add("Wide", {value("x")}, {}, maker(*graph_, "c")));
  expect_refused(std::move(patch), "do not agree");
}

TEST_F(PatchErrors, Cycle) {
  Patch patch(*graph_, "p", infer);
  patch.replace(value("a"), *patch.add("N", {value("c")}, {}, maker(*graph_, "c")));
  expect_refused(std::move(patch), "cycle");
}

TEST_F(PatchErrors, ReplacedTwice) {
  Patch patch(*graph_, "p", infer);
  patch.replace(value("c"), value("b"));
  patch.replace(value("c"), value("a"));
  expect_refused(std::move(patch), "replaced twice");
}

TEST_F(PatchErrors, ReplacesItself) {
  Patch patch(*graph_, "p", infer);
  patch.replace(value("c"), value("b"));
  patch.replace(value("b"), value("c"));
  expect_refused(std::move(patch), "replaces itself");
}

TEST_F(PatchErrors, MissingValues) {
  Patch patch(*graph_, "p", infer);
  patch.replace(value("c"), ValueId{1000});
  expect_refused(std::move(patch), "does not exist");
}

TEST_F(PatchErrors, Stale) {
  Patch patch(*graph_, "p", infer);
  patch.replace(value("c"), value("b"));
  graph_->add_constant("new", share(HostTensor::scalar(DType::f32, 1)));
  before_ = print_full(*graph_);
  expect_refused(std::move(patch), "has changed");
}

TEST_F(PatchErrors, BadNode) {
  Patch patch(*graph_, "p", infer);
  EXPECT_THAT(patch.add("Bad", {value("x")}, {}, maker(*graph_, "c")).status().message(),
              testing::HasSubstr("node 'relu'"));
  EXPECT_FALSE(patch.add("Fine", {ValueId{1000}}, {}, maker(*graph_, "c")).is_ok());
}

TEST(Patch, ManyPatchesStayFast) {
  const auto start = std::chrono::steady_clock::now();
  Graph graph;
  ValueId at = graph.add_input("x", Type::tensor(DType::f32, SymShape{Dim(4)}));
  for (int i = 0; i < 6000; ++i)
    at = graph.node(*graph.add_node("Relu", "n", {at}, {}, {{"v", Type::tensor(DType::f32, SymShape{Dim(4)})}}))
             .outputs[0];
  graph.set_outputs({at});
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : nodes) {
    Patch patch(graph, "p", infer);
    patch.replace(graph.node(id).outputs[0], *patch.add("Abs", {graph.node(id).inputs[0]}, {}, id));
    ASSERT_TRUE(std::move(patch).apply(graph).is_ok());
  }
  EXPECT_TRUE(verify(graph).is_ok());
  EXPECT_EQ(graph.node_count(), 6000U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace ingot::ir
