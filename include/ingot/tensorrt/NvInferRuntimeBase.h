// SPDX-License-Identifier: Apache-2.0
// The vocabulary of TensorRT's plugin classes: sizes, element types, tensors' formats, logging, memory.
//
// Written for Ingot so that plugin sources compile unchanged; docs/tensorrt_plugins.md says what is covered. No virtual
// function is declared noexcept, so overrides with and without it compile.
#pragma once

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

struct cublasContext;
struct cudnnContext;

#ifndef TENSORRTAPI
#define TENSORRTAPI __attribute__((visibility("default")))
#endif
#ifndef TRT_DEPRECATED
#define TRT_DEPRECATED
#define TRT_DEPRECATED_ENUM
#define TRT_DEPRECATED_API
#endif
// Before release 8 nothing was noexcept; some sources use the macro of that name.
#ifndef TRTNOEXCEPT
#if NV_TENSORRT_MAJOR >= 8
#define TRTNOEXCEPT noexcept
#else
#define TRTNOEXCEPT
#endif
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
class INetworkDefinition;
class ITensor;
class IBuilder;
class ICudaEngine;
class IExecutionContext;

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

#ifdef INGOT_TENSORRT_DIMS32
using DimSize = std::int32_t;
#else
using DimSize = std::int64_t;
#endif

#if NV_TENSORRT_MAJOR < 8
enum class DimensionType : std::int32_t { kSPATIAL = 0, kCHANNEL = 1, kINDEX = 2, kSEQUENCE = 3 };
#endif

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

class Dims2 : public Dims {
 public:
  Dims2() : Dims2(0, 0) {}
  Dims2(DimSize d0, DimSize d1) : Dims() {
    nbDims = 2;
    d[0] = d0;
    d[1] = d1;
  }
};

class DimsHW : public Dims2 {
 public:
  DimsHW() = default;
  DimsHW(DimSize height, DimSize width) : Dims2(height, width) {}
  DimSize& h() { return d[0]; }
  DimSize h() const { return d[0]; }
  DimSize& w() { return d[1]; }
  DimSize w() const { return d[1]; }
};

class Dims3 : public Dims2 {
 public:
  Dims3() : Dims3(0, 0, 0) {}
  Dims3(DimSize d0, DimSize d1, DimSize d2) : Dims2(d0, d1) {
    nbDims = 3;
    d[2] = d2;
  }
};

class DimsCHW : public Dims3 {
 public:
  DimsCHW() = default;
  DimsCHW(DimSize channels, DimSize height, DimSize width) : Dims3(channels, height, width) {}
  DimSize& c() { return d[0]; }
  DimSize c() const { return d[0]; }
  DimSize& h() { return d[1]; }
  DimSize h() const { return d[1]; }
  DimSize& w() { return d[2]; }
  DimSize w() const { return d[2]; }
};

class Dims4 : public Dims3 {
 public:
  Dims4() : Dims4(0, 0, 0, 0) {}
  Dims4(DimSize d0, DimSize d1, DimSize d2, DimSize d3) : Dims3(d0, d1, d2) {
    nbDims = 4;
    d[3] = d3;
  }
};

class DimsNCHW : public Dims4 {
 public:
  DimsNCHW() = default;
  DimsNCHW(DimSize n, DimSize c, DimSize h, DimSize w) : Dims4(n, c, h, w) {}
};

class Weights {
 public:
  DataType type;
  void const* values;
  std::int64_t count;
};

enum class APILanguage : std::int32_t { kCPP = 0, kPYTHON = 1 };

class InterfaceInfo {
 public:
  char const* kind;
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

using AllocatorFlag = std::int32_t;
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
};

template <typename T>
constexpr std::int32_t EnumMax();
template <>
constexpr std::int32_t EnumMax<DataType>() {
  return 12;
}
template <>
constexpr std::int32_t EnumMax<TensorFormat>() {
  return 13;
}
template <>
constexpr std::int32_t EnumMax<ILogger::Severity>() {
  return 5;
}

}  // namespace nvinfer1
