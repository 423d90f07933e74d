/* SPDX-License-Identifier: Apache-2.0 */
/* A library that fails before it has said anything. */
#include <ingot/plugin.h>

#include <stdlib.h>

INGOT_PLUGIN_EXPORT const ingot_plugin_library* ingot_plugin_query(const ingot_plugin_host* host) {
  (void)host;
  abort();
}
