// SPDX-License-Identifier: Apache-2.0
// The C++ layer over ingot/ingot.h: header-only C++20, so it adds no ABI of its own.
//
// Errors are values: what can fail returns Status or Result<T>; Result::value() throws ingot::Error instead (aborts
// where exceptions are off). Views (names, spans) live as long as the engine or context they came from. Threads: an
// Engine may be shared; a Context belongs to one thread at a time.
//
//   auto engine = ingot::Engine::load("digits.plan").value();
//   auto context = engine.create_context().value();
//   context.set_input_shape(0, {1, 1, 28, 28}).check();
//   context.bind_input<float>(0, pixels).check();
//   context.run().check();
//   std::span<const float> scores = context.output<float>(0).value().data;
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ingot/ingot.h"

namespace ingot {
inline namespace api {

// ---- errors ---------------------------------------------------------------------------------------------------------

class Error : public std::runtime_error {
 public:
  Error(ingot_status code, const std::string& message)
      : std::runtime_error(std::string(ingot_status_name(code)) + ": " + message), code_(code) {}
  [[nodiscard]] ingot_status code() const noexcept { return code_; }

 private:
  ingot_status code_;
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ingot_status code, std::string message) : code_(code), message_(std::move(message)) {}
  // Of a C call that was just made on this thread.
  static Status of(ingot_status code) { return code == INGOT_OK ? Status() : Status(code, ingot_last_error()); }

  [[nodiscard]] bool is_ok() const noexcept { return code_ == INGOT_OK; }
  explicit operator bool() const noexcept { return is_ok(); }
  [[nodiscard]] ingot_status code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  // Throws unless ok.
  void check() const {
    if (is_ok()) return;
#if defined(__cpp_exceptions)
    throw Error(code_, message_);
#else
    std::abort();
#endif
  }

 private:
  ingot_status code_ = INGOT_OK;
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool is_ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return is_ok(); }
  [[nodiscard]] Status status() const { return is_ok() ? Status() : std::get<1>(state_); }
  // These throw when there is no value.
  T& value() & { return (status().check(), std::get<0>(state_)); }
  const T& value() const& { return (status().check(), std::get<0>(state_)); }
  T&& value() && { return (status().check(), std::get<0>(std::move(state_))); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

// ---- tensors --------------------------------------------------------------------------------------------------------

// The element type of a C++ type. For f16 and bf16, which C++20 lacks, use the functions that take bytes.
template <typename T>
constexpr ingot_dtype dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return INGOT_F32;
  else if constexpr (std::is_same_v<T, double>)
    return INGOT_F64;
  else if constexpr (std::is_same_v<T, bool>)
    return INGOT_BOOL;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return sizeof(T) == 1 ? INGOT_I8 : sizeof(T) == 2 ? INGOT_I16 : sizeof(T) == 4 ? INGOT_I32 : INGOT_I64;
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T) == 1 ? INGOT_U8 : sizeof(T) == 2 ? INGOT_U16 : sizeof(T) == 4 ? INGOT_U32 : INGOT_U64;
  else
    static_assert(!sizeof(T), "not an element type");
}

// What an engine says about an input or output.
struct TensorInfo {
  std::string_view name;
  ingot_dtype dtype = INGOT_UNDEFINED;
  std::span<const std::int64_t> shape;          // -1 where the size is not fixed
  std::vector<std::string_view> symbols;        // per axis: "" or the symbol or expression
  std::span<const std::int64_t> min, opt, max;  // empty unless the profile limits this input
  std::string_view type;                        // "f32[N, 3]", "f32[?]", "seq<i64[?]>", "optional<f32[2]>"
};

template <typename T>
struct TensorView {
  std::span<const T> data;
  std::vector<std::int64_t> shape;
};

// ---- values ---------------------------------------------------------------------------------------------------------

// A tensor of a value, as it lies there.
struct ValueTensor {
  ingot_dtype dtype = INGOT_UNDEFINED;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;  // empty for strings
};

// Inputs and outputs that plain memory cannot hold: strings, sequences, maps, optionals, tensors of any rank. Copies are
// cheap and mean the same value.
class Value {
 public:
  // Takes over a handle of the C API.
  explicit Value(ingot_value* handle) : value_(handle, [](ingot_value* value) { ingot_value_destroy(value); }) {}

