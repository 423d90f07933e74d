// SPDX-License-Identifier: Apache-2.0
// TensorRT's plugin classes for Ingot: sources written for releases 7.1 to 10.16 compile against this folder, and the
// shared library that comes out is an Ingot plugin (docs/tensorrt_plugins.md).
#pragma once

#include "NvInferRuntime.h"
