// SPDX-License-Identifier: Apache-2.0
// The engine calls plugins on threads without the interpreter's lock; every callback here takes it. What Python raises
// becomes the error's text, traceback included.
#include "plugins.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "ingot/plugin.h"

namespace ingot_python {
namespace {

// A definition lives as long as the process, as libraries do; so do the functions it holds.
struct PythonPlugin {
  std::string domain, name, library, help;
  std::deque<std::string> texts;
  std::deque<std::vector<std::int64_t>> ints;
  std::deque<std::vector<double>> floats;
  std::deque<std::vector<const char*>> lists;
  std::vector<ingot_plugin_attribute> attributes;
  ingot_plugin_operator op{};
  const ingot_plugin_operator* ops[1] = {&op};
  ingot_plugin_library description{};
  nb::object infer, launch;
};

// A size while a shape rule runs: a number, or an expression over the model's symbols.
struct Rule {
  const ingot_plugin_infer* call = nullptr;  // null when the rule has returned
};
struct Size {
  std::shared_ptr<Rule> rule;
  ingot_plugin_dim dim = 0;
};

const ingot_plugin_infer& call_of(const Rule& rule) {
  if (rule.call == nullptr) throw nb::value_error("a size is used after its shape rule has returned");
  return *rule.call;
}

// A number where it is one.
nb::object wrap(const std::shared_ptr<Rule>& rule, ingot_plugin_dim dim) {
  std::int64_t value = 0;
  if (call_of(*rule).is_constant(call_of(*rule).host, dim, &value) != 0) return nb::int_(value);
  return nb::cast(Size{rule, dim});
}

ingot_plugin_dim dim_of(const std::shared_ptr<Rule>& rule, const nb::handle& object) {
  const ingot_plugin_infer& call = call_of(*rule);
  if (nb::isinstance<Size>(object)) return nb::cast<const Size&>(object).dim;
  if (object.is_none()) return call.data_dependent(call.host, 0);
  return call.constant(call.host, nb::cast<std::int64_t>(nb::module_::import_("operator").attr("index")(object)));
}

template <int32_t kOperation, bool kReflected = false>
nb::object combine(const Size& self, const nb::object& other) {
  const ingot_plugin_infer& call = call_of(*self.rule);
  const ingot_plugin_dim operand = dim_of(self.rule, other);
  return wrap(self.rule, kReflected ? call.combine(call.host, kOperation, operand, self.dim)
                                    : call.combine(call.host, kOperation, self.dim, operand));
}

// The end of a text that is too long says what went wrong.
void report(ingot_plugin_error* error, const std::string& text) {
  const std::size_t most = error->capacity - 1;
  const std::string kept = text.size() <= most ? text : "... " + text.substr(text.size() - most + 4);
  std::memcpy(error->text, kept.c_str(), std::min(kept.size(), most) + 1);
  error->text[most] = '\0';
}

// From the plugin's function on, without what called the engine.
std::string traceback_of(nb::python_error& error) {
  const nb::object lines =
      nb::module_::import_("traceback").attr("format_exception")(error.type(), error.value(), error.traceback());
  return nb::cast<std::string>(nb::str("").attr("join")(lines).attr("strip")());
}

template <typename Body>
std::int32_t guarded(ingot_plugin_error* error, Body body) {
  const nb::gil_scoped_acquire gil;
  try {
    body();
    return 0;
  } catch (nb::python_error& raised) {
    report(error, traceback_of(raised));
  } catch (const std::exception& exception) {
    report(error, exception.what());
  }
  return 1;
}

nb::object python_value(const ingot_plugin_value& value) {
  nb::list list;
  switch (value.type) {
    case INGOT_PLUGIN_INT: return nb::int_(value.i);
    case INGOT_PLUGIN_FLOAT: return nb::float_(value.f);
    case INGOT_PLUGIN_STRING: return nb::str(value.s, static_cast<std::size_t>(value.count));
    case INGOT_PLUGIN_INTS:
      for (std::int64_t i = 0; i < value.count; ++i) list.append(value.ints[i]);
      return list;
    case INGOT_PLUGIN_FLOATS:
      for (std::int64_t i = 0; i < value.count; ++i) list.append(value.floats[i]);
      return list;
    case INGOT_PLUGIN_STRINGS:
      for (std::int64_t i = 0; i < value.count; ++i) list.append(nb::str(value.strings[i]));
      return list;
    default: return nb::none();
  }
}

// A copy: the function may keep it.
nb::object array_of(std::int32_t dtype, const std::int64_t* dims, std::int32_t rank, const void* data) {
  const ElementType& type = element_type(static_cast<ingot_dtype>(dtype));
  const std::span shape(dims, static_cast<std::size_t>(rank));
  nb::object array = new_array(shape, type);
  const Array memory = nb::cast<Array>(array);
  auto* to = static_cast<std::byte*>(memory.data());
  if (type.packed())
    unpack(static_cast<const std::byte*>(data), memory.size(), type.bits, to);
  else if (memory.size() > 0)
    std::memcpy(to, data, type.bytes(memory.size()));
  return finished(std::move(array), type);
}

nb::dict keywords(const PythonPlugin& plugin, const ingot_plugin_value* values) {
  nb::dict out;
  for (std::size_t i = 0; i < plugin.attributes.size(); ++i) {
    const ingot_plugin_value& value = values[i];
    out[plugin.attributes[i].name] =
        value.type == INGOT_PLUGIN_TENSOR
            ? array_of(value.dtype, value.dims, static_cast<std::int32_t>(value.rank), value.data)
            : python_value(value);
  }
  return out;
}

std::string type_name(std::int32_t dtype) { return element_type(static_cast<ingot_dtype>(dtype)).name; }

std::int32_t type_number(const std::string& name) {
  for (std::int32_t number = 1; number <= INGOT_PLUGIN_I4; ++number)
    if (type_name(number) == name) return number;
  throw nb::value_error(("'" + name + "' is no element type of tensors").c_str());
}

std::int32_t infer(void* user, const ingot_plugin_infer* call, ingot_plugin_error* error) {
  return guarded(error, [&] {
    const auto& plugin = *static_cast<const PythonPlugin*>(user);
    const auto rule = std::make_shared<Rule>(Rule{call});
    const std::unique_ptr<Rule, void (*)(Rule*)> end(rule.get(), [](Rule* ended) { ended->call = nullptr; });
    nb::list inputs;
    for (std::size_t i = 0; i < call->input_count; ++i) {
      if (call->input_present(call->host, i) == 0) {
        inputs.append(nb::none());
        continue;
      }
      const std::int32_t rank = call->input_rank(call->host, i);
      nb::object shape = nb::none(), value = nb::none();
      nb::list dims;
      for (std::int32_t axis = 0; axis < rank; ++axis) dims.append(wrap(rule, call->input_dim(call->host, i, axis)));
      if (rank >= 0) shape = nb::tuple(dims);
      nb::list values;
      const std::int64_t count = call->input_value_count(call->host, i);
      for (std::int64_t k = 0; k < count; ++k) values.append(wrap(rule, call->input_value(call->host, i, k)));
      if (count >= 0) value = nb::tuple(values);
      inputs.append(nb::make_tuple(type_name(call->input_type(call->host, i)), shape, value));
    }
    const nb::list outputs = nb::cast<nb::list>(
        plugin.infer(inputs, static_cast<std::size_t>(call->output_count), keywords(plugin, call->attributes)));
    for (std::size_t i = 0; i < outputs.size() && i < call->output_count; ++i) {
      const nb::tuple output = nb::cast<nb::tuple>(outputs[i]);
      std::vector<ingot_plugin_dim> dims;
      for (const nb::handle size : nb::cast<nb::tuple>(output[1])) dims.push_back(dim_of(rule, size));
      call->set_output(call->host, i, type_number(nb::cast<std::string>(output[0])),
                       static_cast<std::int32_t>(dims.size()), dims.data());
    }
  });
}

struct Instance {
  std::vector<ingot_plugin_value> values;  // what they point to lives as long as the instance
};

std::int32_t create(void*, const ingot_plugin_operands* call, void** instance, ingot_plugin_error*) {
  *instance = new Instance{{call->attributes, call->attributes + call->attribute_count}};
  return 0;
}

std::int32_t launch(void* user, const void* instance, void*, const ingot_plugin_launch* call,
                    ingot_plugin_error* error) {
  return guarded(error, [&] {
    const auto& plugin = *static_cast<const PythonPlugin*>(user);
    nb::list inputs, outputs;
    for (std::size_t i = 0; i < call->input_count; ++i) {
      const ingot_plugin_tensor& input = call->inputs[i];
      inputs.append(input.dtype == 0 ? nb::none() : array_of(input.dtype, input.dims, input.rank, input.data));
    }
    for (std::size_t i = 0; i < call->output_count; ++i) {
      const ingot_plugin_tensor& output = call->outputs[i];
      nb::list dims;
      for (std::int32_t axis = 0; axis < output.rank; ++axis) dims.append(output.dims[axis]);
      outputs.append(output.dtype == 0 ? nb::none()
                                       : nb::object(nb::make_tuple(type_name(output.dtype), nb::tuple(dims))));
    }
    const nb::list results = nb::cast<nb::list>(
        plugin.launch(inputs, outputs, keywords(plugin, static_cast<const Instance*>(instance)->values.data())));
    for (std::size_t i = 0; i < call->output_count; ++i) {
      const ingot_plugin_tensor& output = call->outputs[i];
      if (output.dtype == 0) continue;
      const ElementType& type = element_type(static_cast<ingot_dtype>(output.dtype));
      const ConstArray array = view(results[i], type.dtype, "output " + std::to_string(i));
      const std::vector<std::int64_t> shape = shape_of(array);
      void* to = output.data != nullptr
                     ? output.data
                     : call->allocate_output(call->host, i, shape.data(), static_cast<std::int32_t>(shape.size()));
      if (to == nullptr) throw std::runtime_error("no memory for output " + std::to_string(i));
      if (type.packed())
        pack(static_cast<const std::byte*>(array.data()), array.size(), type.bits, static_cast<std::byte*>(to));
      else if (array.size() > 0)
        std::memcpy(to, array.data(), type.bytes(array.size()));
    }
  });
}

void set_default(PythonPlugin& plugin, ingot_plugin_value& value, const nb::object& given) {
  switch (value.type) {
    case INGOT_PLUGIN_INT: value.i = nb::cast<std::int64_t>(given); break;
    case INGOT_PLUGIN_FLOAT: value.f = nb::cast<double>(given); break;
    case INGOT_PLUGIN_STRING: value.s = plugin.texts.emplace_back(nb::cast<std::string>(given)).c_str(); break;
    case INGOT_PLUGIN_INTS: {
      const auto& kept = plugin.ints.emplace_back(nb::cast<std::vector<std::int64_t>>(given));
      value.ints = kept.data();
      value.count = static_cast<std::int64_t>(kept.size());
      break;
    }
    case INGOT_PLUGIN_FLOATS: {
      const auto& kept = plugin.floats.emplace_back(nb::cast<std::vector<double>>(given));
      value.floats = kept.data();
      value.count = static_cast<std::int64_t>(kept.size());
      break;
    }
    default: {
      auto& kept = plugin.lists.emplace_back();
      for (const std::string& text : nb::cast<std::vector<std::string>>(given))
        kept.push_back(plugin.texts.emplace_back(text).c_str());
      value.strings = kept.data();
      value.count = static_cast<std::int64_t>(kept.size());
    }
  }
}

// (name, type, required, default or None, (least, most) or None, choices "a|b" or None, help)
void add_attribute(PythonPlugin& plugin, const nb::tuple& given) {
  ingot_plugin_attribute attribute{};
  attribute.size = sizeof(attribute);
  attribute.name = plugin.texts.emplace_back(nb::cast<std::string>(given[0])).c_str();
  attribute.type = nb::cast<std::int32_t>(given[1]);
  attribute.required = nb::cast<bool>(given[2]) ? 1 : 0;
  if (const nb::object otherwise = given[3]; !otherwise.is_none()) {
    attribute.default_value.type = attribute.type;
    set_default(plugin, attribute.default_value, otherwise);
  }
  if (const nb::object range = given[4]; !range.is_none()) {
    attribute.has_range = 1;
    attribute.least = nb::cast<double>(range[nb::int_(0)]);
    attribute.most = nb::cast<double>(range[nb::int_(1)]);
  }
  if (const nb::object choices = given[5]; !choices.is_none())
    attribute.choices = plugin.texts.emplace_back(nb::cast<std::string>(choices)).c_str();
  attribute.help = plugin.texts.emplace_back(nb::cast<std::string>(given[6])).c_str();
  plugin.attributes.push_back(attribute);
}

void register_plugin(const std::string& library, const std::string& domain, const std::string& name,
                     const std::string& help, std::int32_t least_inputs, std::int32_t most_inputs, std::int32_t outputs,
                     const nb::list& attributes, nb::object infer_function, nb::object launch_function) {
  auto made = std::make_unique<PythonPlugin>();
  made->library = library;
  made->domain = domain;
  made->name = name;
  made->help = help;
  for (const nb::handle attribute : attributes) add_attribute(*made, nb::cast<nb::tuple>(attribute));
  made->infer = std::move(infer_function);
  made->launch = std::move(launch_function);
  ingot_plugin_operator& op = made->op;
  op.size = sizeof(op);
  op.domain = made->domain.c_str();
  op.name = made->name.c_str();
  op.help = made->help.c_str();
  op.flags = INGOT_PLUGIN_IMPURE;
  op.devices = INGOT_PLUGIN_CPU;
  op.least_inputs = least_inputs;
  op.most_inputs = most_inputs;
  op.least_outputs = 1;
  op.most_outputs = outputs;
  op.attributes = made->attributes.data();
  op.attribute_count = made->attributes.size();
  op.user = made.get();
  op.infer = infer;
  op.create = create;
  op.destroy = [](void*, void* instance) { delete static_cast<Instance*>(instance); };
  op.launch = launch;
  made->description.size = sizeof(made->description);
  made->description.major = INGOT_PLUGIN_MAJOR;
  made->description.minor = INGOT_PLUGIN_MINOR;
  made->description.name = made->library.c_str();
  made->description.version = "";
  made->description.operators = made->ops;
  made->description.operator_count = 1;
  const ingot_status status = [&] {
    const nb::gil_scoped_release release;
    return ingot_plugin_register(&made->description);
  }();
  ingot::Status::of(status).check();
  // The functions see their module, and it may hold engines: they must not outlive the interpreter.
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([plugin = made.get()] {
    plugin->infer = nb::none();
    plugin->launch = nb::none();
  }));
  made.release();
}

}  // namespace

