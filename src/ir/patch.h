// SPDX-License-Identifier: Apache-2.0
// Patch: a rewrite as data. A rule matches completely first, then records new nodes and replacements here; nothing
// touches the graph until apply(), which checks every replacement (element type and rank must agree, shapes must not
// contradict) and then performs all or nothing.
//
// A replacement concerns the uses that exist before the patch: a new node may take the value that it replaces as
// operand. New nodes are placed before their origin, or before the first user of a replaced value where that comes
// earlier, or after their last operand where that comes later; where no such place exists, the graph is sorted. Values
// made by the patch have ids that become valid in the graph when the patch is applied. A patch refers to one graph
// state: apply it before making the next one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace ingot::ir {

class Patch {
 public:
  // Computes the types of the outputs of a node from its operands; ops/infer.h has the real one. `output_count` types.
  using InferTypes = Result<std::vector<Type>> (*)(const Patch& patch, const std::string& op, const Attrs& attrs,
                                                   const std::vector<ValueId>& inputs, std::size_t output_count);

  Patch(const Graph& graph, std::string name, InferTypes infer)
      : graph_(graph),
        name_(std::move(name)),
        infer_(infer),
        first_value_(static_cast<std::uint32_t>(graph.next_value_id())) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] bool empty() const { return replacements_.empty(); }

  ValueId add_constant(std::string value_name, TensorPtr tensor);
  // New node placed just before the earliest-needed place; `origin` gives name and position (usually the matched root).
  Result<std::vector<ValueId>> add_node(std::string op, std::vector<ValueId> inputs, Attrs attrs, NodeId origin,
                                        std::size_t output_count = 1);
  // The common case of one output.
  Result<ValueId> add(std::string op, std::vector<ValueId> inputs, Attrs attrs, NodeId origin);
  // The node that makes `made` also stands for `other`: their names are joined with " + ".
  void also_from(ValueId made, NodeId other);
  // All uses of `from` shall use `to`.
  void replace(ValueId from, ValueId to) { replacements_.emplace_back(from, to); }

  // Type and constant of a value of the graph or of this patch.
  [[nodiscard]] const Type& type(ValueId id) const;
  [[nodiscard]] const HostTensor* constant(ValueId id) const;

  // What apply() will create and replace, for tracing and for inference of symbolic values.
  [[nodiscard]] std::vector<ValueId> created() const {
    std::vector<ValueId> ids;
    for (const NewValue& made : values_) ids.push_back(made.id);
    return ids;
  }
  [[nodiscard]] const std::vector<std::pair<ValueId, ValueId>>& replacements() const { return replacements_; }

  // Applies all replacements, then removes the nodes that became dead. On error the graph is unchanged.
  Status apply(Graph& graph) &&;

 private:
  struct NewNode {
    std::string op, name;
    std::vector<ValueId> inputs, outputs;
    Attrs attrs;
    NodeId origin;
  };
  struct NewValue {
    ValueId id;
    std::string name;
    Type type;
    TensorPtr constant;  // null for the output of a new node
    std::size_t node;    // index of the new node that makes it
  };
  using Uses = std::vector<std::vector<Use>>;  // of each replaced value, before the change
  // Where the change happens, as positions of existing nodes in the order.
  struct Extent {
    NodeId last_operand = kNoNode;  // latest existing node that the new values depend on
    NodeId first_user = kNoNode;    // earliest user of a replaced value
    NodeId first_origin = kNoNode;
  };

  [[nodiscard]] const NewValue* new_value(ValueId id) const;
  ValueId record_value(std::string value_name, Type type, TensorPtr constant, std::size_t node);
  [[nodiscard]] Status check(const Graph& graph) const;
  Status resolve_chains();
  [[nodiscard]] Extent extent() const;
  Status perform(Graph& graph, NodeId before) const;
  void remove_what_died(Graph& graph) const;

  const Graph& graph_;
  std::string name_;
  InferTypes infer_;
  std::uint32_t first_value_;
  std::vector<NewNode> nodes_;
  std::vector<NewValue> values_;
  std::vector<std::pair<ValueId, ValueId>> replacements_;
};

}  // namespace ingot::ir
