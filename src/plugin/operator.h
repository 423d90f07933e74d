// SPDX-License-Identifier: Apache-2.0
// Operator and Library: what a loaded plugin library describes, checked and in the newest form of the interface.
//
// Both live as long as the process: libraries are never unloaded. Immutable, safe to share between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ingot/plugin.h"

namespace ingot::plugin {

struct Library;

struct Operator {
  ingot_plugin_operator api{};                     // fields that the library's interface version lacks are zero
  std::vector<ingot_plugin_attribute> attributes;  // likewise; api.attributes points here
  const Library* library = nullptr;
  std::string op;  // what graphs, problems and plans call it (see graph_name())

  [[nodiscard]] std::string_view domain() const { return api.domain; }
  [[nodiscard]] std::string_view name() const { return api.name; }
  [[nodiscard]] std::string_view variant() const { return api.variant != nullptr ? api.variant : ""; }
  [[nodiscard]] bool has_flag(std::uint32_t flag) const { return (api.flags & flag) != 0; }
  // "operator demo::Scale of plugin library 'demo' 1.0.0 (/path/libdemo.so)": how errors call it.
  [[nodiscard]] std::string describe() const;
};

struct Library {
  std::string name, version, help;
  std::string path;  // empty: registered by the process itself
  std::string hash;  // of the file, 16 hexadecimal digits; empty without a file
  std::uint32_t major = 0, minor = 0;
  std::vector<std::unique_ptr<const Operator>> operators;
  // "'demo' 1.0.0 (/path/libdemo.so)"
  [[nodiscard]] std::string describe() const;
};

// "domain::Name" or "domain::Name.variant"; "plugin::Name" for the default domain. Characters that the text forms do
// not allow become '_'.
std::string graph_name(std::string_view domain, std::string_view name, std::string_view variant);

// Checks what a library's query function returned and copies it. Errors say what the library did wrong, and for another
// major version what both sides have.
Result<std::unique_ptr<Library>> read_library(const ingot_plugin_library* description);

// What every library gets from its query.
const ingot_plugin_host& host();

}  // namespace ingot::plugin
