/* SPDX-License-Identifier: Apache-2.0 */
/* A library of the next major version: only what every version has in its place. Must be refused. */
#include "frozen/plugin_1_0.h"

static const ingot_plugin_library kLibrary = {
    .size = 4096, .major = INGOT_PLUGIN_MAJOR + 1, .minor = 3, .name = "newer", .version = "7.0"};

const ingot_plugin_library* ingot_plugin_query(const ingot_plugin_host* host) {
  (void)host;
  return &kLibrary;
}
