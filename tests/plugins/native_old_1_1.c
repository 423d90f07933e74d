/* SPDX-License-Identifier: Apache-2.0 */
#define INTERFACE "frozen/plugin_1_1.h"
#include "native_old.c"
