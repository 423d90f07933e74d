/* SPDX-License-Identifier: Apache-2.0 */
/* The C API of the runtime: load a plan, make contexts, run. Building plans is in ingot/builder.h.
 *
 * Stability: functions are only added. Option structs begin with `size` (set it to sizeof the struct, zero what you do
 * not use) and may grow at the end, so a program built against an older header works with a newer library. A newer
 * program works with an older library as long as it leaves the fields that the library does not know zero. The other
 * structs never change. Errors: every function that can fail returns an ingot_status; the message of the last failure
 * on this thread is ingot_last_error(). No call aborts on bad input and none throws. Threads: an engine may be used
 * from any number of threads; a context, from one at a time. Ownership: what ..._create or ..._load gives, the matching
 * ..._destroy takes; destroy accepts NULL. A context keeps its engine alive. Strings and arrays returned live as long
 * as the object they came from.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define INGOT_API
#else
#define INGOT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ingot_status {
  INGOT_OK = 0,
  INGOT_INVALID_ARGUMENT = 2,
  INGOT_UNSUPPORTED = 3,
  INGOT_NOT_FOUND = 4,
  INGOT_FAILED_PRECONDITION = 5,
  INGOT_RESOURCE_EXHAUSTED = 6,
  INGOT_INCOMPATIBLE = 7,
  INGOT_CORRUPT = 8,
  INGOT_CANCELLED = 9,
  INGOT_INTERNAL = 10
} ingot_status;

/* Element types; the numbers are ONNX's TensorProto.DataType. */
typedef enum ingot_dtype {
  INGOT_UNDEFINED = 0,
  INGOT_F32 = 1,
  INGOT_U8 = 2,
  INGOT_I8 = 3,
  INGOT_U16 = 4,
  INGOT_I16 = 5,
  INGOT_I32 = 6,
  INGOT_I64 = 7,
  INGOT_STRING = 8,
  INGOT_BOOL = 9,
  INGOT_F16 = 10,
  INGOT_F64 = 11,
  INGOT_U32 = 12,
  INGOT_U64 = 13,
  INGOT_C64 = 14,
  INGOT_C128 = 15,
  INGOT_BF16 = 16,
  INGOT_F8E4M3FN = 17,
  INGOT_F8E4M3FNUZ = 18,
  INGOT_F8E5M2 = 19,
  INGOT_F8E5M2FNUZ = 20,
  INGOT_U4 = 21, /* types of less than a byte are packed from the low bits up, the end padded to a byte */
  INGOT_I4 = 22,
  INGOT_F4E2M1 = 23,
  INGOT_F8E8M0 = 24,
  INGOT_U2 = 25,
  INGOT_I2 = 26,
  INGOT_F6E2M3 = 27, /* 6 bits in a byte each */
  INGOT_F6E3M2 = 28
} ingot_dtype;

INGOT_API const char* ingot_version(void);
/* "no error" when nothing has failed on this thread. */
INGOT_API const char* ingot_last_error(void);
INGOT_API const char* ingot_status_name(ingot_status status);
INGOT_API const char* ingot_dtype_name(ingot_dtype dtype);

/* Loads a plugin library (ingot/plugin.h); a bare file name is looked up in the folders of the environment variable
 * INGOT_PLUGIN_PATH. Its operators are known to all models and plans that are read afterwards. Libraries are never
 * unloaded; loading one again does nothing. */
INGOT_API ingot_status ingot_plugin_load(const char* path);
/* The same for operators that the calling program itself holds: what an ingot_plugin_query function returns
 * (const ingot_plugin_library*). */
INGOT_API ingot_status ingot_plugin_register(const void* library);

/* ---- engine -------------------------------------------------------------------------------------------------------
 */
typedef struct ingot_engine ingot_engine;

typedef struct ingot_load_options {
  size_t size;
  int32_t skip_weight_verification; /* 1: do not hash the weights (the file is trusted) */
  int32_t cuda_device;              /* of a plan for CUDA: which GPU; 0 the first */
  int64_t allow_embedded_plugins;   /* 1: run plugin libraries that the plan holds: trust it as a program */
} ingot_load_options;

/* options may be NULL. The file is mapped, not read, and must not change while the engine lives. INGOT_NOT_FOUND: no
 * such file; INGOT_CORRUPT: no plan, or a damaged one; INGOT_INCOMPATIBLE: of another format, machine or device. */
INGOT_API ingot_status ingot_engine_load(const char* path, const ingot_load_options* options, ingot_engine** engine);
/* The bytes are copied. */
INGOT_API ingot_status ingot_engine_load_bytes(const void* bytes, size_t byte_count, const ingot_load_options* options,
                                               ingot_engine** engine);
INGOT_API void ingot_engine_destroy(ingot_engine* engine);
/* The bytes of the plan file; they live as long as the engine. */
INGOT_API void ingot_engine_serialise(const ingot_engine* engine, const void** bytes, size_t* byte_count);

