// SPDX-License-Identifier: Apache-2.0
// Enumerations that plugin sources take from this header.
#pragma once

#include "NvInferRuntimePlugin.h"

namespace nvinfer1 {
namespace plugin {

enum class CodeTypeSSD : std::int32_t { CORNER = 0, CENTER_SIZE = 1, CORNER_SIZE = 2, TF_CENTER = 3 };

}  // namespace plugin
}  // namespace nvinfer1
