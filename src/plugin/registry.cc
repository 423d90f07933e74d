// SPDX-License-Identifier: Apache-2.0
#include "plugin/registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <set>
#include <sstream>

#include <fmt/ranges.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "plugin/guarded_call.h"
#include "plugin/load_advice.h"

namespace ingot::plugin {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> list_of(const char* variable) {
  std::vector<std::string> out;
  const char* text = std::getenv(variable);
  std::istringstream entries(text != nullptr ? text : "");
  for (std::string entry; std::getline(entries, entry, ':');)
    if (!entry.empty()) out.push_back(entry);
  return out;
}

// The file that a name stands for.
Result<std::string> find_file(const std::string& path) {
  // A library in memory has no other name than its descriptor.
  if (path.starts_with("/proc/self/fd/")) return path;
  std::vector<std::string> candidates;
  if (path.find('/') == std::string::npos)
    for (const std::string& folder : list_of("INGOT_PLUGIN_PATH")) candidates.push_back(folder + "/" + path);
  candidates.push_back(path);
  for (const std::string& candidate : candidates) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return fs::canonical(candidate, error).string();
  }
  return not_found("plugin library '{}' does not exist; searched: {}", path, fmt::join(candidates, ", "));
}

const char* dl_error() {
  const char* text = dlerror();
  return text != nullptr ? text : "unknown error";
}

std::string operators_text(const Library& library) {
  std::vector<std::string> names;
  for (const auto& op : library.operators) names.push_back(op->op);
  return fmt::format("{} with {}", library.describe(), fmt::join(names, ", "));
}

// What could be loaded by its bare name: " has libdemo.so, liby.so".
std::string plugin_path_text() {
  std::vector<std::string> found;
  const std::vector<std::string> folders = list_of("INGOT_PLUGIN_PATH");
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
      if (entry.path().extension() == ".so") found.push_back(entry.path().filename().string());
  }
  if (folders.empty()) return " is not set";
  std::ranges::sort(found);
  constexpr std::size_t kMost = 16;
  const std::size_t more = found.size() > kMost ? found.size() - kMost : 0;
  found.resize(found.size() - more);
  return found.empty()
             ? " has none"
             : fmt::format(" has {}{}", fmt::join(found, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

bool is_same_domain(std::string_view a, std::string_view b) {
  const auto canonical = [](std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; };
  return canonical(a) == canonical(b);
}

}  // namespace

Registry& Registry::global() {
  static Registry& registry = *[] {
    auto* made = new Registry;
    for (const std::string& path : list_of("INGOT_PLUGINS"))
      if (auto loaded = made->load(path); !loaded.is_ok()) log_warning("INGOT_PLUGINS: {}", loaded.status().message());
    return made;
  }();
  return registry;
}

Result<const Library*> Registry::load(const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const std::string file, find_file(path));
  {
    const std::lock_guard lock(mutex_);
    for (const auto& library : libraries_)
      if (library->path == file) return library.get();
  }
  std::string hash;
  {
    INGOT_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::open(file));
    hash = hex_text(hash_bytes(mapped.bytes()));
  }
  // Its static constructors run here. dlopen is declared not to throw, and what they throw comes through it all the
  // same.
  void* (*volatile open)(const char*, int) = dlopen;
  void* handle = nullptr;
  std::string failure;
  const auto crash_in_loading = crash_in([&] {
    try {
      handle = open(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    } catch (const std::exception& exception) {
      failure = fmt::format("threw an exception ({})", exception.what());
    } catch (...) {
      failure = "threw an exception";
    }
  });
  if (crash_in_loading) failure = fmt::format("crashed with {}", *crash_in_loading);
  if (!failure.empty())
    return invalid_argument(
        "plugin library '{}' {} while it was loaded, in what it runs before anything is called (static constructors); "
        "end the process, whose loader may be locked",
        file, failure);
  if (handle == nullptr) {
    const std::string error = dl_error();
    return invalid_argument("plugin library '{}' cannot be loaded: {}{}", file, error, load_advice(error));
  }
  const auto query = reinterpret_cast<ingot_plugin_query_function>(dlsym(handle, "ingot_plugin_query"));
  if (query == nullptr)
    return invalid_argument(
        "'{}' is no plugin library: it does not export ingot_plugin_query (built with ingot/plugin.h, or for "
        "TensorRT's "
        "plugin classes with the headers in ingot/tensorrt)",
        file);
  const ingot_plugin_library* description = nullptr;
  bool threw = false;
  const auto crash = crash_in([&] {
    try {
      description = query(&host());
    } catch (...) {
      threw = true;
    }
  });
  if (crash) return invalid_argument("plugin library '{}': ingot_plugin_query crashed with {}", file, *crash);
  if (threw) return invalid_argument("plugin library '{}': ingot_plugin_query threw an exception", file);
  auto library = read_library(description);
  if (!library.is_ok()) return std::move(library).status().annotate(fmt::format("plugin library '{}'", file));
  (*library)->path = file;
  (*library)->hash = std::move(hash);
  return insert(std::move(library).value());
}

