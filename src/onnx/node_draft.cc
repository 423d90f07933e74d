// SPDX-License-Identifier: Apache-2.0
#include "onnx/node_draft.h"

#include <algorithm>
#include <utility>

#include "ops/infer.h"

namespace ingot::onnx {

Status NodeDraft::require_input(std::size_t index) const {
  return has_input(index) ? Status::ok() : invalid_argument("input {} is missing", index);
}

void NodeDraft::set_input(std::size_t index, ir::ValueId value) {
  if (inputs.size() <= index) inputs.resize(index + 1, ir::kNoValue);
  inputs[index] = value;
}

ir::ValueId NodeDraft::add_constant(std::string_view what, HostTensor tensor) {
  return graph_.add_constant(fmt::format("{}#{}", name, what), share(std::move(tensor)));
}

ir::ValueId NodeDraft::add_ints(std::string_view what, const Ints& values) {
  return add_constant(what, HostTensor::of_ints(values));
}

ir::ValueId NodeDraft::add_scalar(std::string_view what, DType dtype, double value) {
  return add_constant(what, HostTensor::scalar(dtype, value));
}

Result<ir::ValueId> NodeDraft::add_node(std::string_view node_op, std::vector<ir::ValueId> node_inputs,
                                        Attrs node_attrs, std::string output_name) {
  INGOT_ASSIGN_OR_RETURN(const ir::NodeId id, ops::add_node(graph_, std::string(node_op), name, std::move(node_inputs),
                                                            std::move(node_attrs), {std::move(output_name)}));
  return graph_.node(id).outputs[0];
}

Result<ir::ValueId> NodeDraft::emit(std::string_view node_op, std::vector<ir::ValueId> node_inputs, Attrs node_attrs) {
  return add_node(node_op, std::move(node_inputs), std::move(node_attrs), fmt::format("{}#{}", name, node_op));
}

Result<std::vector<ir::ValueId>> NodeDraft::emit_all(std::string_view node_op, std::vector<ir::ValueId> node_inputs,
                                                     Attrs node_attrs, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("{}#{}{}", name, node_op, i));
  INGOT_ASSIGN_OR_RETURN(const ir::NodeId id, ops::add_node(graph_, std::string(node_op), name, std::move(node_inputs),
                                                            std::move(node_attrs), std::move(names)));
  return graph_.node(id).outputs;
}

Status NodeDraft::emit_output(std::size_t index, std::string_view node_op, std::vector<ir::ValueId> node_inputs,
                              Attrs node_attrs) {
  INGOT_CHECK(has_output(index), "output {} is not wanted", index);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId value, add_node(node_op, std::move(node_inputs), std::move(node_attrs),
                                                           std::exchange(outputs[index], {})));
  emitted_.resize(std::max(emitted_.size(), index + 1), ir::kNoValue);
  emitted_[index] = value;
  return Status::ok();
}

ir::ValueId NodeDraft::emitted(std::size_t index) const {
  return index < emitted_.size() ? emitted_[index] : ir::kNoValue;
}

Status NodeDraft::ints_to_input(std::string_view attribute, std::size_t index) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<Ints> values, take<Ints>(attribute));
  if (values) set_input(index, add_ints(attribute, *values));
  return Status::ok();
}

}  // namespace ingot::onnx
