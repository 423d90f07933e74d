// SPDX-License-Identifier: Apache-2.0
// The cores of DCNv3 and DCNv4 under the names that their TensorRT plugins have. All become DCNv3.
#include <algorithm>
#include <array>
#include <span>

#include "onnx/deform_spellings.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// An integer attribute by the two names that it goes by.
struct Name {
  std::string_view full, brief;
};
constexpr std::array<std::array<Name, 2>, 4> kPairs = {{{{{"kernel_h", "kh"}, {"kernel_w", "kw"}}},
                                                        {{{"stride_h", "sh"}, {"stride_w", "sw"}}},
                                                        {{{"pad_h", "ph"}, {"pad_w", "pw"}}},
                                                        {{{"dilation_h", "dh"}, {"dilation_w", "dw"}}}}};
// What says nothing about the result.
constexpr std::string_view kIgnored[] = {"im2col_step", "step",           "name",
                                         "version",     "plugin_version", "plugin_namespace"};

template <typename T>
Result<std::optional<T>> take(NodeDraft& draft, const Name& name) {
  INGOT_ASSIGN_OR_RETURN(std::optional<T> full, draft.take<T>(name.full));
  INGOT_ASSIGN_OR_RETURN(std::optional<T> brief, draft.take<T>(name.brief));
  if (full && brief && *full != *brief)
    return invalid_argument("attributes {} and {} contradict each other", name.full, name.brief);
  return full ? full : brief;
}

Result<Ints> take_pair(NodeDraft& draft, const std::array<Name, 2>& names) {
  Ints pair;
  for (const Name& name : names) {
    INGOT_ASSIGN_OR_RETURN(const std::optional<std::int64_t> value, take<std::int64_t>(draft, name));
    if (!value) return invalid_argument("attribute {} is missing", name.full);
    pair.push_back(*value);
  }
  return pair;
}

Result<ir::ValueId> slice_last(NodeDraft& draft, ir::ValueId value, std::int64_t begin, std::int64_t end) {
  return draft.emit(
      "Slice", {value, draft.add_ints("starts", {begin}), draft.add_ints("ends", {end}), draft.add_ints("axes", {-1})});
}

}  // namespace

Status upgrade_deform_points(NodeDraft& draft) {
  const bool fused = draft.written_op == "DCNv4FuseOffset_Plugin";
  const std::size_t inputs = fused ? 1 : draft.written_op == "DCNv4_Plugin" ? 2 : 3;
  for (std::size_t i = 0; i < inputs; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  if (draft.inputs.size() > inputs) return invalid_argument("{} inputs; {} are expected", draft.inputs.size(), inputs);
  for (const std::string_view name : kIgnored) draft.attrs.erase(name);
  Attrs attrs;
  INGOT_ASSIGN_OR_RETURN(const Ints kernel, take_pair(draft, kPairs[0]));
  INGOT_ASSIGN_OR_RETURN(const Ints strides, take_pair(draft, kPairs[1]));
  INGOT_ASSIGN_OR_RETURN(const Ints pads, take_pair(draft, kPairs[2]));
  INGOT_ASSIGN_OR_RETURN(const Ints dilations, take_pair(draft, kPairs[3]));
  attrs.set("kernel_shape", kernel);
  attrs.set("strides", strides);
  attrs.set("pads", Ints{pads[0], pads[1], pads[0], pads[1]});
  attrs.set("dilations", dilations);
  INGOT_ASSIGN_OR_RETURN(const auto group, draft.take<std::int64_t>("group"));
  if (!group) return invalid_argument("attribute group is missing");
  attrs.set("group", *group);
  INGOT_ASSIGN_OR_RETURN(const auto per_group, draft.take<std::int64_t>("group_channels"));
  INGOT_ASSIGN_OR_RETURN(const auto scale, take<double>(draft, {"offset_scale", "offscale"}));
  attrs.set("offset_scale", scale.value_or(1));
  INGOT_ASSIGN_OR_RETURN(const auto remove_center, draft.take<std::int64_t>("remove_center"));
  attrs.set("remove_center", remove_center.value_or(0));
  if (!draft.attrs.empty())
    return invalid_argument("attribute {} means nothing to {}", draft.attrs.entries().begin()->first, draft.written_op);
  draft.attrs = std::move(attrs);

  const auto& shape = draft.input_type(0).shape;
  if (!fused) {
    if (per_group && shape && !shape->empty() && shape->back().is_constant() &&
        shape->back().value() != *group * *per_group)
      return invalid_argument("group is {} and group_channels {}, but input 0 has shape {}", *group, *per_group,
                              to_string(*shape));
    return Status::ok();
  }
  if (!per_group) return invalid_argument("attribute group_channels is missing");
  const ir::ValueId both = draft.inputs[0];
  const std::int64_t channels = *group * *per_group;
  draft.inputs.resize(2);
  INGOT_ASSIGN_OR_RETURN(draft.inputs[0], slice_last(draft, both, 0, channels));
  INGOT_ASSIGN_OR_RETURN(draft.inputs[1], slice_last(draft, both, channels, INT64_MAX));
  return Status::ok();
}

const OpRow* find_deform_points_spelling(const NodeProto& node) {
  static constexpr OpRow kRow{.op = "DCNv3", .upgrade = upgrade_deform_points};
  static constexpr std::string_view kNames[] = {"TRTDCNv3", "DCNv4_Plugin", "DCNv4FuseOffset_Plugin"};
  return std::ranges::find(kNames, node.op_type()) == std::end(kNames) ? nullptr : &kRow;
}

}  // namespace ingot::onnx
