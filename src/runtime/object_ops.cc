// SPDX-License-Identifier: Apache-2.0
#include "runtime/object_ops.h"

#include <algorithm>

#include "reference/evaluate.h"
#include "runtime/executor.h"
#include "runtime/map_ops.h"

namespace ingot {
namespace {

using Values = std::vector<Value>;
using Objects = std::vector<Object>;

Object object_of(HostTensor tensor) { return {true, {share(std::move(tensor))}}; }

Result<const Object*> object_operand(const Values& inputs, std::size_t i) {
  if (i >= inputs.size() || inputs[i].object == nullptr) return invalid_argument("operand {} is no sequence", i);
  if (!inputs[i].object->present) return invalid_argument("operand {} is an optional that holds nothing", i);
  return inputs[i].object;
}

Result<std::int64_t> integer_operand(const Values& inputs, std::size_t i) {
  INGOT_ASSIGN_OR_RETURN(const TensorPtr tensor, tensor_view(inputs[i]));
  if (tensor->elements() != 1)
    return invalid_argument("operand {} of shape {} is no scalar", i, to_string(tensor->shape()));
  return tensor->as_int(0);
}

bool has(const Values& inputs, std::size_t i) { return i < inputs.size() && inputs[i].present(); }

// A position in a sequence; `size` itself counts as one when `end` is allowed.
Result<std::ptrdiff_t> position(const Values& inputs, std::size_t i, std::size_t size, bool end) {
  INGOT_ASSIGN_OR_RETURN(std::int64_t at, integer_operand(inputs, i));
  const auto count = static_cast<std::int64_t>(size);
  if (at < -count || at > count - (end ? 0 : 1))
    return invalid_argument("position {} in a sequence of {} elements", at, size);
  if (at < 0) at += count;
  return static_cast<std::ptrdiff_t>(at);
}

Result<Objects> sequence_empty(const Attrs&, const Values&) { return Objects(1); }

Result<Objects> sequence_construct(const Attrs&, const Values& inputs) {
  Objects out(1);
  for (const Value& input : inputs) {
    INGOT_ASSIGN_OR_RETURN(TensorPtr item, tensor_copy(input));
    out[0].items.push_back(std::move(item));
  }
  return out;
}

Result<Objects> sequence_insert(const Attrs&, const Values& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Object* sequence, object_operand(inputs, 0));
  INGOT_ASSIGN_OR_RETURN(TensorPtr item, tensor_copy(inputs[1]));
  Objects out{*sequence};
  auto at = static_cast<std::ptrdiff_t>(out[0].items.size());
  if (has(inputs, 2)) {
    INGOT_ASSIGN_OR_RETURN(at, position(inputs, 2, out[0].items.size(), true));
  }
  out[0].items.insert(out[0].items.begin() + at, std::move(item));
  return out;
}

Result<Objects> sequence_erase(const Attrs&, const Values& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Object* sequence, object_operand(inputs, 0));
  if (sequence->items.empty()) return invalid_argument("the sequence is empty");
  Objects out{*sequence};
  auto at = static_cast<std::ptrdiff_t>(out[0].items.size()) - 1;
  if (has(inputs, 1)) {
    INGOT_ASSIGN_OR_RETURN(at, position(inputs, 1, out[0].items.size(), false));
  }
  out[0].items.erase(out[0].items.begin() + at);
  return out;
}

Result<Objects> sequence_at(const Attrs&, const Values& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Object* sequence, object_operand(inputs, 0));
  INGOT_ASSIGN_OR_RETURN(const std::ptrdiff_t at, position(inputs, 1, sequence->items.size(), false));
  return Objects{{true, {sequence->items[static_cast<std::size_t>(at)]}}};
}

Result<Objects> sequence_length(const Attrs&, const Values& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Object* sequence, object_operand(inputs, 0));
  return Objects{object_of(HostTensor::scalar(DType::i64, static_cast<double>(sequence->items.size())))};
}

// The same elements with the axis taken out or put in.
Result<HostTensor> with_axis(const HostTensor& tensor, std::size_t axis, bool insert) {
  Shape shape = tensor.shape();
  const auto place = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  if (insert) {
    shape.insert(place, 1);
  } else {
    shape.erase(place);
  }
  return tensor.reshaped(std::move(shape));
}

