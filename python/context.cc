// SPDX-License-Identifier: Apache-2.0
// Contexts of ingot._core: tensors of any library in, NumPy arrays out.
#include <nanobind/stl/string.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "arrays.h"
#include "values.h"

namespace ingot_python {
namespace {

template <typename T>
std::string list_text(const T& sizes) {
  std::string text = "[";
  for (const std::int64_t size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

class Context {
 public:
  Context(const ingot::Engine& engine, int threads, std::uintptr_t cuda_stream)
      : engine_(engine),
        device_(engine.device()),
        context_(
            engine.create_context({.threads = threads, .cuda_stream = reinterpret_cast<void*>(cuda_stream)}).value()) {
    for (std::size_t i = 0; i < engine.input_count(); ++i) inputs_.push_back(*engine.input(i));
    for (std::size_t i = 0; i < engine.output_count(); ++i) outputs_.push_back(*engine.output(i));
    by_data_.resize(outputs_.size());
  }

  nb::dict run(const nb::dict& inputs, const nb::object& out) {
    if (busy_.exchange(true))
      raise(INGOT_FAILED_PRECONDITION, "the context is running on another thread: create one context per thread");
    struct Release {
      std::atomic<bool>& busy;
      ~Release() { busy = false; }
    } const release_busy{busy_};
    const nb::dict given_outputs = out.is_none() ? nb::dict() : nb::cast<nb::dict>(out);
    check_names(inputs, inputs_, "input");
    check_names(given_outputs, outputs_, "output");

    const std::vector<Feed> feeds = bind_inputs(inputs);
    std::vector<nb::object> results(outputs_.size());
    std::vector<Array> memory(outputs_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (is_plain(outputs_[i])) bind_output(i, given_outputs, results[i], memory[i]);
    ingot::Status status;
    {
      const nb::gil_scoped_release release;
      status = context_.run();
    }
    status.check();
    nb::dict named;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const bool given = given_outputs.contains(name_of(outputs_[i]));
      if (!is_plain(outputs_[i])) {
        if (given)
          raise(INGOT_INVALID_ARGUMENT, "output '" + std::string(outputs_[i].name) + "' is " +
                                            std::string(outputs_[i].type) + ": it cannot be written into an array");
        named[name_of(outputs_[i])] = from_value(context_.output_value(i).value(), outputs_[i]);
        continue;
      }
      if (!memory[i].is_valid()) fetch_output(i, given_outputs, results[i]);
      named[name_of(outputs_[i])] =
          given ? results[i] : finished(std::move(results[i]), element_type(outputs_[i].dtype));
    }
    return named;
  }

  void set_profiler(nb::object callback) {
    if (callback.is_none()) return context_.set_profiler({});
    context_.set_profiler([callback = std::move(callback)](const ingot::StepTime& time) {
      const nb::gil_scoped_acquire gil;
      try {
        callback(time.step, nb::str(time.name.data(), time.name.size()),
                 nb::str(time.tactic.data(), time.tactic.size()), time.microseconds);
      } catch (nb::python_error& error) {
        error.discard_as_unraisable("ingot profiler");
      }
    });
  }

  void cancel() { context_.cancel(); }

  [[nodiscard]] int threads() const { return context_.threads(); }
  [[nodiscard]] std::size_t memory_bytes() const { return context_.memory_bytes(); }

 private:
  static nb::str name_of(const ingot::TensorInfo& info) { return nb::str(info.name.data(), info.name.size()); }

  static void check_names(const nb::dict& given, const std::vector<ingot::TensorInfo>& known, const char* role) {
    for (const auto& [key, value] : given) {
      const auto name = nb::cast<std::string>(nb::str(key));
      if (std::any_of(known.begin(), known.end(), [&](const ingot::TensorInfo& info) { return info.name == name; }))
        continue;
      std::string names;
      for (const ingot::TensorInfo& info : known) names += (names.empty() ? "'" : ", '") + std::string(info.name) + "'";
      raise(INGOT_INVALID_ARGUMENT, std::string("there is no ") + role + " '" + name + "'; the engine has " + names);
    }
  }

  struct Feed {
    ConstArray array;
    std::vector<std::byte> packed;
  };

  // What is returned must live until the run has ended.
  std::vector<Feed> bind_inputs(const nb::dict& given) {
    std::vector<Feed> feeds(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const ingot::TensorInfo& info = inputs_[i];
      const ElementType& type = element_type(info.dtype);
      const std::string what = "input '" + std::string(info.name) + "'";
      if (!given.contains(name_of(info))) raise(INGOT_INVALID_ARGUMENT, what + " is not given");
      if (!is_plain(info)) {
        context_.bind_value(i, to_value(given[name_of(info)], info, what)).check();
        continue;
      }
      feeds[i].array = view(given[name_of(info)], info.dtype, what);
      const ConstArray& array = feeds[i].array;
      check_place(array, device_, what);
      const void* data = array.data();
      if (type.packed()) {
        if (on_gpu(array)) raise(INGOT_UNSUPPORTED, what + ": elements of less than a byte come from host memory");
        feeds[i].packed.resize(type.bytes(array.size()));
        pack(static_cast<const std::byte*>(data), array.size(), type.bits, feeds[i].packed.data());
        data = feeds[i].packed.data();
      }
      context_.set_input_shape(i, shape_of(array)).check();
      context_.bind_input_bytes(i, data, type.bytes(array.size())).check();
    }
    return feeds;
  }

  // `memory` stays invalid for outputs that are fetched after the run: those whose shape only the data decide, which
  // shows before the first run (later the context knows the last run's), and packed ones.
  void bind_output(std::size_t i, const nb::dict& given, nb::object& result, Array& memory) {
    const ElementType& type = element_type(outputs_[i].dtype);
    const ingot::Result<std::vector<std::int64_t>> shape = context_.output_shape(i);
    if (!shape.is_ok() && shape.status().code() != INGOT_FAILED_PRECONDITION) shape.status().check();
    if (!shape.is_ok()) by_data_[i] = true;
    if (by_data_[i] || type.packed()) return context_.bind_output_bytes(i, nullptr, 0).check();
    memory = provide(i, shape.value(), given, result);
    context_.bind_output_bytes(i, memory.data(), type.bytes(memory.size())).check();
  }

  void fetch_output(std::size_t i, const nb::dict& given, nb::object& result) {
    const ElementType& type = element_type(outputs_[i].dtype);
    const Array memory = provide(i, context_.output_shape(i).value(), given, result);
    if (memory.size() == 0) return;
    if (on_gpu(memory))
      raise(INGOT_UNSUPPORTED, "output '" + std::string(outputs_[i].name) +
                                   "': a tensor of the GPU cannot take an output whose shape only the data decide");
    const auto* data = static_cast<const std::byte*>(context_.output_data(i).value());
    if (type.packed())
      unpack(data, memory.size(), type.bits, static_cast<std::byte*>(memory.data()));
    else
      std::memcpy(memory.data(), data, type.bytes(memory.size()));
  }

  // Memory for an output: the caller's, checked, or a new array.
  Array provide(std::size_t i, const std::vector<std::int64_t>& shape, const nb::dict& given,
                nb::object& result) const {
    const ingot::TensorInfo& info = outputs_[i];
    if (!given.contains(name_of(info))) {
      result = new_array(shape, element_type(info.dtype));
      return nb::cast<Array>(result);
    }
    const std::string what = "output '" + std::string(info.name) + "'";
    result = given[name_of(info)];
    Array array = writable_view(result, info.dtype, what);
    check_place(array, device_, what);
    if (shape_of(array) != shape)
      raise(INGOT_INVALID_ARGUMENT,
            what + " has shape " + list_text(shape) + ", given was " + list_text(shape_of(array)));
    return array;
  }

  ingot::Engine engine_;
  std::string device_;
  ingot::Context context_;
  std::vector<ingot::TensorInfo> inputs_, outputs_;
  std::vector<bool> by_data_;
  std::atomic<bool> busy_ = false;
};

}  // namespace

void bind_context(nb::module_& module) {
  nb::class_<Context>(module, "Context")
      .def(nb::init<const ingot::Engine&, int, std::uintptr_t>())
      .def("run", &Context::run, nb::arg("inputs"), nb::arg("out").none())
      .def("cancel", &Context::cancel)
      .def("set_profiler", &Context::set_profiler, nb::arg("callback").none())
      .def("threads", &Context::threads)
      .def("memory_bytes", &Context::memory_bytes);
}

}  // namespace ingot_python
