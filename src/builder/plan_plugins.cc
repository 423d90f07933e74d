// SPDX-License-Identifier: Apache-2.0
#include "builder/plan_plugins.h"

#include <algorithm>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "plugin/registry.h"

namespace ingot::builder {
namespace {

void add(plan::Plan& plan, const plugin::Operator& op) {
  const plugin::Library& library = *op.library;
  auto found = std::ranges::find_if(plan.plugins, [&](const plan::PluginLibrary& known) {
    return known.name == library.name && known.hash == library.hash;
  });
  if (found == plan.plugins.end()) {
    plan.plugins.push_back({library.name,
                            library.version,
                            library.major,
                            library.minor,
                            library.hash,
                            library.path.substr(library.path.rfind('/') + 1),
                            {},
                            -1});
    found = plan.plugins.end() - 1;
  }
  if (std::ranges::find(found->operators, op.op) == found->operators.end()) found->operators.push_back(op.op);
}

Status embed_library(BuiltPlan& built, plan::PluginLibrary& entry) {
  const std::string& path = plugin::find_operator(entry.operators.front())->library->path;
  if (path.empty()) return unsupported("plugin library '{}' has no file that could be embedded", entry.name);
  INGOT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  if (hex_text(hash_bytes(file.bytes())) != entry.hash)
    return failed_precondition("plugin library '{}' has changed since it was loaded", path);
  auto owned = std::make_shared<const std::vector<std::byte>>(file.bytes().begin(), file.bytes().end());
  entry.blob = static_cast<std::int32_t>(built.plan.blobs.size());
  built.plan.blobs.push_back(*owned);
  built.packed.push_back(std::move(owned));
  return Status::ok();
}

}  // namespace

Status record_plugins(BuiltPlan& built, bool embed) {
  plan::Plan& plan = built.plan;
  const auto add_program = [&](const plan::Program& program) {
    for (const plan::Step& step : program.steps)
      if (const plugin::Operator* op = plugin::find_operator(step.problem.substr(0, step.problem.find('('))))
        add(plan, *op);
  };
  add_program(plan);
  for (const plan::Program& program : plan.programs) add_program(program);
  if (embed)
    for (plan::PluginLibrary& entry : plan.plugins) INGOT_RETURN_IF_ERROR(embed_library(built, entry));
  return Status::ok();
}

}  // namespace ingot::builder
