// SPDX-License-Identifier: Apache-2.0
#include "capi/handles.h"
#include "capi/value.h"

namespace {

class CallbackAllocator final : public ingot::Allocator {
 public:
  explicit CallbackAllocator(const ingot_allocator& hooks) : hooks_(hooks) {}
  void* allocate(std::size_t bytes, std::size_t alignment) override {
    return hooks_.allocate(hooks_.user, bytes, alignment);
  }
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
using ingot::capi::require;

namespace {

Status use_hooks(const ingot_context_options& given, ingot_context& handle, ingot::ContextOptions& out) {
  if (given.threads > ingot::capi::kMaxThreads)
    return ingot::invalid_argument("{} threads: at most {}", given.threads, ingot::capi::kMaxThreads);
  out.threads = given.threads;
  out.cuda_stream = given.cuda_stream;
  if (given.cuda_graphs > ingot::capi::kMaxGraphs)
    return ingot::invalid_argument("{} cuda_graphs: at most {}", given.cuda_graphs, ingot::capi::kMaxGraphs);
  if (given.cuda_graphs != 0) out.cuda_graphs = static_cast<int>(std::max<std::int64_t>(given.cuda_graphs, 0));
  if (given.allocator != nullptr) {
    if (given.allocator->allocate == nullptr || given.allocator->deallocate == nullptr)
      return ingot::invalid_argument("an allocator needs both functions");
    handle.allocator = std::make_unique<CallbackAllocator>(*given.allocator);
    out.allocator = handle.allocator.get();
  }
  if (given.thread_pool != nullptr) {
    if (given.thread_pool->threads < 1 || given.thread_pool->run == nullptr)
      return ingot::invalid_argument("a thread pool needs at least 1 thread and a function");
    handle.pool = std::make_unique<CallbackPool>(*given.thread_pool);
    out.parallel = handle.pool.get();
  }
  return Status::ok();
}

}  // namespace

extern "C" {

ingot_status ingot_context_create(ingot_engine* engine, const ingot_context_options* options, ingot_context** context) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("engine, context", engine, context));
    ingot_context_options given{};
    INGOT_RETURN_IF_ERROR(ingot::capi::read_options(options, "ingot_context_options", given));
    auto handle = std::make_unique<ingot_context>();
    ingot::ContextOptions context_options;
    INGOT_RETURN_IF_ERROR(use_hooks(given, *handle, context_options));
    INGOT_ASSIGN_OR_RETURN(handle->context, ingot::Context::create(engine->engine, context_options));
    *context = handle.release();
    return Status::ok();
  });
}

void ingot_context_destroy(ingot_context* context) {
  const ingot::CallersContext callers;
  delete context;
}

ingot_status ingot_context_set_input_shape(ingot_context* context, size_t input, const int64_t* dims, int32_t rank) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context", context));
    if (rank < 0 || (rank > 0 && dims == nullptr))
      return ingot::invalid_argument("rank {} with dims {}", rank, fmt::ptr(dims));
    return context->context->set_input_shape(input, ingot::Shape(dims, dims + rank));
  });
}

ingot_status ingot_context_bind_input(ingot_context* context, size_t input, const void* data, size_t bytes) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context", context));
    return context->context->bind_input(input, data, bytes);
  });
}

ingot_status ingot_context_bind_output(ingot_context* context, size_t output, void* data, size_t bytes) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context", context));
    return context->context->bind_output(output, data, bytes);
  });
}

ingot_status ingot_context_output_shape(ingot_context* context, size_t output, const int64_t** dims, int32_t* rank) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context, dims, rank", context, dims, rank));
    INGOT_ASSIGN_OR_RETURN(context->queried_shape, context->context->output_shape(output));
    *dims = context->queried_shape.data();
    *rank = static_cast<std::int32_t>(context->queried_shape.size());
    return Status::ok();
  });
}

ingot_status ingot_context_run(ingot_context* context) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context", context));
    return context->context->run();
  });
}

