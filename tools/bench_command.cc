// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine_options.h"
#include "feed.h"

namespace ingot::tools {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  EngineOptions engine;
  std::string file, inputs_npz;
  std::vector<std::string> inputs;
  double seconds = 2;
  int iterations = 0;
  bool json = false;
  int layers = 20;
};

double milliseconds(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

double percentile(const std::vector<double>& sorted, double fraction) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(fraction * static_cast<double>(sorted.size())))];
}

class StepTimes final : public Profiler {
 public:
  explicit StepTimes(std::size_t steps) : best(steps, 0) {}
  void on_step(std::size_t step, std::string_view, std::string_view, double microseconds) override {
    best[step] = best[step] == 0 ? microseconds : std::min(best[step], microseconds);
  }
  std::vector<double> best;
};

struct Report {
  double load_ms = 0;    // as the first of the process: with the libraries that it opens
  double reload_ms = 0;  // fastest of the later ones
  double first_ms = 0;
  std::vector<double> latencies;  // sorted, in ms
  std::vector<double> steps;      // us, fastest of the profiled runs
  double device_us = 0;           // of one run on a GPU, without copies in and out; 0 on the CPU
};

Result<Report> measure(const Arguments& arguments, std::shared_ptr<const Engine> engine, Context& context) {
  Report report;
  auto start = Clock::now();
  INGOT_RETURN_IF_ERROR(context.run());
  report.first_ms = milliseconds(Clock::now() - start);
  for (int i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(context.run());
  const auto begin = Clock::now();
  const auto more = [&] {
    const std::size_t done = report.latencies.size();
    if (arguments.iterations > 0) return done < static_cast<std::size_t>(arguments.iterations);
    return done < 5 || std::chrono::duration<double>(Clock::now() - begin).count() < arguments.seconds;
  };
  while (more()) {
    start = Clock::now();
    INGOT_RETURN_IF_ERROR(context.run());
    report.latencies.push_back(milliseconds(Clock::now() - start));
  }
  std::sort(report.latencies.begin(), report.latencies.end());
  if (engine->cuda_device() != nullptr) {
    INGOT_ASSIGN_OR_RETURN(report.device_us, context.time_on_device(100));
  }
  // Apart from the runs above, so that the clock calls do not count in them.
  StepTimes times(engine->plan().steps.size());
  context.set_profiler(&times);
  for (int i = 0; i < 5; ++i) INGOT_RETURN_IF_ERROR(context.run());
  context.set_profiler(nullptr);
  report.steps = std::move(times.best);
  return report;
}

void print_json(const Report& report, const Engine& engine, const Context& context) {
  nlohmann::json out;
  const std::vector<double>& sorted = report.latencies;
  out["latency_ms"] = {{"min", sorted.front()},
                       {"median", percentile(sorted, 0.5)},
                       {"p90", percentile(sorted, 0.9)},
                       {"p99", percentile(sorted, 0.99)},
                       {"max", sorted.back()}};
  if (report.device_us > 0) out["device_us"] = report.device_us;
  out["iterations"] = sorted.size();
  out["throughput_per_s"] = 1000 / percentile(sorted, 0.5);
  out["load_ms"] = report.load_ms;
  out["reload_ms"] = report.reload_ms;
  out["first_run_ms"] = report.first_ms;
  out["threads"] = context.threads();
  out["memory_bytes"] = {{"weights", engine.weight_bytes()}, {"context", context.memory_bytes()}};
  out["layers"] = nlohmann::json::array();
  for (std::size_t i = 0; i < report.steps.size(); ++i) {
    const plan::Step& step = engine.plan().steps[i];
    out["layers"].push_back({{"name", step.name},
                             {"tactic", step.tactic},
                             {"config", step.config},
                             {"us", report.steps[i]},
                             {"problem", step.problem}});
  }
  std::printf("%s\n", out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_table(const Report& report, const Engine& engine, const Context& context, const Arguments& arguments) {
  const std::vector<double>& sorted = report.latencies;
  std::printf("latency   %.3f ms median, %.3f min, %.3f p90, %.3f p99 (%zu runs, %d threads)\n",
              percentile(sorted, 0.5), sorted.front(), percentile(sorted, 0.9), percentile(sorted, 0.99), sorted.size(),
              context.threads());
  if (report.device_us > 0) std::printf("device    %.1f us without copies in and out\n", report.device_us);
  std::printf("through   %.1f runs/s\n", 1000 / percentile(sorted, 0.5));
  std::printf("load      %.2f ms (again %.2f), first run %.2f ms\n", report.load_ms, report.reload_ms, report.first_ms);
  std::printf("memory    %.2f MiB of weights, %.2f MiB of activations and workspace\n\n",
              static_cast<double>(engine.weight_bytes()) / (1 << 20),
              static_cast<double>(context.memory_bytes()) / (1 << 20));
  double total = 0;
  std::vector<std::size_t> order(report.steps.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    total += report.steps[i];
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return report.steps[a] > report.steps[b]; });
  std::printf("%10s %6s %9s  %-34s %s\n", "us", "share", "GFLOP/s", "tactic", "layer");
  for (std::size_t i = 0; i < order.size() && i < static_cast<std::size_t>(arguments.layers); ++i) {
    const plan::Step& step = engine.plan().steps[order[i]];
    const double us = report.steps[order[i]];
    const Result<Problem> problem = Problem::parse(step.problem);
    const double gflops = problem.is_ok() && us > 0 ? problem->flops() / us / 1000 : 0;
    std::printf("%10.1f %5.1f%% %9s  %-34s %.60s\n", us, 100 * us / total,
                gflops > 0 ? fmt::format("{:.1f}", gflops).c_str() : "",
                (step.tactic + (step.config.empty() ? "" : ":" + step.config)).c_str(), step.name.c_str());
  }
  std::map<std::string, double> by_kind;
  for (std::size_t i = 0; i < report.steps.size(); ++i) {
    const std::string& problem = engine.plan().steps[i].problem;
    by_kind[problem.substr(0, problem.find('('))] += report.steps[i];
  }
  std::printf("\nby operator:");
  for (const auto& [kind, us] : by_kind) std::printf("  %s %.1f us (%.0f%%)", kind.c_str(), us, 100 * us / total);
  std::printf("\n");
}

// The fastest of a few more loadings, ready to run.
Result<double> measure_reload(const Arguments& arguments, const NamedTensors& feed) {
  INGOT_ASSIGN_OR_RETURN(const LoadOptions load, load_options(arguments.engine));
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const auto start = Clock::now();
    INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Engine> engine, Engine::load_file(arguments.file, load));
    ContextOptions options;
    options.threads = arguments.engine.threads;
    INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Context> context, Context::create(engine, options));
    INGOT_RETURN_IF_ERROR(bind_feed(*context, feed));
    INGOT_RETURN_IF_ERROR(context->prepare());
    best = std::min(best, milliseconds(Clock::now() - start));
  }
  return best;
}

