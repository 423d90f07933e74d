/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin interface: operators that a shared library brings to the engine. Standalone; docs/plugin_abi.md states the
 * promise.
 *
 * A library exports one function, ingot_plugin_query, which describes it: names, versions, operators. Everything else
 * is function pointers. The engine calls, in this order:
 *   infer        while a model is read: types and shapes of the outputs, over symbolic sizes
 *   combination  while an engine is built: which element types and layouts the kernels take
 *   create       once per node of an engine: an immutable instance
 *   tactic       while an engine is built: variants to time
 *   configure    for each context when its shapes change: workspace size, the context's own state for these
 *   launch       for each run
 *
 * Versions. A library of major version M loads in every engine that supports M. Within a major version structs only
 * grow at the end; each begins with its size, and what lies beyond the size that the other side stated does not exist.
 * Structs without a size never change.
 *
 * Threads. query, infer, combination, tactic and create may be called from any thread, several at once. An instance is
 * shared by all contexts: configure and launch get it as const and may run at the same time on several threads. A state
 * belongs to one context, which uses it on one thread at a time and may keep those of several shapes.
 *
 * Errors. Functions that return int32_t return 0 for success. On failure they write a sentence into error->text that
 * says what is wrong and what would be right; the engine adds the node, the operator and the library. No function may
 * throw, nor end the process.
 *
 * Memory. Pointers that the engine passes are valid during the call only, attributes excepted: those of an instance
 * live as long as the instance. What the library describes itself with must live as long as the process. Libraries are
 * never unloaded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define INGOT_PLUGIN_MAJOR 1
#define INGOT_PLUGIN_MINOR 2

#if defined(_WIN32)
#define INGOT_PLUGIN_EXPORT __declspec(dllexport)
#else
#define INGOT_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- vocabulary ------------------------------------------------------------------------------------------------- */

/* Element types; the numbers are ONNX's TensorProto.DataType. */
enum {
  INGOT_PLUGIN_ANY_TYPE = 0, /* in combinations: the type that the operand has in the model */
  INGOT_PLUGIN_F32 = 1,
  INGOT_PLUGIN_U8 = 2,
  INGOT_PLUGIN_I8 = 3,
  INGOT_PLUGIN_U16 = 4,
  INGOT_PLUGIN_I16 = 5,
  INGOT_PLUGIN_I32 = 6,
  INGOT_PLUGIN_I64 = 7,
  INGOT_PLUGIN_BOOL = 9,
  INGOT_PLUGIN_F16 = 10,
  INGOT_PLUGIN_F64 = 11,
  INGOT_PLUGIN_U32 = 12,
  INGOT_PLUGIN_U64 = 13,
  INGOT_PLUGIN_BF16 = 16,
  INGOT_PLUGIN_F8E4M3FN = 17,
  INGOT_PLUGIN_F8E5M2 = 19,
  INGOT_PLUGIN_U4 = 21,
  INGOT_PLUGIN_I4 = 22
};

/* How the elements of a tensor of dimensions [N, C, spatial...] lie in memory. The dimensions that a plugin sees are
 * always the model's, whatever the layout. */
enum {
  INGOT_PLUGIN_LINEAR = 0,        /* row-major */
  INGOT_PLUGIN_CHANNELS_LAST = 1, /* N, spatial..., C */
  INGOT_PLUGIN_CHANNELS_2 = 2,    /* N, ceil(C/2), spatial..., 2; absent channels are zero. So too: */
  INGOT_PLUGIN_CHANNELS_4 = 4,
  INGOT_PLUGIN_CHANNELS_8 = 8,
  INGOT_PLUGIN_CHANNELS_16 = 16,
  INGOT_PLUGIN_CHANNELS_32 = 32,
  INGOT_PLUGIN_CHANNELS_LAST_8 = 108 /* N, spatial..., C rounded up to a multiple of 8 */
};

enum { INGOT_PLUGIN_CPU = 1, INGOT_PLUGIN_CUDA = 2 }; /* kinds of devices; as bits in ingot_plugin_operator.devices */

typedef struct ingot_plugin_error {
  char* text; /* capacity bytes, empty at the call */
  size_t capacity;
} ingot_plugin_error;

/* ---- attributes ------------------------------------------------------------------------------------------------- */

