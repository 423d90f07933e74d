// SPDX-License-Identifier: Apache-2.0
// oneDNN's C interface as a table of functions, opened when first asked for: a process that needs none of it never
// loads the library.
#pragma once

#include <dnnl.h>

#include <memory>

#include "base/status.h"

namespace ingot::cpu::onednn {

#define INGOT_DNNL_FUNCTIONS(X)            \
  X(dilated_convolution_forward_desc_init) \
  X(engine_create)                         \
  X(matmul_desc_init)                      \
  X(memory_create)                         \
  X(memory_desc_get_size)                  \
  X(memory_desc_init_by_strides)           \
  X(memory_desc_init_by_tag)               \
  X(memory_destroy)                        \
  X(memory_set_data_handle)                \
  X(post_ops_append_binary)                \
  X(post_ops_append_eltwise)               \
  X(post_ops_create)                       \
  X(post_ops_destroy)                      \
  X(primitive_attr_create)                 \
  X(primitive_attr_destroy)                \
  X(primitive_attr_set_post_ops)           \
  X(primitive_attr_set_scratchpad_mode)    \
  X(primitive_create)                      \
  X(primitive_desc_create)                 \
  X(primitive_desc_destroy)                \
  X(primitive_desc_query)                  \
  X(primitive_desc_query_md)               \
  X(primitive_destroy)                     \
  X(primitive_execute)                     \
  X(reorder_primitive_desc_create)         \
  X(stream_create)                         \
  X(stream_destroy)                        \
  X(stream_wait)                           \
  X(version)

struct Library {
#define X(name) decltype(&::dnnl_##name) name = nullptr;
  INGOT_DNNL_FUNCTIONS(X)
#undef X
  // Of the OpenMP that the library uses; null when it has no threads at all.
  void (*set_threads)(int) = nullptr;
  int (*get_threads)() = nullptr;
  dnnl_engine_t engine = nullptr;
};

// Opened once per process and kept. Fails with kUnsupported when it is absent, of another major version than the
// headers, or threaded in a way that cannot be confined to the calling thread.
Result<const Library*> library();

// The opened library, where library() is known to have succeeded.
const Library& lib();

Status check(dnnl_status_t status, const char* what);

// While it exists, the library works on the calling thread alone. Our own threads share the work instead.
class SingleThreaded {
 public:
  SingleThreaded() : before_(lib().get_threads == nullptr ? 1 : lib().get_threads()) { set(1); }
  ~SingleThreaded() { set(before_); }
  SingleThreaded(const SingleThreaded&) = delete;
  SingleThreaded& operator=(const SingleThreaded&) = delete;

 private:
  void set(int threads) const {
    if (before_ != 1) lib().set_threads(threads);
  }
  int before_;
};

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    (lib().*kDestroy)(object);
  }
};
using MemoryPtr = std::unique_ptr<dnnl_memory, Destroy<&Library::memory_destroy>>;
using StreamPtr = std::unique_ptr<dnnl_stream, Destroy<&Library::stream_destroy>>;
using PrimitivePtr = std::unique_ptr<dnnl_primitive, Destroy<&Library::primitive_destroy>>;
using PrimitiveDescPtr = std::unique_ptr<dnnl_primitive_desc, Destroy<&Library::primitive_desc_destroy>>;
using AttrPtr = std::unique_ptr<dnnl_primitive_attr, Destroy<&Library::primitive_attr_destroy>>;
using PostOpsPtr = std::unique_ptr<dnnl_post_ops, Destroy<&Library::post_ops_destroy>>;

}  // namespace ingot::cpu::onednn
