// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <vector>

#include "NvInferRuntime.h"

template <typename T>
std::vector<T> readField(nvinfer1::PluginFieldCollection const& fc, char const* name) {
  for (int32_t i = 0; i < fc.nbFields; ++i)
    if (!std::strcmp(fc.fields[i].name, name))
      return std::vector<T>(static_cast<T const*>(fc.fields[i].data),
                            static_cast<T const*>(fc.fields[i].data) + fc.fields[i].length);
  return {};
}
