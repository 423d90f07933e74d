// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/mapped_file.h"
#include "commands.h"
#include "engine_options.h"
#include "inspect/inspect.h"
#include "ir/text.h"
#include "plan/reader.h"

namespace ingot::tools {
namespace {

struct Arguments {
  EngineOptions engine;
  std::string file, stage;
  bool json = false, dot = false, candidates = false, full = false;
};

// A plan file as it lies there: for that, neither its device nor its plugins need be here.
Result<std::string> show_plan_file(const Arguments& arguments, std::string_view stage, inspect::Format format) {
  warn_of_build_options(arguments.engine, arguments.file);
  INGOT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(arguments.file));
  Result<plan::Plan> plan = plan::read(file.bytes());
  if (!plan.is_ok()) return std::move(plan).status().annotate(arguments.file);
  if (stage == "plan") return inspect::show(*plan, format, arguments.candidates);
  if (stage != "canonical" || format != inspect::Format::text)
    return unsupported("a plan has the stages plan and canonical (as text); give the model for the others");
  return plan->graph;
}

Status run(const Arguments& arguments) {
  INGOT_RETURN_IF_ERROR(load_plugins(arguments.engine));
  if (arguments.json && arguments.dot) return invalid_argument("--json or --dot, not both");
  const inspect::Format format = arguments.json  ? inspect::Format::json
                                 : arguments.dot ? inspect::Format::dot
                                                 : inspect::Format::text;
  INGOT_ASSIGN_OR_RETURN(const bool is_plan, is_meant_as_plan(arguments.file));
  const std::string stage = arguments.stage.empty() ? (is_plan ? "plan" : "import") : arguments.stage;
  std::string text;
  if (is_plan) {
    INGOT_ASSIGN_OR_RETURN(text, show_plan_file(arguments, stage, format));
  } else if (stage == "plan") {
    INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Engine> engine, load_engine(arguments.engine, arguments.file));
    text = inspect::show(engine->plan(), format, arguments.candidates);
  } else {
    INGOT_ASSIGN_OR_RETURN(const Model model, load_model(arguments.file, arguments.engine.shapes));
    INGOT_ASSIGN_OR_RETURN(const builder::BuildOptions options, build_options(arguments.engine, model, arguments.file));
    if (stage == "import") {
      text = arguments.full ? ir::print_full(*model.graph) : inspect::show(*model.graph, format);
    } else {
      INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<ir::Graph> canonical,
                             builder::make_canonical(*model.graph, options));
      if (stage == "canonical") {
        text = arguments.full ? ir::print_full(*canonical) : inspect::show(*canonical, format);
      } else {
        INGOT_ASSIGN_OR_RETURN(const builder::Lowered lowered, builder::make_lowered(*canonical, options));
        text = inspect::show(lowered, format);
      }
    }
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return Status::ok();
}

}  // namespace

Command add_inspect(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("inspect", "Show a model or a plan at any stage");
  command->add_option("FILE", arguments->file, "Plan or ONNX file")->required();
  command
      ->add_option("--stage", arguments->stage,
                   "import: as read; canonical: rewritten; lowered: problems; plan: what was chosen")
      ->check(CLI::IsMember({"import", "canonical", "lowered", "plan"}));
  command->add_flag("--json", arguments->json, "For machines");
  command->add_flag("--dot", arguments->dot, "For Graphviz");
  command->add_flag("--candidates", arguments->candidates,
                    "With the plan: every candidate's time or reason for refusing");
  command->add_flag("--full", arguments->full,
                    "With import and canonical: all constants, so that the text can be parsed again");
  arguments->engine.add_to(*command);
  command->footer("Example: ingot inspect model.plan --candidates");
  return [arguments] { return run(*arguments); };
}

}  // namespace ingot::tools
