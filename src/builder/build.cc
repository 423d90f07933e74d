// SPDX-License-Identifier: Apache-2.0
#include "builder/build.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>

#include "backends/cpu/cpu_backend.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/device.h"
#include "base/thread_pool.h"
#include "builder/emit.h"
#include "builder/half.h"
#include "builder/image_conv.h"
#include "builder/library_choice.h"
#include "builder/nbits.h"
#include "builder/plan_plugins.h"
#include "builder/profile.h"
#include "builder/rehearse_half.h"
#include "builder/row_matmul.h"
#include "builder/squeeze_excite.h"
#include "builder/transpose_epilogues.h"
#include "ir/text.h"

namespace ingot::builder {
namespace {

const Backend& backend_of(const BuildOptions& options) {
  return options.backend != nullptr ? *options.backend : cpu::backend();
}

// Equal texts are one decision: a network repeats its blocks. What a plugin offers may depend on its sizes' bounds too.
std::string decision_text(const LoweredStep& step) {
  std::string text = step.problem.to_string() + (step.data_dependent ? " data-dependent" : "");
  for (const auto* operands : {&step.problem.inputs, &step.problem.outputs})
    for (const Operand& operand : *operands)
      if (const SizeBounds* bounds = operand.bounds.get())
        text += fmt::format(" {} {} {}", to_string(bounds->least), to_string(bounds->opt), to_string(bounds->most));
  return text;
}

// A part of the time budget, the rest of which is for timing.
constexpr double kToCompile = 0.6;

// Code for the candidates that nobody has timed yet, or not with as much time.
void make_code(const Lowered& lowered, const TuneOptions& options, const TimingCache& cache,
               std::chrono::steady_clock::time_point deadline, CodeAtHand& code) {
  std::map<std::string, bool> seen;
  std::vector<CodeRequest> requests;
  const auto add = [&](const LoweredProgram& program) {
    for (const LoweredStep& step : program.steps) {
      if (step.by_runtime() || !seen.emplace(step.problem.to_string(), true).second) continue;
      CodeRequest& request = requests.emplace_back();
      request.problem = &step.problem;
      for (Trial& trial : candidates_of(step.problem, step.data_dependent, options))
        if (trial.refusal.empty() && !known_timing(cache, timing_key(step.problem, trial, options), options))
          request.candidates.emplace_back(trial.tactic, std::move(trial.config));
    }
  };
  add(lowered);
  for (const LoweredProgram& program : lowered.programs) add(program);
  code.make(requests, options.backend->device(), *options.parallel, deadline);
}

Result<Choices> tune_all(const Lowered& lowered, const BuildOptions& options) {
  TimingCache cache;
  if (!options.timing_cache.empty()) {
    INGOT_ASSIGN_OR_RETURN(cache, TimingCache::load(options.timing_cache));
  }
  ThreadPool pool(options.threads);
  TuneOptions tune_options;
  tune_options.backend = &backend_of(options);
  tune_options.parallel = &pool;
  tune_options.workspace_limit = options.workspace_limit;
  tune_options.disabled = options.disabled_tactics;
  tune_options.allow_cpu_fallback = options.allow_cpu_fallback;
  const auto after = [start = std::chrono::steady_clock::now()](double seconds) {
    return start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                       std::chrono::duration<double>(std::max(0.0, seconds)));
  };
  tune_options.deadline = after(options.time_budget_seconds);
  tune_options.budget_seconds = std::max(0.0, options.time_budget_seconds);
  CodeAtHand code;
  if (tune_options.backend->device().kind == "cuda") {
    make_code(lowered, tune_options, cache, after(options.time_budget_seconds * kToCompile), code);
    tune_options.code = &code;
  }
  std::map<std::string, Choice> decided;
  std::size_t total = lowered.steps.size();
  for (const LoweredProgram& program : lowered.programs) total += program.steps.size();
  std::size_t done = 0;
  std::string missing;  // every node without a tactic, not the first one only
  const auto tune_program = [&](const LoweredProgram& program) -> Result<std::vector<Choice>> {
    std::vector<Choice> choices;
    for (const LoweredStep& step : program.steps) {
      ++done;
      if (step.by_runtime()) {
        choices.emplace_back();
        continue;
      }
      const std::string text = decision_text(step);
      auto found = decided.find(text);
      if (found == decided.end()) {
        if (options.progress && !options.progress(done - 1, total, step.name))
          return cancelled("the build was stopped after {} of {} steps", done - 1, total);
        Result<Choice> choice = tune(step.problem, step.data_dependent, tune_options, cache);
        if (!choice.is_ok() && choice.status().code() == StatusCode::kUnsupported) {
          missing += fmt::format("\n  node '{}': {}", step.name, choice.status().message());
          choice = Choice{};
        }
        if (!choice.is_ok()) return std::move(choice).status().annotate(fmt::format("node '{}'", step.name));
        found = decided.emplace(text, std::move(choice).value()).first;
      }
      choices.push_back(found->second);
    }
    return choices;
  };
  Choices choices;
  const auto tune_all = [&]() -> Status {
    INGOT_ASSIGN_OR_RETURN(choices.main, tune_program(lowered));
    for (const LoweredProgram& program : lowered.programs) {
      INGOT_ASSIGN_OR_RETURN(std::vector<Choice> of_body, tune_program(program));
      choices.programs.push_back(std::move(of_body));
    }
    if (options.progress && !options.progress(total, total, "")) return cancelled("the build was stopped");
    return Status::ok();
  };
  const Status tuned = tune_all();
  if (!options.timing_cache.empty()) INGOT_RETURN_IF_ERROR(cache.save(options.timing_cache));
  if (!tuned.is_ok()) return tuned;
  weigh_libraries(choices);
  if (!missing.empty())
    return unsupported("device '{}' cannot run these nodes:{}", tune_options.backend->device().kind, missing);
  return choices;
}

// Whether the device has a tactic for a problem that may be used and does not leave it.
std::function<bool(const Problem&)> solvable_by(const BuildOptions& options) {
  TuneOptions tune_options;
  tune_options.backend = &backend_of(options);
  tune_options.disabled = options.disabled_tactics;
  return [tune_options](const Problem& problem) {
    const std::vector<Trial> trials = candidates_of(problem, false, tune_options);
    return std::any_of(trials.begin(), trials.end(), [](const Trial& trial) { return trial.refusal.empty(); });
  };
}

// Only ranges of inputs that are still symbolic bind a context.
plan::Profile profile_of(const plan::Plan& plan, const std::vector<ShapeRange>& ranges) {
  plan::Profile profile;
  for (const ShapeRange& range : ranges)
    for (const std::int32_t id : plan.inputs) {
      const plan::Tensor& tensor = plan.tensors[static_cast<std::size_t>(id)];
      if (tensor.name == range.input && !concrete(tensor.shape))
        profile.push_back({id, range.min, range.opt, range.max});
    }
  return profile;
}

}  // namespace

