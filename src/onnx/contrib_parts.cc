// SPDX-License-Identifier: Apache-2.0
#include "onnx/contrib.h"

namespace ingot::onnx {

void become(NodeDraft& draft, std::string_view op, std::vector<ir::ValueId> inputs, Attrs attrs) {
  draft.op = op;
  draft.inputs = std::move(inputs);
  draft.attrs = std::move(attrs);
  draft.outputs.resize(1);
}

Result<ir::ValueId> pack_heads(NodeDraft& draft, ir::ValueId value, bool heads_first) {
  if (heads_first) {
    INGOT_ASSIGN_OR_RETURN(value, draft.emit("Transpose", {value}, {{"perm", Ints{0, 2, 1, 3}}}));
  }
  return draft.emit("Reshape", {value, draft.add_ints("packed", {0, 0, -1})});
}

Result<ir::ValueId> slice_axis(NodeDraft& draft, ir::ValueId value, std::int64_t axis, std::int64_t begin,
                               std::int64_t end) {
  return draft.emit(
      "Slice", {value, draft.add_ints("begin", {begin}), draft.add_ints("end", {end}), draft.add_ints("axis", {axis})});
}

Ints channel_order(int rank, bool to_front) {
  Ints order{0};
  for (std::int64_t axis = 2; axis < rank; ++axis) order.push_back(to_front ? axis - 1 : axis);
  if (to_front) {
    order.insert(order.begin() + 1, rank - 1);
  } else {
    order.push_back(1);
  }
  return order;
}

Result<ir::ValueId> move_channels(NodeDraft& draft, ir::ValueId value, int rank, bool to_front) {
  return draft.emit("Transpose", {value}, {{"perm", channel_order(rank, to_front)}});
}

ir::ValueId input_or_none(const NodeDraft& draft, std::size_t index) {
  return draft.has_input(index) ? draft.inputs[index] : ir::kNoValue;
}

std::optional<std::int64_t> last_dim(const NodeDraft& draft, ir::ValueId value) {
  const auto& shape = draft.type(value).shape;
  return shape && !shape->empty() ? shape->back().constant() : std::nullopt;
}

Result<ir::ValueId> dim_of(NodeDraft& draft, ir::ValueId value, std::int64_t axis) {
  return draft.emit("Shape", {value}, {{"start", axis}, {"end", axis + 1}});
}

Result<ir::ValueId> count_up(NodeDraft& draft, ir::ValueId length) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId end, draft.emit("Squeeze", {length}));
  return draft.emit("Range", {draft.add_scalar("first", DType::i64, 0), end, draft.add_scalar("step", DType::i64, 1)});
}

Result<ir::ValueId> unsqueezed(NodeDraft& draft, ir::ValueId value, const Ints& axes) {
  return draft.emit("Unsqueeze", {value, draft.add_ints("axes", axes)});
}

Status refuse(const NodeDraft& draft, std::initializer_list<std::pair<std::string_view, Limit>> attributes) {
  for (const auto& [attribute, limit] : attributes) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t value, draft.read_or<std::int64_t>(attribute, 0));
    if (value != 0) return beyond(limit, fmt::format("{}={}", attribute, value));
  }
  return Status::ok();
}

void drop_absent(std::vector<ir::ValueId>& operands) {
  while (!operands.empty() && operands.back() == ir::kNoValue) operands.pop_back();
}

Result<ir::ValueId> scaled_product(NodeDraft& draft, ir::ValueId product, ir::ValueId a_scale, ir::ValueId b_scale,
                                   double alpha, ir::ValueId bias) {
  INGOT_ASSIGN_OR_RETURN(ir::ValueId scale, draft.emit("Mul", {a_scale, b_scale}));
  if (alpha != 1) {
    INGOT_ASSIGN_OR_RETURN(scale, draft.emit("Mul", {scale, draft.add_scalar("alpha", DType::f32, alpha)}));
  }
  INGOT_ASSIGN_OR_RETURN(ir::ValueId y, draft.emit("Cast", {product}, {{"to", DType::f32}}));
  INGOT_ASSIGN_OR_RETURN(y, draft.emit("Mul", {y, scale}));
  if (bias == ir::kNoValue) return y;
  return draft.emit("Add", {y, bias});
}

}  // namespace ingot::onnx