  static Result<Value> tensor(ingot_dtype dtype, std::span<const std::int64_t> shape, std::span<const std::byte> data) {
    return made([&](ingot_value** out) {
      return ingot_value_create_tensor(dtype, shape.data(), static_cast<int>(shape.size()), data.data(), data.size(),
                                       out);
    });
  }
  static Result<Value> strings(std::span<const std::int64_t> shape, std::span<const std::string> texts) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    if (count != texts.size()) return Status(INGOT_INVALID_ARGUMENT, "the shape does not fit the number of strings");
    std::vector<const char*> pointers;
    std::vector<std::size_t> lengths;
    for (const std::string& text : texts) {
      pointers.push_back(text.data());
      lengths.push_back(text.size());
    }
    return made([&](ingot_value** out) {
      return ingot_value_create_strings(shape.data(), static_cast<int>(shape.size()), pointers.data(), lengths.data(),
                                        out);
    });
  }
  static Result<Value> sequence(std::span<const Value> elements) {
    return made_of(elements, &ingot_value_create_sequence);
  }
  // A map or several: keys and values of each in turn, vectors of one length.
  static Result<Value> maps(std::span<const Value> keys_and_values) {
    return made_of(keys_and_values, &ingot_value_create_maps);
  }
  // An optional that holds nothing.
  static Result<Value> none() { return made(&ingot_value_create_none); }

  [[nodiscard]] ingot_value_kind kind() const { return ingot_value_get_kind(value_.get()); }
  // How many tensors: of a sequence its length, of maps two each.
  [[nodiscard]] std::size_t count() const { return ingot_value_count(value_.get()); }
  [[nodiscard]] Result<ValueTensor> tensor(std::size_t element = 0) const {
    ValueTensor out;
    const std::int64_t* dims = nullptr;
    std::int32_t rank = 0;
    const void* data = nullptr;
    std::size_t bytes = 0;
    if (Status status = Status::of(ingot_value_tensor(value_.get(), element, &out.dtype, &dims, &rank, &data, &bytes));
        !status.is_ok())
      return status;
    out.shape = {dims, static_cast<std::size_t>(rank)};
    out.bytes = {static_cast<const std::byte*>(data), bytes};
    return out;
  }
  [[nodiscard]] Result<std::string_view> string(std::size_t element, std::size_t index) const {
    const char* text = nullptr;
    std::size_t length = 0;
    if (Status status = Status::of(ingot_value_string(value_.get(), element, index, &text, &length)); !status.is_ok())
      return status;
    return std::string_view(text, length);
  }
  // For calls of the C API.
  [[nodiscard]] const ingot_value* get() const noexcept { return value_.get(); }

 private:
  template <typename Make>
  static Result<Value> made(Make make) {
    ingot_value* handle = nullptr;
    if (Status status = Status::of(make(&handle)); !status.is_ok()) return status;
    return Value(handle);
  }
  template <typename Make>
  static Result<Value> made_of(std::span<const Value> elements, Make make) {
    std::vector<const ingot_value*> handles;
    for (const Value& element : elements) handles.push_back(element.get());
    return made([&](ingot_value** out) { return make(handles.data(), handles.size(), out); });
  }

  std::shared_ptr<const ingot_value> value_;
};

// ---- what an application may plug in --------------------------------------------------------------------------------
// Objects of these classes must outlive the contexts that use them. None of the functions may throw.

// Memory for activations; thread-safe when contexts on several threads share it.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual void* allocate(std::size_t bytes, std::size_t alignment) noexcept = 0;  // nullptr when out of memory
  virtual void deallocate(void* memory, std::size_t bytes) noexcept = 0;
};

// The application's threads. run() calls task(i, thread) for every i in [0, count), thread in [0, threads()), never two
// at once with the same thread, and returns when all have returned.
class ThreadPool {
 public:
  class Task {
   public:
    Task(void (*call)(void*, std::int64_t, std::int32_t), void* user) : call_(call), user_(user) {}
    void operator()(std::int64_t index, int thread) const { call_(user_, index, thread); }

   private:
    void (*call_)(void*, std::int64_t, std::int32_t);
    void* user_;
  };
  virtual ~ThreadPool() = default;
  [[nodiscard]] virtual int threads() const noexcept = 0;
  virtual void run(std::int64_t count, Task task) noexcept = 0;
};

