// SPDX-License-Identifier: Apache-2.0
// Operators with an activation or a transpose inside.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "onnx/contrib.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// What the parameters of a fused activation are called there.
struct Activation {
  std::string_view name;
  std::array<std::string_view, 2> parameters = {};
};

constexpr std::array<Activation, 9> kActivations = {{{"Relu"},
                                                     {"Sigmoid"},
                                                     {"Tanh"},
                                                     {"LeakyRelu", {"alpha"}},
                                                     {"HardSigmoid", {"alpha", "beta"}},
                                                     {"Elu", {"alpha"}},
                                                     {"ThresholdedRelu", {"alpha"}},
                                                     {"Softplus"},
                                                     {"Softsign"}}};

// Makes the draft the activation of `value`, a type of floats. NaN: the parameter is not given.
Status activate(NodeDraft& draft, ir::ValueId value, const std::string& name, const std::array<double, 2>& parameters) {
  if (name.empty()) {
    become(draft, "Identity", {value});
    return Status::ok();
  }
  if (name == "Clip") {
    const DType type = draft.type(value).dtype;
    become(draft, "Clip",
           {value, draft.add_scalar("min", type, parameters[0]), draft.add_scalar("max", type, parameters[1])});
    return Status::ok();
  }
  for (const Activation& activation : kActivations) {
    if (activation.name != name) continue;
    Attrs attrs;
    for (std::size_t i = 0; i < 2; ++i)
      if (!activation.parameters[i].empty() && !std::isnan(parameters[i]))
        attrs.set(activation.parameters[i], parameters[i]);
    become(draft, name, {value}, std::move(attrs));
    return Status::ok();
  }
  return beyond(Limit::kActivation, name);
}

// The attributes activation_alpha and so on, which leave the draft.
struct TakenActivation {
  std::string name;
  std::array<double, 2> parameters;
};

Result<TakenActivation> take_activation(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const auto name, draft.take<std::string>("activation"));
  INGOT_ASSIGN_OR_RETURN(const auto alpha, draft.take<double>("activation_alpha"));
  INGOT_ASSIGN_OR_RETURN(const auto beta, draft.take<double>("activation_beta"));
  draft.attrs.erase("activation_gamma");
  draft.attrs.erase("activation_axis");
  return TakenActivation{name.value_or(""), {alpha.value_or(NAN), beta.value_or(NAN)}};
}

// The draft as it stands becomes a node before the last.
Result<ir::ValueId> emit_draft(NodeDraft& draft) {
  return draft.emit(draft.op, draft.inputs, std::exchange(draft.attrs, {}));
}

}  // namespace

Status lower_bias_gelu(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  if (!draft.has_input(1)) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum, draft.emit("Add", {draft.inputs[0], draft.inputs[1]}));
  draft.inputs = {sum};
  return Status::ok();
}

Status lower_fast_gelu(NodeDraft& draft) {
  draft.attrs.set("approximate", std::string("tanh"));
  return lower_bias_gelu(draft);
}

Status lower_quick_gelu(NodeDraft& draft) {
  if (!draft.attrs.has("alpha")) draft.attrs.set("alpha", 1.702);
  return Status::ok();
}

Status lower_fused_conv(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const auto name, draft.take<std::string>("activation"));
  INGOT_ASSIGN_OR_RETURN(const auto given, draft.take<Floats>("activation_params"));
  std::array<double, 2> parameters = {NAN, NAN};
  for (std::size_t i = 0; given && i < std::min<std::size_t>(2, given->size()); ++i) parameters[i] = (*given)[i];
  const ir::ValueId addend = draft.has_input(3) ? draft.inputs[3] : ir::kNoValue;
  INGOT_RETURN_IF_ERROR(upgrade_conv(draft));
  draft.inputs.resize(std::min<std::size_t>(3, draft.inputs.size()));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId y, emit_draft(draft));
  if (addend != ir::kNoValue) {
    INGOT_ASSIGN_OR_RETURN(y, draft.emit("Add", {y, addend}));
  }
  return activate(draft, y, name.value_or(""), parameters);
}

Status lower_fused_gemm(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const TakenActivation activation, take_activation(draft));
  INGOT_RETURN_IF_ERROR(upgrade_gemm(draft));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, emit_draft(draft));
  return activate(draft, y, activation.name, activation.parameters);
}

Status lower_fused_matmul(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const TakenActivation activation, take_activation(draft));
  for (std::size_t i = 0; i < 2; ++i) {
    const int rank = draft.input_type(i).rank();
    INGOT_ASSIGN_OR_RETURN(const auto turned, draft.take<std::int64_t>(i == 0 ? "transBatchA" : "transBatchB"));
    if (rank == 1) draft.attrs.erase(i == 0 ? "transA" : "transB");  // a vector is both row and column
    if (turned.value_or(0) == 0 || rank < 3) continue;
    // The rows come first, then the batch.
    Ints order(static_cast<std::size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
    INGOT_ASSIGN_OR_RETURN(draft.inputs[i], draft.emit("Transpose", {draft.inputs[i]}, {{"perm", order}}));
  }
  if (activation.name.empty()) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, emit_draft(draft));
  return activate(draft, y, activation.name, activation.parameters);
}

// [N, spatial..., C], with weights as in Conv.
Status lower_nhwc_conv(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  const int rank = draft.input_type(0).rank();
  if (rank < 3) return beyond(Limit::kChannelRank);
  INGOT_ASSIGN_OR_RETURN(draft.inputs[0], move_channels(draft, draft.inputs[0], rank, true));
  if (draft.has_input(3)) {
    INGOT_ASSIGN_OR_RETURN(draft.inputs[3], move_channels(draft, draft.inputs[3], rank, true));
  }
  INGOT_RETURN_IF_ERROR(lower_fused_conv(draft));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, emit_draft(draft));
  become(draft, "Transpose", {y}, {{"perm", channel_order(rank, false)}});
  return Status::ok();
}

Status lower_bias_add(NodeDraft& draft) {
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum, draft.emit("Add", {draft.inputs[0], draft.inputs[1]}));
  draft.inputs = {sum, draft.inputs[2]};
  return Status::ok();
}

// Softmax of a sum; the bias broadcasts either over the leading dimensions or over those before the axis.
Status lower_bias_softmax(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t axis, draft.read_or<std::int64_t>("axis", 1));
  INGOT_RETURN_IF_ERROR(draft.take<std::int64_t>("is_inner_broadcast").status());
  const int rank = draft.input_type(0).rank();
  if (axis != -1 && axis != rank - 1) return beyond(Limit::kSoftmaxAxis, fmt::format("axis {} of rank {}", axis, rank));
  if (draft.input_type(1).rank() != rank) return beyond(Limit::kSoftmaxBias);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum, draft.emit("Add", {draft.inputs[0], draft.inputs[1]}));
  become(draft, "Softmax", {sum}, {{"axis", std::int64_t{-1}}});
  return Status::ok();
}

}  // namespace ingot::onnx
