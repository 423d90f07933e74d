// SPDX-License-Identifier: Apache-2.0
// Registry: the plugin libraries of the process and the operators they bring.
//
// Thread-safe. Libraries are only added, and live as long as the process, so pointers that it gives stay valid.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "plugin/operator.h"

namespace ingot::plugin {

class Registry {
 public:
  // The one of this process. Its first use loads the libraries that the environment variable INGOT_PLUGINS lists
  // (separated by colons); one that cannot be loaded is a warning.
  static Registry& global();

  // Loads a library. A name without a slash is looked up in the folders of INGOT_PLUGIN_PATH (separated by colons),
  // then in the current folder. Loading the same file again gives the same library; an operator that another library
  // has brought is an error. So is a library that crashes in its static constructors; the process's loader may hold its
  // lock from then on, so that little else than ending the process is safe.
  Result<const Library*> load(const std::string& path);
  // Takes over what a library describes that the process itself holds; `path` is for messages.
  Result<const Library*> add(const ingot_plugin_library* description, const std::string& path = "");

  // By the name in graphs and problems; nullptr when there is none.
  [[nodiscard]] const Operator* find(std::string_view op) const;
  // For a node of a model. An operator of the node's own domain wins over one that takes any domain; `variant` selects
  // among several of the name, "" takes the one without a variant, or the only one. nullptr when there is none.
  [[nodiscard]] const Operator* find_node(std::string_view domain, std::string_view name,
                                          std::string_view variant) const;
  // Why find_node() found nothing: no library loaded, none for the domain, or one that lacks the operator.
  [[nodiscard]] std::string explain(std::string_view domain, std::string_view name, std::string_view variant) const;
  [[nodiscard]] std::vector<const Library*> libraries() const;
  // What is loaded, in one line for messages.
  [[nodiscard]] std::string loaded_text() const;

 private:
  Result<const Library*> insert(std::unique_ptr<Library> library);
  [[nodiscard]] std::string list_loaded() const;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<const Library>> libraries_;
  std::map<std::string, const Operator*, std::less<>> operators_;  // by graph name
};

// The registry for lookups while a graph is built; INGOT_PLUGINS is honoured.
inline const Operator* find_operator(std::string_view op) {
  // Only names with a domain are plugins': the built-in operators never ask.
  return op.find("::") == std::string_view::npos ? nullptr : Registry::global().find(op);
}

}  // namespace ingot::plugin