struct ContextOptions {
  int threads = 0;                    // <= 0: all processors that the process may use
  ThreadPool* thread_pool = nullptr;  // nullptr: the context's own
  Allocator* allocator = nullptr;     // nullptr: the heap
  // For plans of a GPU: the caller's stream. When all bindings are memory of the GPU, run() then only enqueues.
  void* cuda_stream = nullptr;
  // For plans of a GPU: how many captured runs to keep. 0: 8; < 0: none.
  int cuda_graphs = 0;
};

struct StepTime {
  std::size_t step = 0;
  std::string_view name, tactic;
  double microseconds = 0;
};
// Called after each step on the running thread; must not throw.
using Profiler = std::function<void(const StepTime&)>;

// ---- context --------------------------------------------------------------------------------------------------------

// Keeps its engine alive.
class Context {
 public:
  // Needed for inputs with symbolic sizes.
  Status set_input_shape(std::size_t input, std::span<const std::int64_t> shape) {
    return Status::of(
        ingot_context_set_input_shape(context_.get(), input, shape.data(), static_cast<int>(shape.size())));
  }
  Status set_input_shape(std::size_t input, std::initializer_list<std::int64_t> shape) {
    return set_input_shape(input, std::span<const std::int64_t>(shape.begin(), shape.size()));
  }

  // Bound memory stays the caller's and must live until it is bound anew or the context is destroyed.
  template <typename T>
  Status bind_input(std::size_t input, std::span<const T> data) {
    if (Status status = check_dtype<T>(&ingot_engine_input, input, "input"); !status.is_ok()) return status;
    return bind_input_bytes(input, data.data(), data.size_bytes());
  }
  Status bind_input_bytes(std::size_t input, const void* data, std::size_t bytes) {
    return Status::of(ingot_context_bind_input(context_.get(), input, data, bytes));
  }
  // Optional: an output that is not bound lives in the context until the next run.
  template <typename T>
  Status bind_output(std::size_t output, std::span<T> data) {
    if (Status status = check_dtype<T>(&ingot_engine_output, output, "output"); !status.is_ok()) return status;
    return bind_output_bytes(output, data.data(), data.size_bytes());
  }
  // nullptr unbinds.
  Status bind_output_bytes(std::size_t output, void* data, std::size_t bytes) {
    return Status::of(ingot_context_bind_output(context_.get(), output, data, bytes));
  }

  // Any input: instead of a shape and memory. The value is kept.
  Status bind_value(std::size_t input, const Value& value) {
    Status status = Status::of(ingot_context_bind_value(context_.get(), input, value.get()));
    if (status.is_ok()) bound_values_.insert_or_assign(input, value);
    return status;
  }
  // After a run: a copy of any output.
  Result<Value> output_value(std::size_t output) {
    ingot_value* handle = nullptr;
    if (Status status = Status::of(ingot_context_output_value(context_.get(), output, &handle)); !status.is_ok())
      return status;
    return Value(handle);
  }

  // Before a run: from the input shapes; INGOT_FAILED_PRECONDITION where only the data decide.
  Result<std::vector<std::int64_t>> output_shape(std::size_t output) {
    const std::int64_t* dims = nullptr;
    std::int32_t rank = 0;
    if (Status status = Status::of(ingot_context_output_shape(context_.get(), output, &dims, &rank)); !status.is_ok())
      return status;
    return std::vector<std::int64_t>(dims, dims + rank);
  }

  Status run() { return Status::of(ingot_context_run(context_.get())); }
  // From any thread: the run in progress ends with INGOT_CANCELLED before the next iteration of a loop in the model.
  void cancel() { ingot_context_cancel(context_.get()); }

  // After a run; the data live until the next run or change of shape.
  template <typename T>
  Result<TensorView<T>> output(std::size_t output) {
    if (Status status = check_dtype<T>(&ingot_engine_output, output, "output"); !status.is_ok()) return status;
    Result<std::vector<std::int64_t>> shape = output_shape(output);
    if (!shape.is_ok()) return shape.status();
    Result<const void*> data = output_data(output);
    if (!data.is_ok()) return data.status();
    std::size_t count = *data == nullptr ? 0 : 1;
    for (const std::int64_t size : *shape) count *= static_cast<std::size_t>(size);
    return TensorView<T>{{static_cast<const T*>(*data), count}, std::move(*shape)};
  }
  Result<const void*> output_data(std::size_t output) {
    const void* data = nullptr;
    if (Status status = Status::of(ingot_context_output_data(context_.get(), output, &data)); !status.is_ok())
      return status;
    return data;
  }

