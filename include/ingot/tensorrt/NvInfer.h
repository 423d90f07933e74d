// SPDX-License-Identifier: Apache-2.0
// TensorRT's plugin classes for Ingot: sources written for releases 7.1 to 10.16 compile against this folder, and the
// shared library that comes out is an Ingot plugin (docs/tensorrt_plugins.md). Networks, builders and engines are
// declared alone, for sources that name them beside a plugin; some plugins take the enumerations as attributes.
#pragma once
#pragma GCC system_header

#include "NvInferRuntime.h"

namespace nvinfer1 {

enum class ActivationType : std::int32_t {
  kRELU = 0,
  kSIGMOID = 1,
  kTANH = 2,
  kLEAKY_RELU = 3,
  kELU = 4,
  kSELU = 5,
  kSOFTSIGN = 6,
  kSOFTPLUS = 7,
  kCLIP = 8,
  kHARD_SIGMOID = 9,
  kSCALED_TANH = 10,
  kTHRESHOLDED_RELU = 11,
  kGELU_ERF = 12,
  kGELU_TANH = 13
};
enum class ElementWiseOperation : std::int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kDIV = 5,
  kPOW = 6,
  kFLOOR_DIV = 7,
  kAND = 8,
  kOR = 9,
  kXOR = 10,
  kEQUAL = 11,
  kGREATER = 12,
  kLESS = 13
};
enum class UnaryOperation : std::int32_t {
  kEXP = 0,
  kLOG = 1,
  kSQRT = 2,
  kRECIP = 3,
  kABS = 4,
  kNEG = 5,
  kSIN = 6,
  kCOS = 7,
  kTAN = 8,
  kSINH = 9,
  kCOSH = 10,
  kASIN = 11,
  kACOS = 12,
  kATAN = 13,
  kASINH = 14,
  kACOSH = 15,
  kATANH = 16,
  kCEIL = 17,
  kFLOOR = 18,
  kERF = 19,
  kNOT = 20,
  kSIGN = 21,
  kROUND = 22,
  kISINF = 23,
  kISNAN = 24
};
enum class PoolingType : std::int32_t { kMAX = 0, kAVERAGE = 1, kMAX_AVERAGE_BLEND = 2 };
enum class PaddingMode : std::int32_t {
  kEXPLICIT_ROUND_DOWN = 0,
  kEXPLICIT_ROUND_UP = 1,
  kSAME_UPPER = 2,
  kSAME_LOWER = 3
};
enum class ScaleMode : std::int32_t { kUNIFORM = 0, kCHANNEL = 1, kELEMENTWISE = 2 };
enum class ReduceOperation : std::int32_t { kSUM = 0, kPROD = 1, kMAX = 2, kMIN = 3, kAVG = 4 };
enum class TopKOperation : std::int32_t { kMAX = 0, kMIN = 1 };
enum class MatrixOperation : std::int32_t { kNONE = 0, kTRANSPOSE = 1, kVECTOR = 2 };
enum class InterpolationMode : std::int32_t { kNEAREST = 0, kLINEAR = 1, kCUBIC = 2 };
using ResizeMode = InterpolationMode;
enum class SampleMode : std::int32_t {
  kSTRICT_BOUNDS = 0,
  kDEFAULT = kSTRICT_BOUNDS,
  kWRAP = 1,
  kCLAMP = 2,
  kFILL = 3,
  kREFLECT = 4
};
using SliceMode = SampleMode;
enum class GatherMode : std::int32_t { kDEFAULT = 0, kELEMENT = 1, kND = 2 };
enum class ScatterMode : std::int32_t { kELEMENT = 0, kND = 1 };

enum class ResizeCoordinateTransformation : std::int32_t { kALIGN_CORNERS = 0, kASYMMETRIC = 1, kHALF_PIXEL = 2 };
enum class FillOperation : std::int32_t { kLINSPACE = 0, kRANDOM_UNIFORM = 1, kRANDOM_NORMAL = 2 };

struct Permutation {
  std::int32_t order[Dims::MAX_DIMS];
};

namespace impl {
#define INGOT_TENSORRT_ENUM_MAX(type, count)        \
  template <>                                       \
  struct EnumMaxImpl<type> {                        \
    static constexpr std::int32_t kVALUE = (count); \
  }
INGOT_TENSORRT_ENUM_MAX(ActivationType, 14);
INGOT_TENSORRT_ENUM_MAX(ElementWiseOperation, 14);
INGOT_TENSORRT_ENUM_MAX(UnaryOperation, 25);
INGOT_TENSORRT_ENUM_MAX(PoolingType, 3);
INGOT_TENSORRT_ENUM_MAX(PaddingMode, 4);
INGOT_TENSORRT_ENUM_MAX(ScaleMode, 3);
INGOT_TENSORRT_ENUM_MAX(ReduceOperation, 5);
INGOT_TENSORRT_ENUM_MAX(TopKOperation, 2);
INGOT_TENSORRT_ENUM_MAX(MatrixOperation, 3);
INGOT_TENSORRT_ENUM_MAX(InterpolationMode, 3);
INGOT_TENSORRT_ENUM_MAX(SampleMode, 5);
INGOT_TENSORRT_ENUM_MAX(GatherMode, 3);
INGOT_TENSORRT_ENUM_MAX(ScatterMode, 2);
INGOT_TENSORRT_ENUM_MAX(ResizeCoordinateTransformation, 3);
INGOT_TENSORRT_ENUM_MAX(FillOperation, 3);
#undef INGOT_TENSORRT_ENUM_MAX
}  // namespace impl

}  // namespace nvinfer1

#include "adapter/builder.h"
