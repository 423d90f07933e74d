// SPDX-License-Identifier: Apache-2.0
// Models made in memory, for the tests of this folder.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "onnx/attributes.h"
#include "onnx/import.h"
#include "onnx/onnx.pb.h"

namespace ingot::onnx::testing {

struct TestModel {
  ModelProto proto;

  explicit TestModel(std::int64_t opset = 20, std::int64_t ir_version = 9) {
    proto.set_ir_version(ir_version);
    import(proto, "", opset);
    proto.mutable_graph()->set_name("g");
  }
  GraphProto& graph() { return *proto.mutable_graph(); }

  template <typename Owner>
  static void import(Owner& owner, const std::string& domain, std::int64_t version) {
    auto* opset = owner.add_opset_import();
    opset->set_domain(domain);
    opset->set_version(version);
  }
  [[nodiscard]] Result<std::shared_ptr<ir::Graph>> run(const ImportOptions& options = {}, ModelInfo* info = nullptr,
                                                       const std::string& folder = {}) const {
    const std::string bytes = proto.SerializeAsString();
    return import_bytes(std::as_bytes(std::span(bytes)), folder, options, info);
  }
};

// Dimensions: a number, or a name for a symbol, or "" for one that is left open.
struct TestDim {
  std::int64_t value = 0;
  std::string param;
  bool open = false;
  TestDim(int number) : value(number) {}                           // NOLINT(*-explicit-*)
  TestDim(std::int64_t number) : value(number) {}                  // NOLINT(*-explicit-*)
  TestDim(const char* name) : param(name), open(param.empty()) {}  // NOLINT(*-explicit-*)
};

inline void set_tensor_type(ValueInfoProto& info, const std::string& name, DType dtype,
                            const std::vector<TestDim>& dims) {
  info.set_name(name);
  auto* tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(static_cast<std::int32_t>(dtype));
  auto* shape = tensor->mutable_shape();
  for (const TestDim& dim : dims) {
    auto* added = shape->add_dim();
    if (dim.open) continue;
    if (dim.param.empty()) {
      added->set_dim_value(dim.value);
    } else {
      added->set_dim_param(dim.param);
    }
  }
}

inline void add_input(GraphProto& graph, const std::string& name, const std::vector<TestDim>& dims,
                      DType dtype = DType::f32) {
  set_tensor_type(*graph.add_input(), name, dtype, dims);
}

// Without a type: the importer's own inference decides.
inline void add_output(GraphProto& graph, const std::string& name) { graph.add_output()->set_name(name); }

template <typename Owner>
NodeProto& add_node(Owner& owner, const std::string& op, std::initializer_list<const char*> inputs,
                    std::initializer_list<const char*> outputs, const std::string& domain = {}) {
  NodeProto& node = *owner.add_node();
  node.set_op_type(op);
  node.set_name("the_" + op);
  node.set_domain(domain);
  for (const char* input : inputs) node.add_input(input);
  for (const char* output : outputs) node.add_output(output);
  return node;
}

inline AttributeProto& add_attribute(NodeProto& node, const std::string& name, AttributeType type) {
  AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(static_cast<std::int32_t>(type));
  return attribute;
}
inline void set(NodeProto& node, const std::string& name, std::int64_t value) {
  add_attribute(node, name, AttributeType::integer).set_i(value);
}
inline void set(NodeProto& node, const std::string& name, float value) {
  add_attribute(node, name, AttributeType::number).set_f(value);
}
inline void set(NodeProto& node, const std::string& name, const char* value) {
  add_attribute(node, name, AttributeType::text).set_s(value);
}
inline void set(NodeProto& node, const std::string& name, std::initializer_list<std::int64_t> values) {
  auto& attribute = add_attribute(node, name, AttributeType::integers);
  for (const std::int64_t value : values) attribute.add_ints(value);
}
inline GraphProto& add_body(NodeProto& node, const std::string& name) {
  return *add_attribute(node, name, AttributeType::graph).mutable_g();
}

inline void add_ints(GraphProto& graph, const std::string& name, const std::vector<std::int64_t>& values) {
  TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(static_cast<std::int32_t>(DType::i64));
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
}

// Filled with a value.
inline void add_floats(GraphProto& graph, const std::string& name, const std::vector<std::int64_t>& dims,
                       float value = 0.5F) {
  TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(static_cast<std::int32_t>(DType::f32));
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    tensor.add_dims(dim);
    count *= dim;
  }
  for (std::int64_t i = 0; i < count; ++i) tensor.add_float_data(value);
}

// One node over inputs x (f32) and named initialisers, whose outputs are the graph's.
inline NodeProto& one_node(TestModel& model, const std::string& op, const std::vector<TestDim>& x,
                           std::initializer_list<const char*> inputs = {"x"},
                           std::initializer_list<const char*> outputs = {"y"}) {
  add_input(model.graph(), "x", x);
  for (const char* output : outputs) add_output(model.graph(), output);
  return add_node(model.graph(), op, inputs, outputs);
}

// The operators of a graph in order, e.g. "Flatten Softmax Reshape".
inline std::string ops_of(const ir::Graph& graph) {
  std::string text;
  for (const ir::NodeId id : graph.nodes()) text += (text.empty() ? "" : " ") + graph.node(id).op;
  return text;
}

inline const ir::Node& node_at(const ir::Graph& graph, std::size_t index) {
  return graph.node(*std::next(graph.nodes().begin(), static_cast<std::ptrdiff_t>(index)));
}

inline std::string output_type(const ir::Graph& graph, std::size_t index = 0) {
  return graph.value(graph.outputs().at(index)).type.to_string();
}

}  // namespace ingot::onnx::testing
