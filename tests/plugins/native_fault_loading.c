/* SPDX-License-Identifier: Apache-2.0 */
/* A library that writes to nowhere while it is loaded. */
#include <ingot/plugin.h>

static int *volatile nowhere;
__attribute__((constructor)) static void start(void) { *nowhere = 1; }

INGOT_PLUGIN_EXPORT const ingot_plugin_library* ingot_plugin_query(const ingot_plugin_host* host) {
  (void)host;
  return 0;
}
