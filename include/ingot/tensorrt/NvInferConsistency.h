// SPDX-License-Identifier: Apache-2.0
// Part of TensorRT's headers by this name; nothing of it concerns plugins.
#pragma once
#pragma GCC system_header

#include "NvInfer.h"
