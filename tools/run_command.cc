// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "commands.h"
#include "engine_options.h"
#include "feed.h"
#include "runtime/named_tensors.h"

namespace ingot::tools {
namespace {

struct Arguments {
  EngineOptions engine;
  std::string file, inputs_npz, output;
  std::vector<std::string> inputs;
};

Status run(const Arguments& arguments) {
  INGOT_RETURN_IF_ERROR(load_plugins(arguments.engine));
  INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Engine> engine, load_engine(arguments.engine, arguments.file));
  INGOT_ASSIGN_OR_RETURN(const NamedTensors feed, read_feed(*engine, arguments.inputs, arguments.inputs_npz));
  ContextOptions options;
  options.threads = arguments.engine.threads;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Context> context, Context::create(engine, options));
  INGOT_RETURN_IF_ERROR(bind_feed(*context, feed));
  INGOT_RETURN_IF_ERROR(context->run());
  INGOT_ASSIGN_OR_RETURN(const NamedTensors outputs, output_tensors(*context));
  for (const auto& [name, tensor] : outputs)
    std::printf("%s: %s%s\n", name.c_str(), std::string(to_string(tensor.dtype())).c_str(),
                to_string(tensor.shape()).c_str());
  if (arguments.output.empty()) return Status::ok();
  return write_npz(arguments.output, outputs);
}

}  // namespace

Command add_run(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("run", "Run an engine (or a model, built on the fly) on inputs from files");
  command->add_option("FILE", arguments->file, "Plan or ONNX file")->required();
  command->add_option("--input", arguments->inputs,
                      "NAME=FILE.npy or NAME=FILE.png (f32 [1,C,H,W], values 0 to 1). Repeatable");
  command->add_option("--inputs", arguments->inputs_npz, ".npz file with all inputs by name");
  command->add_option("--output", arguments->output, ".npz file to write, outputs under their ONNX names");
  arguments->engine.add_to(*command);
  command->footer("Example: ingot run digits.plan --input image=digit_7.png --output scores.npz");
  return [arguments] { return run(*arguments); };
}

}  // namespace ingot::tools
