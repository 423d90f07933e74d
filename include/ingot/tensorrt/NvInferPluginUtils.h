// SPDX-License-Identifier: Apache-2.0
// Parameters of TensorRT's stock plugins, which sources derived from them use.
#pragma once
#pragma GCC system_header

#include "NvInferRuntime.h"

namespace nvinfer1 {
namespace plugin {

struct Quadruple {
  std::int32_t data[4];
};

struct PriorBoxParameters {
  float *minSize, *maxSize, *aspectRatios;
  std::int32_t numMinSize, numMaxSize, numAspectRatios;
  bool flip;
  bool clip;
  float variance[4];
  std::int32_t imgH, imgW;
  float stepH, stepW;
  float offset;
};

struct RPROIParams {
  std::int32_t poolingH, poolingW;
  std::int32_t featureStride;
  std::int32_t preNmsTop;
  std::int32_t nmsMaxOut;
  std::int32_t anchorsRatioCount;
  std::int32_t anchorsScaleCount;
  float iouThreshold;
  float minBoxSize;
  float spatialScale;
};

struct GridAnchorParameters {
  float minSize, maxSize;
  float* aspectRatios;
  std::int32_t numAspectRatios, H, W;
  float variance[4];
};

enum class CodeTypeSSD : std::int32_t { CORNER = 0, CENTER_SIZE = 1, CORNER_SIZE = 2, TF_CENTER = 3 };

struct DetectionOutputParameters {
  bool shareLocation, varianceEncodedInTarget;
  std::int32_t backgroundLabelId, numClasses, topK, keepTopK;
  float confidenceThreshold, nmsThreshold;
  CodeTypeSSD codeType;
  std::int32_t inputOrder[3];
  bool confSigmoid;
  bool isNormalized;
  bool isBatchAgnostic{true};
};

struct softmaxTree {
  std::int32_t* leaf;
  std::int32_t n;
  std::int32_t* parent;
  std::int32_t* child;
  std::int32_t* group;
  char** name;
  std::int32_t groups;
  std::int32_t* groupSize;
  std::int32_t* groupOffset;
};

struct RegionParameters {
  std::int32_t num;
  std::int32_t coords;
  std::int32_t classes;
  softmaxTree* smTree;
};

struct NMSParameters {
  bool shareLocation;
  std::int32_t backgroundLabelId, numClasses, topK, keepTopK;
  float scoreThreshold, iouThreshold;
  bool isNormalized;
};

}  // namespace plugin
}  // namespace nvinfer1