  // An empty function detaches.
  void set_profiler(Profiler profiler) {
    profiler_ = profiler ? std::make_unique<Profiler>(std::move(profiler)) : nullptr;
    const auto call = [](void* user, std::size_t step, const char* name, const char* tactic, double microseconds) {
      (*static_cast<Profiler*>(user))({step, name, tactic, microseconds});
    };
    ingot_context_set_profiler(context_.get(), profiler_ ? +call : nullptr, profiler_.get());
  }
  // How the runs on a GPU went.
  [[nodiscard]] ingot_graph_counts graph_counts() const {
    ingot_graph_counts counts;
    ingot_context_graph_counts(context_.get(), &counts);
    return counts;
  }
  [[nodiscard]] std::size_t memory_bytes() const { return ingot_context_memory_bytes(context_.get()); }
  [[nodiscard]] int threads() const { return ingot_context_threads(context_.get()); }
  // For calls of the C API.
  [[nodiscard]] ingot_context* get() const noexcept { return context_.get(); }

 private:
  friend class Engine;
  struct Destroy {
    void operator()(ingot_context* context) const { ingot_context_destroy(context); }
  };

  // The engine handle stays, for questions about types.
  Context(ingot_context* context, std::shared_ptr<ingot_engine> engine)
      : engine_(std::move(engine)), context_(context) {}

  template <typename T>
  Status check_dtype(decltype(&ingot_engine_input) query, std::size_t index, const char* role) const {
    ingot_tensor_info info;
    if (Status status = Status::of(query(engine_.get(), index, &info)); !status.is_ok()) return status;
    constexpr ingot_dtype given = dtype_of<std::remove_const_t<T>>();
    if (info.dtype == given) return {};
    return Status(INGOT_INVALID_ARGUMENT, std::string(role) + " '" + info.name + "' is " +
                                              ingot_dtype_name(info.dtype) + ", not " + ingot_dtype_name(given));
  }

  std::shared_ptr<ingot_engine> engine_;
  std::map<std::size_t, Value> bound_values_;  // outlive the context
  std::unique_ptr<Profiler> profiler_;
  std::unique_ptr<ingot_context, Destroy> context_;
};

// Loads a plugin library (ingot/plugin.h); its operators are known to all models and plans that are read afterwards.
inline Status load_plugin(const std::string& path) { return Status::of(ingot_plugin_load(path.c_str())); }

// ---- engine ---------------------------------------------------------------------------------------------------------

struct LoadOptions {
  bool verify_weights = true;  // false: do not hash the weights (the file is trusted)
  bool allow_embedded_plugins = false;  // run plugin libraries that the plan holds: it must be trusted as a program is
  int cuda_device = 0;                  // of a plan for CUDA: which GPU
};

// A shared, immutable, loaded plan; copies are cheap and mean the same engine.
class Engine {
 public:
  // Takes over a handle of the C API.
  explicit Engine(ingot_engine* handle) : engine_(handle, &ingot_engine_destroy) {}

  // The file is mapped, not read.
  static Result<Engine> load(const std::string& path, const LoadOptions& options = {}) {
    const ingot_load_options raw{sizeof(raw), options.verify_weights ? 0 : 1, options.cuda_device,
                                 options.allow_embedded_plugins ? 1 : 0};
    ingot_engine* handle = nullptr;
    if (Status status = Status::of(ingot_engine_load(path.c_str(), &raw, &handle)); !status.is_ok()) return status;
    return Engine(handle);
  }
  // The bytes are copied.
  static Result<Engine> load_bytes(std::span<const std::byte> bytes, const LoadOptions& options = {}) {
    const ingot_load_options raw{sizeof(raw), options.verify_weights ? 0 : 1, options.cuda_device,
                                 options.allow_embedded_plugins ? 1 : 0};
    ingot_engine* handle = nullptr;
    if (Status status = Status::of(ingot_engine_load_bytes(bytes.data(), bytes.size(), &raw, &handle)); !status.is_ok())
      return status;
    return Engine(handle);
  }

