// SPDX-License-Identifier: Apache-2.0
// Recording a patch; ir/patch_apply.cc performs it.
#include "ir/patch.h"

#include <algorithm>

namespace ingot::ir {

const Patch::NewValue* Patch::new_value(ValueId id) const {
  const auto number = static_cast<std::uint32_t>(id);
  if (id == kNoValue || number < first_value_ || number - first_value_ >= values_.size()) return nullptr;
  return &values_[number - first_value_];
}

ValueId Patch::record_value(std::string value_name, Type type, TensorPtr constant, std::size_t node) {
  const auto id = static_cast<ValueId>(first_value_ + values_.size());
  values_.push_back({id, std::move(value_name), std::move(type), std::move(constant), node});
  return id;
}

ValueId Patch::add_constant(std::string value_name, TensorPtr tensor) {
  INGOT_CHECK(tensor != nullptr, "a constant needs a tensor");
  Type type = Type::tensor(tensor->dtype(), symbolic(tensor->shape()));
  return record_value(std::move(value_name), std::move(type), std::move(tensor), 0);
}

Result<std::vector<ValueId>> Patch::add_node(std::string op, std::vector<ValueId> inputs, Attrs attrs, NodeId origin,
                                             std::size_t output_count) {
  if (!graph_.has(origin)) return internal("patch '{}': the origin of a new {} does not exist", name_, op);
  const Node& source = graph_.node(origin);
  const auto where = [&] { return fmt::format("patch '{}': new {} for node '{}'", name_, op, source.name); };
  for (const ValueId input : inputs)
    if (input != kNoValue && new_value(input) == nullptr && !graph_.has(input))
      return internal("{}: an operand does not exist", where());
  if (infer_ == nullptr) return internal("{}: no type inference is given", where());
  auto types = infer_(*this, op, attrs, inputs, output_count);
  if (!types.is_ok()) return std::move(types).status().annotate(where());
  if (types->size() != output_count)
    return internal("{}: {} outputs are wanted, inference gives {}", where(), output_count, types->size());
  NewNode made{std::move(op), source.name, std::move(inputs), {}, std::move(attrs), origin};
  for (std::size_t i = 0; i < output_count; ++i) {
    const ValueId like = i < source.outputs.size() ? source.outputs[i] : kNoValue;
    made.outputs.push_back(record_value(like != kNoValue ? graph_.value(like).name : made.op, std::move((*types)[i]),
                                        nullptr, nodes_.size()));
  }
  nodes_.push_back(std::move(made));
  return nodes_.back().outputs;
}

Result<ValueId> Patch::add(std::string op, std::vector<ValueId> inputs, Attrs attrs, NodeId origin) {
  INGOT_ASSIGN_OR_RETURN(const std::vector<ValueId> outputs,
                         add_node(std::move(op), std::move(inputs), std::move(attrs), origin));
  return outputs.front();
}

void Patch::also_from(ValueId made, NodeId other) {
  const NewValue* value = new_value(made);
  INGOT_CHECK(value != nullptr && value->constant == nullptr, "patch '{}': not made by a new node", name_);
  const std::string& more = graph_.node(other).name;
  std::string& joined = nodes_[value->node].name;
  if (more.empty() || more == joined) return;
  joined += joined.empty() ? more : " + " + more;
}

const Type& Patch::type(ValueId id) const {
  const NewValue* value = new_value(id);
  return value != nullptr ? value->type : graph_.value(id).type;
}

const HostTensor* Patch::constant(ValueId id) const {
  const NewValue* value = new_value(id);
  return value != nullptr ? value->constant.get() : graph_.constant(id);
}

}  // namespace ingot::ir
