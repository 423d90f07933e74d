// SPDX-License-Identifier: Apache-2.0
// Graph: the intermediate representation. Nodes and values live in tables and are named by ids, which stay valid until
// the node or value is removed; ids are never reused.
//
// Invariants (ir/verify.h checks them): every value has exactly one producer (a graph input, a constant, or one output
// of one node); nodes() is in a topological order; uses are exact; subgraphs capture nothing: what a body needs from
// outside is passed as extra inputs of its node (If: cond, captures...; the branches take the captures as inputs).
// The graph knows no operator: what an operator means is in ops/. Not thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/status.h"
#include "ir/type.h"
#include "tensor/attrs.h"
#include "tensor/host_tensor.h"

namespace ingot::ir {

enum class NodeId : std::uint32_t {};
enum class ValueId : std::uint32_t {};
inline constexpr NodeId kNoNode{0xffffffffU};
inline constexpr ValueId kNoValue{0xffffffffU};  // an absent optional operand

class Graph;

struct Use {
  NodeId node = kNoNode;
  int input = 0;
  friend bool operator==(const Use&, const Use&) = default;
};

struct Value {
  ValueId id = kNoValue;
  std::string name;  // unique in the graph, the ONNX name where there is one
  Type type;
  NodeId producer = kNoNode;  // kNoNode for graph inputs and constants
  int producer_output = 0;
  TensorPtr constant;  // set for constants (initialisers and folded values)
  // For small integer or boolean tensors (rank 0 or 1) whose elements are known as expressions over dimensions.
  std::optional<std::vector<Dim>> symbolic_value;
  std::vector<Use> uses;  // by nodes; being a graph output is not a use
};

struct Node {
  NodeId id = kNoNode;
  std::string op;                // canonical operator; foreign ones as "domain::Name"
  std::string name;              // the ONNX node name(s) it came from, for messages; fused nodes join with " + "
  std::vector<ValueId> inputs;   // kNoValue for an absent optional
  std::vector<ValueId> outputs;  // kNoValue for an unused optional
  Attrs attrs;
  std::vector<std::pair<std::string, std::shared_ptr<Graph>>> subgraphs;  // by attribute name
};

class Graph {
 public:
  std::string name;  // of a body: its own name, '@', and what tells it from other bodies

  // --- construction -------------------------------------------------------------------------------------------------
  // Names are made unique by a numeric suffix when taken (or when empty).
  ValueId add_input(std::string value_name, Type type);
  ValueId add_constant(std::string value_name, TensorPtr tensor);
  struct NewOutput {
    std::string name;
    Type type;
    bool present = true;  // false: an unused optional output
  };
  // Inserts before `before`, or at the end. Fails when an input does not exist or the order would be violated.
  Result<NodeId> add_node(std::string op, std::string node_name, std::vector<ValueId> inputs, Attrs attrs,
                          std::vector<NewOutput> outputs, NodeId before = kNoNode);
  // `names` are the outputs' names towards the user, by default the values' names at this moment. They stay with the
  // position whatever value comes to stand there. The same value may be given twice.
  void set_outputs(std::vector<ValueId> outputs, std::vector<std::string> names = {});

  // --- access -------------------------------------------------------------------------------------------------------
  [[nodiscard]] const std::vector<ValueId>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<ValueId>& outputs() const { return outputs_; }
  [[nodiscard]] const std::vector<std::string>& output_names() const { return output_names_; }
  [[nodiscard]] const std::list<NodeId>& nodes() const { return order_; }  // topological
  [[nodiscard]] std::size_t node_count() const { return order_.size(); }
  [[nodiscard]] bool has(NodeId id) const;
  [[nodiscard]] bool has(ValueId id) const;
  [[nodiscard]] const Node& node(NodeId id) const;
  [[nodiscard]] Node& node(NodeId id);  // attributes and subgraphs may be edited; operands only through the calls below
  [[nodiscard]] const Value& value(ValueId id) const;
  [[nodiscard]] Value& value(ValueId id);
  [[nodiscard]] ValueId find_value(std::string_view value_name) const;  // kNoValue when absent
  [[nodiscard]] bool is_output(ValueId id) const;
  // The node that produces the value, or nullptr for inputs and constants.
  [[nodiscard]] const Node* producer(ValueId id) const;
  // The constant behind a value, or nullptr.
  [[nodiscard]] const HostTensor* constant(ValueId id) const;
  // All live values in id order.
  [[nodiscard]] std::vector<ValueId> values() const;
  // True when a stands before b in nodes(); constant time.
  [[nodiscard]] bool is_before(NodeId a, NodeId b) const;
  // The node after `id` in nodes(), or kNoNode.
  [[nodiscard]] NodeId next(NodeId id) const;
  // The id that the next new value will get.
  [[nodiscard]] ValueId next_value_id() const;

  // --- change -------------------------------------------------------------------------------------------------------
  void set_input(NodeId node, int index, ValueId value);
  // Every use of `from` (graph outputs included) becomes a use of `to`. When `from` is a graph output and `to` is not a
  // graph input or constant, `to` takes over the name, so that bindings keep their ONNX names.
  void replace_all_uses(ValueId from, ValueId to);
  // The part of replace_all_uses() that concerns graph outputs.
  void replace_outputs(ValueId from, ValueId to);
  // Exchanges the names of two values.
  void swap_names(ValueId a, ValueId b);
  // Removes a node whose outputs have no use. Its outputs vanish with it.
  void remove_node(NodeId id);
  // Removes a constant that has no use.
  void remove_value(ValueId id);
  // Moves the node directly before another (the caller keeps the order topological).
  void move_before(NodeId id, NodeId before);
  // Drops nodes that no output needs (nodes for which keep(node) holds stay) and unused constants; returns how many
  // nodes.
  int remove_dead_nodes();
  int remove_dead_nodes(FunctionRef<bool(const Node&)> keep);
  // Restores a topological order; fails naming a node on a cycle.
  Status sort();

  [[nodiscard]] std::shared_ptr<Graph> clone() const;  // deep but for constants, which are shared

 private:
  struct NameTable;

  ValueId new_value(std::string value_name, Type type);
  NameTable& names();
  void drop_value(ValueId id);
  void remove_use(ValueId value, Use use);
  std::uint64_t rank_for(std::list<NodeId>::iterator place);
  void renumber();

  std::vector<std::unique_ptr<Node>> nodes_;    // by id; null when removed
  std::vector<std::unique_ptr<Value>> values_;  // by id; null when removed
  std::list<NodeId> order_;
  std::vector<std::list<NodeId>::iterator> places_;  // by node id
  std::vector<std::uint64_t> ranks_;                 // by node id; ascending along order_
  std::vector<ValueId> inputs_, outputs_;
  std::vector<std::string> output_names_;
  std::vector<std::uint32_t> output_counts_;  // by value id: how often it is a graph output
  std::shared_ptr<NameTable> names_;
};

}  // namespace ingot::ir
