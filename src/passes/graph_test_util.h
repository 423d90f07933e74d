// SPDX-License-Identifier: Apache-2.0
// For tests: building small graphs, running whole graphs with the reference evaluator, and checking that a rewrite
// keeps what they compute.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/infer.h"
#include "passes/match.h"
#include "passes/rules.h"
#include "reference/evaluate.h"

namespace ingot::passes::testing {

using ir::Graph;
using ir::ValueId;

class Builder {
 public:
  ValueId in(const std::string& name, const Shape& shape, DType dtype = DType::f32) {
    return graph->add_input(name, ir::Type::tensor(dtype, symbolic(shape)));
  }
  // Random numbers in [low, high).
  ValueId weights(const Shape& shape, double low = -1, double high = 1) {
    HostTensor tensor = HostTensor::create(DType::f32, shape).value();
    std::uniform_real_distribution<double> numbers(low, high);
    for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, numbers(random_));
    return graph->add_constant("", share(std::move(tensor)));
  }
  ValueId number(double value) { return graph->add_constant("", share(HostTensor::scalar(DType::f32, value))); }
  ValueId ints(const Ints& values) { return graph->add_constant("", share(HostTensor::of_ints(values))); }
  ValueId index(std::int64_t value) {
    return graph->add_constant("", share(HostTensor::of<std::int64_t>(DType::i64, {}, std::span(&value, 1))));
  }
  ValueId op(const std::string& name, const std::vector<ValueId>& inputs, const Attrs& attrs = {}) {
    return ops(name, inputs, attrs, 1)[0];
  }
  std::vector<ValueId> ops(const std::string& name, const std::vector<ValueId>& inputs, const Attrs& attrs,
                           std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back(name + std::to_string(++counter_));
    auto node = ingot::ops::add_node(*graph, name, names[0], inputs, attrs, names);
    INGOT_CHECK(node.is_ok(), "{}", node.status().to_string());
    return graph->node(*node).outputs;
  }
  void out(const std::vector<ValueId>& outputs) { graph->set_outputs(outputs); }

  std::shared_ptr<Graph> graph = std::make_shared<Graph>();

 private:
  std::mt19937 random_{7};
  int counter_ = 0;
};

inline int count(const Graph& graph, std::string_view op) {
  int found = 0;
  for (ir::NodeId id : graph.nodes()) found += graph.node(id).op == op ? 1 : 0;
  return found;
}

// The first node of that operator.
inline const ir::Node* first(const Graph& graph, std::string_view op) {
  for (ir::NodeId id : graph.nodes())
    if (graph.node(id).op == op) return &graph.node(id);
  return nullptr;
}

// Runs the graph on inputs drawn from their names; outputs by name.
inline std::map<std::string, HostTensor> run(const Graph& graph) {
  std::unordered_map<std::uint32_t, HostTensor> values;
  const auto key = [](ValueId id) { return static_cast<std::uint32_t>(id); };
  for (ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    HostTensor tensor = HostTensor::create(value.type.dtype, concrete(*value.type.shape).value()).value();
    std::mt19937 random(static_cast<unsigned>(std::hash<std::string>()(value.name)));
    std::uniform_real_distribution<double> numbers(-2, 2);
    for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, numbers(random));
    values[key(id)] = std::move(tensor);
  }
  for (ir::NodeId node_id : graph.nodes()) {
    const ir::Node& node = graph.node(node_id);
    std::vector<const HostTensor*> inputs;
    std::vector<DType> types;
    for (ValueId id : node.inputs)
      inputs.push_back(id == ir::kNoValue              ? nullptr
                       : graph.constant(id) != nullptr ? graph.constant(id)
                                                       : &values.at(key(id)));
    for (ValueId id : node.outputs) types.push_back(id == ir::kNoValue ? DType::undefined : graph.value(id).type.dtype);
    auto results = reference::evaluate({node.op, &node.attrs, inputs, node.outputs.size(), types});
    INGOT_CHECK(results.is_ok(), "{} '{}': {}", node.op, node.name, results.status().to_string());
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != ir::kNoValue) values[key(node.outputs[i])] = std::move((*results)[i]);
  }
  std::map<std::string, HostTensor> outputs;
  for (ValueId id : graph.outputs())
    outputs[graph.value(id).name] = graph.constant(id) != nullptr ? *graph.constant(id) : values.at(key(id));
  return outputs;
}

inline void expect_same_results(const std::map<std::string, HostTensor>& before,
                                const std::map<std::string, HostTensor>& after, double tolerance) {
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, expected] : before) {
    ASSERT_TRUE(after.contains(name)) << name;
    const HostTensor& actual = after.at(name);
    ASSERT_EQ(expected.shape(), actual.shape()) << name;
    ASSERT_EQ(expected.dtype(), actual.dtype()) << name;
    for (std::int64_t i = 0; i < expected.elements(); ++i)
      ASSERT_NEAR(expected.as_double(i), actual.as_double(i),
                  tolerance * std::max(1.0, std::abs(expected.as_double(i))))
          << name << " element " << i;
  }
}

// Applies passes and checks that the graph stays sound and computes the same. Returns the number of patches.
inline int rewrite(Graph& graph, const std::vector<Pass>& passes, Options options = {}, double tolerance = 2e-5) {
  const auto before = run(graph);
  int patches = 0;
  auto trace = options.trace;
  options.trace = [&](const TraceEvent& event) {
    patches = event.number;
    if (trace) trace(event);
  };
  const Status status = run_passes(graph, passes, options);
  EXPECT_TRUE(status.is_ok()) << status.to_string() << "\n" << ir::print(graph);
  if (!status.is_ok()) return -1;
  const Status sound = ir::verify(graph);
  EXPECT_TRUE(sound.is_ok()) << sound.to_string();
  expect_same_results(before, run(graph), tolerance);
  if (::testing::Test::HasFailure()) ADD_FAILURE() << ir::print(graph);
  return patches;
}
inline int rewrite(Graph& graph, const Rules& rules, Options options = {}, double tolerance = 2e-5) {
  return rewrite(graph, std::vector<Pass>{{"test", rules}}, std::move(options), tolerance);
}

}  // namespace ingot::passes::testing
