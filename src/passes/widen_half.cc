// SPDX-License-Identifier: Apache-2.0
// Half-precision arithmetic in f32, for devices that store f16 and bf16 but have no kernels for them: each arithmetic
// node takes its half operands through a Cast and gives half results through another. Between two such nodes the value
// stays f32, and operators that only move elements follow. Inputs and outputs of the network keep their types, and
// what the model itself casts is left alone.
#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "ops/moving.h"
#include "ops/op_def.h"
#include "passes/expr_rewrite.h"
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

bool is_half(const Graph& graph, ValueId value) {
  return value != kNoValue && graph.value(value).type.is_tensor() && is_half(dtype_of(graph, value));
}

constexpr auto kArithmetic = std::to_array<std::string_view>({
    "Conv",
    "ConvTranspose",
    "DeformConv",
    "DCNv3",
    "MatMul",
    "Einsum",
    "Attention",
    "RotaryEmbedding",
    "LSTM",
    "GRU",
    "RNN",
    "BatchNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LpNormalization",
    "LRN",
    "MeanVarianceNormalization",
    "Softmax",
    "LogSoftmax",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GlobalLpPool",
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceProd",
    "CumSum",
    "Resize",
    "GridSample",
    "RoiAlign",
    "Det",
});
class Widening {
 public:
  explicit Widening(Graph& graph) : graph_(graph) {}

  [[nodiscard]] bool wanted(const Node& node) const {
    bool any = false;
    bool all_wide = true;
    for (const ValueId value : node.inputs) {
      if (!is_half(graph_, value)) continue;
      any = true;
      all_wide = all_wide && (wide_.contains(value) || graph_.constant(value) != nullptr);
    }
    if (!any || !node.subgraphs.empty()) return false;
    if (ops::only_moves(node.op)) return all_wide;
    return (std::ranges::find(kArithmetic, node.op) != kArithmetic.end()) ||
           (node.op != "Cast" && node.op != "CastLike" && expression_of(graph_, node));
  }

  Status widen(const Node& node) {
    ir::Patch patch = new_patch(graph_, "widen_half");
    std::vector<ValueId> inputs = node.inputs;
    std::vector<std::pair<ValueId, ValueId>> made;  // half value -> its f32 form
    for (ValueId& value : inputs) {
      if (!is_half(graph_, value)) continue;
      if (const auto known = wide_.find(value); known != wide_.end()) {
        value = known->second;
        continue;
      }
      const ValueId half = value;
      if (const HostTensor* constant = graph_.constant(half); constant != nullptr) {
        INGOT_ASSIGN_OR_RETURN(HostTensor wide, widened(*constant));
        value = patch.add_constant(graph_.value(half).name, share(std::move(wide)));
        constants_.emplace_back(half, value);
      } else {
        INGOT_ASSIGN_OR_RETURN(value, patch.add("Cast", {half}, Attrs{{"to", DType::f32}}, node.id));
      }
    }
    Attrs attrs = node.attrs;
    INGOT_ASSIGN_OR_RETURN(const std::vector<ValueId> outputs,
                           patch.add_node(node.op, std::move(inputs), std::move(attrs), node.id, node.outputs.size()));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const ValueId old = node.outputs[i];
      if (old == kNoValue) continue;
      ValueId result = outputs[i];
      if (is_half(graph_, old)) {
        INGOT_ASSIGN_OR_RETURN(result, patch.add("Cast", {outputs[i]}, Attrs{{"to", dtype_of(graph_, old)}}, node.id));
        made.emplace_back(result, outputs[i]);
      }
      patch.replace(old, result);
    }
    INGOT_RETURN_IF_ERROR(std::move(patch).apply(graph_));
    for (const auto& [half, wide] : made) wide_.emplace(half, wide);
    for (const auto& [half, wide] : std::exchange(constants_, {})) wide_.emplace(half, wide);
    return Status::ok();
  }

 private:
  static Result<HostTensor> widened(const HostTensor& half) {
    INGOT_ASSIGN_OR_RETURN(HostTensor wide, HostTensor::create(DType::f32, half.shape()));
    auto* to = wide.mutable_data<float>();
    for (std::int64_t i = 0; i < half.elements(); ++i) to[i] = static_cast<float>(half.as_double(i));
    return wide;
  }

  Graph& graph_;
  std::unordered_map<ValueId, ValueId> wide_;           // half value -> its f32 form, constants included
  std::vector<std::pair<ValueId, ValueId>> constants_;  // of the patch in work
};

}  // namespace

Status widen_half(ir::Graph& graph, Session& session) {
  if (!session.options.widen_half) return Status::ok();
  Widening widening(graph);
  const std::vector<ir::NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const ir::NodeId id : order) {
    if (session.stopped()) break;
    if (!graph.has(id) || !widening.wanted(graph.node(id))) continue;
    const std::string name = graph.node(id).name;
    INGOT_RETURN_IF_ERROR(widening.widen(graph.node(id)));
    session.record("widen_half", name);
  }
  return Status::ok();
}

}  // namespace ingot::passes
