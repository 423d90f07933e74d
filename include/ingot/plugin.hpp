// SPDX-License-Identifier: Apache-2.0
// Plugins in C++17: a header-only layer over ingot/plugin.h. It is compiled into the plugin, so the library that comes
// out depends on the C interface alone.
//
//   struct Scale {
//     explicit Scale(const ingot::plugins::Attributes& a) : factor(static_cast<float>(a.number("factor"))) {}
//     static ingot::plugins::Schema schema() {
//       return ingot::plugins::Schema("demo", "Scale").inputs(1).outputs(1).number("factor", 1.0);
//     }
//     static void infer(ingot::plugins::Infer& call) { call.like(0, 0); }
//     void run(const ingot::plugins::Launch& call) const {
//       const float* x = call.input(0).data<float>();
//       for (std::int64_t i = 0; i < call.input(0).elements(); ++i) call.output(0).data<float>()[i] = factor * x[i];
//     }
//     float factor;
//   };
//   INGOT_PLUGIN_LIBRARY("demo", "1.0.0", Scale)
//
// An operator class has a static schema() and infer(), a constructor from Attributes or from Operands, and a const
// run(). It may have:
//   std::size_t workspace(const Operands&) const            scratch memory for run()
//   static std::vector<Formats> formats(const Operands&)    type and layout combinations (default: types of the model)
//   std::vector<std::int64_t> tactics(const Operands&) const   ids of variants to time, not 0; run() sees call.tactic()
//   using State = ...; std::unique_ptr<State> make_state(const Operands&) const    per context: call.state<State>()
//   void reference(const Launch&) const                     what the checks compare with, in f32
//   int alias(std::size_t output) const                     the input whose memory the output may take
// Errors are exceptions (std::runtime_error, or ingot::plugins::fail); they never leave the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ingot/plugin.h"

namespace ingot::plugins {

[[noreturn]] inline void fail(const std::string& why) { throw std::runtime_error(why); }

// ---- schema ---------------------------------------------------------------------------------------------------------

class Schema {
 public:
  Schema(const char* domain, const char* name) {
    op_.size = sizeof(op_);
    op_.domain = domain;
    op_.name = name;
    op_.devices = INGOT_PLUGIN_CPU;
  }
  Schema& help(const char* text) { return set(op_.help, text); }
  Schema& devices(std::uint32_t bits) { return set(op_.devices, bits); }
  Schema& flags(std::uint32_t bits) { return set(op_.flags, bits); }
  Schema& inputs(std::int32_t least, std::int32_t most) {
    return set(op_.least_inputs, least).set(op_.most_inputs, most);
  }
  Schema& inputs(std::int32_t count) { return inputs(count, count); }
  Schema& outputs(std::int32_t least, std::int32_t most) {
    return set(op_.least_outputs, least).set(op_.most_outputs, most);
  }
  Schema& outputs(std::int32_t count) { return outputs(count, count); }

  // Required without a default.
  Schema& integer(const char* name) { return add(name, INGOT_PLUGIN_INT, true); }
  Schema& integer(const char* name, std::int64_t otherwise) {
    add(name, INGOT_PLUGIN_INT, false).last().i = otherwise;
    return *this;
  }
  Schema& number(const char* name) { return add(name, INGOT_PLUGIN_FLOAT, true); }
  Schema& number(const char* name, double otherwise) {
    add(name, INGOT_PLUGIN_FLOAT, false).last().f = otherwise;
    return *this;
  }
  Schema& text(const char* name) { return add(name, INGOT_PLUGIN_STRING, true); }
  Schema& text(const char* name, const char* otherwise) {
    add(name, INGOT_PLUGIN_STRING, false).last().s = otherwise;
    return *this;
  }
  // Lists; the default's elements must live as long as the process (a static array).
  Schema& integers(const char* name) { return add(name, INGOT_PLUGIN_INTS, true); }
  template <std::size_t N>
  Schema& integers(const char* name, const std::int64_t (&otherwise)[N]) {
    ingot_plugin_value& value = add(name, INGOT_PLUGIN_INTS, false).last();
    value.ints = otherwise;
    value.count = N;
    return *this;
  }
  Schema& numbers(const char* name) { return add(name, INGOT_PLUGIN_FLOATS, true); }
  // Of the attribute added last.
  Schema& range(double least, double most) {
    attributes_.back().has_range = 1;
    attributes_.back().least = least;
    attributes_.back().most = most;
    return *this;
  }
  Schema& count(std::int64_t least, std::int64_t most) {
    attributes_.back().least_count = least;
    attributes_.back().most_count = most;
    return *this;
  }
  Schema& choices(const char* list) { return set(attributes_.back().choices, list); }
  // The attribute may be absent and has no default: Attributes::has() tells.
  Schema& optional() {
    attributes_.back().required = 0;
    return *this;
  }

