// SPDX-License-Identifier: Apache-2.0
// Operands are told apart by where weights of rank 4 fit: ONNX has them second; the plugins third, after the offsets
// (and perhaps, in the same tensor, the logits of the mask), or fourth, after offsets and mask.
#include "onnx/deform_spellings.h"

#include <algorithm>
#include <array>

#include "onnx/deform_attributes.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

enum class Order : std::uint8_t {
  kOnnx,      // x, weights, offset, then bias and mask in either order
  kPlain,     // x, offset, weights, and perhaps mask
  kMerged,    // x, offset and logits of the mask, weights, and perhaps bias
  kSeparate,  // x, offset, mask, weights, and perhaps bias
};

constexpr std::size_t weights_at(Order order) { return order == Order::kOnnx ? 1 : order == Order::kSeparate ? 3 : 2; }
constexpr std::size_t offset_at(Order order) { return order == Order::kOnnx ? 2 : 1; }
// Channels of the offset operand for each tap and offset group.
constexpr std::int64_t per_tap(Order order) { return order == Order::kMerged ? 3 : 2; }

struct Spelling {
  std::string_view op;
  std::vector<Order> orders;
  bool needs_window = true;        // stride, padding and dilation must be given
  bool needs_group = false;        // so must group
  bool needs_offset_group = true;  // and the number of offset groups
  PadOrder pads = PadOrder::kUnknown;
};

const std::vector<Spelling>& spellings() {
  using enum Order;
  static const std::vector<Spelling> kTable = {
      {"DeformConv", {kOnnx, kPlain, kSeparate}, false, false, false, PadOrder::kBeginsEnds},
      {"deform_conv2d", {kOnnx}, true, false, false},
      {"DeformConv2d", {kPlain, kSeparate, kOnnx}, true, false, false},
      {"MMCVModulatedDeformConv2d", {kSeparate}, true, true, true},
      {"MMCVDeformConv2d", {kPlain}, true, true, true, PadOrder::kPairs},
      {"DeformableConv2D", {kPlain}, true, true, true, PadOrder::kPairs},
      {"DCNv2_TRT", {kMerged, kSeparate}},
      {"_DCNv2", {kMerged, kSeparate}},
      {"DCNv2", {kSeparate, kMerged, kPlain}},
      {"DCNv2_2", {kSeparate}},
      {"DCN", {kSeparate, kPlain}},
      {"ModulatedDeformConv2d", {kSeparate}, true, true, true},
      {"ModulatedDeformableConvPluginDynamic", {kSeparate}, true, true, true},
      {"DeformableConvPluginDynamic", {kPlain}, true, true, true},
      {"ModulatedDeformableConv2dTRT", {kSeparate}, true, true, true},
      {"ModulatedDeformableConv2dTRT2", {kSeparate}, true, true, true},
      {"deformable_conv", {kSeparate, kPlain}, true, true, true},
      {"Plugin", {kMerged}},
  };
  return kTable;
}

// A dimension when it is a number.
std::optional<std::int64_t> dim_of(const NodeDraft& draft, std::size_t input, std::size_t axis) {
  if (!draft.has_input(input)) return std::nullopt;
  const auto& shape = draft.input_type(input).shape;
  if (!shape || shape->size() <= axis) return std::nullopt;
  return (*shape)[axis].constant();
}

// How exporters write that an optional operand is not there.
bool is_empty(const NodeDraft& draft, std::size_t input) {
  const auto& shape = draft.input_type(input).shape;
  return shape && (shape->size() == 1 || draft.input_constant(input) != nullptr) &&
         std::ranges::any_of(*shape, [](const Dim& dim) { return dim == Dim(0); });
}

// The channels of offsets in one offset group, when the operands can be read in that order.
std::optional<std::int64_t> fits(const NodeDraft& draft, Order order, const DeformNumbers& numbers) {
  const std::size_t w = weights_at(order);
  const std::size_t offset = offset_at(order);
  if (!draft.has_input(0) || !draft.has_input(w) || !draft.has_input(offset)) return std::nullopt;
  const auto& shape = draft.input_type(w).shape;
  if (!shape || shape->size() != 4) return std::nullopt;
  const auto inner = dim_of(draft, w, 1), kh = dim_of(draft, w, 2), kw = dim_of(draft, w, 3);
  if (!inner || !kh || !kw || *kh < 1 || *kw < 1 || *kh > 1024 || *kw > 1024) return std::nullopt;
  if (numbers.kernel && *numbers.kernel != Ints{*kh, *kw}) return std::nullopt;
  const auto channels = dim_of(draft, 0, 1);
  if (channels && *inner * numbers.group.value_or(1) != *channels) return std::nullopt;
  const std::int64_t unit = per_tap(order) * *kh * *kw;
  const auto given = dim_of(draft, offset, 1);
  if (given && (*given < 1 || *given % unit != 0)) return std::nullopt;
  if (order == Order::kSeparate) {
    const auto mask = dim_of(draft, 2, 1);
    if (mask && given && 2 * *mask != *given) return std::nullopt;
  }
  return unit;
}

