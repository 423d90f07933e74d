// SPDX-License-Identifier: Apache-2.0
// What opsets 1 to 6 wrote otherwise: broadcasting by attributes, phases by is_test, hints about memory.
#include <algorithm>
#include <array>
#include <string>

#include "onnx/limits.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// B's dimensions stood at those of A from `axis` on, where broadcasting now aligns the last ones: 1s follow them.
Status upgrade_broadcast(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const auto broadcast, draft.take<std::int64_t>("broadcast"));
  INGOT_ASSIGN_OR_RETURN(const auto axis, draft.take<std::int64_t>("axis"));
  if (broadcast.value_or(0) == 0 || !axis) return Status::ok();
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_RETURN_IF_ERROR(draft.require_input(1));
  const ir::Type& a = draft.input_type(0);
  const ir::Type& b = draft.input_type(1);
  if (!a.shape || !b.shape) return beyond(Limit::kBroadcastAxis);
  const std::int64_t first = *axis < 0 ? *axis + a.rank() : *axis;
  const std::int64_t after = a.rank() - b.rank() - first;
  if (first < 0 || after < 0) return invalid_argument("axis {} for ranks {} and {}", *axis, a.rank(), b.rank());
  if (after == 0 || b.rank() == 0) return Status::ok();
  Ints axes;
  for (std::int64_t i = 0; i < after; ++i) axes.push_back(b.rank() + i);
  INGOT_ASSIGN_OR_RETURN(draft.inputs[1], draft.emit("Unsqueeze", {draft.inputs[1], draft.add_ints("axes", axes)}));
  return Status::ok();
}

// A slope for each channel stood for axis 1.
Status upgrade_prelu(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_RETURN_IF_ERROR(draft.require_input(1));
  const ir::Type& x = draft.input_type(0);
  const ir::Type& slope = draft.input_type(1);
  if (!x.shape || !slope.shape) return beyond(Limit::kEarlyPRelu);
  if (slope.rank() != 1 || x.rank() < 3 || (*slope.shape)[0].constant() == 1) return Status::ok();
  Ints axes;
  for (std::int64_t axis = 1; axis < x.rank() - 1; ++axis) axes.push_back(axis);
  INGOT_ASSIGN_OR_RETURN(draft.inputs[1], draft.emit("Unsqueeze", {draft.inputs[1], draft.add_ints("axes", axes)}));
  return Status::ok();
}

Status drop_broadcast(NodeDraft& draft) {
  draft.attrs.erase("broadcast");
  return Status::ok();
}

Status upgrade_phase(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const auto is_test, draft.take<std::int64_t>("is_test"));
  if (is_test.value_or(0) == 0) return unsupported("is_test is 0; export the model in evaluation mode");
  return Status::ok();
}

Status upgrade_cast(NodeDraft& draft) {
  if (draft.opset >= 6) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const auto to, draft.read<std::string>("to"));
  if (!to) return Status::ok();
  static constexpr std::array<std::string_view, 14> kNames = {"UNDEFINED", "FLOAT",  "UINT8",  "INT8",   "UINT16",
                                                              "INT16",     "INT32",  "INT64",  "STRING", "BOOL",
                                                              "FLOAT16",   "DOUBLE", "UINT32", "UINT64"};
  const auto found = std::find(kNames.begin() + 1, kNames.end(), *to);
  if (found == kNames.end()) return invalid_argument("attribute to is '{}', which is no element type", *to);
  draft.attrs.set("to", static_cast<DType>(found - kNames.begin()));
  return Status::ok();
}

Status upgrade_concat(NodeDraft& draft) {
  if (draft.opset < 4 && !draft.attrs.has("axis")) draft.attrs.set("axis", std::int64_t{1});
  return Status::ok();
}

Status upgrade_paddings(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const auto paddings, draft.take<Ints>("paddings"));
  if (paddings) draft.attrs.set("pads", *paddings);
  return Status::ok();
}

Status upgrade_reshape(NodeDraft& draft) { return draft.ints_to_input("shape", 1); }

Status upgrade_selu(NodeDraft& draft) {
  if (draft.opset >= 6) return Status::ok();
  if (!draft.attrs.has("alpha")) draft.attrs.set("alpha", 1.6732);
  if (!draft.attrs.has("gamma")) draft.attrs.set("gamma", 1.0507);
  return Status::ok();
}

Status refuse_first_form(NodeDraft& draft) {
  if (draft.opset >= 6) return Status::ok();
  return beyond(Limit::kEarlyForm);
}

struct Row {
  std::string_view op;
  Status (*upgrade)(NodeDraft& draft);
};
constexpr Row kRows[] = {
    {"Add", upgrade_broadcast},     {"And", upgrade_broadcast},   {"BatchNormalization", upgrade_phase},
    {"Cast", upgrade_cast},         {"Concat", upgrade_concat},   {"Div", upgrade_broadcast},
    {"Dropout", upgrade_phase},     {"Equal", upgrade_broadcast}, {"Gemm", drop_broadcast},
    {"Greater", upgrade_broadcast}, {"Less", upgrade_broadcast},  {"Mul", upgrade_broadcast},
    {"Or", upgrade_broadcast},      {"PRelu", upgrade_prelu},     {"Pad", upgrade_paddings},
    {"Pow", upgrade_broadcast},     {"Reshape", upgrade_reshape}, {"Selu", upgrade_selu},
    {"Sub", upgrade_broadcast},     {"Tile", refuse_first_form},  {"Upsample", refuse_first_form},
    {"Xor", upgrade_broadcast},
};

}  // namespace

Status upgrade_early(std::string_view onnx_op, NodeDraft& draft) {
  if (draft.opset >= 7) return Status::ok();
  draft.attrs.erase("consumed_inputs");
  for (const Row& row : kRows)
    if (row.op == onnx_op) return row.upgrade(draft);
  return Status::ok();
}

}  // namespace ingot::onnx