  // The bytes of the plan file.
  [[nodiscard]] std::span<const std::byte> serialise() const {
    const void* bytes = nullptr;
    std::size_t count = 0;
    ingot_engine_serialise(engine_.get(), &bytes, &count);
    return {static_cast<const std::byte*>(bytes), count};
  }

  [[nodiscard]] std::size_t input_count() const { return ingot_engine_input_count(engine_.get()); }
  [[nodiscard]] std::size_t output_count() const { return ingot_engine_output_count(engine_.get()); }
  Result<TensorInfo> input(std::size_t index) const { return info(&ingot_engine_input, &ingot_engine_input_type, index); }
  Result<TensorInfo> output(std::size_t index) const {
    return info(&ingot_engine_output, &ingot_engine_output_type, index);
  }
  // By ONNX name.
  Result<std::size_t> find_input(const std::string& name) const { return find(&ingot_engine_find_input, name); }
  Result<std::size_t> find_output(const std::string& name) const { return find(&ingot_engine_find_output, name); }

  [[nodiscard]] std::size_t step_count() const { return ingot_engine_step_count(engine_.get()); }
  Result<ingot_step_info> step(std::size_t index) const {
    ingot_step_info info;
    if (Status status = Status::of(ingot_engine_step(engine_.get(), index, &info)); !status.is_ok()) return status;
    return info;
  }
  [[nodiscard]] std::size_t weight_bytes() const { return ingot_engine_weight_bytes(engine_.get()); }
  // Where it runs: "cpu", "cuda:0", ...
  [[nodiscard]] std::string device() const { return ingot_engine_device(engine_.get()); }

  Result<Context> create_context(const ContextOptions& options = {}) const {
    ingot_context_options raw{};
    raw.size = sizeof(raw);
    raw.threads = options.threads;
    raw.cuda_stream = options.cuda_stream;
    raw.cuda_graphs = options.cuda_graphs;
    ingot_thread_pool pool{};
    if (options.thread_pool != nullptr) {
      pool = {options.thread_pool, options.thread_pool->threads(),
              [](void* user, std::int64_t count, void (*task)(void*, std::int64_t, std::int32_t), void* task_user) {
                static_cast<ThreadPool*>(user)->run(count, ThreadPool::Task(task, task_user));
              }};
      raw.thread_pool = &pool;
    }
    ingot_allocator allocator{};
    if (options.allocator != nullptr) {
      allocator = {options.allocator,
                   [](void* user, std::size_t bytes, std::size_t alignment) {
                     return static_cast<Allocator*>(user)->allocate(bytes, alignment);
                   },
                   [](void* user, void* memory, std::size_t bytes) {
                     static_cast<Allocator*>(user)->deallocate(memory, bytes);
                   }};
      raw.allocator = &allocator;
    }
    ingot_context* handle = nullptr;
    if (Status status = Status::of(ingot_context_create(engine_.get(), &raw, &handle)); !status.is_ok()) return status;
    return Context(handle, engine_);
  }
  // For calls of the C API.
  [[nodiscard]] ingot_engine* get() const noexcept { return engine_.get(); }

 private:
  Result<TensorInfo> info(decltype(&ingot_engine_input) query, decltype(&ingot_engine_input_type) type,
                          std::size_t index) const {
    ingot_tensor_info raw;
    if (Status status = Status::of(query(engine_.get(), index, &raw)); !status.is_ok()) return status;
    const auto rank = static_cast<std::size_t>(raw.rank);
    const auto range = [&](const std::int64_t* dims) {
      return raw.has_range != 0 ? std::span(dims, rank) : std::span<const std::int64_t>();
    };
    return TensorInfo{raw.name,
                      raw.dtype,
                      {raw.dims, rank},
                      {raw.dim_names, raw.dim_names + rank},
                      range(raw.min_dims),
                      range(raw.opt_dims),
                      range(raw.max_dims),
                      type(engine_.get(), index)};
  }
  Result<std::size_t> find(decltype(&ingot_engine_find_input) query, const std::string& name) const {
    std::size_t index = 0;
    if (Status status = Status::of(query(engine_.get(), name.c_str(), &index)); !status.is_ok()) return status;
    return index;
  }

  std::shared_ptr<ingot_engine> engine_;
};

}  // namespace api
}  // namespace ingot
