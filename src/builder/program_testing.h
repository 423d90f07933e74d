// SPDX-License-Identifier: Apache-2.0
// Makes a lowered program of a graph's text in tests and runs it, to see that a rewrite of it computes what it did.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "builder/half_tensors.h"
#include "ir/text.h"
#include "reference/evaluate.h"

namespace ingot::builder {

// Empty, and a failure of the test, where the text is no graph.
inline Lowered lower_text(const std::string& text, const SymbolValues& symbols = {}) {
  const auto graph = ir::parse(text);
  EXPECT_TRUE(graph.is_ok()) << graph.status().to_string() << "\n" << text;
  if (!graph.is_ok()) return {};
  Result<Lowered> lowered = lower(**graph, symbols, {});
  EXPECT_TRUE(lowered.is_ok()) << lowered.status().to_string();
  return lowered.is_ok() ? *std::move(lowered) : Lowered{};
}

// The elements of all outputs, each step by the reference evaluator, for the same random inputs every time.
inline std::vector<double> run_by_reference(const LoweredProgram& program) {
  std::map<std::size_t, TensorPtr> values;
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  for (const std::int32_t id : program.inputs) {
    const plan::Tensor& tensor = program.tensors[static_cast<std::size_t>(id)];
    HostTensor value = HostTensor::create(tensor.dtype, *concrete(tensor.shape)).value();
    for (std::int64_t i = 0; i < value.elements(); ++i) value.set_double(i, normal(random));
    values[static_cast<std::size_t>(id)] = share(std::move(value));
  }
  std::vector<double> out;
  const auto value_of = [&](std::int32_t id) -> TensorPtr {
    const auto at = static_cast<std::size_t>(id);
    if (id < 0) return nullptr;
    if (program.constants[at] != nullptr) return program.constants[at];
    const TensorPtr& stored = values.at(root_of(program, id));
    const plan::Tensor& tensor = program.tensors[at];
    return share(HostTensor::view(stored->dtype(), *concrete(tensor.shape), stored->bytes(), stored).value());
  };
  for (const LoweredStep& step : program.steps) {
    std::vector<TensorPtr> kept;
    std::vector<const HostTensor*> operands;
    for (const std::int32_t id : step.inputs) operands.push_back(kept.emplace_back(value_of(id)).get());
    std::vector<DType> types;
    for (const Operand& output : step.problem.outputs) types.push_back(output.dtype);
    auto results = reference::evaluate({step.problem.kind, &step.problem.attrs, operands, types.size(), types});
    EXPECT_TRUE(results.is_ok()) << step.problem.to_string() << "\n" << results.status().to_string();
    if (!results.is_ok()) return {};
    for (std::size_t i = 0; i < results->size(); ++i)
      values[root_of(program, step.outputs[i])] = share(std::move(results->at(i)));
  }
  for (const std::int32_t id : program.outputs) {
    const TensorPtr value = value_of(id);
    for (std::int64_t i = 0; i < value->elements(); ++i) out.push_back(value->as_double(i));
  }
  return out;
}

}  // namespace ingot::builder
