// SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "ir/verify.h"

namespace ingot::ir {
namespace {

const Type kF32 = Type::tensor(DType::f32, SymShape{Dim(4)});

ValueId unary(Graph& graph, std::string op, ValueId input, NodeId before = kNoNode) {
  const std::string name = op;
  return graph.node(*graph.add_node(op, name, {input}, {}, {{name, kF32}}, before)).outputs[0];
}

std::vector<std::string> ops(const Graph& graph) {
  std::vector<std::string> out;
  for (const NodeId id : graph.nodes()) out.push_back(graph.node(id).op);
  return out;
}

TEST(Graph, BuildsAndFinds) {
  Graph graph;
  const ValueId x = graph.add_input("x", kF32), again = graph.add_input("x", kF32);
  EXPECT_EQ(graph.value(again).name, "x_1");
  const ValueId c = graph.add_constant("", share(HostTensor::scalar(DType::f32, 1)));
  EXPECT_EQ(graph.value(c).type, Type::tensor(DType::f32, SymShape{}));
  const NodeId add = *graph.add_node("Add", "add", {x, c}, {}, {{"y", kF32}, {"", kF32, false}});
  EXPECT_EQ(graph.node(add).outputs[1], kNoValue);
  EXPECT_EQ(graph.value(x).uses, (std::vector<Use>{{add, 0}}));
  EXPECT_EQ(graph.find_value("y"), graph.node(add).outputs[0]);
  EXPECT_EQ(graph.producer(graph.find_value("y"))->id, add);
  EXPECT_EQ(graph.producer(x), nullptr);
  EXPECT_NE(graph.constant(c), nullptr);
  EXPECT_EQ(graph.find_value("nothing"), kNoValue);
  graph.set_outputs({graph.find_value("y")});
  EXPECT_TRUE(graph.is_output(graph.find_value("y")));
  EXPECT_FALSE(graph.is_output(x));
  EXPECT_TRUE(verify(graph).is_ok()) << verify(graph).to_string();
  EXPECT_FALSE(graph.add_node("Relu", "r", {ValueId{99}}, {}, {{"z", kF32}}).is_ok());
  EXPECT_FALSE(graph.add_node("Relu", "r", {graph.find_value("y")}, {}, {{"z", kF32}}, add).is_ok());
}

TEST(Graph, ReplacingAnOutputKeepsItsName) {
  Graph graph;
  const ValueId x = graph.add_input("x", kF32);
  const ValueId b = unary(graph, "B", x);
  const NodeId named = graph.add_node("A", "a", {x}, {}, {{"scores", kF32}}).value();
  const ValueId a = graph.node(named).outputs[0];
  graph.set_outputs({a, a});
  graph.replace_all_uses(a, b);
  EXPECT_EQ(graph.value(b).name, "scores");
  EXPECT_EQ(graph.outputs(), (std::vector<ValueId>{b, b}));
  graph.replace_all_uses(b, x);  // an input keeps its own name, the binding its
  EXPECT_EQ(graph.value(x).name, "x");
  EXPECT_THAT(graph.output_names(), testing::ElementsAre("scores", "scores"));
  EXPECT_TRUE(graph.is_output(x));
  EXPECT_FALSE(graph.is_output(b));
  EXPECT_TRUE(verify(graph).is_ok()) << verify(graph).to_string();
}

TEST(Graph, RemovesDeadNodes) {
  Graph graph;
  const ValueId x = graph.add_input("x", kF32);
  const ValueId c = graph.add_constant("c", share(HostTensor::scalar(DType::f32, 1)));
  const ValueId a = unary(graph, "A", x), b = unary(graph, "B", c);
  unary(graph, "C", b);
  unary(graph, "D", a);
  graph.set_outputs({a});
  auto copy = graph.clone();
  EXPECT_EQ(copy->remove_dead_nodes([](const Node& node) { return node.op == "D"; }), 2);
  EXPECT_THAT(ops(*copy), testing::ElementsAre("A", "D"));
  EXPECT_EQ(graph.remove_dead_nodes(), 3);
  EXPECT_THAT(ops(graph), testing::ElementsAre("A"));
  EXPECT_FALSE(graph.has(c));
  EXPECT_TRUE(verify(graph).is_ok() && verify(*copy).is_ok());
}

TEST(Graph, SortsAndFindsCycles) {
  Graph graph;
  const ValueId x = graph.add_input("x", kF32);
  const ValueId a = unary(graph, "A", x), b = unary(graph, "B", a), c = unary(graph, "C", b);
  graph.set_outputs({c});
  const NodeId na = graph.value(a).producer, nc = graph.value(c).producer;
  graph.move_before(nc, na);
  EXPECT_TRUE(graph.is_before(nc, na));
  EXPECT_FALSE(verify(graph).is_ok());
  ASSERT_TRUE(graph.sort().is_ok());
  EXPECT_THAT(ops(graph), testing::ElementsAre("A", "B", "C"));
  EXPECT_TRUE(verify(graph).is_ok());
  graph.set_input(na, 0, c);
  EXPECT_THAT(graph.sort().message(), testing::HasSubstr("cycle"));
}

TEST(Graph, ManyInsertionsAtOnePlaceKeepTheOrder) {
  Graph graph;
  const ValueId x = graph.add_input("x", kF32);
  const ValueId last = unary(graph, "Last", x);
  graph.set_outputs({last});
  ValueId previous = x;
  for (int i = 0; i < 200; ++i) previous = unary(graph, "N", previous, graph.value(last).producer);
  NodeId before = graph.nodes().front();
  for (int i = 0; i < 200; ++i) before = graph.value(unary(graph, "F", x, before)).producer;
  EXPECT_TRUE(verify(graph).is_ok()) << verify(graph).to_string();
  NodeId at = graph.nodes().front();
  for (NodeId next = graph.next(at); next != kNoNode; next = graph.next(at = next))
    ASSERT_TRUE(graph.is_before(at, next));
}

TEST(Graph, CloneIsDeep) {
  Graph graph;
  const ValueId x = graph.add_input("x", kF32);
  const ValueId a = unary(graph, "If", x);
  auto body = std::make_shared<Graph>();
  body->add_input("inner", kF32);
  graph.node(graph.value(a).producer).subgraphs.emplace_back("then_branch", body);
  graph.set_outputs({a});
  auto copy = graph.clone();
  body->add_input("more", kF32);
  copy->swap_names(x, a);
  EXPECT_EQ(copy->node(copy->value(a).producer).subgraphs[0].second->inputs().size(), 1U);
  EXPECT_EQ(graph.find_value("x"), x);
  EXPECT_EQ(copy->find_value("x"), a);
}

TEST(Graph, LargeGraphsStayFast) {
  const auto start = std::chrono::steady_clock::now();
  Graph graph;
  const ValueId x = graph.add_input("x", kF32);
  ValueId at = x;
  for (int i = 0; i < 6000; ++i) at = graph.node(*graph.add_node("Add", "n", {at, x}, {}, {{"same", kF32}})).outputs[0];
  graph.set_outputs({at});
  ASSERT_TRUE(verify(graph).is_ok());
  ASSERT_TRUE(graph.sort().is_ok());
  ASSERT_EQ(graph.remove_dead_nodes(), 0);
  graph.set_outputs({x});
  ASSERT_EQ(graph.remove_dead_nodes(), 6000);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    x_ = graph_.add_input("x", kF32);
    c_ = graph_.add_constant("c", share(HostTensor::scalar(DType::f32, 1)));
    a_ = graph_.node(*graph_.add_node("Add", "add", {x_, c_}, {}, {{"a", kF32}})).outputs[0];
    b_ = unary(graph_, "Relu", a_);
    graph_.set_outputs({b_});
    EXPECT_TRUE(verify(graph_).is_ok());
  }
  void expect_broken(const char* message) { EXPECT_THAT(verify(graph_).message(), testing::HasSubstr(message)); }
  Node& add() { return graph_.node(graph_.value(a_).producer); }

