// SPDX-License-Identifier: Apache-2.0
// Part of TensorRT's headers by this name; all plugin classes come with it.
#pragma once
#pragma GCC system_header

#include "NvInferRuntime.h"