typedef struct ingot_tensor_info {
  const char* name; /* the ONNX name */
  ingot_dtype dtype;
  int32_t rank;
  const int64_t* dims;          /* -1 where the size is not fixed */
  const char* const* dim_names; /* per axis: "" or the symbol or expression, e.g. "N" */
  int32_t has_range;            /* inputs: the profile limits the sizes */
  const int64_t* min_dims;      /* rank entries each; NULL without range */
  const int64_t* opt_dims;
  const int64_t* max_dims;
} ingot_tensor_info;

INGOT_API size_t ingot_engine_input_count(const ingot_engine* engine);
INGOT_API size_t ingot_engine_output_count(const ingot_engine* engine);
INGOT_API ingot_status ingot_engine_input(const ingot_engine* engine, size_t index, ingot_tensor_info* info);
INGOT_API ingot_status ingot_engine_output(const ingot_engine* engine, size_t index, ingot_tensor_info* info);
/* By ONNX name; INGOT_NOT_FOUND with all names in the message. */
INGOT_API ingot_status ingot_engine_find_input(const ingot_engine* engine, const char* name, size_t* index);
INGOT_API ingot_status ingot_engine_find_output(const ingot_engine* engine, const char* name, size_t* index);

typedef struct ingot_step_info {
  const char* name; /* ONNX node name(s) */
  const char* tactic;
  const char* config;
  const char* problem; /* one line of text, reproduces the step */
  float microseconds;  /* as timed at build; 0 when there was nothing to choose */
} ingot_step_info;
INGOT_API size_t ingot_engine_step_count(const ingot_engine* engine);
INGOT_API ingot_status ingot_engine_step(const ingot_engine* engine, size_t index, ingot_step_info* info);
INGOT_API size_t ingot_engine_weight_bytes(const ingot_engine* engine);
/* Where it runs: "cpu", "cuda:0", ...; lives as long as the engine. */
INGOT_API const char* ingot_engine_device(const ingot_engine* engine);

/* ---- context ------------------------------------------------------------------------------------------------------
 */
typedef struct ingot_context ingot_context;

/* Memory for activations; must be thread-safe when contexts on several threads share it. */
typedef struct ingot_allocator {
  void* user;
  void* (*allocate)(void* user, size_t bytes, size_t alignment); /* NULL when out of memory */
  void (*deallocate)(void* user, void* memory, size_t bytes);
} ingot_allocator;

/* The caller's thread pool: run() calls task(task_user, i, thread) for every i in [0, count) with thread in [0,
 * threads), never two at once with the same thread, and returns when all have returned. */
typedef struct ingot_thread_pool {
  void* user;
  int32_t threads;
  void (*run)(void* user, int64_t count, void (*task)(void* task_user, int64_t index, int32_t thread), void* task_user);
} ingot_thread_pool;

typedef struct ingot_context_options {
  size_t size;
  int32_t threads;                      /* <= 0: all processors that the process may use; at most 1024 */
  const ingot_thread_pool* thread_pool; /* NULL: the context's own; copied */
  const ingot_allocator* allocator;     /* NULL: the heap; copied. Not for plans of a GPU */
  /* For plans of a GPU: the caller's CUstream or cudaStream_t; NULL: a stream of the context's own. With a stream given
   * and every input and output bound to memory of the GPU, ingot_context_run returns once the work is enqueued. */
  void* cuda_stream;
  /* For plans of a GPU: how many captured runs to keep (CUDA graphs), at most 1024. A run whose shapes and addresses of
   * GPU memory are those of one that was captured is one launch; one whose shapes have run before is captured.
   * 0: 8; < 0: none, steps are launched one by one. */
  int64_t cuda_graphs;
} ingot_context_options;

INGOT_API ingot_status ingot_context_create(ingot_engine* engine, const ingot_context_options* options,
                                            ingot_context** context);
INGOT_API void ingot_context_destroy(ingot_context* context);

/* Needed for inputs with symbolic sizes. INGOT_INVALID_ARGUMENT: another rank, or other sizes than the fixed ones. The
 * engine's range is checked by the next run or output_shape. */
INGOT_API ingot_status ingot_context_set_input_shape(ingot_context* context, size_t input, const int64_t* dims,
                                                     int32_t rank);
/* The memory stays the caller's and must live until it is bound anew or the context is destroyed. For a plan of a GPU
 * it may be host memory or memory of that GPU (the driver tells them apart); the latter is used in place and must be
 * aligned to 16 bytes. Host memory that is page-locked when it is bound is copied from and to without a detour. `bytes`
 * is what the memory holds; too little is an error of the run. */
INGOT_API ingot_status ingot_context_bind_input(ingot_context* context, size_t input, const void* data, size_t bytes);
/* Optional: an output that is not bound lives in the context until the next run. NULL unbinds. */
INGOT_API ingot_status ingot_context_bind_output(ingot_context* context, size_t output, void* data, size_t bytes);
/* Before a run: from the input shapes; INGOT_FAILED_PRECONDITION where only the data decide. `dims` lives until the
 * next call on the context. */
INGOT_API ingot_status ingot_context_output_shape(ingot_context* context, size_t output, const int64_t** dims,
                                                  int32_t* rank);