  Graph graph_;
  ValueId x_, c_, a_, b_;
};

TEST_F(VerifyTest, MissingOperand) {
  add().inputs[0] = ValueId{77};
  expect_broken("operand 0 does not exist");
}
TEST_F(VerifyTest, WrongUses) {
  add().inputs[0] = c_;
  expect_broken("uses");
}
TEST_F(VerifyTest, MissingUse) {
  graph_.value(x_).uses.clear();
  expect_broken("value 'x'");
}
TEST_F(VerifyTest, TwoOrigins) {
  graph_.value(x_).constant = graph_.value(c_).constant;
  expect_broken("2 places");
}
TEST_F(VerifyTest, NoOrigin) {
  graph_.value(c_).constant = nullptr;
  expect_broken("0 places");
}
TEST_F(VerifyTest, WrongProducer) {
  graph_.value(a_).producer = graph_.value(b_).producer;
  expect_broken("names another producer");
}
TEST_F(VerifyTest, UnlistedOutput) {
  add().outputs[0] = kNoValue;
  EXPECT_FALSE(verify(graph_).is_ok());
}
TEST_F(VerifyTest, WrongName) {
  graph_.value(a_).name = "x";
  expect_broken("name");
}
TEST_F(VerifyTest, WrongOrder) {
  graph_.move_before(graph_.value(b_).producer, graph_.value(a_).producer);
  expect_broken("computed after it");
}
TEST_F(VerifyTest, WrongConstantType) {
  graph_.value(c_).type = kF32;
  expect_broken("constant");
}
TEST_F(VerifyTest, NoOperator) {
  add().op.clear();
  expect_broken("no operator");
}
TEST_F(VerifyTest, WrongSymbolicValue) {
  graph_.value(a_).symbolic_value = {Dim(1)};
  expect_broken("known elements");
}
TEST_F(VerifyTest, MissingSubgraph) {
  add().subgraphs.emplace_back("body", nullptr);
  expect_broken("subgraph 'body'");
}
TEST_F(VerifyTest, BrokenSubgraph) {
  auto body = std::make_shared<Graph>();
  body->value(body->add_input("i", kF32)).uses.push_back({NodeId{0}, 0});
  add().subgraphs.emplace_back("body", body);
  expect_broken("node 'add' (Add), subgraph 'body': value 'i'");
}

}  // namespace
}  // namespace ingot::ir
