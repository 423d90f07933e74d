// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <optional>

#include <nlohmann/json.hpp>

#include "builder/profile.h"
#include "commands.h"
#include "engine_options.h"
#include "feed.h"
#include "onnxruntime_reference.h"
#include "plan/writer.h"
#include "verify/verify.h"

namespace ingot::tools {
namespace {

struct Arguments {
  EngineOptions engine;
  std::string model, plan, reference = "builtin", inputs_npz;
  std::vector<std::string> inputs;
  bool per_layer = false, json = false;
  std::optional<double> tolerance;
  std::uint32_t seed = 0;
};

verify::TensorMap to_map(NamedTensors tensors) {
  verify::TensorMap map;
  for (auto& [name, tensor] : tensors) map.emplace(name, std::move(tensor));
  return map;
}

NamedTensors to_list(const verify::TensorMap& map) { return {map.begin(), map.end()}; }

Result<verify::TensorMap> make_inputs(const Arguments& arguments, const Model& model,
                                      const builder::BuildOptions& options, const Engine& engine) {
  if (!arguments.inputs.empty() || !arguments.inputs_npz.empty()) {
    INGOT_ASSIGN_OR_RETURN(NamedTensors feed, read_feed(engine, arguments.inputs, arguments.inputs_npz));
    return to_map(std::move(feed));
  }
  INGOT_ASSIGN_OR_RETURN(const SymbolValues symbols, builder::opt_symbols(*model.graph, options.shapes));
  constexpr std::int64_t kSmallVocabulary = 500;
  return verify::random_inputs(*model.graph, symbols, arguments.seed, kSmallVocabulary);
}

Result<verify::TensorMap> make_reference(const Arguments& arguments, const Model& model,
                                         const verify::TensorMap& inputs) {
  if (arguments.reference == "builtin") return verify::run_graph(*model.graph, inputs);
  if (arguments.reference == "onnxruntime") {
    INGOT_ASSIGN_OR_RETURN(NamedTensors outputs, run_onnxruntime(arguments.model, to_list(inputs)));
    return to_map(std::move(outputs));
  }
  INGOT_ASSIGN_OR_RETURN(NamedTensors outputs, read_npz(arguments.reference));
  return to_map(std::move(outputs));
}

void print_outputs(const std::vector<verify::OutputReport>& reports, double tolerance) {
  std::printf("%-32s %12s %12s %10s  %s\n", "output", "rel. error", "max error", "cosine", "");
  for (const verify::OutputReport& report : reports)
    std::printf(
        "%-32.32s %12.2e %12.2e %10.7f  %s\n", report.name.c_str(), report.comparison.relative_error,
        report.comparison.max_error, report.comparison.cosine,
        report.passed(tolerance) ? (report.undecided == 0 ? "ok" : "ok (*)") : ("DIFFERS " + report.error).c_str());
}

// What (*) means, where it stands.
void print_decisions(const std::vector<verify::OutputReport>& reports, const std::vector<verify::Witness>& witnesses) {
  for (const verify::OutputReport& report : reports)
    if (report.undecided > 0)
      std::printf(
          "(*) %lld elements of '%s' hang on comparisons of numbers that are equal but for rounding; they agree "
          "given the engine's own numbers.\n",
          static_cast<long long>(report.undecided), report.name.c_str());
  if (std::ranges::none_of(reports, [](const auto& report) { return report.undecided > 0; })) return;
  for (const verify::Witness& witness : witnesses)
    std::printf("    '%s' as the engine has it, %.2e from the reference\n", witness.value.c_str(),
                witness.relative_error);
}

void print_layers(const std::vector<verify::LayerReport>& layers, double tolerance) {
  const auto bad = [&](const verify::LayerReport& l) { return !l.error.empty() || !l.comparison.within(tolerance); };
  std::printf("\n%12s  %-34s %s\n", "rel. error", "tactic", "layer");
  for (const verify::LayerReport& layer : layers)
    std::printf("%12.2e%s %-34s %s %s\n", layer.comparison.relative_error, bad(layer) ? "*" : " ", layer.tactic.c_str(),
                layer.step.c_str(), layer.given ? "(given the engine's own numbers)" : layer.error.c_str());
  const auto first = std::find_if(layers.begin(), layers.end(), bad);
  if (first == layers.end()) {
    std::printf("every layer agrees within %.0e\n", tolerance);
  } else {
    std::printf("first divergence: '%s' in step '%s'\n  tactic: %s\n  problem: %s\n", first->tensor.c_str(),
                first->step.c_str(), first->tactic.c_str(), first->problem.c_str());
  }
}

void print_json(const std::vector<verify::OutputReport>& outputs, const std::vector<verify::LayerReport>& layers,
                double tolerance) {
  nlohmann::json out = {
      {"tolerance", tolerance}, {"outputs", nlohmann::json::array()}, {"layers", nlohmann::json::array()}};
  for (const verify::OutputReport& r : outputs)
    out["outputs"].push_back({{"name", r.name},
                              {"relative_error", r.comparison.relative_error},
                              {"max_error", r.comparison.max_error},
                              {"passed", r.passed(tolerance)},
                              {"undecided", r.undecided},
                              {"error", r.error}});
  for (const verify::LayerReport& l : layers)
    out["layers"].push_back({{"step", l.step},
                             {"tactic", l.tactic},
                             {"tensor", l.tensor},
                             {"relative_error", l.comparison.relative_error},
                             {"error", l.error},
                             {"problem", l.problem}});
  std::printf("%s\n", out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

Status run(const Arguments& arguments) {
  INGOT_RETURN_IF_ERROR(load_plugins(arguments.engine));
  std::shared_ptr<const Engine> engine;
  // The plan first: it may hold the plugin libraries that the model needs.
  if (!arguments.plan.empty()) {
    INGOT_ASSIGN_OR_RETURN(engine, load_engine(arguments.engine, arguments.plan));
  }
  INGOT_ASSIGN_OR_RETURN(const Model model, load_model(arguments.model, arguments.engine.shapes));
  INGOT_ASSIGN_OR_RETURN(const builder::BuildOptions options, build_options(arguments.engine, model, arguments.model));
  if (engine == nullptr) {
    INGOT_ASSIGN_OR_RETURN(const builder::BuiltPlan built, builder::build(*model.graph, options));
    INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, plan::write(built.plan));
    INGOT_ASSIGN_OR_RETURN(const LoadOptions load, load_options(arguments.engine));
    INGOT_ASSIGN_OR_RETURN(engine, Engine::load_bytes(bytes, load));
  }
  INGOT_ASSIGN_OR_RETURN(const verify::TensorMap inputs, make_inputs(arguments, model, options, *engine));
  INGOT_ASSIGN_OR_RETURN(const verify::TensorMap reference, make_reference(arguments, model, inputs));
  INGOT_ASSIGN_OR_RETURN(const verify::TensorMap results, verify::run_engine(engine, inputs, arguments.engine.threads));
  const double tolerance = arguments.tolerance.value_or(verify::default_tolerance(*model.graph));
  std::vector<verify::OutputReport> outputs = verify::compare_outputs(results, reference);
  std::vector<verify::Witness> witnesses;
  const bool all_pass = std::ranges::all_of(outputs, [&](const auto& report) { return report.passed(tolerance); });
  // Another reference's own numbers, on which its decisions rest, are not known.
  if (!all_pass && arguments.reference == "builtin") {
    INGOT_ASSIGN_OR_RETURN(witnesses, verify::compare_given(engine, *model.graph, inputs, reference,
                                                            arguments.engine.threads, tolerance, outputs));
  }
  std::vector<verify::LayerReport> layers;
  if (arguments.per_layer) {
    INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<ir::Graph> canonical, builder::make_canonical(*model.graph, options));
    INGOT_ASSIGN_OR_RETURN(layers,
                           verify::compare_layers(engine, *canonical, inputs, arguments.engine.threads, tolerance));
  }
  if (arguments.json) {
    print_json(outputs, layers, tolerance);
  } else {
    print_outputs(outputs, tolerance);
    print_decisions(outputs, witnesses);
    if (arguments.per_layer) print_layers(layers, tolerance);
  }
  for (const verify::OutputReport& report : outputs)
    if (!report.passed(tolerance))
      return failed_precondition(
          "output '{}' differs from the reference by {:.2e} of its root mean square (allowed {:.0e}){}{}", report.name,
          report.comparison.relative_error, tolerance, report.error.empty() ? "" : ": ", report.error);
  return Status::ok();
}

}  // namespace

Command add_verify(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("verify", "Compare an engine with a reference: the whole network, or layer by layer");
  command->add_option("MODEL", arguments->model, "ONNX file")->required();
  command->add_option("--plan", arguments->plan, "The engine to check; built from the model when not given");
  command
      ->add_option(
          "--reference", arguments->reference,
          "builtin: the reference evaluator, in double; onnxruntime; or an .npz file with the expected outputs")
      ->capture_default_str();
  command->add_option("--input", arguments->inputs, "NAME=FILE; seeded random data otherwise. Repeatable");
  command->add_option("--inputs", arguments->inputs_npz, ".npz file with all inputs");
  command->add_option("--seed", arguments->seed, "Of the random data")->capture_default_str();
  command->add_option(
      "--tolerance", arguments->tolerance,
      "Largest error, relative to the output's root mean square (default: 1e-4; more for f16 and bf16)");
  command->add_flag("--per-layer", arguments->per_layer, "Compare every step, and name the first that differs");
  command->add_flag("--json", arguments->json, "For machines");
  arguments->engine.add_to(*command);
  command->footer("Example: ingot verify model.onnx --plan model.plan --per-layer");
  return [arguments] { return run(*arguments); };
}

}  // namespace ingot::tools