Result<int> cuda_ordinal(std::string_view device) {
  if (device.empty() || device == "cpu") return -1;
  if (device == "cuda") return 0;
  int ordinal = 0;
  if (device.starts_with("cuda:")) {
    const char* const end = device.data() + device.size();
    const auto [at, failed] = std::from_chars(device.data() + 5, end, ordinal);
    if (failed == std::errc() && at == end && ordinal >= 0) return ordinal;
  }
  return invalid_argument("device '{}': known are cpu, cuda and cuda:N", device);
}

Status set_device(std::string_view device, std::string_view precision, BuildOptions& options) {
  INGOT_ASSIGN_OR_RETURN(const int ordinal, cuda_ordinal(device));
  if (ordinal >= 0) {
    INGOT_ASSIGN_OR_RETURN(options.backend, cuda::backend(ordinal));
    options.cuda_device = ordinal;
  }
  if (precision == "fp16")
    options.precision = DType::f16;
  else if (precision == "bf16")
    options.precision = DType::bf16;
  else if (!precision.empty() && precision != "fp32")
    return unsupported("precision '{}': known are fp32, fp16 and bf16", precision);
  return Status::ok();
}

Result<std::shared_ptr<ir::Graph>> make_canonical(const ir::Graph& graph, const BuildOptions& options) {
  std::shared_ptr<ir::Graph> canonical = graph.clone();
  INGOT_RETURN_IF_ERROR(fix_input_shapes(*canonical, options.shapes));
  passes::Options pass_options = options.passes;
  pass_options.channels_last = true;
  const bool on_cpu = backend_of(options).device().kind == "cpu";
  // Half precision on the CPU is a rehearsal of what a GPU does.
  pass_options.widen_half = on_cpu && options.precision == DType::f32;
  pass_options.integer_products = on_cpu && options.precision == DType::f32;
  pass_options.expand_quantized = true;
  // A kernel more costs a GPU more than reading a small image twice.
  pass_options.part_convolutions = !on_cpu;
  INGOT_RETURN_IF_ERROR(passes::canonicalise(*canonical, pass_options));
  return canonical;
}