Result<std::size_t> axis_of(const Attrs& attrs, std::int64_t rank, std::int64_t otherwise) {
  const std::int64_t axis = attrs.get_int("axis", otherwise);
  if (axis < -rank || axis >= rank) return invalid_argument("axis {} for rank {}", axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

Result<Objects> split_to_sequence(const Attrs& attrs, const Values& inputs) {
  INGOT_ASSIGN_OR_RETURN(const TensorPtr input, tensor_view(inputs[0]));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, axis_of(attrs, input->rank(), 0));
  const std::int64_t size = input->shape()[axis];
  const bool keep = has(inputs, 1) || attrs.get_int("keepdims", 1) != 0;
  std::vector<std::int64_t> lengths;
  std::int64_t each = 1;
  if (has(inputs, 1)) {
    INGOT_ASSIGN_OR_RETURN(const TensorPtr split, tensor_view(inputs[1]));
    for (std::int64_t i = 0; i < split->elements(); ++i) lengths.push_back(split->as_int(i));
    if (split->rank() == 0) {
      each = lengths[0];
      lengths.clear();
    }
    if (each <= 0) return invalid_argument("parts of {} elements", each);
  }
  if (!has(inputs, 1) || each != 1 || lengths.empty())
    for (std::int64_t begin = 0; begin < size && lengths.size() <= static_cast<std::size_t>(size); begin += each)
      lengths.push_back(std::min(each, size - begin));
  Objects out(1);
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    if (length < 0 || length > size - begin)
      return invalid_argument("the parts do not add up to the axis's size {}", size);
    const HostTensor starts = HostTensor::of_ints({{begin}});
    const HostTensor ends = HostTensor::of_ints({{begin + length}});
    const HostTensor axes = HostTensor::of_ints({{static_cast<std::int64_t>(axis)}});
    INGOT_ASSIGN_OR_RETURN(TensorPtr part, evaluate_one("Slice", {}, {input.get(), &starts, &ends, &axes}));
    if (!keep) {
      INGOT_ASSIGN_OR_RETURN(HostTensor squeezed, with_axis(*part, axis, false));
      part = share(std::move(squeezed));
    }
    out[0].items.push_back(std::move(part));
    begin += length;
  }
  if (begin != size) return invalid_argument("the parts do not add up to the axis's size {}", size);
  return out;
}

Result<Objects> concat_from_sequence(const Attrs& attrs, const Values& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Object* sequence, object_operand(inputs, 0));
  if (sequence->items.empty()) return invalid_argument("the sequence is empty");
  const bool stack = attrs.get_int("new_axis", 0) != 0;
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, axis_of(attrs, sequence->items[0]->rank() + (stack ? 1 : 0), 0));
  std::vector<TensorPtr> parts = sequence->items;
  if (stack)
    for (TensorPtr& part : parts) {
      if (static_cast<std::size_t>(part->rank()) < axis) return invalid_argument("the elements differ in rank");
      INGOT_ASSIGN_OR_RETURN(HostTensor widened, with_axis(*part, axis, true));
      part = share(std::move(widened));
    }
  Attrs along;
  along.set("axis", static_cast<std::int64_t>(axis));
  std::vector<const HostTensor*> operands;
  for (const TensorPtr& part : parts) operands.push_back(part.get());
  const DType type = parts[0]->dtype();
  INGOT_ASSIGN_OR_RETURN(std::vector<HostTensor> result,
                         reference::evaluate({"Concat", &along, operands, 1, {&type, 1}}));
  return Objects{object_of(std::move(result[0]))};
}

Result<Objects> make_optional(const Attrs&, const Values& inputs) {
  if (!has(inputs, 0)) return Objects{{false, {}}};
  INGOT_ASSIGN_OR_RETURN(Object object, object_copy(inputs[0]));
  return Objects{std::move(object)};
}

Result<Objects> optional_has_element(const Attrs&, const Values& inputs) {
  const bool holds = has(inputs, 0) && (inputs[0].object == nullptr || inputs[0].object->present);
  return Objects{object_of(HostTensor::scalar(DType::boolean, holds ? 1 : 0))};
}