enum {
  INGOT_PLUGIN_NONE = 0, /* an optional attribute without default that the node does not have */
  INGOT_PLUGIN_INT = 1,
  INGOT_PLUGIN_FLOAT = 2, /* a node's integer is taken too */
  INGOT_PLUGIN_STRING = 3,
  INGOT_PLUGIN_INTS = 4, /* a node's single integer is taken too */
  INGOT_PLUGIN_FLOATS = 5,
  INGOT_PLUGIN_STRINGS = 6,
  INGOT_PLUGIN_TENSOR = 7,
  INGOT_PLUGIN_ANY_VALUE = 8 /* in a schema: of whatever type the node has it */
};

typedef struct ingot_plugin_value {
  int32_t type;  /* one of the above; only the fields of that type are meaningful */
  int32_t dtype; /* of a tensor */
  int64_t i;
  double f;
  const char* s; /* ends with a NUL; count is its length without it */
  int64_t count; /* elements of a list or tensor, bytes of a string */
  const int64_t* ints;
  const double* floats;
  const char* const* strings;
  const void* data; /* a tensor's elements, row-major */
  const int64_t* dims;
  int64_t rank;
} ingot_plugin_value;

typedef struct ingot_plugin_attribute {
  size_t size;
  const char* name;
  int32_t type;
  int32_t required;
  ingot_plugin_value default_value; /* type INGOT_PLUGIN_NONE: none */
  int32_t has_range;                /* numbers, and each number of a list, lie in [least, most] */
  int32_t reserved;
  double least, most;
  int64_t least_count, most_count; /* elements of a list; most_count 0: any number */
  const char* choices;             /* of a string: "bilinear|nearest"; NULL: anything */
  const char* help;
} ingot_plugin_attribute;

/* ---- shapes ----------------------------------------------------------------------------------------------------- */

/* A size: a number or an expression over the model's symbols. Handles live during the call; 0 is none. */
typedef int64_t ingot_plugin_dim;

enum {
  INGOT_PLUGIN_ADD = 0,
  INGOT_PLUGIN_SUB = 1,
  INGOT_PLUGIN_MUL = 2,
  INGOT_PLUGIN_FLOOR_DIV = 3,
  INGOT_PLUGIN_CEIL_DIV = 4,
  INGOT_PLUGIN_MOD = 5,
  INGOT_PLUGIN_MIN = 6,
  INGOT_PLUGIN_MAX = 7,
  INGOT_PLUGIN_EQUAL = 8, /* 1 or 0 */
  INGOT_PLUGIN_LESS = 9
};

typedef struct ingot_plugin_infer ingot_plugin_infer;
struct ingot_plugin_infer {
  size_t size;
  void* host;                           /* first argument of the functions below */
  const ingot_plugin_value* attributes; /* in the order of the operator's schema, defaults filled in */
  size_t attribute_count;
  size_t input_count, output_count; /* of the node; absent optional operands count */
  int32_t (*input_present)(void* host, size_t input);
  int32_t (*input_type)(void* host, size_t input); /* INGOT_PLUGIN_F32, ... */
  int32_t (*input_rank)(void* host, size_t input); /* -1: not known */
  ingot_plugin_dim (*input_dim)(void* host, size_t input, int32_t axis);
  /* The elements of a small integer input that is a constant or computed from sizes; -1: not known. */
  int64_t (*input_value_count)(void* host, size_t input);
  ingot_plugin_dim (*input_value)(void* host, size_t input, int64_t index);
  ingot_plugin_dim (*constant)(void* host, int64_t value);
  int32_t (*is_constant)(void* host, ingot_plugin_dim dim, int64_t* value); /* value may be NULL */
  ingot_plugin_dim (*combine)(void* host, int32_t operation, ingot_plugin_dim a, ingot_plugin_dim b);
  /* A size that only the data decide: the launch allocates the output. upper: the most it can be, or 0. */
  ingot_plugin_dim (*data_dependent)(void* host, ingot_plugin_dim upper);
  void (*set_output)(void* host, size_t output, int32_t dtype, int32_t rank, const ingot_plugin_dim* dims);
};

/* ---- instances and launches ------------------------------------------------------------------------------------- */

typedef struct ingot_plugin_format {
  int32_t dtype;
  int32_t layout;
} ingot_plugin_format;