  [[nodiscard]] const ingot_plugin_operator& api() const { return op_; }
  [[nodiscard]] const std::vector<ingot_plugin_attribute>& attributes() const { return attributes_; }

 private:
  template <typename T>
  Schema& set(T& field, T value) {
    field = value;
    return *this;
  }
  Schema& add(const char* name, std::int32_t type, bool required) {
    ingot_plugin_attribute attribute{};
    attribute.size = sizeof(attribute);
    attribute.name = name;
    attribute.type = type;
    attribute.required = required ? 1 : 0;
    if (!required) attribute.default_value.type = type;
    attributes_.push_back(attribute);
    return *this;
  }
  ingot_plugin_value& last() { return attributes_.back().default_value; }

  ingot_plugin_operator op_{};
  std::vector<ingot_plugin_attribute> attributes_;
};

class Attributes {
 public:
  Attributes(const ingot_plugin_attribute* specs, const ingot_plugin_value* values, std::size_t count)
      : specs_(specs), values_(values), count_(count) {}

  [[nodiscard]] bool has(const char* name) const { return value(name).type != INGOT_PLUGIN_NONE; }
  [[nodiscard]] std::int64_t integer(const char* name) const { return value(name).i; }
  [[nodiscard]] double number(const char* name) const { return value(name).f; }
  [[nodiscard]] std::string text(const char* name) const {
    const ingot_plugin_value& found = value(name);
    return found.s != nullptr ? std::string(found.s, static_cast<std::size_t>(found.count)) : std::string();
  }
  [[nodiscard]] std::vector<std::int64_t> integers(const char* name) const {
    const ingot_plugin_value& found = value(name);
    return {found.ints, found.ints + found.count};
  }
  [[nodiscard]] std::vector<double> numbers(const char* name) const {
    const ingot_plugin_value& found = value(name);
    return {found.floats, found.floats + found.count};
  }
  [[nodiscard]] const ingot_plugin_value& value(const char* name) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (std::string(specs_[i].name) == name) return values_[i];
    fail(std::string("the plugin's schema has no attribute ") + name);
  }

 private:
  const ingot_plugin_attribute* specs_;
  const ingot_plugin_value* values_;
  std::size_t count_;
};

// ---- shapes ---------------------------------------------------------------------------------------------------------

// A size: a number or an expression over the model's symbols, with the usual operators.
class Size {
 public:
  Size(const ingot_plugin_infer* call, ingot_plugin_dim dim) : call_(call), dim_(dim) {}
  [[nodiscard]] ingot_plugin_dim dim() const { return dim_; }
  // The value when it is a number; otherwise `otherwise`.
  [[nodiscard]] std::int64_t value_or(std::int64_t otherwise) const {
    std::int64_t value = 0;
    return call_->is_constant(call_->host, dim_, &value) != 0 ? value : otherwise;
  }
  friend Size operator+(Size a, Size b) { return a.with(INGOT_PLUGIN_ADD, b); }
  friend Size operator-(Size a, Size b) { return a.with(INGOT_PLUGIN_SUB, b); }
  friend Size operator*(Size a, Size b) { return a.with(INGOT_PLUGIN_MUL, b); }
  friend Size operator/(Size a, Size b) { return a.with(INGOT_PLUGIN_FLOOR_DIV, b); }
  friend Size operator%(Size a, Size b) { return a.with(INGOT_PLUGIN_MOD, b); }
  friend Size operator+(Size a, std::int64_t b) { return a + a.number(b); }
  friend Size operator-(Size a, std::int64_t b) { return a - a.number(b); }
  friend Size operator*(Size a, std::int64_t b) { return a * a.number(b); }
  friend Size operator/(Size a, std::int64_t b) { return a / a.number(b); }
  friend Size ceil_div(Size a, Size b) { return a.with(INGOT_PLUGIN_CEIL_DIV, b); }
  friend Size min(Size a, Size b) { return a.with(INGOT_PLUGIN_MIN, b); }
  friend Size max(Size a, Size b) { return a.with(INGOT_PLUGIN_MAX, b); }

