// SPDX-License-Identifier: Apache-2.0
#include "plugin/evaluate.h"

#include <algorithm>

#include "base/parallel.h"
#include "plugin/infer.h"

namespace ingot::plugin {
namespace {

class HeapOutputs final : public OutputAllocator {
 public:
  HeapOutputs(const Problem& problem, std::vector<HostTensor>& results) : problem_(problem), results_(results) {}
  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    if (output >= results_.size()) return invalid_argument("output {} of {}", output, results_.size());
    INGOT_ASSIGN_OR_RETURN(results_[output], HostTensor::create(problem_.outputs[output].dtype, shape));
    return static_cast<void*>(results_[output].mutable_bytes().data());
  }

 private:
  const Problem& problem_;
  std::vector<HostTensor>& results_;
};

}  // namespace

Result<Problem> make_problem(const Operator& op, const Attrs& attrs, std::span<const HostTensor* const> inputs,
                             std::size_t outputs) {
  Problem problem;
  problem.kind = op.op;
  problem.attrs = attrs;
  for (const HostTensor* tensor : inputs) {
    Operand& operand = problem.inputs.emplace_back();
    if (tensor == nullptr) continue;
    operand.dtype = tensor->dtype();
    operand.shape = tensor->shape();
    // A view: the values of an operand may decide shapes.
    INGOT_ASSIGN_OR_RETURN(HostTensor view, tensor->reshaped(tensor->shape()));
    operand.value = share(std::move(view));
  }
  INGOT_ASSIGN_OR_RETURN(const std::vector<InferOutput> shapes, infer_numbers(op, attrs, problem.inputs, outputs));
  for (const InferOutput& output : shapes) {
    const auto shape = concrete(output.shape);
    problem.outputs.push_back({output.dtype, shape.value_or(Shape(output.shape.size(), -1)), false, nullptr});
  }
  return problem;
}

KernelOptions reference_options(const Problem& problem) {
  KernelOptions options;
  options.reference = true;
  const auto add = [](const std::vector<Operand>& operands, std::vector<Format>& formats) {
    for (const Operand& operand : operands)
      formats.push_back({is_float(operand.dtype) ? DType::f32 : operand.dtype, INGOT_PLUGIN_LINEAR});
  };
  add(problem.inputs, options.combination.inputs);
  add(problem.outputs, options.combination.outputs);
  return options;
}

Result<std::vector<HostTensor>> run_problem(const Operator& op, const Problem& problem,
                                            std::span<const HostTensor* const> inputs, KernelOptions options,
                                            std::byte fill) {
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, make_kernel(op, problem, std::move(options)));
  ConfigureArgs configure;
  configure.inputs = problem.inputs;
  configure.outputs = problem.outputs;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<KernelState> state, kernel->configure(configure));
  std::vector<HostTensor> results(problem.outputs.size());
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const HostTensor* tensor : inputs) in.push_back(tensor != nullptr ? tensor->bytes().data() : nullptr);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Operand& operand = problem.outputs[i];
    out.push_back(nullptr);
    if (!operand.present() || std::ranges::find(operand.shape, -1) != operand.shape.end()) continue;
    INGOT_ASSIGN_OR_RETURN(results[i], HostTensor::create(operand.dtype, operand.shape));
    std::ranges::fill(results[i].mutable_bytes(), fill);
    out.back() = results[i].mutable_bytes().data();
  }
  std::vector<std::byte> workspace(state->workspace_bytes, fill);
  HeapOutputs allocator(problem, results);
  Serial serial;
  LaunchArgs args;
  args.inputs = in;
  args.outputs = out;
  args.workspace = workspace;
  args.state = state.get();
  args.parallel = &serial;
  args.allocator = &allocator;
  INGOT_RETURN_IF_ERROR(kernel->launch(args));
  return results;
}

Result<std::vector<HostTensor>> evaluate(const Operator& op, const Attrs& attrs,
                                         std::span<const HostTensor* const> inputs,
                                         std::span<const DType> output_types) {
  INGOT_ASSIGN_OR_RETURN(Problem problem, make_problem(op, attrs, inputs, output_types.size()));
  for (std::size_t i = 0; i < output_types.size(); ++i)
    if (output_types[i] == DType::undefined) problem.outputs[i] = {};
  if (op.api.reference != nullptr) return run_problem(op, problem, inputs, reference_options(problem));
  INGOT_ASSIGN_OR_RETURN(const Values values, Values::read(op, attrs));
  INGOT_ASSIGN_OR_RETURN(const std::vector<Combination> combinations,
                         usable_combinations(op, values, problem, INGOT_PLUGIN_CPU));
  KernelOptions options;
  options.combination = combinations.front();
  INGOT_ASSIGN_OR_RETURN(const auto tactics, tactics_of(op, problem, options.combination));
  options.tactic = tactics.front().id;
  return run_problem(op, problem, inputs, std::move(options));
}

}  // namespace ingot::plugin