/* Computes all outputs; returns when they are there, but see cuda_stream. Nothing has been written where it fails with
 * INGOT_FAILED_PRECONDITION (an input is not bound or has no shape yet) or, of shapes that do not fit the engine's
 * range, with INGOT_INVALID_ARGUMENT; after other errors the outputs are undefined and the context can be run again. */
INGOT_API ingot_status ingot_context_run(ingot_context* context);
/* After a run: where an output lies, row-major: in the memory bound for it, otherwise in the context's until the next
 * run or change of shapes (of a GPU: in host memory). NULL before the first run and for what plain memory cannot hold.
 */
INGOT_API ingot_status ingot_context_output_data(ingot_context* context, size_t output, const void** data);

/* From any thread: the run in progress ends with INGOT_CANCELLED before the next iteration of a loop in the model.
 * Without one it has no effect, nor on later runs. */
INGOT_API void ingot_context_cancel(ingot_context* context);
/* Called after each step on the running thread; NULL detaches. */
typedef void (*ingot_profiler)(void* user, size_t step, const char* name, const char* tactic, double microseconds);
INGOT_API void ingot_context_set_profiler(ingot_context* context, ingot_profiler profiler, void* user);
/* How the runs of a context on a GPU went; all 0 on the CPU. */
typedef struct ingot_graph_counts {
  int64_t kept;     /* captured runs that the context has now */
  int64_t captured; /* runs that were captured, then launched */
  int64_t updated;  /* of them: brought a captured run with other addresses up to date, rather than making a new one */
  int64_t replayed; /* runs that launched a captured one */
  int64_t stepwise; /* runs step by step: the first of a shape, those with a profiler, and where the host has a part */
} ingot_graph_counts;
INGOT_API void ingot_context_graph_counts(const ingot_context* context, ingot_graph_counts* counts);
INGOT_API size_t ingot_context_memory_bytes(const ingot_context* context);
INGOT_API int32_t ingot_context_threads(const ingot_context* context);

/* ---- values -------------------------------------------------------------------------------------------------------
 * Inputs and outputs that plain memory cannot hold: strings, sequences, maps, optionals, tensors of any rank. Every
 * other input or output can be given and fetched as a value too.
 */
typedef struct ingot_value ingot_value;

typedef enum ingot_value_kind {
  INGOT_VALUE_NONE = 0, /* an optional that holds nothing */
  INGOT_VALUE_TENSOR = 1,
  INGOT_VALUE_SEQUENCE = 2, /* of tensors */
  INGOT_VALUE_MAPS = 3      /* one map, or a sequence of maps: tensors 2i and 2i + 1 are the keys and values of map i */
} ingot_value_kind;

/* The type of an input or output as text: "f32[N, 3]", "f32[?]" (any rank), "seq<i64[?]>", "optional<f32[2]>",
 * "seq<map<string, f32[]>>". NULL when there is no such input or output. */
INGOT_API const char* ingot_engine_input_type(const ingot_engine* engine, size_t index);
INGOT_API const char* ingot_engine_output_type(const ingot_engine* engine, size_t index);

/* What is given is copied; the elements of a sequence are shared. */
INGOT_API ingot_status ingot_value_create_tensor(ingot_dtype dtype, const int64_t* dims, int32_t rank, const void* data,
                                                 size_t bytes, ingot_value** value);
/* UTF-8. `lengths` may be NULL when all strings end with a zero byte. */
INGOT_API ingot_status ingot_value_create_strings(const int64_t* dims, int32_t rank, const char* const* strings,
                                                  const size_t* lengths, ingot_value** value);
INGOT_API ingot_status ingot_value_create_sequence(const ingot_value* const* elements, size_t count,
                                                   ingot_value** value);
/* Keys and values of each map in turn, vectors of one length; keys are strings or INGOT_I64. */
INGOT_API ingot_status ingot_value_create_maps(const ingot_value* const* keys_and_values, size_t count,
                                               ingot_value** value);
INGOT_API ingot_status ingot_value_create_none(ingot_value** value);
INGOT_API void ingot_value_destroy(ingot_value* value);

INGOT_API ingot_value_kind ingot_value_get_kind(const ingot_value* value);
/* How many tensors: of a sequence its length, of maps two each. */
INGOT_API size_t ingot_value_count(const ingot_value* value);
/* One of the tensors; what is not wanted may be NULL. `data` is NULL for strings. All live as long as the value. */
INGOT_API ingot_status ingot_value_tensor(const ingot_value* value, size_t element, ingot_dtype* dtype,
                                          const int64_t** dims, int32_t* rank, const void** data, size_t* bytes);
/* A string of a tensor by its index in row-major order; it ends with a zero byte, which `length` does not count. */
INGOT_API ingot_status ingot_value_string(const ingot_value* value, size_t element, size_t index, const char** text,
                                          size_t* length);

/* Instead of ingot_context_set_input_shape and ingot_context_bind_input. The value must live until the input is bound
 * anew or the context is destroyed. */
INGOT_API ingot_status ingot_context_bind_value(ingot_context* context, size_t input, const ingot_value* value);
/* After a run: a copy of any output. */
INGOT_API ingot_status ingot_context_output_value(ingot_context* context, size_t output, ingot_value** value);

#ifdef __cplusplus
}
#endif
