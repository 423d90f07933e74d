// SPDX-License-Identifier: Apache-2.0
#include "capi/handles.h"

namespace {

class CallbackAllocator final : public ingot::Allocator {
 public:
  explicit CallbackAllocator(const ingot_allocator& hooks) : hooks_(hooks) {}
  void* allocate(std::size_t bytes, std::size_t alignment) override { return hooks_.allocate(hooks_.user, bytes, alignment); }
  void deallocate(void* memory, std::size_t bytes) override { hooks_.deallocate(hooks_.user, memory, bytes); }

 private:
  ingot_allocator hooks_;
};

class CallbackPool final : public ingot::Parallel {
 public:
  explicit CallbackPool(const ingot_thread_pool& hooks) : hooks_(hooks) {}
  [[nodiscard]] int threads() const override { return hooks_.threads; }
  void run(std::int64_t tasks, ingot::FunctionRef<void(std::int64_t, int)> body) override {
    hooks_.run(
        hooks_.user, tasks,
        [](void* user, std::int64_t index, std::int32_t thread) {
          (*static_cast<ingot::FunctionRef<void(std::int64_t, int)>*>(user))(index, thread);
        },
        &body);
  }

 private:
  ingot_thread_pool hooks_;
};

class CallbackProfiler final : public ingot::Profiler {
 public:
  ingot_profiler callback = nullptr;
  void* user = nullptr;
  void on_step(std::size_t step, std::string_view name, std::string_view tactic, double microseconds) override {
    // Both views are of null-terminated strings in the plan.
    callback(user, step, name.data(), tactic.data(), microseconds);
  }
};

}  // namespace

struct ingot_context {
  std::unique_ptr<CallbackAllocator> allocator;  // outlive the context below
  std::unique_ptr<CallbackPool> pool;
  CallbackProfiler profiler;
  std::unique_ptr<ingot::Context> context;
  ingot::Shape queried_shape;
};

using ingot::Status;
using ingot::capi::guard;

extern "C" {

ingot_status ingot_context_create(ingot_engine* engine, const ingot_context_options* options, ingot_context** context) {
  return guard([&]() -> Status {
    if (engine == nullptr || context == nullptr) return ingot::invalid_argument("engine or context is NULL");
    auto handle = std::make_unique<ingot_context>();
    ingot::ContextOptions context_options;
    if (options != nullptr) {
      if (options->size < sizeof(ingot_context_options)) return ingot::invalid_argument("ingot_context_options.size is not set");
      context_options.threads = options->threads;
      if (options->allocator != nullptr) {
        handle->allocator = std::make_unique<CallbackAllocator>(*options->allocator);
        context_options.allocator = handle->allocator.get();
      }
      if (options->thread_pool != nullptr) {
        if (options->thread_pool->threads < 1) return ingot::invalid_argument("a thread pool needs at least 1 thread");
        handle->pool = std::make_unique<CallbackPool>(*options->thread_pool);
        context_options.parallel = handle->pool.get();
      }
    }
    INGOT_ASSIGN_OR_RETURN(handle->context, ingot::Context::create(engine->engine, context_options));
    *context = handle.release();
    return Status::ok();
  });
}

void ingot_context_destroy(ingot_context* context) { delete context; }

ingot_status ingot_context_set_input_shape(ingot_context* context, size_t input, const int64_t* dims, int32_t rank) {
  return guard([&]() -> Status {
    if (rank < 0 || (rank > 0 && dims == nullptr)) return ingot::invalid_argument("rank {} with dims {}", rank, fmt::ptr(dims));
    return context->context->set_input_shape(input, ingot::Shape(dims, dims + rank));
  });
}

ingot_status ingot_context_bind_input(ingot_context* context, size_t input, const void* data, size_t bytes) {
  return guard([&] { return context->context->bind_input(input, data, bytes); });
}

ingot_status ingot_context_bind_output(ingot_context* context, size_t output, void* data, size_t bytes) {
  return guard([&] { return context->context->bind_output(output, data, bytes); });
}

ingot_status ingot_context_output_shape(ingot_context* context, size_t output, const int64_t** dims, int32_t* rank) {
  return guard([&]() -> Status {
    INGOT_ASSIGN_OR_RETURN(context->queried_shape, context->context->output_shape(output));
    *dims = context->queried_shape.data();
    *rank = static_cast<std::int32_t>(context->queried_shape.size());
    return Status::ok();
  });
}

ingot_status ingot_context_run(ingot_context* context) {
  return guard([&] { return context->context->run(); });
}

ingot_status ingot_context_output_data(ingot_context* context, size_t output, const void** data) {
  return guard([&]() -> Status {
    if (output >= context->context->engine().output_count())
      return ingot::invalid_argument("output {} of {}", output, context->context->engine().output_count());
    *data = context->context->output_data(output);
    return Status::ok();
  });
}

void ingot_context_set_profiler(ingot_context* context, ingot_profiler profiler, void* user) {
  context->profiler.callback = profiler;
  context->profiler.user = user;
  context->context->set_profiler(profiler != nullptr ? &context->profiler : nullptr);
}

size_t ingot_context_memory_bytes(const ingot_context* context) { return context->context->memory_bytes(); }
int32_t ingot_context_threads(const ingot_context* context) { return context->context->threads(); }

}  // extern "C"
