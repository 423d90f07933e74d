// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "onnx/limits.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// Whether normalising over the one axis is the same as over all from it on: nothing of any size follows it.
bool nothing_follows(const std::optional<SymShape>& shape, std::int64_t axis) {
  if (!shape) return axis == -1;
  const auto rank = static_cast<std::int64_t>(shape->size());
  const std::int64_t first = axis < 0 ? axis + rank : axis;
  if (first < 0 || first >= rank) return true;  // out of range, which inference reports
  return std::all_of(shape->begin() + first + 1, shape->end(), [](const Dim& dim) { return dim.constant() == 1; });
}

// With the statistics of the batch, which also move the running ones (outputs 1 and 2).
Status normalize_in_training(NodeDraft& draft) {
  for (std::size_t i = 0; i < 5; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  const ir::Type& x = draft.input_type(0);
  if (x.rank() < 2) return beyond(Limit::kTrainingRank);
  INGOT_ASSIGN_OR_RETURN(const std::optional<double> momentum, draft.take<double>("momentum"));
  Ints axes{0};
  for (std::int64_t axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  const ir::ValueId over = draft.add_ints("axes", axes);
  ir::ValueId wide = draft.inputs[0];  // halves hold neither the sums nor the squares
  if (bits_of(x.dtype) == 16) {
    INGOT_ASSIGN_OR_RETURN(wide, draft.emit("Cast", {wide}, {{"to", DType::f32}}));
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId kept, draft.emit("ReduceMean", {wide, over}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId centered, draft.emit("Sub", {wide, kept}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId squares, draft.emit("Mul", {centered, centered}));
  const Attrs flat{{"keepdims", std::int64_t{0}}};
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId mean, draft.emit("ReduceMean", {wide, over}, flat));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId variance, draft.emit("ReduceMean", {squares, over}, flat));
  const ir::ValueId now[] = {mean, variance};
  for (std::size_t i = 0; i < 2; ++i) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId statistic,
                           draft.emit("Cast", {now[i]}, {{"to", draft.input_type(3 + i).dtype}}));
    if (draft.has_output(1 + i)) {
      const DType type = draft.input_type(3 + i).dtype;
      const double share = momentum.value_or(0.9);
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId before,
                             draft.emit("Mul", {draft.inputs[3 + i], draft.add_scalar("momentum", type, share)}));
      INGOT_ASSIGN_OR_RETURN(const ir::ValueId step,
                             draft.emit("Mul", {statistic, draft.add_scalar("rest", type, 1 - share)}));
      INGOT_RETURN_IF_ERROR(draft.emit_output(1 + i, "Add", {before, step}));
    }
    draft.inputs[3 + i] = statistic;
  }
  draft.outputs.resize(1);
  return Status::ok();
}

// With a mean, a variance, a scale and a bias for each element of a sample.
Status normalize_each_element(NodeDraft& draft) {
  for (std::size_t i = 0; i < 5; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const std::optional<double> epsilon, draft.take<double>("epsilon"));
  const ir::ValueId least = draft.add_scalar("epsilon", draft.input_type(4).dtype, epsilon.value_or(1e-5));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId variance, draft.emit("Add", {draft.inputs[4], least}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId deviation, draft.emit("Sqrt", {variance}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId centered, draft.emit("Sub", {draft.inputs[0], draft.inputs[3]}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId normal, draft.emit("Div", {centered, deviation}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scaled, draft.emit("Mul", {normal, draft.inputs[1]}));
  draft.op = "Add";
  draft.inputs = {scaled, draft.inputs[2]};
  draft.attrs = {};
  return Status::ok();
}

}  // namespace

Status upgrade_batch_normalization(NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<std::int64_t> spatial, draft.take<std::int64_t>("spatial"));
  INGOT_ASSIGN_OR_RETURN(const std::optional<std::int64_t> training, draft.take<std::int64_t>("training_mode"));
  const bool wants_statistics = std::any_of(draft.outputs.begin() + 1, draft.outputs.end(),
                                            [](const std::string& name) { return !name.empty(); });
  if (draft.opset >= 14 && training.value_or(0) != 0) return normalize_in_training(draft);
  if (training.value_or(0) != 0 || wants_statistics) return beyond(Limit::kEarlyTraining);
  INGOT_RETURN_IF_ERROR(draft.take<double>("momentum").status());  // moves the running statistics in training only
  draft.outputs.resize(1);
  return spatial.value_or(1) == 0 ? normalize_each_element(draft) : Status::ok();
}

// Until opset 20, scale and bias were given for each group, since then for each channel.
Status upgrade_group_normalization(NodeDraft& draft) {
  if (draft.opset >= 21) return Status::ok();
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t groups, draft.read_or<std::int64_t>("num_groups", 0));
  const auto& shape = draft.input_type(0).shape;
  const auto channels = shape && shape->size() > 1 ? (*shape)[1].constant() : std::nullopt;
  if (groups < 1 || !channels || *channels % groups != 0) return beyond(Limit::kGroupScales);
  for (std::size_t i = 1; i < 3; ++i) {
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId column,
                           draft.emit("Reshape", {draft.inputs[i], draft.add_ints("column", {groups, 1})}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId wide,
                           draft.emit("Expand", {column, draft.add_ints("wide", {groups, *channels / groups})}));
    INGOT_ASSIGN_OR_RETURN(draft.inputs[i], draft.emit("Reshape", {wide, draft.add_ints("channels", {*channels})}));
  }
  return Status::ok();
}

// Until opset 12 the input was seen as a matrix, cut at the axis, and a whole row was normalised.
Status upgrade_softmax(NodeDraft& draft) {
  if (draft.opset >= 13) return Status::ok();
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t axis, draft.read_or<std::int64_t>("axis", 1));
  if (nothing_follows(draft.input_type(0).shape, axis)) {
    draft.attrs.set("axis", axis);
    return Status::ok();
  }
  const ir::ValueId x = draft.inputs[0];
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId flat, draft.emit("Flatten", {x}, {{"axis", axis}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId normal, draft.emit(draft.op, {flat}, {{"axis", std::int64_t{-1}}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId shape, draft.emit("Shape", {x}));
  draft.op = "Reshape";
  draft.inputs = {normal, shape};
  draft.attrs = {};
  return Status::ok();
}

}  // namespace ingot::onnx