Result<Objects> optional_get_element(const Attrs&, const Values& inputs) {
  if (inputs[0].object != nullptr && !inputs[0].object->present) return invalid_argument("the optional holds nothing");
  INGOT_ASSIGN_OR_RETURN(Object object, object_copy(inputs[0]));
  return Objects{std::move(object)};
}

Result<Objects> by_reference(std::string_view op, const Attrs& attrs, const Values& inputs,
                             std::span<const DType> types) {
  std::vector<TensorPtr> tensors(inputs.size());
  std::vector<const HostTensor*> operands(inputs.size(), nullptr);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present()) continue;
    INGOT_ASSIGN_OR_RETURN(tensors[i], tensor_view(inputs[i]));
    operands[i] = tensors[i].get();
  }
  INGOT_ASSIGN_OR_RETURN(std::vector<HostTensor> results,
                         reference::evaluate({op, &attrs, operands, types.size(), types}));
  Objects out;
  for (HostTensor& result : results) {
    // What shares the memory of the program must not outlive it.
    const bool borrowed = std::any_of(inputs.begin(), inputs.end(), [&](const Value& input) {
      return input.object == nullptr && input.data != nullptr && result.bytes().data() == input.data;
    });
    if (!borrowed) {
      out.push_back(object_of(std::move(result)));
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(Object copy, object_copy(Value::of(result)));
    out.push_back(std::move(copy));
  }
  return out;
}

struct Row {
  std::string_view op;
  std::size_t inputs;  // at least
  Result<Objects> (*run)(const Attrs& attrs, const Values& inputs);
};
constexpr Row kRows[] = {
    {"CastMap", 1, cast_map},
    {"ConcatFromSequence", 1, concat_from_sequence},
    {"DictVectorizer", 1, vectorize_map},
    {"Identity", 1, make_optional},
    {"Optional", 0, make_optional},
    {"OptionalGetElement", 1, optional_get_element},
    {"OptionalHasElement", 0, optional_has_element},
    {"SequenceAt", 2, sequence_at},
    {"SequenceConstruct", 1, sequence_construct},
    {"SequenceEmpty", 0, sequence_empty},
    {"SequenceErase", 1, sequence_erase},
    {"SequenceInsert", 2, sequence_insert},
    {"SequenceLength", 1, sequence_length},
    {"SplitToSequence", 1, split_to_sequence},
    {"ZipMap", 1, zip_map},
};

}  // namespace

Result<TensorPtr> evaluate_one(std::string_view op, const Attrs& attrs,
                               std::initializer_list<const HostTensor*> inputs) {
  const std::vector<const HostTensor*> operands(inputs);
  const DType type = operands[0]->dtype();
  INGOT_ASSIGN_OR_RETURN(std::vector<HostTensor> results, reference::evaluate({op, &attrs, operands, 1, {&type, 1}}));
  return share(std::move(results[0]));
}

Result<std::vector<Object>> evaluate_objects(std::string_view op, const Attrs& attrs, const std::vector<Value>& inputs,
                                             std::span<const DType> types) {
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op == op; });
  if (row == std::end(kRows)) return by_reference(op, attrs, inputs, types);
  if (inputs.size() < row->inputs) return corrupt("{} operands for {}", inputs.size(), row->op);
  return row->run(attrs, inputs);
}

Status run_object_step(const RuntimeStep& step, Executor& executor, std::size_t index) {
  const plan::Step& planned = executor.loaded().program->steps[index];
  Values inputs;
  for (const std::int32_t id : planned.inputs) inputs.push_back(executor.value_of(id));
  std::vector<DType> types;
  for (const Operand& output : step.problem.outputs) types.push_back(output.dtype);
  INGOT_ASSIGN_OR_RETURN(const Objects results, evaluate_objects(step.problem.kind, step.problem.attrs, inputs, types));
  for (std::size_t i = 0; i < planned.outputs.size() && i < results.size(); ++i)
    INGOT_RETURN_IF_ERROR(executor.set_value(planned.outputs[i], Value::of(results[i])));
  return Status::ok();
}

}  // namespace ingot
