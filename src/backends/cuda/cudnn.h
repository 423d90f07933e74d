// SPDX-License-Identifier: Apache-2.0
// The functions of cuDNN's graph API that the engine uses, declared here and opened at run time: the library is
// optional. Names and values of the enumerators are those of its documentation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "backends/cuda/device.h"

namespace ingot::cuda {

struct CudnnHandleImpl;
struct CudnnDescriptorImpl;
using CudnnHandle = CudnnHandleImpl*;
using CudnnRawDescriptor = CudnnDescriptorImpl*;

// cudnnStatus_t: thousands tell the category.
enum CudnnStatusCategory : int {
  CUDNN_STATUS_NOT_SUPPORTED = 3000,
  CUDNN_STATUS_INTERNAL_ERROR = 4000,
  CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED = 4004,
};

// cudnnBackendDescriptorType_t
enum CudnnDescriptorType : int {
  CUDNN_BACKEND_POINTWISE_DESCRIPTOR = 0,
  CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR = 1,
  CUDNN_BACKEND_ENGINE_DESCRIPTOR = 2,
  CUDNN_BACKEND_ENGINECFG_DESCRIPTOR = 3,
  CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR = 4,
  CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR = 5,
  CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR = 7,
  CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR = 10,
  CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR = 13,
  CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR = 15,
  CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR = 16,
  CUDNN_BACKEND_TENSOR_DESCRIPTOR = 17,
};

// cudnnBackendAttributeName_t
enum CudnnAttribute : int {
  CUDNN_ATTR_POINTWISE_MODE = 0,
  CUDNN_ATTR_POINTWISE_MATH_PREC = 1,
  CUDNN_ATTR_POINTWISE_NAN_PROPAGATION = 2,
  CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP = 3,
  CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP = 4,
  CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE = 5,
  CUDNN_ATTR_POINTWISE_SWISH_BETA = 8,
  CUDNN_ATTR_CONVOLUTION_COMP_TYPE = 100,
  CUDNN_ATTR_CONVOLUTION_CONV_MODE = 101,
  CUDNN_ATTR_CONVOLUTION_DILATIONS = 102,
  CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES = 103,
  CUDNN_ATTR_CONVOLUTION_POST_PADDINGS = 104,
  CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS = 105,
  CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS = 106,
  CUDNN_ATTR_ENGINEHEUR_MODE = 200,
  CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH = 201,
  CUDNN_ATTR_ENGINEHEUR_RESULTS = 202,
  CUDNN_ATTR_ENGINECFG_ENGINE = 300,
  CUDNN_ATTR_ENGINECFG_KNOB_CHOICES = 302,
  CUDNN_ATTR_EXECUTION_PLAN_HANDLE = 400,
  CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG = 401,
  CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE = 402,
  CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION = 405,
  CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE = 600,
  CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE = 601,
  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA = 700,
  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA = 701,
  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC = 702,
  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W = 703,
  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X = 704,
  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y = 705,
  CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR = 750,
  CUDNN_ATTR_OPERATION_POINTWISE_XDESC = 751,
  CUDNN_ATTR_OPERATION_POINTWISE_BDESC = 752,
  CUDNN_ATTR_OPERATION_POINTWISE_YDESC = 753,
  CUDNN_ATTR_OPERATIONGRAPH_HANDLE = 800,
  CUDNN_ATTR_OPERATIONGRAPH_OPS = 801,
  CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT = 900,
  CUDNN_ATTR_TENSOR_DATA_TYPE = 901,
  CUDNN_ATTR_TENSOR_DIMENSIONS = 902,
  CUDNN_ATTR_TENSOR_STRIDES = 903,
  CUDNN_ATTR_TENSOR_UNIQUE_ID = 906,
  CUDNN_ATTR_TENSOR_IS_VIRTUAL = 907,
  CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS = 1000,
  CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS = 1001,
  CUDNN_ATTR_VARIANT_PACK_WORKSPACE = 1003,
  CUDNN_ATTR_ENGINE_GLOBAL_INDEX = 1301,
  CUDNN_ATTR_ENGINE_NUMERICAL_NOTE = 1303,
  CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE = 1305,
};

// cudnnBackendAttributeType_t
enum CudnnAttributeType : int {
  CUDNN_TYPE_HANDLE = 0,
  CUDNN_TYPE_DATA_TYPE = 1,
  CUDNN_TYPE_BOOLEAN = 2,
  CUDNN_TYPE_INT64 = 3,
  CUDNN_TYPE_FLOAT = 4,
  CUDNN_TYPE_DOUBLE = 5,
  CUDNN_TYPE_VOID_PTR = 6,
  CUDNN_TYPE_CONVOLUTION_MODE = 7,
  CUDNN_TYPE_HEUR_MODE = 8,
  CUDNN_TYPE_KNOB_TYPE = 9,
  CUDNN_TYPE_NAN_PROPOGATION = 10,
  CUDNN_TYPE_NUMERICAL_NOTE = 11,
  CUDNN_TYPE_POINTWISE_MODE = 14,
  CUDNN_TYPE_BACKEND_DESCRIPTOR = 15,
  CUDNN_TYPE_BEHAVIOR_NOTE = 19,
  CUDNN_TYPE_CHAR = 24,
};

enum CudnnDataType : int { CUDNN_DATA_FLOAT = 0, CUDNN_DATA_HALF = 2, CUDNN_DATA_BFLOAT16 = 9 };
enum CudnnConvolutionMode : int { CUDNN_CROSS_CORRELATION = 1 };
enum CudnnNanPropagation : int { CUDNN_PROPAGATE_NAN = 1 };
enum CudnnHeurMode : int { CUDNN_HEUR_MODE_B = 1, CUDNN_HEUR_MODE_FALLBACK = 2, CUDNN_HEUR_MODE_A = 3 };
enum CudnnPointwiseMode : int {
  CUDNN_POINTWISE_ADD = 0,
  CUDNN_POINTWISE_MUL = 1,
  CUDNN_POINTWISE_RELU_FWD = 100,
  CUDNN_POINTWISE_TANH_FWD = 101,
  CUDNN_POINTWISE_SIGMOID_FWD = 102,
  CUDNN_POINTWISE_GELU_FWD = 104,
  CUDNN_POINTWISE_SWISH_FWD = 106,
  CUDNN_POINTWISE_GELU_APPROX_TANH_FWD = 107,
};
// cudnnBackendNumericalNote_t
enum CudnnNumericalNote : int {
  CUDNN_NUMERICAL_NOTE_TENSOR_CORE = 0,
  CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS = 1,
  CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION = 2,
  CUDNN_NUMERICAL_NOTE_FFT = 3,
  CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC = 4,
  CUDNN_NUMERICAL_NOTE_WINOGRAD = 5,
  CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4 = 6,
  CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 = 7,
  CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13 = 8,
};
// cudnnBackendBehaviorNote_t
enum CudnnBehaviorNote : int { CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION = 0 };

#define INGOT_CUDNN_FUNCTIONS(X)                                                                    \
  X(version, "cudnnGetVersion", std::size_t, ())                                                    \
  X(error_text, "cudnnGetErrorString", const char*, (int))                                          \
  X(last_error, "cudnnGetLastErrorString", void, (char*, std::size_t))                              \
  X(create, "cudnnCreate", int, (CudnnHandle*))                                                     \
  X(set_stream, "cudnnSetStream", int, (CudnnHandle, CuStream))                                     \
  X(descriptor_create, "cudnnBackendCreateDescriptor", int, (int type, CudnnRawDescriptor*))        \
  X(descriptor_destroy, "cudnnBackendDestroyDescriptor", int, (CudnnRawDescriptor))                 \
  X(descriptor_finalize, "cudnnBackendFinalize", int, (CudnnRawDescriptor))                         \
  X(attribute_set, "cudnnBackendSetAttribute", int,                                                 \
    (CudnnRawDescriptor, int name, int type, std::int64_t count, const void* values))               \
  X(attribute_get, "cudnnBackendGetAttribute", int,                                                 \
    (CudnnRawDescriptor, int name, int type, std::int64_t room, std::int64_t* count, void* values)) \
  X(execute, "cudnnBackendExecute", int, (CudnnHandle, CudnnRawDescriptor plan, CudnnRawDescriptor variant_pack))

struct Cudnn {
#define X(member, name, result, arguments) result(*member) arguments = nullptr;
  INGOT_CUDNN_FUNCTIONS(X)
#undef X
  // OK for status 0; kUnsupported for what the library cannot do, kResourceExhausted for lack of device memory.
  [[nodiscard]] Status check(int code, std::string_view step) const;
};

// Opened once; the reason why not is kept.
Result<const Cudnn*> cudnn();

// A handle holds the stream of the calls that follow, and no two threads may use it at the same time: whoever sets the
// stream and executes, or makes a plan, locks it. Enqueueing takes microseconds, and most launches are replays of a
// captured graph, which need no handle; a handle for every context would cost device memory each.
struct CudnnSession {
  explicit CudnnSession(const Device& of) : device(of) {}
  const Device& device;
  CudnnHandle handle = nullptr;
  std::mutex mutex;
};
// One per device, made when first asked for; lives as long as the process.
Result<CudnnSession*> cudnn_session(const Device& device);

}  // namespace ingot::cuda
