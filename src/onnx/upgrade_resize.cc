// SPDX-License-Identifier: Apache-2.0
#include "onnx/upgrades.h"

#include <vector>

#include "onnx/limits.h"

namespace ingot::onnx {
namespace {

// What Upsample and the first Resize did, in the words of later opsets.
Status set_first_semantics(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::string mode, draft.read_or<std::string>("mode", "nearest"));
  draft.attrs.set("mode", mode == "bilinear" ? std::string("linear") : mode);
  draft.attrs.set("coordinate_transformation_mode", std::string("asymmetric"));
  if (mode == "nearest") draft.attrs.set("nearest_mode", std::string("floor"));
  return Status::ok();
}

// The first Resize took the element below where an axis grows and the one above where it shrinks (later: nearest_mode),
// so axes that may shrink are a second step.
Status split_first_nearest(NodeDraft& draft) {
  const HostTensor* scales = draft.constant(draft.inputs[2]);
  bool shrinks = scales == nullptr;
  bool grows = shrinks;
  for (std::int64_t i = 0; scales != nullptr && i < scales->elements(); ++i) {
    shrinks = shrinks || scales->as_double(i) < 1;
    grows = grows || scales->as_double(i) > 1;
  }
  if (!shrinks) return Status::ok();
  if (grows) {
    const ir::ValueId one = draft.add_scalar("one", DType::f32, 1);
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId larger, draft.emit("Max", {draft.inputs[2], one}));
    INGOT_ASSIGN_OR_RETURN(draft.inputs[0],
                           draft.emit("Resize", {draft.inputs[0], ir::kNoValue, larger}, Attrs(draft.attrs)));
    INGOT_ASSIGN_OR_RETURN(draft.inputs[2], draft.emit("Min", {draft.inputs[2], one}));
  }
  draft.attrs.set("nearest_mode", std::string("ceil"));
  return Status::ok();
}

// Exporters write an empty tensor for "not given".
void drop_empty(NodeDraft& draft, std::size_t index) {
  if (!draft.has_input(index)) return;
  const auto& shape = draft.input_type(index).shape;
  if (shape && shape->size() == 1 && (*shape)[0].constant() == 0) draft.inputs[index] = ir::kNoValue;
}

}  // namespace

Status require_sums(const NodeDraft& draft) {
  if (!draft.has_input(0)) return Status::ok();
  const char kind = kind_of(draft.input_type(0).dtype);
  return kind == 's' || kind == 'c' ? beyond(Limit::kNoNumbers) : Status::ok();
}

Status upgrade_resize(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(require_sums(draft));
  if (draft.opset < 11) {
    INGOT_RETURN_IF_ERROR(draft.require_input(1));
    draft.inputs = {draft.inputs[0], ir::kNoValue, draft.inputs[1]};
    INGOT_RETURN_IF_ERROR(set_first_semantics(draft));
    return draft.attrs.get_string("nearest_mode", "") == "floor" ? split_first_nearest(draft) : Status::ok();
  }
  for (std::size_t i = 1; i < 4; ++i) drop_empty(draft, i);
  while (!draft.inputs.empty() && draft.inputs.back() == ir::kNoValue) draft.inputs.pop_back();
  return Status::ok();
}

Status upgrade_upsample(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_RETURN_IF_ERROR(require_sums(draft));
  INGOT_ASSIGN_OR_RETURN(const std::optional<Floats> scales, draft.take<Floats>("scales"));
  if (scales) {
    const std::vector<float> narrow(scales->begin(), scales->end());
    draft.set_input(
        1, draft.add_constant("scales",
                              HostTensor::of<float>(DType::f32, {static_cast<std::int64_t>(narrow.size())}, narrow)));
  }
  INGOT_RETURN_IF_ERROR(draft.require_input(1));
  draft.inputs = {draft.inputs[0], ir::kNoValue, draft.inputs[1]};
  return set_first_semantics(draft);
}

}  // namespace ingot::onnx
