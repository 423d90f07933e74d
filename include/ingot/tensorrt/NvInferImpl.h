// SPDX-License-Identifier: Apache-2.0
// Part of TensorRT's headers by this name, which some sources include directly; nothing of it concerns plugins.
#pragma once
#pragma GCC system_header

#include "NvInferRuntime.h"
