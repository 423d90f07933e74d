// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan_plugins.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/ranges.h>

#include "base/hash.h"
#include "base/log.h"
#include "plugin/registry.h"

namespace ingot {
namespace {

// Loads a library from memory: a file without a name that lives as long as the process has it mapped.
Status load_embedded(const plan::PluginLibrary& library, std::span<const std::byte> bytes) {
  if (hex_text(hash_bytes(bytes)) != library.hash)
    return corrupt("plugin library '{}' that the plan holds is damaged (its hash does not match)", library.name);
  const int file = memfd_create(library.file.c_str(), MFD_CLOEXEC);
  if (file < 0) return resource_exhausted("no memory for plugin library '{}'", library.name);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written <= 0) {
      ::close(file);
      return resource_exhausted("no memory for plugin library '{}'", library.name);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  // The descriptor stays open: it is the library's path.
  return plugin::Registry::global().load(fmt::format("/proc/self/fd/{}", file)).status();
}

std::string describe(const plan::PluginLibrary& library) {
  return fmt::format("plugin library '{}' {}, interface {}.{}{}{}", library.name,
                     library.version.empty() ? "without a version" : library.version, library.interface_major,
                     library.interface_minor, library.file.empty() ? "" : fmt::format(", file {}", library.file),
                     library.hash.empty() ? "" : fmt::format(", hash {}", library.hash));
}

std::vector<std::string> missing_operators(const plan::PluginLibrary& library) {
  std::vector<std::string> missing;
  std::ranges::copy_if(library.operators, std::back_inserter(missing),
                       [](const std::string& op) { return plugin::find_operator(op) == nullptr; });
  return missing;
}

}  // namespace

// The first step that needs one of the operators: " (step 'node')".
std::string user_of(const plan::Plan& plan, const std::vector<std::string>& operators) {
  const auto find = [&](const plan::Program& program) -> std::string {
    for (const plan::Step& step : program.steps)
      if (std::ranges::find(operators, step.problem.substr(0, step.problem.find('('))) != operators.end())
        return fmt::format(" (step '{}')", step.name);
    return "";
  };
  std::string found = find(plan);
  for (std::size_t i = 0; found.empty() && i < plan.programs.size(); ++i) found = find(plan.programs[i]);
  return found;
}

Status require_plugins(const plan::Plan& plan, bool allow_embedded) {
  for (const plan::PluginLibrary& library : plan.plugins) {
    if (!missing_operators(library).empty() && library.blob >= 0 && allow_embedded)
      INGOT_RETURN_IF_ERROR(load_embedded(library, plan.blobs[static_cast<std::size_t>(library.blob)]));
    const std::vector<std::string> missing = missing_operators(library);
    if (!missing.empty())
      return not_found(
          "the plan needs {}{} of {}{}; {}", fmt::join(missing, ", "), user_of(plan, missing), describe(library),
          library.blob >= 0 && !allow_embedded
              ? " (the plan holds the library: --allow-embedded-plugins, in the API allow_embedded_plugins, runs it)"
              : "",
          plugin::Registry::global().loaded_text());
    for (const std::string& op : library.operators) {
      const plugin::Library& loaded = *plugin::find_operator(op)->library;
      // The same bytes are the same library, under whatever name.
      if (loaded.hash == library.hash && (!library.hash.empty() || loaded.name == library.name)) continue;
      log_warning("the plan was built with {}; {} comes from {}", describe(library), op, loaded.describe());
    }
  }
  return Status::ok();
}

}  // namespace ingot