 private:
  [[nodiscard]] Size number(std::int64_t value) const { return {call_, call_->constant(call_->host, value)}; }
  [[nodiscard]] Size with(std::int32_t operation, const Size& other) const {
    return {call_, call_->combine(call_->host, operation, dim_, other.dim_)};
  }
  const ingot_plugin_infer* call_;
  ingot_plugin_dim dim_;
};

class Infer {
 public:
  Infer(const ingot_plugin_infer* call, Attributes attributes) : attributes(attributes), call_(call) {}
  Attributes attributes;

  [[nodiscard]] std::size_t input_count() const { return call_->input_count; }
  [[nodiscard]] std::size_t output_count() const { return call_->output_count; }
  [[nodiscard]] bool present(std::size_t input) const { return call_->input_present(call_->host, input) != 0; }
  [[nodiscard]] std::int32_t dtype(std::size_t input) const { return call_->input_type(call_->host, input); }
  [[nodiscard]] std::int32_t rank(std::size_t input) const { return call_->input_rank(call_->host, input); }
  [[nodiscard]] Size dim(std::size_t input, std::int32_t axis) const {
    return {call_, call_->input_dim(call_->host, input, axis)};
  }
  [[nodiscard]] std::vector<Size> shape(std::size_t input) const {
    std::vector<Size> out;
    for (std::int32_t axis = 0; axis < rank(input); ++axis) out.push_back(dim(input, axis));
    return out;
  }
  // Fails when the rank is another one (or not known).
  void expect_rank(std::size_t input, std::int32_t wanted) const {
    if (rank(input) != wanted)
      fail("input " + std::to_string(input) + " has rank " + std::to_string(rank(input)) + ", needs " +
           std::to_string(wanted));
  }
  // The elements of a small integer input; fails when they are not known while the model is read.
  [[nodiscard]] std::vector<Size> values(std::size_t input) const {
    const std::int64_t count = call_->input_value_count(call_->host, input);
    if (count < 0) fail("the values of input " + std::to_string(input) + " must be known while the model is read");
    std::vector<Size> out;
    for (std::int64_t i = 0; i < count; ++i) out.emplace_back(call_, call_->input_value(call_->host, input, i));
    return out;
  }
  [[nodiscard]] Size number(std::int64_t value) const { return {call_, call_->constant(call_->host, value)}; }
  // A size that only the data decide: run() calls Launch::allocate.
  [[nodiscard]] Size data_dependent(Size upper) const {
    return {call_, call_->data_dependent(call_->host, upper.dim())};
  }

  void set(std::size_t output, std::int32_t dtype, const std::vector<Size>& shape) {
    std::vector<ingot_plugin_dim> dims;
    for (const Size& size : shape) dims.push_back(size.dim());
    call_->set_output(call_->host, output, dtype, static_cast<std::int32_t>(dims.size()), dims.data());
  }
  void like(std::size_t output, std::size_t input) { set(output, dtype(input), shape(input)); }

 private:
  const ingot_plugin_infer* call_;
};

// ---- running --------------------------------------------------------------------------------------------------------

