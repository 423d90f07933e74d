// SPDX-License-Identifier: Apache-2.0
// NodeDraft: one ONNX node on its way into the graph, as the functions of the operator table see and change it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "tensor/attrs.h"

namespace ingot::onnx {

class NodeDraft {
 public:
  NodeDraft(ir::Graph& graph, std::string_view canonical_op, std::string node_name, std::int64_t domain_opset)
      : op(canonical_op), name(std::move(node_name)), opset(domain_opset), graph_(graph) {}

  std::string op;          // the canonical operator
  std::string written_op;  // as the model calls it
  std::string name;
  std::int64_t opset;               // of the node's domain, where the node stands
  std::vector<ir::ValueId> inputs;  // without absent ones at the end
  Attrs attrs;
  std::vector<std::string> outputs;  // names in the graph; empty: unused

  [[nodiscard]] bool has_input(std::size_t index) const {
    return index < inputs.size() && inputs[index] != ir::kNoValue;
  }
  [[nodiscard]] bool has_output(std::size_t index) const { return index < outputs.size() && !outputs[index].empty(); }
  // Fails when the input is absent.
  Status require_input(std::size_t index) const;
  [[nodiscard]] const ir::Type& type(ir::ValueId id) const { return graph_.value(id).type; }
  [[nodiscard]] const ir::Type& input_type(std::size_t index) const { return type(inputs[index]); }
  // The constant behind a value; nullptr when it is absent or computed.
  [[nodiscard]] const HostTensor* constant(ir::ValueId id) const {
    return id == ir::kNoValue ? nullptr : graph_.constant(id);
  }
  [[nodiscard]] const HostTensor* input_constant(std::size_t index) const {
    return has_input(index) ? constant(inputs[index]) : nullptr;
  }
  // Pads the inputs with absent ones up to `index` and sets that one.
  void set_input(std::size_t index, ir::ValueId value);

  // --- what an upgrade may put before the node ---
  ir::ValueId add_constant(std::string_view what, HostTensor tensor);
  ir::ValueId add_ints(std::string_view what, const Ints& values);           // i64, rank 1
  ir::ValueId add_scalar(std::string_view what, DType dtype, double value);  // rank 0
  // A node with one output.
  Result<ir::ValueId> emit(std::string_view node_op, std::vector<ir::ValueId> node_inputs, Attrs node_attrs = {});
  // A node with several outputs.
  Result<std::vector<ir::ValueId>> emit_all(std::string_view node_op, std::vector<ir::ValueId> node_inputs,
                                            Attrs node_attrs, std::size_t count);
  // The same, but it computes output `index` of the ONNX node, which the last node then has no more.
  Status emit_output(std::size_t index, std::string_view node_op, std::vector<ir::ValueId> node_inputs,
                     Attrs node_attrs = {});
  // What emit_output() made for an output, or kNoValue.
  [[nodiscard]] ir::ValueId emitted(std::size_t index) const;

  // --- attributes; T is an alternative of Attr, of another type is an error ---
  template <typename T>
  [[nodiscard]] Result<std::optional<T>> read(std::string_view attribute) const;
  template <typename T>
  [[nodiscard]] Result<T> read_or(std::string_view attribute, T otherwise) const;
  // Reads and removes.
  template <typename T>
  [[nodiscard]] Result<std::optional<T>> take(std::string_view attribute);
  // An attribute that became input `index`: a rank-1 i64 constant.
  Status ints_to_input(std::string_view attribute, std::size_t index);

 private:
  Result<ir::ValueId> add_node(std::string_view node_op, std::vector<ir::ValueId> node_inputs, Attrs node_attrs,
                               std::string output_name);

  ir::Graph& graph_;
  std::vector<ir::ValueId> emitted_;
};

template <typename T>
Result<std::optional<T>> NodeDraft::read(std::string_view attribute) const {
  const Attr* found = attrs.find(attribute);
  if (found == nullptr) return std::optional<T>();
  const T* value = std::get_if<T>(found);
  if (value == nullptr) return invalid_argument("attribute {} has the wrong type", attribute);
  return std::optional<T>(*value);
}

template <typename T>
Result<T> NodeDraft::read_or(std::string_view attribute, T otherwise) const {
  INGOT_ASSIGN_OR_RETURN(std::optional<T> value, read<T>(attribute));
  return value ? std::move(*value) : std::move(otherwise);
}

template <typename T>
Result<std::optional<T>> NodeDraft::take(std::string_view attribute) {
  INGOT_ASSIGN_OR_RETURN(std::optional<T> value, read<T>(attribute));
  if (value) attrs.erase(attribute);
  return value;
}

}  // namespace ingot::onnx
