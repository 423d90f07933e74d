// SPDX-License-Identifier: Apache-2.0
// For plugin sources that include it out of habit: models are read by the engine.
#pragma once
#pragma GCC system_header

#include "NvInfer.h"

namespace nvonnxparser {
class IParser;
class IParserError;
}  // namespace nvonnxparser
