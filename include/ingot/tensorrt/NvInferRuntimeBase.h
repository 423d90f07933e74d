// SPDX-License-Identifier: Apache-2.0
// The vocabulary of TensorRT's plugin classes: sizes, element types, tensors' formats, logging, memory.
//
// Written for Ingot so that plugin sources compile unchanged; docs/tensorrt_plugins.md says what is covered. No virtual
// function is declared noexcept, so overrides with and without it compile.
#pragma once
#pragma GCC system_header

#include <cstddef>
#include <cstdint>

#include "NvInferVersion.h"

#if defined(__has_include)
#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#define INGOT_TENSORRT_HAS_CUDA 1
#endif
#endif
#ifndef INGOT_TENSORRT_HAS_CUDA
struct CUstream_st;
struct CUevent_st;
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
#endif

extern "C" {
struct cublasContext;
struct cudnnContext;
}

#ifndef TENSORRTAPI
#define TENSORRTAPI __attribute__((visibility("default")))
#endif
#ifndef TRT_DEPRECATED
#define TRT_DEPRECATED
#define TRT_DEPRECATED_ENUM
#define TRT_DEPRECATED_API
#endif
#ifndef TRTNOEXCEPT
#define TRTNOEXCEPT
#endif
#ifndef _TENSORRT_OVERRIDE
#define _TENSORRT_OVERRIDE override
#define _TENSORRT_FINAL final
#endif

namespace nvinfer1 {

using char_t = char;
using AsciiChar = char_t;

class IErrorRecorder;
class IGpuAllocator;

// Of TensorRT's own plugins; some sources are using it without their header.
namespace plugin {}

namespace impl {
template <typename T>
struct EnumMaxImpl;
}  // namespace impl

// How many enumerators an enumeration has.
template <typename T>
constexpr std::int32_t EnumMax() noexcept {
  return impl::EnumMaxImpl<T>::kVALUE;
}

enum class DataType : std::int32_t {
  kFLOAT = 0,
  kHALF = 1,
  kINT8 = 2,
  kINT32 = 3,
  kBOOL = 4,
  kUINT8 = 5,
  kFP8 = 6,
  kBF16 = 7,
  kINT64 = 8,
  kINT4 = 9,
  kFP4 = 10,
  kE8M0 = 11
};

enum class TensorFormat : std::int32_t {
  kLINEAR = 0,
  kNCHW = kLINEAR,
  kCHW2 = 1,
  kNC2HW2 = kCHW2,
  kHWC8 = 2,
  kNHWC8 = kHWC8,
  kCHW4 = 3,
  kCHW16 = 4,
  kCHW32 = 5,
  kDHWC8 = 6,
  kCDHW32 = 7,
  kHWC = 8,
  kDLA_LINEAR = 9,
  kDLA_HWC4 = 10,
  kHWC16 = 11,
  kDHWC = 12
};
using PluginFormat = TensorFormat;
using TensorFormats = std::uint32_t;

#ifdef INGOT_TENSORRT_DIMS32
using DimSize = std::int32_t;
#else
using DimSize = std::int64_t;
#endif

enum class DimensionType : std::int32_t { kSPATIAL = 0, kCHANNEL = 1, kINDEX = 2, kSEQUENCE = 3 };

class Dims {
 public:
  static constexpr std::int32_t MAX_DIMS = 8;
  std::int32_t nbDims;
  DimSize d[MAX_DIMS];
#if NV_TENSORRT_MAJOR < 8
  DimensionType type[MAX_DIMS];
#endif
};
#ifdef INGOT_TENSORRT_DIMS32
using Dims32 = Dims;
#else
using Dims64 = Dims;
#endif

class Weights {
 public:
  DataType type;
  void const* values;
  std::int64_t count;
};

enum class APILanguage : std::int32_t { kCPP = 0, kPYTHON = 1 };

using InterfaceKind = char const*;

class InterfaceInfo {
 public:
  InterfaceKind kind;
  std::int32_t major;
  std::int32_t minor;
};

class INoCopy {
 protected:
  INoCopy() = default;
  virtual ~INoCopy() = default;
};

class IVersionedInterface {
 public:
  virtual APILanguage getAPILanguage() const { return APILanguage::kCPP; }
  virtual InterfaceInfo getInterfaceInfo() const { return InterfaceInfo{"", 0, 0}; }
  virtual ~IVersionedInterface() = default;

