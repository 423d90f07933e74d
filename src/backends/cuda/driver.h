// SPDX-License-Identifier: Apache-2.0
// The functions of the CUDA driver and of NVRTC that the engine uses, declared here and opened at run time, so that one
// binary builds without the toolkit and runs on machines without a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"

namespace ingot::cuda {

using CuResult = int;
using CuDevice = int;
using CuPointer = unsigned long long;
struct CuContextImpl;
struct CuModuleImpl;
struct CuFunctionImpl;
struct CuStreamImpl;
struct CuEventImpl;
struct CuGraphImpl;
struct CuGraphExecImpl;
struct CuMemoryPoolImpl;
using CuContext = CuContextImpl*;
using CuModule = CuModuleImpl*;
using CuFunction = CuFunctionImpl*;
using CuStream = CuStreamImpl*;
using CuEvent = CuEventImpl*;
using CuGraph = CuGraphImpl*;
using CuGraphExec = CuGraphExecImpl*;
using CuMemoryPool = CuMemoryPoolImpl*;

// CUlaunchAttribute and CUlaunchConfig.
struct CuLaunchAttribute {
  static constexpr int kCluster = 4, kProgrammaticSerialization = 6;
  int id;
  union alignas(8) {
    char bytes[64];
    unsigned cluster[3];
    int allowed;
  };
};
struct CuLaunchConfig {
  unsigned grid[3], block[3], shared_bytes;
  CuStream stream;
  CuLaunchAttribute* attributes;
  unsigned attribute_count;
};

// CUmemPoolProps: of memory on a device, as cuMemAlloc gives it.
struct CuMemoryPoolProperties {
  int allocation = 1, handles = 0;
  int location = 1, device = 0;
  void* security = nullptr;
  std::size_t most_bytes = 0;  // 0: what there is
  unsigned char reserved[56] = {};
};
// CUgraphExecUpdateResultInfo; 0: done.
struct CuGraphUpdate {
  int result = 0;
  void *node = nullptr, *from_node = nullptr;
};

// X(member, exported name, arguments)
#define INGOT_CUDA_DRIVER_FUNCTIONS(X)                                                                                \
  X(init, "cuInit", (unsigned))                                                                                       \
  X(driver_version, "cuDriverGetVersion", (int*))                                                                     \
  X(error_name, "cuGetErrorName", (CuResult, const char**))                                                           \
  X(error_text, "cuGetErrorString", (CuResult, const char**))                                                         \
  X(device_count, "cuDeviceGetCount", (int*))                                                                         \
  X(device_get, "cuDeviceGet", (CuDevice*, int))                                                                      \
  X(device_name, "cuDeviceGetName", (char*, int, CuDevice))                                                           \
  X(device_memory, "cuDeviceTotalMem_v2", (std::size_t*, CuDevice))                                                   \
  X(device_attribute, "cuDeviceGetAttribute", (int*, int, CuDevice))                                                  \
  X(device_bus, "cuDeviceGetPCIBusId", (char*, int, CuDevice))                                                        \
  X(context_retain, "cuDevicePrimaryCtxRetain", (CuContext*, CuDevice))                                               \
  X(context_set, "cuCtxSetCurrent", (CuContext))                                                                      \
  X(context_get, "cuCtxGetCurrent", (CuContext*))                                                                     \
  X(memory_allocate, "cuMemAlloc_v2", (CuPointer*, std::size_t))                                                      \
  X(memory_free, "cuMemFree_v2", (CuPointer))                                                                         \
  X(memory_free_async, "cuMemFreeAsync", (CuPointer, CuStream))                                                       \
  X(pool_create, "cuMemPoolCreate", (CuMemoryPool*, const CuMemoryPoolProperties*))                                   \
  X(pool_set, "cuMemPoolSetAttribute", (CuMemoryPool, int, void*))                                                    \
  X(pool_allocate, "cuMemAllocFromPoolAsync", (CuPointer*, std::size_t, CuMemoryPool, CuStream))                      \
  X(host_allocate, "cuMemHostAlloc", (void**, std::size_t, unsigned))                                                 \
  X(host_free, "cuMemFreeHost", (void*))                                                                              \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2", (CuPointer, const void*, std::size_t, CuStream))                          \
  X(copy_to_host, "cuMemcpyDtoHAsync_v2", (void*, CuPointer, std::size_t, CuStream))                                  \
  X(copy_on_device, "cuMemcpyDtoDAsync_v2", (CuPointer, CuPointer, std::size_t, CuStream))                            \
  X(copy_anywhere, "cuMemcpyAsync", (CuPointer, CuPointer, std::size_t, CuStream))                                    \
  X(pointer_attribute, "cuPointerGetAttribute", (void*, int, CuPointer))                                              \
  X(set_bytes, "cuMemsetD8Async", (CuPointer, unsigned char, std::size_t, CuStream))                                  \
  X(stream_create, "cuStreamCreate", (CuStream*, unsigned))                                                           \
  X(stream_destroy, "cuStreamDestroy_v2", (CuStream))                                                                 \
  X(stream_synchronize, "cuStreamSynchronize", (CuStream))                                                            \
  X(stream_wait, "cuStreamWaitEvent", (CuStream, CuEvent, unsigned))                                                  \
  X(event_create, "cuEventCreate", (CuEvent*, unsigned))                                                              \
  X(event_destroy, "cuEventDestroy_v2", (CuEvent))                                                                    \
  X(event_record, "cuEventRecord", (CuEvent, CuStream))                                                               \
  X(event_synchronize, "cuEventSynchronize", (CuEvent))                                                               \
  X(event_elapsed, "cuEventElapsedTime", (float*, CuEvent, CuEvent))                                                  \
  X(capture_begin, "cuStreamBeginCapture_v2", (CuStream, int))                                                        \
  X(capture_end, "cuStreamEndCapture", (CuStream, CuGraph*))                                                          \
  X(graph_instantiate, "cuGraphInstantiateWithFlags", (CuGraphExec*, CuGraph, unsigned long long))                    \
  X(graph_update, "cuGraphExecUpdate_v2", (CuGraphExec, CuGraph, CuGraphUpdate*))                                     \
  X(graph_launch, "cuGraphLaunch", (CuGraphExec, CuStream))                                                           \
  X(graph_exec_destroy, "cuGraphExecDestroy", (CuGraphExec))                                                          \
  X(graph_destroy, "cuGraphDestroy", (CuGraph))                                                                       \
  X(module_load, "cuModuleLoadData", (CuModule*, const void*))                                                        \
  X(module_unload, "cuModuleUnload", (CuModule))                                                                      \
  X(module_function, "cuModuleGetFunction", (CuFunction*, CuModule, const char*))                                     \
  X(function_set, "cuFuncSetAttribute", (CuFunction, int, int))                                                       \
  X(function_get, "cuFuncGetAttribute", (int*, int, CuFunction))                                                      \
  X(launch, "cuLaunchKernel",                                                                                         \
    (CuFunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CuStream, void**, void**))     \
  X(launch_ex, "cuLaunchKernelEx", (const CuLaunchConfig*, CuFunction, void**, void**))                               \
  X(tensor_map_tiled, "cuTensorMapEncodeTiled",                                                                       \
    (void*, int type, unsigned rank, void*, const std::uint64_t* sizes, const std::uint64_t* pitches,                 \
     const unsigned* box, const unsigned* strides, int interleave, int swizzle, int promotion, int fill))             \
  X(tensor_map_windows, "cuTensorMapEncodeIm2col",                                                                    \
    (void*, int type, unsigned rank, void*, const std::uint64_t* sizes, const std::uint64_t* pitches,                 \
     const int* lower, const int* upper, unsigned channels, unsigned pixels, const unsigned* strides, int interleave, \
     int swizzle, int promotion, int fill))

struct Driver {
#define X(member, name, arguments) CuResult(*member) arguments = nullptr;
  INGOT_CUDA_DRIVER_FUNCTIONS(X)
#undef X
  // "CUDA_ERROR_OUT_OF_MEMORY (2): out of memory"
  [[nodiscard]] std::string describe(CuResult code) const;
};

// Opened and initialised once; the reason why not is kept.
Result<const Driver*> driver();

// kResourceExhausted for lack of memory, otherwise kInternal; the message names the step.
Status cuda_error(const Driver& api, CuResult code, std::string_view step);
#define INGOT_CUDA_RETURN_IF_ERROR(api, call, step)                                        \
  do {                                                                                     \
    if (const ::ingot::cuda::CuResult cuda_code = (api).call; cuda_code != 0) [[unlikely]] \
      return ::ingot::cuda::cuda_error(api, cuda_code, step);                              \
  } while (false)

// A library opened at run time; null handle when none of the names exists.
void* open_library(std::initializer_list<const char*> names);
void* find_symbol(void* library, const char* name);

}  // namespace ingot::cuda
