// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "onnx/limits.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

Status number_to_input(NodeDraft& draft, std::string_view attribute, std::size_t index) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<double> value, draft.take<double>(attribute));
  if (!value) return Status::ok();
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  draft.set_input(index, draft.add_scalar(attribute, draft.input_type(0).dtype, *value));
  return Status::ok();
}

}  // namespace

Status upgrade_axes(NodeDraft& draft) { return draft.ints_to_input("axes", 1); }

Status upgrade_clip(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(number_to_input(draft, "min", 1));
  return number_to_input(draft, "max", 2);
}

Status upgrade_col2im(NodeDraft& draft) { return require_sums(draft); }

Status upgrade_dft(NodeDraft& draft) {
  if (draft.opset >= 20) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const std::optional<std::int64_t> axis, draft.take<std::int64_t>("axis"));
  draft.set_input(2, draft.add_constant("axis", HostTensor::scalar(DType::i64, static_cast<double>(axis.value_or(1)))));
  return Status::ok();
}

Status upgrade_grid_sample(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(require_sums(draft));
  INGOT_ASSIGN_OR_RETURN(const std::optional<std::string> mode, draft.read<std::string>("mode"));
  if (mode == "bilinear") draft.attrs.set("mode", std::string("linear"));
  if (mode == "bicubic") draft.attrs.set("mode", std::string("cubic"));
  return Status::ok();
}

Status upgrade_pad(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.ints_to_input("pads", 1));
  return number_to_input(draft, "value", 2);
}

Status upgrade_roi_align(NodeDraft& draft) {
  if (draft.opset < 16) draft.attrs.set("coordinate_transformation_mode", std::string("output_half_pixel"));
  return Status::ok();
}

Status upgrade_scatter(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::string reduction, draft.read_or<std::string>("reduction", "none"));
  if (reduction == "none" || !draft.has_input(0)) return Status::ok();
  const DType type = draft.input_type(0).dtype;
  return bits_of(type) < 8 || kind_of(type) == 'c' ? beyond(Limit::kNoReduction) : Status::ok();
}

Status upgrade_slice(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.ints_to_input("starts", 1));
  INGOT_RETURN_IF_ERROR(draft.ints_to_input("ends", 2));
  return draft.ints_to_input("axes", 3);
}

// The specification wants rank 3; PyTorch's exporter writes a real signal as [batch, length], which others accept.
Status upgrade_stft(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  const ir::Type& signal = draft.input_type(0);
  if (!signal.shape || signal.shape->size() != 2) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId with_parts,
                         draft.emit("Unsqueeze", {draft.inputs[0], draft.add_ints("axes", {-1})}));
  draft.set_input(0, with_parts);
  return Status::ok();
}

Status upgrade_split(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.ints_to_input("split", 1));
  if (!draft.has_input(1) && !draft.attrs.has("num_outputs"))
    draft.attrs.set("num_outputs", static_cast<std::int64_t>(draft.outputs.size()));
  return Status::ok();
}

Status upgrade_top_k(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<std::int64_t> k, draft.take<std::int64_t>("k"));
  if (k) draft.set_input(1, draft.add_ints("k", {*k}));
  return Status::ok();
}

}  // namespace ingot::onnx
