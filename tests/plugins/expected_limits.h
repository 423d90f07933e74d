// SPDX-License-Identifier: Apache-2.0
// For plugins that repeat every row, [n, 3, h, w] -> [n, 3, 2h, w], and want to be told of their sizes what the fields
// say: dims with -1 where a size may change, least, typical and most as the build was given them. Without these they
// only want to hear of the sizes at hand.
#pragma once

#include <algorithm>

#include "fields.h"
#include "volume.h"

struct ExpectedLimits {
  std::vector<int32_t> dims, least, typical, most;

  static std::vector<nvinfer1::PluginField> fields() {
    std::vector<nvinfer1::PluginField> out;
    for (char const* name : {"dims", "least", "typical", "most"})
      out.emplace_back(name, nullptr, nvinfer1::PluginFieldType::kINT32, 4);
    return out;
  }
  explicit ExpectedLimits(nvinfer1::PluginFieldCollection const& fc)
      : dims(readField<int32_t>(fc, "dims")),
        least(readField<int32_t>(fc, "least")),
        typical(readField<int32_t>(fc, "typical")),
        most(readField<int32_t>(fc, "most")) {}

  // factor: of the rows, 2 for the output.
  static bool equal(nvinfer1::Dims const& told, std::vector<int32_t> const& expected, int32_t factor) {
    if (told.nbDims != 4 || expected.size() != 4) return false;
    for (int32_t i = 0; i < 4; ++i)
      if (told.d[i] != expected[i] * (i == 2 && expected[i] > 0 ? factor : 1)) return false;
    return true;
  }
  bool fit(nvinfer1::DynamicPluginTensorDesc const& told, int32_t factor) const {
    if (most.empty()) return volume(told.min) > 0 && volume(told.min) == volume(told.max);
    if (!equal(told.min, least, factor) || !equal(told.max, most, factor)) return false;
#if NV_TENSORRT_MAJOR >= 10
    if (!equal(told.opt, typical, factor)) return false;
#endif
    return true;
  }
  bool allFit(nvinfer1::DynamicPluginTensorDesc const& in, nvinfer1::DynamicPluginTensorDesc const& out) const {
    return fit(in, 1) && fit(out, 2) && in.desc.scale == -1.F && equal(in.desc.dims, dims, 1) &&
           equal(out.desc.dims, dims, 2);
  }
};

// Elements of the largest input that a workspace must be made for.
inline size_t elementsAtMost(ExpectedLimits const& expected, nvinfer1::Dims const& now) {
  size_t elements = 1;
  for (int32_t i = 0; i < 4; ++i) elements *= static_cast<size_t>(expected.most.empty() ? now.d[i] : expected.most[i]);
  return elements;
}

inline bool same(nvinfer1::Dims const& a, nvinfer1::Dims const& b) {
  return a.nbDims == b.nbDims && std::equal(a.d, a.d + a.nbDims, b.d);
}

inline void repeatRows(nvinfer1::Dims const& dims, size_t bytesOfElement, void const* in, void* out) {
  size_t const row = bytesOfElement * static_cast<size_t>(dims.d[3]);
  for (int64_t i = 0; i < dims.d[0] * dims.d[1] * dims.d[2] * 2; ++i)
    std::memcpy(static_cast<char*>(out) + i * row, static_cast<char const*>(in) + i / 2 * row, row);
}