typedef struct ingot_plugin_tensor {
  void* data; /* NULL for an absent operand, and for outputs that the launch allocates */
  const int64_t* dims;
  int32_t rank;
  int32_t dtype; /* 0: absent */
  int32_t layout;
  float scale; /* 1; of an int8 tensor an engine may say what one step stands for */
  int64_t reserved[2];
} ingot_plugin_tensor;

/* Between which sizes an operand lies (since 1.2); by axis, as many entries as the tensor has dimensions. A size that
 * may change has the range that the build was given for it, or where it was given none the size at hand. What only the
 * data decide is -1 throughout. */
typedef struct ingot_plugin_range {
  const int64_t* dims; /* -1 where the size may change from run to run */
  const int64_t* least;
  const int64_t* typical; /* that the build tunes for */
  const int64_t* most;
} ingot_plugin_range;

/* What the engine lends on a CUDA device (since 1.1). The functions' first argument is `host`. Copies go in both
 * directions and on the device, in the order of `stream`; they are no part of a captured graph when host memory is
 * involved. Allocating waits for the device: in configure rather than in launch. */
typedef struct ingot_plugin_cuda {
  size_t size;
  void* host;
  void* (*allocate)(void* host, size_t bytes); /* aligned to 256 bytes; NULL: out of memory */
  void (*release)(void* host, void* memory);
  int32_t (*copy)(void* host, void* to, const void* from, size_t bytes, void* stream);
  int32_t (*synchronize)(void* host, void* stream);
  /* "cublas", "cudnn": a handle of that library that this context's launches share, bound to their stream; of the
   * version that the process has loaded. NULL where the library is not installed. */
  void* (*library)(void* host, const char* name);
} ingot_plugin_cuda;

typedef struct ingot_plugin_operands {
  size_t size;
  const ingot_plugin_value* attributes; /* in the order of the schema; live as long as the instance */
  size_t attribute_count;
  const ingot_plugin_tensor* inputs; /* shapes: while building the profile's optimum. data: of constants, on the host */
  size_t input_count;
  const ingot_plugin_tensor* outputs; /* dims -1 where only the data decide */
  size_t output_count;
  int32_t device; /* INGOT_PLUGIN_CPU, INGOT_PLUGIN_CUDA */
  int32_t device_index;
  int64_t tactic;                /* the chosen tactic's id; 0 where the operator has none */
  const ingot_plugin_cuda* cuda; /* since 1.1; in configure on a CUDA device, otherwise NULL. Lives until release */
  const ingot_plugin_range* input_ranges; /* since 1.2; one for each of inputs, and of outputs */
  const ingot_plugin_range* output_ranges;
} ingot_plugin_operands;

typedef struct ingot_plugin_launch {
  size_t size;
  const ingot_plugin_tensor* inputs;
  size_t input_count;
  const ingot_plugin_tensor* outputs;
  size_t output_count;
  int32_t device; /* where the pointers lie: INGOT_PLUGIN_CPU, INGOT_PLUGIN_CUDA */
  int32_t device_index;
  void* stream;    /* CUDA: the CUstream to launch on; do not synchronise it unless an output's size needs it */
  void* workspace; /* as configure asked, aligned to 256 bytes, contents undefined */
  size_t workspace_size;
  void* host; /* first argument of the functions below */
  /* Memory for an output with a size that the data decide; NULL: out of memory. On the device of the launch. */
  void* (*allocate_output)(void* host, size_t output, const int64_t* dims, int32_t rank);
  /* CPU: runs task(user, i, thread) for i in [0, count) on the engine's threads, thread in [0, threads). */
  int32_t threads;
  int32_t reserved;
  void (*parallel)(void* host, int64_t count, void (*task)(void* user, int64_t index, int32_t thread), void* user);
  const ingot_plugin_cuda* cuda; /* since 1.1; on a CUDA device, otherwise NULL */
} ingot_plugin_launch;

typedef struct ingot_plugin_tactic {
  size_t size;
  int64_t id;       /* what operands.tactic will be; not 0; means the same in every build of this plugin version */
  const char* name; /* for reports; may be NULL */
} ingot_plugin_tactic;

