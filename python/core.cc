// SPDX-License-Identifier: Apache-2.0
// ingot._core: engines, and building them. The friendly face is python/ingot.
#include "core.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "element_types.h"
#include "plugins.h"

namespace ingot_python {

namespace {

// name, dtype, shape (int or symbol text per axis), (min, opt, max) or None, type
nb::tuple describe(const ingot::TensorInfo& info) {
  nb::list shape;
  for (std::size_t axis = 0; axis < info.shape.size(); ++axis) {
    if (info.shape[axis] >= 0)
      shape.append(nb::int_(info.shape[axis]));
    else
      shape.append(nb::str(info.symbols[axis].data(), info.symbols[axis].size()));
  }
  nb::object range = nb::none();
  if (!info.min.empty()) {
    const auto dims = [](std::span<const std::int64_t> values) {
      nb::list list;
      for (const std::int64_t value : values) list.append(value);
      return nb::tuple(list);
    };
    range = nb::make_tuple(dims(info.min), dims(info.opt), dims(info.max));
  }
  return nb::make_tuple(nb::str(info.name.data(), info.name.size()), element_type(info.dtype).name, nb::tuple(shape),
                        range, nb::str(info.type.data(), info.type.size()));
}

nb::list steps(const ingot::Engine& engine) {
  nb::list out;
  for (std::size_t i = 0; i < engine.step_count(); ++i) {
    const ingot_step_info step = *engine.step(i);
    out.append(nb::make_tuple(step.name, step.tactic, step.config, step.problem, step.microseconds));
  }
  return out;
}

// `model` is a path (str) or the bytes of an ONNX file.
ingot::Engine build(const nb::object& model, const std::vector<std::string>& shapes, const std::string& timing_cache,
                    int threads, std::optional<double> time_budget, std::uint64_t workspace,
                    const std::vector<std::string>& disabled_tactics, const nb::object& progress,
                    const std::string& device, const std::string& precision, bool allow_cpu_fallback) {
  ingot::BuildOptions options;
  options.device = device;
  options.precision = precision;
  options.allow_cpu_fallback = allow_cpu_fallback;
  options.shape_texts = shapes;
  options.timing_cache = timing_cache;
  options.threads = threads;
  options.time_budget_seconds = time_budget;
  options.workspace_bytes = workspace;
  options.disabled_tactics = disabled_tactics;
  // An exception of the callback cannot cross the C API: it is kept, stops the build, and is raised at the end.
  std::optional<nb::python_error> failed;
  if (!progress.is_none())
    options.progress = [&](std::size_t done, std::size_t total, std::string_view what) {
      const nb::gil_scoped_acquire gil;
      try {
        return progress(done, total, nb::str(what.data(), what.size())).ptr() != Py_False;
      } catch (nb::python_error& error) {
        failed.emplace(std::move(error));
        return false;
      }
    };
  ingot::Result<ingot::Engine> engine = ingot::Status(INGOT_INTERNAL, "not built");
  if (nb::isinstance<nb::bytes>(model)) {
    const auto bytes = nb::cast<nb::bytes>(model);
    const nb::gil_scoped_release release;
    engine = ingot::build_bytes({reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size()}, options);
  } else {
    const auto path = nb::cast<std::string>(model);
    const nb::gil_scoped_release release;
    engine = ingot::build(path, options);
  }
  if (failed) throw std::move(*failed);
  return std::move(engine).value();
}

void translate(const std::exception_ptr& pointer, void*) {
  try {
    std::rethrow_exception(pointer);
  } catch (const ingot::Error& error) {
    const std::string_view whole = error.what();
    // The class says what the prefix said.
    const std::string message(whole.substr(whole.find(": ") + 2));
    const nb::object exception =
        nb::module_::import_("ingot.errors").attr("of")(static_cast<int>(error.code()), message);
    PyErr_SetObject(exception.type().ptr(), exception.ptr());
  }
}

}  // namespace
}  // namespace ingot_python

NB_MODULE(_core, module) {
  using namespace ingot_python;
  using ingot::Engine;
  nb::register_exception_translator(translate);

  module.def("version", &ingot_version);
  module.def("build", &build, nb::arg("model"), nb::arg("shapes"), nb::arg("timing_cache"), nb::arg("threads"),
             nb::arg("time_budget").none(), nb::arg("workspace"), nb::arg("disabled_tactics"),
             nb::arg("progress").none(), nb::arg("device"), nb::arg("precision"), nb::arg("allow_cpu_fallback"));
  module.def("load_plugin", [](const std::string& path) {
    const nb::gil_scoped_release release;
    ingot::load_plugin(path).check();
  });
  module.def("load", [](const std::string& path, bool verify_weights, bool allow_embedded_plugins, int cuda_device) {
    const nb::gil_scoped_release release;
    return Engine::load(path, {verify_weights, allow_embedded_plugins, cuda_device}).value();
  });
  module.def("load_bytes",
             [](const nb::bytes& plan, bool verify_weights, bool allow_embedded_plugins, int cuda_device) {
               const std::span bytes(reinterpret_cast<const std::byte*>(plan.c_str()), plan.size());
               const nb::gil_scoped_release release;
               return Engine::load_bytes(bytes, {verify_weights, allow_embedded_plugins, cuda_device}).value();
             });

  nb::class_<Engine>(module, "Engine")
      .def("inputs",
           [](const Engine& engine) {
             nb::list out;
             for (std::size_t i = 0; i < engine.input_count(); ++i) out.append(describe(*engine.input(i)));
             return out;
           })
      .def("outputs",
           [](const Engine& engine) {
             nb::list out;
             for (std::size_t i = 0; i < engine.output_count(); ++i) out.append(describe(*engine.output(i)));
             return out;
           })
      .def("steps", &steps)
      .def("weight_bytes", &Engine::weight_bytes)
      .def("device", &Engine::device)
      .def("serialise", [](const Engine& engine) {
        const std::span<const std::byte> bytes = engine.serialise();
        return nb::bytes(bytes.data(), bytes.size());
      });
  bind_context(module);
  bind_plugins(module);
}
