// SPDX-License-Identifier: Apache-2.0
#include "runtime/named_tensors.h"

#include <algorithm>

namespace ingot {
namespace {

ObjectForm form_of(const plan::Tensor& tensor) { return {tensor.is_sequence(), tensor.holds_maps()}; }

// The name of an object's item.
std::string item_name(const std::string& name, ObjectForm form, std::size_t i) {
  const std::size_t element = form.maps ? i / 2 : i;
  return fmt::format("{}{}{}", name, form.sequence ? fmt::format("[{}]", element) : "",
                     !form.maps   ? ""
                     : i % 2 == 0 ? ".keys"
                                  : ".values");
}

// The input that a name of a tensor belongs to, and the type that the tensor must have.
Result<std::pair<std::size_t, DType>> find_target(const Engine& engine, std::string_view name) {
  std::string_view base = name;
  const bool keys = base.ends_with(".keys");
  if (keys || base.ends_with(".values")) base.remove_suffix(keys ? 5 : 7);
  const bool mapped = base.size() != name.size();
  for (const std::string_view candidate : {base, base.substr(0, base.rfind('['))}) {
    const Result<std::size_t> input = engine.find_input(candidate);
    if (!input.is_ok()) continue;
    const plan::Tensor& planned = engine.input(*input);
    if (planned.holds_maps() != mapped || planned.is_sequence() != (candidate.size() != base.size())) continue;
    return std::pair(*input, keys ? planned.map_key() : planned.dtype);
  }
  INGOT_ASSIGN_OR_RETURN(const std::size_t input, engine.find_input(name));
  return std::pair(input, engine.input(input).dtype);
}

Status check_names(const Engine& engine, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    INGOT_ASSIGN_OR_RETURN(const auto target, find_target(engine, name));
    if (tensor.dtype() != target.second)
      return invalid_argument("input '{}' has element type {}, given was {}", name, to_string(target.second),
                              to_string(tensor.dtype()));
  }
  return Status::ok();
}

}  // namespace

void append_tensors(const std::string& name, const Object& object, ObjectForm form, NamedTensors& out) {
  for (std::size_t i = 0; i < object.items.size(); ++i) out.emplace_back(item_name(name, form, i), *object.items[i]);
}

std::optional<Object> find_object(const NamedTensors& tensors, const std::string& name, ObjectForm form) {
  Object out;
  const std::size_t one = form.maps ? 2 : 1;
  for (bool found = true; found;) {
    const std::string wanted = item_name(name, form, out.items.size());
    const auto at =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == wanted; });
    found = at != tensors.end() && (form.sequence || out.items.size() < one);
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
    const std::optional<Object> object = find_object(tensors, input.name, form_of(input));
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
    append_tensors(engine.output(i).name, *object, form_of(engine.output(i)), outputs);
  }
  return outputs;
}

}  // namespace ingot
