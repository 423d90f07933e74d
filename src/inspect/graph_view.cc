// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "inspect/dot.h"
#include "inspect/inspect.h"
#include "ir/text.h"

namespace ingot::inspect {
namespace {

std::string dump(const nlohmann::json& json) {
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

nlohmann::json to_json(const ir::Graph& graph) {
  const auto value = [&](ir::ValueId id) -> nlohmann::json {
    if (id == ir::kNoValue) return nullptr;
    const ir::Value& v = graph.value(id);
    nlohmann::json out = {{"name", v.name}, {"type", v.type.to_string()}};
    if (v.constant != nullptr) out["constant"] = true;
    return out;
  };
  const auto values = [&](const std::vector<ir::ValueId>& ids) {
    nlohmann::json out = nlohmann::json::array();
    for (const ir::ValueId id : ids) out.push_back(value(id));
    return out;
  };
  nlohmann::json out = {{"name", graph.name}, {"inputs", values(graph.inputs())}, {"outputs", values(graph.outputs())}};
  out["nodes"] = nlohmann::json::array();
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    nlohmann::json entry = {{"name", node.name},
                            {"op", node.op},
                            {"attributes", node.attrs.to_string()},
                            {"inputs", values(node.inputs)},
                            {"outputs", values(node.outputs)}};
    for (const auto& [attribute, body] : node.subgraphs) entry["subgraphs"][attribute] = to_json(*body);
    out["nodes"].push_back(std::move(entry));
  }
  return out;
}

std::string to_dot(const ir::Graph& graph) {
  Dot dot;
  const auto node_id = [](const ir::Node& node) { return fmt::format("n{}", static_cast<std::uint32_t>(node.id)); };
  const auto source = [&](ir::ValueId id) {
    const ir::Node* producer = graph.producer(id);
    return producer != nullptr ? node_id(*producer) : graph.value(id).name;
  };
  for (const ir::ValueId id : graph.inputs()) dot.node(graph.value(id).name, graph.value(id).name);
  for (const ir::NodeId id : graph.nodes())
    dot.node(node_id(graph.node(id)), graph.node(id).op + "\n" + graph.node(id).name);
  for (const ir::NodeId id : graph.nodes())
    for (const ir::ValueId input : graph.node(id).inputs)
      if (input != ir::kNoValue && graph.constant(input) == nullptr)
        dot.edge(source(input), node_id(graph.node(id)), graph.value(input).type.to_string());
  for (const ir::ValueId id : graph.outputs()) {
    dot.node("output " + graph.value(id).name, graph.value(id).name);
    dot.edge(source(id), "output " + graph.value(id).name, graph.value(id).type.to_string());
  }
  return dot.text();
}

}  // namespace

std::string show(const ir::Graph& graph, Format format) {
  switch (format) {
    case Format::text: return ir::print(graph);
    case Format::json: return dump(to_json(graph));
    case Format::dot: return to_dot(graph);
  }
  return {};
}

std::string show(const builder::Lowered& lowered, Format format) {
  const auto name = [&](std::int32_t id) { return lowered.tensors[static_cast<std::size_t>(id)].name; };
  if (format == Format::text) return lowered.to_string();
  if (format == Format::dot) {
    Dot dot;
    for (std::size_t i = 0; i < lowered.steps.size(); ++i) {
      const builder::LoweredStep& step = lowered.steps[i];
      dot.node(fmt::format("s{}", i), step.problem.kind + "\n" + step.name);
      for (const std::int32_t id : step.inputs)
        if (id >= 0 && lowered.constants[static_cast<std::size_t>(id)] == nullptr)
          dot.edge(name(id), fmt::format("s{}", i), "");
      for (const std::int32_t id : step.outputs)
        if (id >= 0) dot.edge(fmt::format("s{}", i), name(id), "");
    }
    for (const plan::Tensor& tensor : lowered.tensors)
      if (tensor.storage == plan::Storage::alias) dot.edge(name(tensor.alias_of), tensor.name, "view");
    return dot.text();
  }
  nlohmann::json out = nlohmann::json::array();
  for (const builder::LoweredStep& step : lowered.steps)
    out.push_back(
        {{"name", step.name}, {"problem", step.problem.to_string()}, {"data_dependent", step.data_dependent}});
  return dump(out);
}

}  // namespace ingot::inspect
