// SPDX-License-Identifier: Apache-2.0
// ingot: builds, runs, measures, checks and explains engines.
//
// Exit codes: 0, or the StatusCode of what went wrong (base/status.h): 2 wrong usage or input, 3 not supported, 4 not
// found, 5 not ready, 6 out of resources, 7 made for another machine or version, 8 damaged file, 9 cancelled, 10 a bug.
// Errors are one line on standard error that begins with "error: ".
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/text.h"
#include "commands.h"

namespace {

constexpr const char* kFooter =
    "A first engine:\n"
    "  ingot build model.onnx -o model.plan         tune for this machine and write the engine\n"
    "  ingot run model.plan --input x=x.npy --output y.npz\n"
    "  ingot bench model.plan                       latency, per-layer times, memory\n"
    "  ingot verify model.onnx --plan model.plan    compare with the reference, layer by layer with --per-layer\n"
    "  ingot inspect model.plan                     what was chosen, and why\n"
    "Each command explains itself: ingot COMMAND --help";

int report(const ingot::Status& status) {
  if (status.is_ok()) return 0;
  std::string message = status.message();
  for (char& c : message)
    if (c == '\n') c = ' ';
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return static_cast<int>(status.code());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Ingot: trained networks become engines tuned for this machine."};
  app.name("ingot");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("ingot ") + INGOT_VERSION);
  app.require_subcommand(1);
  std::vector<std::pair<std::string, ingot::tools::Command>> commands;
  for (const auto& [name, add] : std::initializer_list<std::pair<const char*, ingot::tools::Command (*)(CLI::App&)>>{
           {"build", ingot::tools::add_build},
           {"run", ingot::tools::add_run},
           {"bench", ingot::tools::add_bench},
           {"verify", ingot::tools::add_verify},
           {"inspect", ingot::tools::add_inspect},
           {"ops", ingot::tools::add_ops},
           {"plugin", ingot::tools::add_plugin},
           {"doctor", ingot::tools::add_doctor},
           {"completion", ingot::tools::add_completion}})
    commands.emplace_back(name, add(app));
  std::vector<std::string_view> names;
  for (const auto& [name, command] : commands) names.emplace_back(name);
  if (argc > 1 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end()) {
    return report(ingot::invalid_argument("there is no command '{}'{}; ingot --help lists them", argv[1],
                                          ingot::suggestion(argv[1], names)));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return report(ingot::invalid_argument("{} (ingot --help shows the commands)", error.what()));
  }
  try {
    for (const auto& [name, command] : commands)
      if (app.got_subcommand(name)) return report(command());
  } catch (const std::bad_alloc&) {
    return report(ingot::resource_exhausted("out of memory"));
  } catch (const std::exception& error) {
    return report(ingot::internal("{}", error.what()));
  }
  return 0;
}