enum {
  /* Attributes that the schema does not name are ignored, unless they look like a misspelling of a missing one. */
  INGOT_PLUGIN_OPEN_SCHEMA = 1,
  /* Nodes of any domain are taken, by name. */
  INGOT_PLUGIN_ANY_DOMAIN = 2,
  /* The result may differ from run to run, or the operator has effects: it is never merged. */
  INGOT_PLUGIN_IMPURE = 4,
  /* alias(): the output must be the memory of the input (an update in place), not only may. */
  INGOT_PLUGIN_MUST_ALIAS = 8,
  /* Since 1.1. On CUDA launch may wait for the device, allocate, or use another stream: its steps are never captured in
   * a graph. Operators with sizes that the data decide are not in any case. */
  INGOT_PLUGIN_SYNCHRONIZES = 16
};

typedef struct ingot_plugin_operator {
  size_t size;
  const char* domain;  /* of the ONNX node; "": the default domain */
  const char* name;    /* the ONNX operator */
  const char* variant; /* NULL, or what tells operators of one name apart: the node's attribute plugin_version */
  const char* help;
  uint32_t flags;
  uint32_t devices;                  /* bits INGOT_PLUGIN_CPU, INGOT_PLUGIN_CUDA */
  int32_t least_inputs, most_inputs; /* most -1: any number */
  int32_t least_outputs, most_outputs;
  const ingot_plugin_attribute* attributes;
  size_t attribute_count;
  void* user; /* passed to the functions below */

  int32_t (*infer)(void* user, const ingot_plugin_infer* call, ingot_plugin_error* error);
  /* Fills operands[0 .. input_count + output_count) with the index-th combination that the kernels take, best first,
   * and returns 1; returns 0 past the last one. NULL: INGOT_PLUGIN_ANY_TYPE, INGOT_PLUGIN_LINEAR throughout. */
  int32_t (*combination)(void* user, const ingot_plugin_operands* call, size_t index, ingot_plugin_format* operands);
  int32_t (*create)(void* user, const ingot_plugin_operands* call, void** instance, ingot_plugin_error* error);
  void (*destroy)(void* user, void* instance);
  /* Fills the index-th variant to time and returns 1; 0 past the last one. NULL: there is one, with id 0. */
  int32_t (*tactic)(void* user, const void* instance, const ingot_plugin_operands* call, size_t index,
                    ingot_plugin_tactic* tactic);
  /* May be NULL: no workspace, no state. */
  int32_t (*configure)(void* user, const void* instance, const ingot_plugin_operands* call, void** state,
                       size_t* workspace_size, ingot_plugin_error* error);
  void (*release)(void* user, const void* instance, void* state);
  int32_t (*launch)(void* user, const void* instance, void* state, const ingot_plugin_launch* call,
                    ingot_plugin_error* error);
  /* The input whose memory an output may take, or -1. NULL: none. */
  int32_t (*alias)(void* user, const void* instance, size_t output);
  /* What `ingot plugin check` and `ingot verify` compare with: a plain CPU implementation on linear f32 (integers as
   * they are). NULL: there is none. */
  int32_t (*reference)(void* user, const void* instance, const ingot_plugin_launch* call, ingot_plugin_error* error);
} ingot_plugin_operator;

/* ---- the library ------------------------------------------------------------------------------------------------ */

typedef struct ingot_plugin_host {
  size_t size;
  uint32_t major, minor;                           /* the newest interface that the engine supports */
  const char* engine_version;                      /* "0.1.0" */
  void (*log)(int32_t severity, const char* text); /* 0 error, 1 warning, 2 info, 3 verbose */
} ingot_plugin_host;

typedef struct ingot_plugin_library {
  size_t size;
  uint32_t major, minor; /* INGOT_PLUGIN_MAJOR, INGOT_PLUGIN_MINOR of the header that the library was built with */
  const char* name;      /* of the library; stable from version to version */
  const char* version;   /* "1.2.0" */
  const char* help;
  const ingot_plugin_operator* const* operators;
  size_t operator_count;
} ingot_plugin_library;

/* The one exported function. Called once, `host` lives as long as the process. NULL: the library cannot serve this
 * engine. */
INGOT_PLUGIN_EXPORT const ingot_plugin_library* ingot_plugin_query(const ingot_plugin_host* host);
typedef const ingot_plugin_library* (*ingot_plugin_query_function)(const ingot_plugin_host* host);

#ifdef __cplusplus
}
#endif