Result<Lowered> make_lowered(const ir::Graph& canonical, const BuildOptions& options) {
  INGOT_ASSIGN_OR_RETURN(const SymbolValues symbols, opt_symbols(canonical, options.shapes));
  INGOT_ASSIGN_OR_RETURN(Lowered lowered, lower(canonical, symbols, declared_ranges(canonical, options.shapes)));
  // Halves are a rewrite of the products that there are.
  if (options.precision == DType::f32) INGOT_RETURN_IF_ERROR(join_nbits(lowered, backend_of(options)));
  return lowered;
}

Result<BuiltPlan> build(const ir::Graph& graph, const BuildOptions& options) {
  INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<ir::Graph> canonical, make_canonical(graph, options));
  INGOT_ASSIGN_OR_RETURN(Lowered lowered, make_lowered(*canonical, options));
  const DeviceInfo device = backend_of(options).device();
  std::optional<cuda::DeviceScope> scope;
  if (device.kind == "cuda") {
    INGOT_ASSIGN_OR_RETURN(cuda::Device * gpu, cuda::Device::get(options.cuda_device));
    scope.emplace(*gpu);
  }
  if (options.precision != DType::f32) {
    INGOT_RETURN_IF_ERROR(make_half(lowered, options.precision));
    if (device.kind == "cpu") INGOT_RETURN_IF_ERROR(rehearse_half(lowered, options.precision));
  }
  if (device.kind == "cuda") {
    INGOT_RETURN_IF_ERROR(fuse_transpose_epilogues(lowered, solvable_by(options)));
    for (LoweredProgram& program : lowered.programs) fuse_squeeze_excite(program, solvable_by(options));
    fuse_squeeze_excite(lowered, solvable_by(options));
    fuse_image_conv(lowered, solvable_by(options));
    fuse_row_orders(lowered, solvable_by(options));
  }
  INGOT_ASSIGN_OR_RETURN(const Choices choices, tune_all(lowered, options));
  INGOT_ASSIGN_OR_RETURN(BuiltPlan built, emit(std::move(lowered), choices, device));
  built.plan.engine_version = INGOT_VERSION;
  built.plan.device_kind = device.kind;
  built.plan.device_name = device.name;
  built.plan.device_fingerprint = device.fingerprint();
  built.plan.provenance = options.provenance;
  if (options.keep_graph) built.plan.graph = ir::print(*canonical);
  if (plan::Profile profile = profile_of(built.plan, options.shapes); !profile.empty())
    built.plan.profiles.push_back(std::move(profile));
  INGOT_RETURN_IF_ERROR(record_plugins(built, options.embed_plugins));
  return built;
}

}  // namespace ingot::builder