 protected:
  IVersionedInterface() = default;
  IVersionedInterface(IVersionedInterface const&) = default;
  IVersionedInterface& operator=(IVersionedInterface const&) & = default;
};

enum class ErrorCode : std::int32_t {
  kSUCCESS = 0,
  kUNSPECIFIED_ERROR = 1,
  kINTERNAL_ERROR = 2,
  kINVALID_ARGUMENT = 3,
  kINVALID_CONFIG = 4,
  kFAILED_ALLOCATION = 5,
  kFAILED_INITIALIZATION = 6,
  kFAILED_EXECUTION = 7,
  kFAILED_COMPUTATION = 8,
  kINVALID_STATE = 9,
  kUNSUPPORTED_STATE = 10
};

class IErrorRecorder : public IVersionedInterface {
 public:
  using ErrorDesc = char const*;
  using RefCount = std::int32_t;
  static constexpr std::size_t kMAX_DESC_LENGTH = 127;
  virtual std::int32_t getNbErrors() const { return 0; }
  virtual ErrorCode getErrorCode(std::int32_t) const { return ErrorCode::kSUCCESS; }
  virtual ErrorDesc getErrorDesc(std::int32_t) const { return ""; }
  virtual bool hasOverflowed() const { return false; }
  virtual void clear() {}
  virtual bool reportError(ErrorCode, ErrorDesc) { return false; }
  virtual RefCount incRefCount() { return 1; }
  virtual RefCount decRefCount() { return 1; }
};

class ILogger {
 public:
  enum class Severity : std::int32_t { kINTERNAL_ERROR = 0, kERROR = 1, kWARNING = 2, kINFO = 3, kVERBOSE = 4 };
  virtual void log(Severity severity, AsciiChar const* msg) = 0;
  ILogger() = default;
  virtual ~ILogger() = default;
};

class ILoggerFinder {
 public:
  virtual ILogger* findLogger() = 0;
  virtual ~ILoggerFinder() = default;
};

enum class AllocatorFlag : std::int32_t { kRESIZABLE = 0 };
using AllocatorFlags = std::uint32_t;

class IGpuAllocator : public IVersionedInterface {
 public:
  virtual void* allocate(std::uint64_t const size, std::uint64_t const alignment, AllocatorFlags const flags) {
    (void)size, (void)alignment, (void)flags;
    return nullptr;
  }
  virtual void* reallocate(void* const, std::uint64_t, std::uint64_t) { return nullptr; }
  virtual bool deallocate(void* const memory) {
    free(memory);
    return true;
  }
  virtual void free(void* const) {}
  virtual void* allocateAsync(std::uint64_t const size, std::uint64_t const alignment, AllocatorFlags const flags,
                              cudaStream_t) {
    return allocate(size, alignment, flags);
  }
  virtual bool deallocateAsync(void* const memory, cudaStream_t) { return deallocate(memory); }
};
using IGpuAsyncAllocator = IGpuAllocator;

namespace impl {
template <>
struct EnumMaxImpl<DataType> {
  static constexpr std::int32_t kVALUE = 12;
};
template <>
struct EnumMaxImpl<TensorFormat> {
  static constexpr std::int32_t kVALUE = 13;
};
template <>
struct EnumMaxImpl<ILogger::Severity> {
  static constexpr std::int32_t kVALUE = 5;
};
template <>
struct EnumMaxImpl<AllocatorFlag> {
  static constexpr std::int32_t kVALUE = 1;
};
}  // namespace impl

// Releases from 10 on keep their interfaces in namespaces by version.
namespace v_1_0 {
using nvinfer1::IErrorRecorder;
using nvinfer1::IGpuAllocator;
using nvinfer1::IGpuAsyncAllocator;
}  // namespace v_1_0

}  // namespace nvinfer1
