// SPDX-License-Identifier: Apache-2.0
// The functions of cuBLASLt that the engine uses, declared here and opened at run time: the library is optional.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"

namespace ingot::cuda {

struct CublasLtHandleImpl;
struct CublasLtDescImpl;
struct CublasLtLayoutImpl;
struct CublasLtPreferenceImpl;
using CublasLtHandle = CublasLtHandleImpl*;
using CublasLtDesc = CublasLtDescImpl*;
using CublasLtLayout = CublasLtLayoutImpl*;
using CublasLtPreference = CublasLtPreferenceImpl*;

using CublasLtAlgorithm = std::array<std::uint64_t, 8>;
struct CublasLtHeuristic {
  CublasLtAlgorithm algorithm;
  std::size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};

#define INGOT_CUBLASLT_FUNCTIONS(X)                                                                                    \
  X(create, "cublasLtCreate", int, (CublasLtHandle*))                                                                  \
  X(version, "cublasLtGetVersion", std::size_t, ())                                                                    \
  X(desc_create, "cublasLtMatmulDescCreate", int, (CublasLtDesc*, int compute, int scale))                             \
  X(desc_destroy, "cublasLtMatmulDescDestroy", int, (CublasLtDesc))                                                    \
  X(desc_set, "cublasLtMatmulDescSetAttribute", int, (CublasLtDesc, int, const void*, std::size_t))                    \
  X(layout_create, "cublasLtMatrixLayoutCreate", int,                                                                  \
    (CublasLtLayout*, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t pitch))                        \
  X(layout_destroy, "cublasLtMatrixLayoutDestroy", int, (CublasLtLayout))                                              \
  X(layout_set, "cublasLtMatrixLayoutSetAttribute", int, (CublasLtLayout, int, const void*, std::size_t))              \
  X(preference_create, "cublasLtMatmulPreferenceCreate", int, (CublasLtPreference*))                                   \
  X(preference_destroy, "cublasLtMatmulPreferenceDestroy", int, (CublasLtPreference))                                  \
  X(preference_set, "cublasLtMatmulPreferenceSetAttribute", int, (CublasLtPreference, int, const void*, std::size_t))  \
  X(heuristic, "cublasLtMatmulAlgoGetHeuristic", int,                                                                  \
    (CublasLtHandle, CublasLtDesc, CublasLtLayout, CublasLtLayout, CublasLtLayout, CublasLtLayout, CublasLtPreference, \
     int, CublasLtHeuristic*, int*))                                                                                   \
  X(check, "cublasLtMatmulAlgoCheck", int,                                                                             \
    (CublasLtHandle, CublasLtDesc, CublasLtLayout, CublasLtLayout, CublasLtLayout, CublasLtLayout,                     \
     const CublasLtAlgorithm*, CublasLtHeuristic*))                                                                    \
  X(multiply, "cublasLtMatmul", int,                                                                                   \
    (CublasLtHandle, CublasLtDesc, const void* alpha, const void* a, CublasLtLayout, const void* b, CublasLtLayout,    \
     const void* beta, const void* c, CublasLtLayout, void* d, CublasLtLayout, const CublasLtAlgorithm*,               \
     void* workspace, std::size_t, CuStream))

struct CublasLt {
#define X(member, name, result, arguments) result(*member) arguments = nullptr;
  INGOT_CUBLASLT_FUNCTIONS(X)
#undef X
  // cublasComputeType_t, cudaDataType_t, cublasOperation_t
  static constexpr int kComputeF32 = 68, kF32 = 0, kF16 = 2, kBF16 = 14, kNoTranspose = 0, kTranspose = 1;
  // cublasLtMatmulDescAttributes_t
  static constexpr int kTransA = 3, kTransB = 4, kEpilogue = 7, kBiasPointer = 8;
  // cublasLtEpilogue_t: flags
  static constexpr int kDefault = 1, kRelu = 2, kBias = 4, kGelu = 32;
  // cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t
  static constexpr int kBatchCount = 5, kBatchStride = 6, kMaxWorkspace = 1;
};

// Opened once; the reason why not is kept.
Result<const CublasLt*> cublaslt();
// One handle per device, made when first asked for; lives as long as the process.
Result<CublasLtHandle> cublaslt_handle(const Device& device);

}  // namespace ingot::cuda
