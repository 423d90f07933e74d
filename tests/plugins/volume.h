// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "NvInferRuntime.h"

inline int64_t volume(nvinfer1::Dims const& dims) {
  int64_t out = 1;
  for (int32_t i = 0; i < dims.nbDims; ++i) out *= dims.d[i];
  return out;
}
