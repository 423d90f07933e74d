// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <random>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/plugin_run.h"
#include "base/log.h"
#include "builder/build.h"
#include "commands.h"
#include "plugin/check.h"
#include "plugin/registry.h"
#include "plugin_skeleton.h"

namespace ingot::tools {
namespace {

struct Arguments {
  std::vector<std::string> libraries;
  std::string library, op, attrs, inputs, name, folder, device = "cpu";
  int cases = 50, outputs = 0;
  std::int64_t seed = -1;
  CLI::App *list = nullptr, *check = nullptr, *create = nullptr;
};

const char* attribute_type(std::int32_t type) {
  static constexpr const char* kNames[] = {"", "int", "float", "string", "ints", "floats", "strings", "tensor", "any"};
  return type >= INGOT_PLUGIN_INT && type <= INGOT_PLUGIN_ANY_VALUE ? kNames[type] : "?";
}

std::string count_text(std::int32_t least, std::int32_t most) {
  return most < 0        ? fmt::format("{} or more", least)
         : least == most ? std::to_string(least)
                         : fmt::format("{} to {}", least, most);
}

void print(const plugin::Library& library) {
  std::printf("%s, interface %u.%u\n", library.describe().c_str(), library.major, library.minor);
  for (const auto& op : library.operators) {
    std::printf("  %s: %s inputs, %s outputs;%s%s\n", op->op.c_str(),
                count_text(op->api.least_inputs, op->api.most_inputs).c_str(),
                count_text(op->api.least_outputs, op->api.most_outputs).c_str(),
                (op->api.devices & INGOT_PLUGIN_CPU) != 0 ? " cpu" : "",
                (op->api.devices & INGOT_PLUGIN_CUDA) != 0 ? " cuda" : "");
    if (op->api.help != nullptr) std::printf("    %s\n", op->api.help);
    for (const ingot_plugin_attribute& attribute : op->attributes)
      std::printf("    %s: %s%s%s%s\n", attribute.name, attribute_type(attribute.type),
                  attribute.required != 0 ? ", required" : "", attribute.help != nullptr ? "; " : "",
                  attribute.help != nullptr ? attribute.help : "");
  }
}

// One library that cannot be loaded does not hide the others.
Status list(const Arguments& arguments) {
  Status first_failure;
  for (const std::string& path : arguments.libraries) {
    const auto loaded = plugin::Registry::global().load(path);
    if (loaded.is_ok()) continue;
    if (first_failure.is_ok())
      first_failure = loaded.status();
    else
      log_warning("{}", loaded.status().message());
  }
  const auto libraries = plugin::Registry::global().libraries();
  for (const plugin::Library* library : libraries) print(*library);
  if (libraries.empty() && arguments.libraries.empty())
    std::printf("no plugin library is loaded (name some, or set INGOT_PLUGINS)\n");
  return first_failure;
}

Status check(const Arguments& arguments) {
  INGOT_ASSIGN_OR_RETURN(const plugin::Library* library, plugin::Registry::global().load(arguments.library));
  plugin::CheckOptions options;
  options.cases = arguments.cases;
  options.seed = arguments.seed >= 0 ? static_cast<std::uint32_t>(arguments.seed) : std::random_device()();
  if (!arguments.attrs.empty()) {
    std::string_view text = arguments.attrs;
    INGOT_ASSIGN_OR_RETURN(options.attrs, Attrs::parse(text));
  }
  INGOT_ASSIGN_OR_RETURN(options.inputs, plugin::parse_operand_patterns(arguments.inputs));
  options.outputs = arguments.outputs;
  INGOT_ASSIGN_OR_RETURN(const int ordinal, builder::cuda_ordinal(arguments.device));
  if (ordinal >= 0) {
    INGOT_ASSIGN_OR_RETURN(cuda::Device * device, cuda::Device::get(ordinal));
    INGOT_ASSIGN_OR_RETURN(const Backend* backend, cuda::backend(ordinal));
    options.device = INGOT_PLUGIN_CUDA;
    options.run = [device, info = backend->device()](const plugin::Operator& op, const Problem& problem, auto inputs,
                                                     plugin::KernelOptions kernel, std::byte fill) {
      return cuda::run_plugin(*device, info, op, problem, inputs, std::move(kernel), fill);
    };
  }
  std::printf("%s, seed %u\n", library->describe().c_str(), options.seed);
  int failed = 0, checked = 0;
  for (const auto& op : library->operators) {
    if (!arguments.op.empty() && op->name() != arguments.op && op->op != arguments.op) continue;
    const plugin::CheckReport report = plugin::check_operator(*op, options);
    ++checked;
    if (!report.note.empty()) {
      std::printf("  %s: not checked: %s\n", op->op.c_str(), report.note.c_str());
    } else if (report.failure.empty()) {
      std::printf("  %s: %d cases, %d runs: good%s\n", op->op.c_str(), report.cases, report.runs,
                  report.has_reference ? "" : " (it declares no reference: only its own kernels were compared)");
    } else {
      ++failed;
      std::printf("  %s: FAILED: %s\n    smallest case: %s\n", op->op.c_str(), report.failure.c_str(),
                  report.problem.c_str());
      if (op->api.most_inputs < 0 && options.inputs.empty())
        std::printf("    (it does not declare which inputs it takes; --inputs says so, as in \"f32[n, c], f32[c]\")\n");
    }
  }
  if (checked == 0) return not_found("the library has no operator '{}'", arguments.op);
  if (failed > 0) return failed_precondition("{} of {} operators failed", failed, checked);
  return Status::ok();
}

}  // namespace

Command add_plugin(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("plugin", "Plugin libraries: list, check, or start a new one");
  command->require_subcommand(1);
  arguments->list = command->add_subcommand("list", "Operators of the libraries, with their attributes");
  arguments->list->add_option("LIB", arguments->libraries, "Plugin libraries; those of INGOT_PLUGINS are listed too");
  arguments->check = command->add_subcommand(
      "check", "Run a library's operators against their reference over random shapes, with guards around all memory");
  arguments->check->add_option("LIB", arguments->library, "Plugin library")->required();
  arguments->check->add_option("--op", arguments->op, "Only this operator");
  arguments->check->add_option("--attrs", arguments->attrs, "Attributes: \"{factor=1.5, axes=[1, 2]}\"");
  arguments->check->add_option("--inputs", arguments->inputs,
                               "Types and shapes of the inputs: \"f32[n, c, 8], f32[c]\", letters being random sizes");
  arguments->check->add_option("--outputs", arguments->outputs, "Number of outputs; the fewest possible otherwise");
  arguments->check->add_option("--device", arguments->device, "Where its kernels run: cpu, cuda or cuda:N")
      ->capture_default_str();
  arguments->check->add_option("--cases", arguments->cases, "Random cases per operator")->capture_default_str();
  arguments->check->add_option("--seed", arguments->seed,
                               "Of the random data; a fresh one otherwise, which is printed");
  arguments->create = command->add_subcommand("new", "Write a plugin that builds and passes its tests, to start from");
  arguments->create->add_option("NAME", arguments->name, "Operator, in CamelCase")->required();
  arguments->create->add_option("--folder", arguments->folder, "Where to write it; NAME otherwise");
  command->footer("Example: ingot plugin new Swirl && cat Swirl/README.md");
  return [arguments]() -> Status {
    if (arguments->list->parsed()) return list(*arguments);
    if (arguments->check->parsed()) return check(*arguments);
    return write_skeleton(arguments->name, arguments->folder.empty() ? arguments->name : arguments->folder);
  };
}

}  // namespace ingot::tools
