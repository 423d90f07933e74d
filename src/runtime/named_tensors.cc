// SPDX-License-Identifier: Apache-2.0
#include "runtime/named_tensors.h"

#include <algorithm>

namespace ingot {
namespace {

Status check_names(const Engine& engine, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    const std::size_t bracket = name.rfind('[');
    const Result<std::size_t> element = engine.find_input(std::string_view(name).substr(0, bracket));
    if (element.is_ok() && bracket != std::string::npos && engine.input(*element).is_sequence()) continue;
    INGOT_ASSIGN_OR_RETURN(const std::size_t input, engine.find_input(name));
    const DType wanted = engine.input(input).dtype;
    if (tensor.dtype() != wanted)
      return invalid_argument("input '{}' has element type {}, given was {}", name, to_string(wanted),
                              to_string(tensor.dtype()));
  }
  return Status::ok();
}

}  // namespace

void append_tensors(const std::string& name, const Object& object, bool sequence, NamedTensors& out) {
  for (std::size_t i = 0; i < object.items.size(); ++i)
    out.emplace_back(sequence ? fmt::format("{}[{}]", name, i) : name, *object.items[i]);
}

std::optional<Object> find_object(const NamedTensors& tensors, const std::string& name, bool sequence) {
  Object out;
  for (bool found = true; found;) {
    const std::string wanted = sequence ? fmt::format("{}[{}]", name, out.items.size()) : name;
    const auto at =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == wanted; });
    found = at != tensors.end() && (sequence || out.items.empty());
    if (found) out.items.push_back(share(at->second));
  }
  return out.items.empty() ? std::nullopt : std::optional<Object>(std::move(out));
}

Status bind_tensors(Context& context, const NamedTensors& tensors) {
  const Engine& engine = context.engine();
  INGOT_RETURN_IF_ERROR(check_names(engine, tensors));
  for (std::size_t i = 0; i < engine.input_count(); ++i) {
    const plan::Tensor& input = engine.input(i);
    if (!input.is_object()) {
      const auto at =
          std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == input.name; });
      if (at == tensors.end()) return failed_precondition("input '{}' is not given", input.name);
      INGOT_RETURN_IF_ERROR(context.bind_value(i, Value::of(at->second)));
      continue;
    }
    const std::optional<Object> object = find_object(tensors, input.name, input.is_sequence());
    const bool optional = input.type.starts_with("optional");
    if (!object && !optional && !input.is_sequence()) return failed_precondition("input '{}' is not given", input.name);
    INGOT_RETURN_IF_ERROR(context.bind_value(i, Value::of(object ? *object : Object{!optional, {}})));
  }
  return Status::ok();
}

Result<NamedTensors> output_tensors(const Context& context) {
  const Engine& engine = context.engine();
  NamedTensors outputs;
  for (std::size_t i = 0; i < engine.output_count(); ++i) {
    Result<Object> object = object_copy(context.output_value(i));
    if (!object.is_ok()) return std::move(object).status().annotate(fmt::format("output '{}'", engine.output(i).name));
    append_tensors(engine.output(i).name, *object, engine.output(i).is_sequence(), outputs);
  }
  return outputs;
}

}  // namespace ingot