Result<std::int64_t> offset_groups(const NodeDraft& draft, Order order, std::int64_t unit,
                                   const DeformNumbers& numbers) {
  const auto channels = dim_of(draft, offset_at(order), 1);
  if (!channels) {
    if (numbers.offset_group) return *numbers.offset_group;
    return invalid_argument("neither an attribute nor the shape of input {} tells the number of offset groups",
                            offset_at(order));
  }
  const std::int64_t groups = *channels / unit;
  if (numbers.offset_group && *numbers.offset_group != groups)
    return invalid_argument("the number of offset groups is given as {}, but the {} channels of input {} make {}",
                            *numbers.offset_group, *channels, offset_at(order), groups);
  return groups;
}

Result<ir::ValueId> slice_channels(NodeDraft& draft, ir::ValueId value, std::int64_t begin, std::int64_t end) {
  return draft.emit(
      "Slice", {value, draft.add_ints("starts", {begin}), draft.add_ints("ends", {end}), draft.add_ints("axes", {1})});
}

struct Operands {
  ir::ValueId bias = ir::kNoValue, offset = ir::kNoValue, mask = ir::kNoValue;
};

// has_places: the operator defines where bias and mask stand, so that their ranks need not be known.
Result<Operands> read_operands(NodeDraft& draft, Order order, std::int64_t unit, std::int64_t groups, bool has_places) {
  Operands operands;
  const std::size_t w = weights_at(order);
  operands.offset = draft.inputs[offset_at(order)];
  if (order == Order::kSeparate && draft.has_input(2) && !is_empty(draft, 2)) operands.mask = draft.inputs[2];
  // Exporters disagree on the order of what follows.
  const std::size_t first = order == Order::kOnnx ? 3 : w + 1;
  for (std::size_t i = first; i < draft.inputs.size(); ++i) {
    if (!draft.has_input(i) || is_empty(draft, i)) continue;
    const auto& shape = draft.input_type(i).shape;
    if (!shape && !has_places) return invalid_argument("the rank of input {} is not known", i);
    const bool is_bias = shape ? shape->size() == 1 : i == first;
    ir::ValueId& place = is_bias ? operands.bias : operands.mask;
    if (place != ir::kNoValue || (!is_bias && shape && shape->size() != 4) || i > first + 1)
      return invalid_argument("input {} is neither a bias nor a mask", i);
    place = draft.inputs[i];
  }
  if (order == Order::kMerged) {
    if (operands.mask != ir::kNoValue) return invalid_argument("there are two masks");
    const std::int64_t offsets = unit / 3 * 2 * groups;
    const ir::ValueId both = operands.offset;
    INGOT_ASSIGN_OR_RETURN(operands.offset, slice_channels(draft, both, 0, offsets));
    INGOT_ASSIGN_OR_RETURN(operands.mask, slice_channels(draft, both, offsets, unit * groups));
    INGOT_ASSIGN_OR_RETURN(operands.mask, draft.emit("Sigmoid", {operands.mask}));
  }
  return operands;
}

// The scalars of torchvision::deform_conv2d as trailing inputs, in the order of its schema.
Status scalars_to_attributes(NodeDraft& draft) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "stride_h", "stride_w", "pad_h", "pad_w", "dilation_h", "dilation_w", "groups", "offset_groups", "use_mask"};
  if (draft.inputs.size() == 5 + kNames.size()) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const HostTensor* value = draft.input_constant(5 + i);
      if (value == nullptr || value->elements() != 1)
        return invalid_argument("input {} must be a constant number", 5 + i);
      draft.attrs.set(kNames[i], value->as_int(0));
    }
    draft.inputs.resize(5);
  }
  INGOT_ASSIGN_OR_RETURN(const std::int64_t use_mask, draft.read_or<std::int64_t>("use_mask", 1));
  if (use_mask == 0 && draft.inputs.size() > 3) draft.inputs[3] = ir::kNoValue;
  return Status::ok();
}

// Plugin's attributes stand in a text; an empty one is the 3x3 convolution with stride 1 that its first users wrote.
Status info_to_attributes(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(std::optional<std::string> info, draft.take<std::string>("info"));
  INGOT_ASSIGN_OR_RETURN(std::optional<std::string> infos, draft.take<std::string>("infos"));
  if (info && infos && *info != *infos) return invalid_argument("attributes info and infos contradict each other");
  if (!info) info = std::move(infos);
  if (!info) return invalid_argument("attribute info is missing");
  const std::string text =
      info->empty() ? R"({"stride": 1, "padding": 1, "dilation": 1, "deformable_groups": 1})" : *info;
  auto members = parse_json_attributes(text);
  if (!members.is_ok()) return std::move(members).status().annotate("attribute info");
  draft.attrs = *std::move(members);
  return Status::ok();
}

