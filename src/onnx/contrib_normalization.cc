// SPDX-License-Identifier: Apache-2.0
#include "onnx/contrib.h"

namespace ingot::onnx {
namespace {

Attrs layer_norm_attrs(double epsilon) { return {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}}; }

// The sum of input, skip and, where there is one, bias; also output 3 when that is wanted.
Result<ir::ValueId> skip_sum(NodeDraft& draft, std::size_t bias) {
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  ir::ValueId left = draft.inputs[0], right = draft.inputs[1];
  if (draft.has_input(bias)) {
    INGOT_ASSIGN_OR_RETURN(left, draft.emit("Add", {left, right}));
    right = draft.inputs[bias];
  }
  if (!draft.has_output(3)) return draft.emit("Add", {left, right});
  INGOT_RETURN_IF_ERROR(draft.emit_output(3, "Add", {left, right}));
  return draft.emitted(3);
}

// Output `index` becomes 1 / sqrt(mean of squares + epsilon) over the axes, in single precision.
Status inverse_deviation(NodeDraft& draft, ir::ValueId x, const Ints& axes, std::size_t index) {
  INGOT_ASSIGN_OR_RETURN(const double epsilon, draft.read_or<double>("epsilon", 1e-5));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId wide, draft.emit("Cast", {x}, {{"to", DType::f32}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId squares, draft.emit("Mul", {wide, wide}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId mean, draft.emit("ReduceMean", {squares, draft.add_ints("axes", axes)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum,
                         draft.emit("Add", {mean, draft.add_scalar("epsilon", DType::f32, epsilon)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId root, draft.emit("Sqrt", {sum}));
  return draft.emit_output(index, "Reciprocal", {root});
}

}  // namespace

Status lower_simplified_layer_norm(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  if (draft.has_output(1)) {
    const ir::Type& x = draft.input_type(0);
    INGOT_ASSIGN_OR_RETURN(std::int64_t axis, draft.read_or<std::int64_t>("axis", -1));
    if (axis < 0) axis += x.rank();
    if (x.rank() < 1 || axis < 0 || axis >= x.rank()) return beyond(Limit::kVarianceRank);
    Ints axes;
    for (std::int64_t i = axis; i < x.rank(); ++i) axes.push_back(i);
    INGOT_RETURN_IF_ERROR(inverse_deviation(draft, draft.inputs[0], axes, 1));
  }
  draft.outputs.resize(1);
  return Status::ok();
}

Status lower_skip_layer_norm(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum, skip_sum(draft, 4));
  INGOT_ASSIGN_OR_RETURN(const double epsilon, draft.read_or<double>("epsilon", 1e-12));
  std::vector<ir::ValueId> inputs{sum, draft.inputs[2]};
  if (draft.has_input(3)) inputs.push_back(draft.inputs[3]);
  draft.inputs = std::move(inputs);
  draft.attrs = layer_norm_attrs(epsilon);
  draft.outputs.resize(std::min<std::size_t>(3, draft.outputs.size()));
  return Status::ok();
}

Status lower_skip_simplified_layer_norm(NodeDraft& draft) {
  if (draft.has_output(1) || draft.has_output(2)) return beyond(Limit::kStatistics);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId sum, skip_sum(draft, 3));
  INGOT_ASSIGN_OR_RETURN(const double epsilon, draft.read_or<double>("epsilon", 1e-12));
  become(draft, "RMSNormalization", {sum, draft.inputs[2]}, layer_norm_attrs(epsilon));
  return Status::ok();
}

Status lower_embed_layer_norm(NodeDraft& draft) {
  for (const std::size_t i : {0, 2, 3, 5, 6}) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  const bool quantized = draft.written_op == "QEmbedLayerNormalization";
  // What was taken of table i, inputs 2 to 6, as numbers. Their scales are the inputs from 8 on, the zero points those
  // from 13 on.
  const auto numbers = [&](std::size_t i, ir::ValueId taken) -> Result<ir::ValueId> {
    if (!quantized) return taken;
    for (const std::size_t of : {i + 6, i + 11}) INGOT_RETURN_IF_ERROR(draft.require_input(of));
    return draft.emit("DequantizeLinear", {taken, draft.inputs[i + 6], draft.inputs[i + 11]});
  };
  const ir::ValueId ids = draft.inputs[0];
  const Attrs rows{{"axis", std::int64_t{0}}};
  INGOT_ASSIGN_OR_RETURN(const double epsilon, draft.read_or<double>("epsilon", 1e-12));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId sum, draft.emit("Gather", {draft.inputs[2], ids}, rows));
  INGOT_ASSIGN_OR_RETURN(sum, numbers(2, sum));
  ir::ValueId position = ir::kNoValue;
  if (!quantized && draft.has_input(8)) {
    INGOT_ASSIGN_OR_RETURN(position, draft.emit("Gather", {draft.inputs[3], draft.inputs[8]}, rows));
  } else {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId length,
                           draft.emit("Shape", {ids}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}}));
    INGOT_ASSIGN_OR_RETURN(position, draft.emit("Slice", {draft.inputs[3], draft.add_ints("begin", {0}), length,
                                                          draft.add_ints("axis", {0})}));
  }
  INGOT_ASSIGN_OR_RETURN(position, numbers(3, position));
  const bool segments = draft.has_input(1) && draft.has_input(4);
  ir::ValueId last = position;
  if (segments) {
    INGOT_ASSIGN_OR_RETURN(sum, draft.emit("Add", {sum, position}));
    INGOT_ASSIGN_OR_RETURN(last, draft.emit("Gather", {draft.inputs[4], draft.inputs[1]}, rows));
    INGOT_ASSIGN_OR_RETURN(last, numbers(4, last));
  }
  if (draft.has_output(2)) {
    INGOT_RETURN_IF_ERROR(draft.emit_output(2, "Add", {sum, last}));
    sum = draft.emitted(2);
  } else {
    INGOT_ASSIGN_OR_RETURN(sum, draft.emit("Add", {sum, last}));
  }
  // How many tokens of each row count, or zeros.
  if (draft.has_output(1) && draft.has_input(7)) {
    INGOT_RETURN_IF_ERROR(draft.emit_output(1, "ReduceSum", {draft.inputs[7], draft.add_ints("axes", {1})},
                                            {{"keepdims", std::int64_t{0}}}));
  } else if (draft.has_output(1)) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId batch, draft.emit("Shape", {ids}, {{"end", std::int64_t{1}}}));
    INGOT_ASSIGN_OR_RETURN(HostTensor zero, HostTensor::create(DType::i32, {1}));
    INGOT_RETURN_IF_ERROR(draft.emit_output(1, "ConstantOfShape", {batch}, {{"value", share(std::move(zero))}}));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scale, numbers(5, draft.inputs[5]));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId bias, numbers(6, draft.inputs[6]));
  become(draft, "LayerNormalization", {sum, scale, bias}, layer_norm_attrs(epsilon));
  return Status::ok();
}

}  // namespace ingot::onnx
