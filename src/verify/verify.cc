// SPDX-License-Identifier: Apache-2.0
#include "verify/verify.h"

#include <algorithm>

#include <cstring>

#include "runtime/context.h"
#include "runtime/named_tensors.h"

namespace ingot::verify {
namespace {

using Layers = std::vector<std::pair<std::size_t, std::pair<std::string, HostTensor>>>;

class Capture final : public Profiler {
 public:
  Capture(const Context& context, Layers& layers) : context_(context), layers_(layers) {}
  void on_step(std::size_t step, std::string_view, std::string_view, double) override {
    for (const std::int32_t id : context_.engine().plan().steps[step].outputs) {
      if (id < 0) continue;
      Result<HostTensor> copy = context_.snapshot(id);
      if (copy.is_ok()) layers_.push_back({step, {context_.engine().tensor(id).name, std::move(copy).value()}});
    }
  }

 private:
  const Context& context_;
  Layers& layers_;
};

}  // namespace

Result<TensorMap> run_engine(const std::shared_ptr<const Engine>& engine, const TensorMap& inputs, int threads,
                             Layers* layers) {
  ContextOptions options;
  options.threads = threads;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Context> context, Context::create(engine, options));
  const NamedTensors given(inputs.begin(), inputs.end());
  INGOT_RETURN_IF_ERROR(bind_tensors(*context, given));
  std::unique_ptr<Capture> capture;
  if (layers != nullptr) {
    capture = std::make_unique<Capture>(*context, *layers);
    context->set_profiler(capture.get());
  }
  INGOT_RETURN_IF_ERROR(context->run());
  INGOT_ASSIGN_OR_RETURN(const NamedTensors outputs, output_tensors(*context));
  return TensorMap(outputs.begin(), outputs.end());
}

double default_tolerance(const ir::Graph& graph) {
  double tolerance = 1e-4;
  for (const ir::ValueId id : graph.values()) {
    const ir::Value& value = graph.value(id);
    if (value.constant != nullptr || !value.type.is_tensor()) continue;
    if (value.type.dtype == DType::f16) tolerance = std::max(tolerance, 10 * 0x1p-11);
    if (value.type.dtype == DType::bf16) tolerance = std::max(tolerance, 10 * 0x1p-8);
  }
  return tolerance;
}

std::vector<OutputReport> compare_outputs(const TensorMap& results, const TensorMap& reference) {
  std::vector<OutputReport> reports;
  for (const auto& [name, expected] : reference) {
    OutputReport report{name, {}, ""};
    const auto found = results.find(name);
    if (found == results.end()) {
      report.error = "the engine has no such output";
    } else {
      Result<Comparison> comparison = compare(found->second, expected);
      if (comparison.is_ok()) {
        report.comparison = *comparison;
      } else {
        report.error = comparison.status().message();
      }
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Result<std::vector<LayerReport>> compare_layers(const std::shared_ptr<const Engine>& engine, const ir::Graph& canonical,
                                                const TensorMap& inputs, int threads) {
  Layers layers;
  INGOT_RETURN_IF_ERROR(run_engine(engine, inputs, threads, &layers).status());
  std::map<std::string, std::size_t, std::less<>> by_name;
  for (std::size_t i = 0; i < layers.size(); ++i) by_name.emplace(layers[i].second.first, i);
  std::vector<LayerReport> reports;
  const auto observe = [&](const std::string& name, const HostTensor& expected) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) return;  // a view, folded away
    const auto& [step_index, captured] = layers[found->second];
    const plan::Step& step = engine->plan().steps[step_index];
    LayerReport report{step.name, step.tactic, name, step.problem, {}, ""};
    Result<Comparison> comparison = compare(captured.second, expected);
    if (comparison.is_ok()) {
      report.comparison = *comparison;
    } else {
      report.error = comparison.status().message();
    }
    reports.push_back(std::move(report));
  };
  INGOT_RETURN_IF_ERROR(run_graph(canonical, inputs, observe).status());
  return reports;
}

}  // namespace ingot::verify