Status check_required(const Spelling& spelling, const DeformNumbers& numbers) {
  const auto require = [&](bool needed, bool given, std::string_view name) {
    return needed && !given ? invalid_argument("attribute {} is missing", name) : Status::ok();
  };
  INGOT_RETURN_IF_ERROR(require(spelling.needs_window, numbers.strides.has_value(), "stride"));
  INGOT_RETURN_IF_ERROR(require(spelling.needs_window, numbers.pads.has_value(), "padding"));
  INGOT_RETURN_IF_ERROR(require(spelling.needs_window, numbers.dilations.has_value(), "dilation"));
  INGOT_RETURN_IF_ERROR(require(spelling.needs_group, numbers.group.has_value(), "groups"));
  return require(spelling.needs_offset_group, numbers.offset_group.has_value(), "deformable_groups");
}

std::string shapes_of(const NodeDraft& draft) {
  std::string text;
  for (std::size_t i = 0; i < draft.inputs.size(); ++i)
    text += (i == 0 ? "" : ", ") + (draft.has_input(i) ? draft.input_type(i).to_string() : std::string("none"));
  return text;
}

// Whether ONNX's own form has all attributes of the node.
bool has_onnx_attributes(const NodeDraft& draft) {
  static constexpr std::array<std::string_view, 6> kNames = {"strides", "pads",         "dilations",
                                                             "group",   "offset_group", "kernel_shape"};
  return std::ranges::all_of(draft.attrs.entries(),
                             [](const auto& entry) { return std::ranges::find(kNames, entry.first) != kNames.end(); });
}

const Spelling* find_spelling(std::string_view op) {
  const auto found = std::ranges::find(spellings(), op, &Spelling::op);
  return found == spellings().end() ? nullptr : &*found;
}

}  // namespace

Status upgrade_deform_conv(NodeDraft& draft) {
  const Spelling* found = find_spelling(draft.written_op);
  INGOT_CHECK(found != nullptr, "{} is no spelling of DeformConv", draft.written_op);
  const Spelling& spelling = *found;
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_RETURN_IF_ERROR(draft.require_input(1));
  INGOT_RETURN_IF_ERROR(draft.require_input(2));
  // Nothing to tell apart by, or one of the other ranks that ONNX defines: only its own form is understood.
  const auto& shape = draft.input_type(0).shape;
  const bool is_open = !dim_of(draft, 1, 2) || !dim_of(draft, 2, 1) || (shape && shape->size() != 4);
  if (spelling.op == "DeformConv" && is_open && has_onnx_attributes(draft)) return Status::ok();
  if (spelling.op == "deform_conv2d") INGOT_RETURN_IF_ERROR(scalars_to_attributes(draft));
  if (spelling.op == "Plugin") INGOT_RETURN_IF_ERROR(info_to_attributes(draft));
  INGOT_ASSIGN_OR_RETURN(const DeformNumbers numbers, read_deform_numbers(draft.attrs, spelling.pads));
  INGOT_RETURN_IF_ERROR(check_required(spelling, numbers));
  for (const Order order : spelling.orders) {
    const auto unit = fits(draft, order, numbers);
    if (!unit) continue;
    INGOT_ASSIGN_OR_RETURN(const std::int64_t groups, offset_groups(draft, order, *unit, numbers));
    INGOT_ASSIGN_OR_RETURN(const Operands operands,
                           read_operands(draft, order, *unit, groups, spelling.op == "DeformConv"));
    draft.inputs = {draft.inputs[0], draft.inputs[weights_at(order)], operands.offset, operands.bias, operands.mask};
    while (draft.inputs.back() == ir::kNoValue) draft.inputs.pop_back();
    draft.attrs = {};
    if (numbers.strides) draft.attrs.set("strides", *numbers.strides);
    if (numbers.pads) draft.attrs.set("pads", *numbers.pads);
    if (numbers.dilations) draft.attrs.set("dilations", *numbers.dilations);
    if (numbers.group) draft.attrs.set("group", *numbers.group);
    draft.attrs.set("offset_group", groups);
    return Status::ok();
  }
  return invalid_argument("the operands ({}) are not those of a deformable convolution with {} group(s)",
                          shapes_of(draft), numbers.group.value_or(1));
}

const OpRow* find_deform_spelling(const NodeProto& node) {
  static constexpr OpRow kRow{.op = "DeformConv", .upgrade = upgrade_deform_conv};
  if (find_spelling(node.op_type()) == nullptr) return find_deform_points_spelling(node);
  const bool is_named = std::ranges::any_of(node.attribute(), [](const AttributeProto& attribute) {
    return attribute.name() == "name" && attribute.s() == "DCNv2";
  });
  return node.op_type() != "Plugin" || is_named ? &kRow : nullptr;
}

}  // namespace ingot::onnx