Result<const Library*> Registry::add(const ingot_plugin_library* description, const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(std::unique_ptr<Library> library, read_library(description));
  library->path = path;
  return insert(std::move(library));
}

Result<const Library*> Registry::insert(std::unique_ptr<Library> library) {
  const std::lock_guard lock(mutex_);
  for (const auto& op : library->operators)
    if (const auto found = operators_.find(op->op); found != operators_.end())
      return invalid_argument("plugin library {} brings operator {}, which {} has brought already", library->describe(),
                              op->op, found->second->library->describe());
  for (const auto& op : library->operators) operators_.emplace(op->op, op.get());
  libraries_.push_back(std::move(library));
  return libraries_.back().get();
}

const Operator* Registry::find(std::string_view op) const {
  const std::lock_guard lock(mutex_);
  const auto found = operators_.find(op);
  return found != operators_.end() ? found->second : nullptr;
}

const Operator* Registry::find_node(std::string_view domain, std::string_view name, std::string_view variant) const {
  const std::lock_guard lock(mutex_);
  for (const bool any_domain : {false, true}) {
    std::vector<const Operator*> named;
    for (const auto& [key, op] : operators_) {
      const bool fits = any_domain ? op->has_flag(INGOT_PLUGIN_ANY_DOMAIN) : is_same_domain(op->domain(), domain);
      if (!fits || op->name() != name) continue;
      if (op->variant() == variant) return op;
      named.push_back(op);
    }
    if (variant.empty() && named.size() == 1) return named.front();
  }
  return nullptr;
}

std::string Registry::list_loaded() const {
  if (libraries_.empty())
    return fmt::format(
        "no plugin library is loaded (command line: --plugins LIB.so; environment: INGOT_PLUGINS; INGOT_PLUGIN_PATH{})",
        plugin_path_text());
  std::vector<std::string> texts;
  for (const auto& library : libraries_) texts.push_back(operators_text(*library));
  return fmt::format("loaded plugin libraries: {}", fmt::join(texts, "; "));
}

std::string Registry::explain(std::string_view domain, std::string_view name, std::string_view variant) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string_view> in_domain, variants;
  for (const auto& [key, op] : operators_) {
    const bool open = op->has_flag(INGOT_PLUGIN_ANY_DOMAIN);
    if (op->name() == name && (open || is_same_domain(op->domain(), domain))) variants.push_back(op->variant());
    if (open || (!domain.empty() && is_same_domain(op->domain(), domain))) in_domain.push_back(op->name());
  }
  if (!variants.empty())
    return fmt::format("the loaded plugins have {} with plugin_version {}, not \"{}\"; {}", name,
                       fmt::join(variants, ", "), variant, list_loaded());
  if (!domain.empty() && std::ranges::any_of(operators_, [&](const auto& entry) {
        return is_same_domain(entry.second->domain(), domain);
      }))
    return fmt::format("the loaded plugins for domain \"{}\" have no operator {}{}; {}", domain, name,
                       suggestion(name, in_domain), list_loaded());
  // The name is right, the domain is not.
  std::set<std::string> domains;
  for (const auto& [key, op] : operators_)
    if (op->name() == name) domains.insert(fmt::format("\"{}\"", op->domain()));
  if (!domains.empty())
    return fmt::format(
        "the loaded plugins have {} in domain {} only: give the node that domain, or an attribute plugin_namespace; {}",
        name, fmt::join(domains, ", "), list_loaded());
  const std::string wanted = domain.empty() ? fmt::format("operator {}", name) : fmt::format("domain \"{}\"", domain);
  return fmt::format("no plugin library that serves {} is loaded{}; {}", wanted, suggestion(name, in_domain),
                     list_loaded());
}

std::string Registry::loaded_text() const {
  const std::lock_guard lock(mutex_);
  return list_loaded();
}

std::vector<const Library*> Registry::libraries() const {
  const std::lock_guard lock(mutex_);
  std::vector<const Library*> out;
  for (const auto& library : libraries_) out.push_back(library.get());
  return out;
}

}  // namespace ingot::plugin