class Tensor {
 public:
  explicit Tensor(const ingot_plugin_tensor& api) : api_(api) {}
  [[nodiscard]] bool present() const { return api_.dtype != 0; }
  [[nodiscard]] std::int32_t dtype() const { return api_.dtype; }
  [[nodiscard]] std::int32_t layout() const { return api_.layout; }
  [[nodiscard]] std::int32_t rank() const { return api_.rank; }
  [[nodiscard]] std::int64_t dim(std::int32_t axis) const { return api_.dims[axis]; }
  [[nodiscard]] std::vector<std::int64_t> shape() const { return {api_.dims, api_.dims + api_.rank}; }
  [[nodiscard]] std::int64_t elements() const {
    std::int64_t out = 1;
    for (std::int32_t i = 0; i < api_.rank; ++i) out *= api_.dims[i];
    return out;
  }
  template <typename T>
  [[nodiscard]] T* data() const {
    return static_cast<T*>(api_.data);
  }

 private:
  const ingot_plugin_tensor& api_;
};

// Between which sizes a tensor lies, by axis; see ingot_plugin_range. Engines before version 1.2 of the interface do
// not tell: then it is the size at hand.
struct Range {
  std::vector<std::int64_t> dims, least, typical, most;
};

class Operands {
 public:
  Operands(const ingot_plugin_operands* call, Attributes attributes_in) : attributes(attributes_in), call_(call) {}
  Attributes attributes;
  [[nodiscard]] std::size_t input_count() const { return call_->input_count; }
  [[nodiscard]] std::size_t output_count() const { return call_->output_count; }
  [[nodiscard]] Tensor input(std::size_t i) const { return Tensor(call_->inputs[i]); }
  [[nodiscard]] Tensor output(std::size_t i) const { return Tensor(call_->outputs[i]); }
  [[nodiscard]] Range input_range(std::size_t i) const {
    return range(tells_ranges() ? call_->input_ranges : nullptr, i, input(i));
  }
  [[nodiscard]] Range output_range(std::size_t i) const {
    return range(tells_ranges() ? call_->output_ranges : nullptr, i, output(i));
  }
  [[nodiscard]] std::int32_t device() const { return call_->device; }
  [[nodiscard]] std::int64_t tactic() const { return call_->tactic; }

 private:
  [[nodiscard]] bool tells_ranges() const {
    return call_->size >= offsetof(ingot_plugin_operands, output_ranges) + sizeof(call_->output_ranges);
  }
  static Range range(const ingot_plugin_range* ranges, std::size_t i, const Tensor& tensor) {
    if (ranges == nullptr) return {tensor.shape(), tensor.shape(), tensor.shape(), tensor.shape()};
    const auto list = [&](const std::int64_t* sizes) {
      return std::vector<std::int64_t>(sizes, sizes + tensor.rank());
    };
    return {list(ranges[i].dims), list(ranges[i].least), list(ranges[i].typical), list(ranges[i].most)};
  }

  const ingot_plugin_operands* call_;
};