Status run(const Arguments& arguments) {
  INGOT_RETURN_IF_ERROR(load_plugins(arguments.engine));
  const auto start = Clock::now();
  INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Engine> engine, load_engine(arguments.engine, arguments.file));
  ContextOptions options;
  options.threads = arguments.engine.threads;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Context> context, Context::create(engine, options));
  const double load_ms = milliseconds(Clock::now() - start);
  NamedTensors feed;
  if (arguments.inputs.empty() && arguments.inputs_npz.empty()) {
    INGOT_ASSIGN_OR_RETURN(const bool is_plan, is_plan_file(arguments.file));
    INGOT_ASSIGN_OR_RETURN(feed, random_feed(*engine, arguments.engine.shapes, !is_plan, 1));
  } else {
    INGOT_ASSIGN_OR_RETURN(feed, read_feed(*engine, arguments.inputs, arguments.inputs_npz));
  }
  INGOT_RETURN_IF_ERROR(bind_feed(*context, feed));
  const auto prepare_start = Clock::now();
  INGOT_RETURN_IF_ERROR(context->prepare());
  const double prepare_ms = milliseconds(Clock::now() - prepare_start);
  INGOT_ASSIGN_OR_RETURN(Report report, measure(arguments, engine, *context));
  report.load_ms = load_ms + prepare_ms;
  report.reload_ms = report.load_ms;
  INGOT_ASSIGN_OR_RETURN(const bool is_plan, is_plan_file(arguments.file));
  if (is_plan) {
    INGOT_ASSIGN_OR_RETURN(report.reload_ms, measure_reload(arguments, feed));
  }
  if (arguments.json) {
    print_json(report, *engine, *context);
  } else {
    print_table(report, *engine, *context, arguments);
  }
  return Status::ok();
}

}  // namespace

Command add_bench(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("bench", "Measure latency, per-layer times, load time and memory");
  command->add_option("FILE", arguments->file, "Plan or ONNX file")->required();
  command->add_option("--input", arguments->inputs, "NAME=FILE; random data otherwise. Repeatable");
  command->add_option("--inputs", arguments->inputs_npz, ".npz file with all inputs");
  command->add_option("--seconds", arguments->seconds, "How long to measure")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--iterations", arguments->iterations, "Exactly so many runs instead")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--layers", arguments->layers, "Slowest layers to list")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", arguments->json, "For machines");
  arguments->engine.add_to(*command);
  command->footer("Example: ingot bench resnet50.plan --threads 2");
  return [arguments] { return run(*arguments); };
}

}  // namespace ingot::tools