void bind_plugins(nb::module_& module) {
  nb::class_<Size>(module, "Size")
      .def("__add__", &combine<INGOT_PLUGIN_ADD>)
      .def("__radd__", &combine<INGOT_PLUGIN_ADD>)
      .def("__sub__", &combine<INGOT_PLUGIN_SUB>)
      .def("__rsub__", &combine<INGOT_PLUGIN_SUB, true>)
      .def("__mul__", &combine<INGOT_PLUGIN_MUL>)
      .def("__rmul__", &combine<INGOT_PLUGIN_MUL>)
      .def("__floordiv__", &combine<INGOT_PLUGIN_FLOOR_DIV>)
      .def("__rfloordiv__", &combine<INGOT_PLUGIN_FLOOR_DIV, true>)
      .def("__mod__", &combine<INGOT_PLUGIN_MOD>)
      .def("__rmod__", &combine<INGOT_PLUGIN_MOD, true>)
      .def("minimum", &combine<INGOT_PLUGIN_MIN>)
      .def("maximum", &combine<INGOT_PLUGIN_MAX>)
      .def("__bool__",
           [](const Size&) -> bool {
             throw nb::type_error("a size that is not known while the model is read has no truth value");
           })
      .def("__repr__", [](const Size&) { return "Size(symbolic)"; });
  module.def("register_plugin", &register_plugin);
}

}  // namespace ingot_python