class Launch {
 public:
  Launch(const ingot_plugin_launch* call, std::int64_t tactic, void* state)
      : call_(call), tactic_(tactic), state_(state) {}
  [[nodiscard]] std::size_t input_count() const { return call_->input_count; }
  [[nodiscard]] std::size_t output_count() const { return call_->output_count; }
  [[nodiscard]] Tensor input(std::size_t i) const { return Tensor(call_->inputs[i]); }
  [[nodiscard]] Tensor output(std::size_t i) const { return Tensor(call_->outputs[i]); }
  [[nodiscard]] bool on_cuda() const { return call_->device == INGOT_PLUGIN_CUDA; }
  [[nodiscard]] void* stream() const { return call_->stream; }
  template <typename T>
  [[nodiscard]] T* workspace() const {
    return static_cast<T*>(call_->workspace);
  }
  [[nodiscard]] std::int64_t tactic() const { return tactic_; }
  template <typename T>
  [[nodiscard]] T& state() const {
    return *static_cast<T*>(state_);
  }
  // Memory for an output whose size the data decide.
  template <typename T>
  [[nodiscard]] T* allocate(std::size_t output, const std::vector<std::int64_t>& shape) const {
    void* memory = call_->allocate_output(call_->host, output, shape.data(), static_cast<std::int32_t>(shape.size()));
    if (memory == nullptr) fail("no memory for output " + std::to_string(output));
    return static_cast<T*>(memory);
  }
  // CPU: body(i, thread) for i in [0, count) on the engine's threads; body must not throw.
  template <typename Body>
  void parallel(std::int64_t count, Body&& body) const {
    using Plain = std::remove_reference_t<Body>;
    call_->parallel(
        call_->host, count,
        [](void* user, std::int64_t i, std::int32_t thread) { (*static_cast<Plain*>(user))(i, thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }
  [[nodiscard]] std::int32_t threads() const { return call_->threads; }

 private:
  const ingot_plugin_launch* call_;
  std::int64_t tactic_;
  void* state_;
};

// One combination: formats of the inputs, then of the outputs.
using Formats = std::vector<ingot_plugin_format>;

// ---- the bridge to the C interface ----------------------------------------------------------------------------------

// Hidden: two libraries may have operator classes of one name.
namespace detail __attribute__((visibility("hidden"))) {

#define INGOT_PLUGIN_DETECT(trait, expression)              \
  template <typename T, typename = void>                    \
  struct trait : std::false_type {};                        \
  template <typename T>                                     \
  struct trait<T, std::void_t<decltype(expression)>> : std::true_type {}
INGOT_PLUGIN_DETECT(HasWorkspace, std::declval<const T&>().workspace(std::declval<const Operands&>()));
INGOT_PLUGIN_DETECT(HasFormats, T::formats(std::declval<const Operands&>()));
INGOT_PLUGIN_DETECT(HasTactics, std::declval<const T&>().tactics(std::declval<const Operands&>()));
INGOT_PLUGIN_DETECT(HasState, std::declval<const T&>().make_state(std::declval<const Operands&>()));
INGOT_PLUGIN_DETECT(HasReference, std::declval<const T&>().reference(std::declval<const Launch&>()));
INGOT_PLUGIN_DETECT(HasAlias, std::declval<const T&>().alias(std::size_t{}));
#undef INGOT_PLUGIN_DETECT

template <typename Body>
std::int32_t guarded(ingot_plugin_error* error, Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const std::exception& exception) {
    std::snprintf(error->text, error->capacity, "%s", exception.what());
  } catch (...) {
    std::snprintf(error->text, error->capacity, "an exception of unknown type");
  }
  return 1;
}

template <typename T>
struct Bridge {
  // A context's own: the chosen tactic, and the operator's state if it has one.
  struct Context {
    std::int64_t tactic = 0;
    std::shared_ptr<void> state;
  };
  static const Schema& schema() {
    static const Schema the_schema = T::schema();
    return the_schema;
  }
  static Attributes attributes(const ingot_plugin_value* values, std::size_t count) {
    return {schema().attributes().data(), values, count};
  }
  static Operands operands(const ingot_plugin_operands* call) {
    return {call, attributes(call->attributes, call->attribute_count)};
  }
  static const T& self(const void* instance) { return *static_cast<const T*>(instance); }

  static std::int32_t infer(void*, const ingot_plugin_infer* call, ingot_plugin_error* error) {
    return guarded(error, [&] {
      Infer wrapped(call, attributes(call->attributes, call->attribute_count));
      T::infer(wrapped);
    });
  }
  static std::int32_t combination(void*, const ingot_plugin_operands* call, std::size_t index,
                                  ingot_plugin_format* out) {
    if constexpr (HasFormats<T>::value) {
      ingot_plugin_error ignored{nullptr, 0};
      std::int32_t more = 0;
      guarded(&ignored, [&] {
        const std::vector<Formats> all = T::formats(operands(call));
        if (index >= all.size()) return;
        for (std::size_t i = 0; i < all[index].size() && i < call->input_count + call->output_count; ++i)
          out[i] = all[index][i];
        more = 1;
      });
      return more;
    } else {
      return 0;
    }
  }
  static std::int32_t create(void*, const ingot_plugin_operands* call, void** instance, ingot_plugin_error* error) {
    return guarded(error, [&] {
      if constexpr (std::is_constructible_v<T, const Operands&>) {
        *instance = new T(operands(call));
      } else {
        *instance = new T(attributes(call->attributes, call->attribute_count));
      }
    });
  }
  static void destroy(void*, void* instance) { delete static_cast<T*>(instance); }
  static std::int32_t tactic(void*, const void* instance, const ingot_plugin_operands* call, std::size_t index,
                             ingot_plugin_tactic* out) {
    if constexpr (HasTactics<T>::value) {
      ingot_plugin_error ignored{nullptr, 0};
      std::int32_t more = 0;
      guarded(&ignored, [&] {
        const std::vector<std::int64_t> ids = self(instance).tactics(operands(call));
        if (index >= ids.size()) return;
        out->id = ids[index];
        more = 1;
      });
      return more;
    } else {
      return 0;
    }
  }
  static std::int32_t configure(void*, const void* instance, const ingot_plugin_operands* call, void** state,
                                std::size_t* workspace, ingot_plugin_error* error) {
    return guarded(error, [&] {
      const Operands wrapped = operands(call);
      auto context = std::make_unique<Context>();
      context->tactic = call->tactic;
      if constexpr (HasState<T>::value) context->state = self(instance).make_state(wrapped);
      if constexpr (HasWorkspace<T>::value) *workspace = self(instance).workspace(wrapped);
      *state = context.release();
    });
  }
  static void release(void*, const void*, void* state) { delete static_cast<Context*>(state); }
  static std::int32_t launch(void*, const void* instance, void* state, const ingot_plugin_launch* call,
                             ingot_plugin_error* error) {
    const auto* context = static_cast<const Context*>(state);
    return guarded(error, [&] { self(instance).run(Launch(call, context->tactic, context->state.get())); });
  }
  static std::int32_t reference(void*, const void* instance, const ingot_plugin_launch* call,
                                ingot_plugin_error* error) {
    if constexpr (HasReference<T>::value) {
      return guarded(error, [&] { self(instance).reference(Launch(call, 0, nullptr)); });
    } else {
      return 1;
    }
  }
  static std::int32_t alias(void*, const void* instance, std::size_t output) {
    if constexpr (HasAlias<T>::value) {
      return self(instance).alias(output);
    } else {
      return -1;
    }
  }

  static const ingot_plugin_operator* api() {
    static const ingot_plugin_operator op = [] {
      ingot_plugin_operator out = schema().api();
      out.attributes = schema().attributes().data();
      out.attribute_count = schema().attributes().size();
      out.infer = infer;
      if constexpr (HasFormats<T>::value) out.combination = combination;
      out.create = create;
      out.destroy = destroy;
      if constexpr (HasTactics<T>::value) out.tactic = tactic;
      out.configure = configure;
      out.release = release;
      out.launch = launch;
      if constexpr (HasReference<T>::value) out.reference = reference;
      if constexpr (HasAlias<T>::value) out.alias = alias;
      return out;
    }();
    return &op;
  }
};

template <typename... Operators>
const ingot_plugin_library* library(const char* name, const char* version) {
  static const ingot_plugin_operator* const ops[] = {Bridge<Operators>::api()...};
  static ingot_plugin_library out{};
  out.size = sizeof(out);
  out.major = INGOT_PLUGIN_MAJOR;
  out.minor = INGOT_PLUGIN_MINOR;
  out.name = name;
  out.version = version;
  out.operators = ops;
  out.operator_count = sizeof...(Operators);
  return &out;
}

}  // namespace detail
}  // namespace ingot::plugins

// Once in a library, outside of any namespace.
#define INGOT_PLUGIN_LIBRARY(name, version, ...)                                                         \
  extern "C" INGOT_PLUGIN_EXPORT const ingot_plugin_library* ingot_plugin_query(const ingot_plugin_host*) { \
    return ::ingot::plugins::detail::library<__VA_ARGS__>(name, version);                                \
  }
