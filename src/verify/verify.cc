// SPDX-License-Identifier: Apache-2.0
#include "verify/verify.h"

#include <algorithm>
#include <cmath>

#include "runtime/context.h"
#include "runtime/named_tensors.h"

namespace ingot::verify {
namespace {

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

// A comparison, or why there is none.
Result<Comparison> compare_named(const TensorMap& results, const std::string& name, const HostTensor& expected) {
  const auto found = results.find(name);
  if (found == results.end()) return not_found("the engine has no such output");
  return compare(found->second, expected);
}

std::vector<NamedTensor> tensors_of(Layers layers) {
  std::vector<NamedTensor> tensors;
  for (auto& [step, tensor] : layers) tensors.push_back(std::move(tensor));
  return tensors;
}

// Elements of `a` that differ from `b` by more than `limit`.
std::int64_t count_beyond(const HostTensor& a, const HostTensor& b, double limit) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double x = a.as_double(i), y = b.as_double(i);
    if (x != y && !(std::isnan(x) && std::isnan(y)) && !(std::abs(x - y) <= limit)) ++count;
  }
  return count;
}

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
    const Result<Comparison> comparison = compare_named(results, name, expected);
    if (comparison.is_ok()) {
      report.comparison = *comparison;
    } else {
      report.error = comparison.status().message();
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Result<std::vector<Witness>> compare_given(const std::shared_ptr<const Engine>& engine, const ir::Graph& graph,
                                           const TensorMap& inputs, const TensorMap& reference, int threads,
                                           double tolerance, std::vector<OutputReport>& reports) {
  Layers layers;
  INGOT_ASSIGN_OR_RETURN(const TensorMap results, run_engine(engine, inputs, threads, &layers));
  const std::vector<NamedTensor> computed = tensors_of(std::move(layers));
  std::vector<Witness> witnesses;
  INGOT_ASSIGN_OR_RETURN(const TensorMap given,
                         run_graph(graph, inputs, with_own_numbers(graph, computed, tolerance, witnesses)));
  for (OutputReport& report : reports) {
    const auto expected = given.find(report.name);
    if (report.passed(tolerance) || !report.error.empty() || expected == given.end()) continue;
    const Result<Comparison> comparison = compare_named(results, report.name, expected->second);
    if (!comparison.is_ok() || !comparison->within(tolerance)) continue;
    const Comparison& plain = report.comparison;
    const double rms = plain.relative_error > 0 ? plain.max_error / plain.relative_error : 0;
    report.undecided = count_beyond(results.at(report.name), reference.at(report.name), tolerance * rms);
    report.comparison = *comparison;
  }
  return witnesses;
}

Result<std::vector<LayerReport>> compare_layers(const std::shared_ptr<const Engine>& engine, const ir::Graph& canonical,
                                                const TensorMap& inputs, int threads, double tolerance) {
  Layers layers;
  INGOT_RETURN_IF_ERROR(run_engine(engine, inputs, threads, &layers).status());
  std::map<std::string, std::size_t, std::less<>> by_name;
  for (std::size_t i = 0; i < layers.size(); ++i) by_name.emplace(layers[i].second.first, i);
  std::vector<LayerReport> reports;
  const auto observe = [&](const ir::Value& value, TensorPtr expected) {
    const auto found = by_name.find(value.name);
    if (found == by_name.end()) return expected;  // a view, folded away
    const auto& [step_index, captured] = layers[found->second];
    const plan::Step& step = engine->plan().steps[step_index];
    LayerReport report{step.name, step.tactic, value.name, step.problem, {}, "", false};
    Result<Comparison> comparison = compare(captured.second, *expected);
    if (comparison.is_ok()) {
      report.comparison = *comparison;
    } else {
      report.error = comparison.status().message();
    }
    reports.push_back(std::move(report));
    return expected;
  };
  INGOT_RETURN_IF_ERROR(run_graph(canonical, inputs, observe).status());
  const auto differs = [&](const LayerReport& r) { return r.error.empty() && !r.comparison.within(tolerance); };
  if (std::ranges::none_of(reports, differs)) return reports;

  const std::vector<NamedTensor> computed = tensors_of(std::move(layers));
  std::vector<Witness> witnesses;
  const Revise revise = with_own_numbers(canonical, computed, tolerance, witnesses);
  const auto settle = [&](const ir::Value& value, TensorPtr expected) {
    const auto report = std::ranges::find(reports, value.name, &LayerReport::tensor);
    if (report != reports.end() && differs(*report)) {
      const auto comparison = compare(computed[by_name.at(value.name)].second, *expected);
      if (comparison.is_ok() && comparison->within(tolerance)) {
        report->comparison = *comparison;
        report->given = true;
      }
    }
    return revise(value, std::move(expected));
  };
  INGOT_RETURN_IF_ERROR(run_graph(canonical, inputs, settle).status());
  return reports;
}

}  // namespace ingot::verify
