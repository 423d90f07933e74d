// SPDX-License-Identifier: Apache-2.0
// A library that fails while it is loaded: as code does that runs in static constructors of plugin collections.
#include <ingot/plugin.h>

#include <stdexcept>

namespace {
struct Thrower {
  Thrower() { throw std::runtime_error("no such device"); }
};
Thrower thrower;
}  // namespace

INGOT_PLUGIN_EXPORT ingot_plugin_library const* ingot_plugin_query(ingot_plugin_host const*) { return nullptr; }
