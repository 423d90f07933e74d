/* SPDX-License-Identifier: Apache-2.0 */
/* The C API of the builder: ONNX in, a plan out. In libingot only; the runtime library does not have it.
 * Rules as in ingot/ingot.h. */
#pragma once

#include "ingot/ingot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The sizes that an input may take; or, with rank 1, a symbolic dimension of the model ("batch") wherever it occurs. */
typedef struct ingot_shape_range {
  const char* input;
  int32_t rank;
  const int64_t* min_dims; /* all three equal: a fixed shape */
  const int64_t* opt_dims;
  const int64_t* max_dims;
} ingot_shape_range;

typedef struct ingot_build_options {
  size_t size;
  int32_t threads; /* to tune for; <= 0: all; at most 1024 */
  const ingot_shape_range* shapes;
  size_t shape_count;
  const char* timing_cache;   /* file; NULL: none */
  uint64_t workspace_bytes;   /* per step; 0: no limit */
  double time_budget_seconds; /* for tuning; 0: the default (60); negative: take the first guess everywhere */
  /* Called on the building thread; anything but 0 stops the build (INGOT_CANCELLED). */
  int (*progress)(void* user, size_t done, size_t total, const char* what);
  void* progress_user;
  /* The same as `shapes`, in the text forms of the command line: "batch:1x8x64", "image:1x3x224x224",
   * "image:1x3x224x224:8x3x224x224:32x3x224x224". */
  const char* const* shape_texts;
  size_t shape_text_count;
  /* Tactic ids, or prefixes that end in '*', to leave out. Without "onednn.*" a run of fixed shapes neither allocates
   * nor locks; oneDNN allocates in every call. */
  const char* const* disabled_tactics;
  size_t disabled_tactic_count;
  const char* device;         /* "cpu", "cuda", "cuda:N"; NULL: the CPU */
  const char* precision;      /* "fp32", "fp16", "bf16" (on the CPU a rehearsal); NULL: fp32 */
  int64_t allow_cpu_fallback; /* 1: nodes that CUDA has no kernel for run on the CPU; 0: the build fails, naming all */
} ingot_build_options;

/* options may be NULL. The engine can be run at once; ingot_engine_serialise (ingot.h) gives its plan. Takes as long as
 * tuning does: seconds to minutes. INGOT_UNSUPPORTED: the message names every node that nothing computes;
 * INGOT_CORRUPT: the model is damaged or contradicts itself. */
INGOT_API ingot_status ingot_build_file(const char* onnx_path, const ingot_build_options* options,
                                        ingot_engine** engine);
/* The same for a model in memory, which must hold its weights itself. */
INGOT_API ingot_status ingot_build_bytes(const void* onnx, size_t byte_count, const ingot_build_options* options,
                                         ingot_engine** engine);
/* Builds and writes the plan file. */
INGOT_API ingot_status ingot_build_to_file(const char* onnx_path, const ingot_build_options* options,
                                           const char* plan_path);

#ifdef __cplusplus
}
#endif