ingot_status ingot_context_output_data(ingot_context* context, size_t output, const void** data) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context, data", context, data));
    const std::size_t count = context->context->engine().output_count();
    if (output >= count) return ingot::invalid_argument("output {} of {}", output, count);
    *data = context->context->output_data(output);
    return Status::ok();
  });
}

void ingot_context_cancel(ingot_context* context) {
  if (context != nullptr) context->context->cancel();
}

ingot_status ingot_context_bind_value(ingot_context* context, size_t input, const ingot_value* value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context, value", context, value));
    const ingot::Engine& engine = context->context->engine();
    if (input >= engine.input_count()) return ingot::invalid_argument("input {} of {}", input, engine.input_count());
    const ingot::plan::Tensor& planned = engine.input(input);
    const auto fits = [&] {
      if (value->kind == INGOT_VALUE_NONE) return planned.type.starts_with("optional");
      if (value->kind == INGOT_VALUE_MAPS || planned.holds_maps())
        return value->kind == INGOT_VALUE_MAPS && planned.holds_maps() &&
               (planned.is_sequence() || value->object.items.size() == 2);
      return (value->kind == INGOT_VALUE_SEQUENCE) == planned.is_sequence();
    };
    if (!fits())
      return ingot::invalid_argument("input '{}' is {}", planned.name, planned.is_object() ? planned.type : "a tensor");
    for (std::size_t i = 0; i < value->object.items.size(); ++i) {
      const ingot::DType given = value->object.items[i]->dtype();
      const bool key = value->kind == INGOT_VALUE_MAPS && i % 2 == 0;
      const ingot::DType wanted = key ? planned.map_key() : planned.dtype;
      if (given != wanted)
        return ingot::invalid_argument("input '{}' has {} type {}, given was {}", planned.name, key ? "key" : "element",
                                       ingot::to_string(wanted), ingot::to_string(given));
    }
    return context->context->bind_value(input, ingot::Value::of(value->object));
  });
}

ingot_status ingot_context_output_value(ingot_context* context, size_t output, ingot_value** value) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(require("context, value", context, value));
    const ingot::Engine& engine = context->context->engine();
    if (output >= engine.output_count())
      return ingot::invalid_argument("output {} of {}", output, engine.output_count());
    const ingot::Value computed = context->context->output_value(output);
    const bool sequence = engine.output(output).is_sequence();
    const bool there = computed.object != nullptr
                           ? sequence || !computed.object->present || !computed.object->items.empty()
                           : computed.data != nullptr;
    if (!there)
      return ingot::failed_precondition("output '{}' has not been computed: run first", engine.output(output).name);
    auto made = std::make_unique<ingot_value>();
    INGOT_ASSIGN_OR_RETURN(made->object, ingot::object_copy(computed));
    made->kind = sequence ? INGOT_VALUE_SEQUENCE : INGOT_VALUE_TENSOR;
    if (engine.output(output).holds_maps()) made->kind = INGOT_VALUE_MAPS;
    if (!made->object.present) made->kind = INGOT_VALUE_NONE;
    *value = made.release();
    return Status::ok();
  });
}

void ingot_context_set_profiler(ingot_context* context, ingot_profiler profiler, void* user) {
  if (context == nullptr) return;
  context->profiler.callback = profiler;
  context->profiler.user = user;
  context->context->set_profiler(profiler != nullptr ? &context->profiler : nullptr);
}

void ingot_context_graph_counts(const ingot_context* context, ingot_graph_counts* counts) {
  if (counts == nullptr) return;
  const ingot::GraphCounts of = context != nullptr ? context->context->graph_counts() : ingot::GraphCounts();
  *counts = {of.kept, of.captured, of.updated, of.replayed, of.stepwise};
}
size_t ingot_context_memory_bytes(const ingot_context* context) {
  return context != nullptr ? context->context->memory_bytes() : 0;
}
int32_t ingot_context_threads(const ingot_context* context) {
  return context != nullptr ? context->context->threads() : 0;
}

}  // extern "C"
