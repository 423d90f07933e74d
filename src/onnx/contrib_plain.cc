// SPDX-License-Identifier: Apache-2.0
// Operators that ONNX has too, but for their name, their types or where a parameter stands.
#include "onnx/contrib.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {

// Distances between the rows of two matrices.
Status lower_cdist(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const std::string metric, draft.read_or<std::string>("metric", "sqeuclidean"));
  if (metric != "sqeuclidean" && metric != "euclidean") return beyond(Limit::kMetric, metric);
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId rows, unsqueezed(draft, draft.inputs[0], {1}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId columns, unsqueezed(draft, draft.inputs[1], {0}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId difference, draft.emit("Sub", {rows, columns}));
  become(draft, metric == "euclidean" ? "ReduceL2" : "ReduceSumSquare", {difference, draft.add_ints("axes", {2})},
         {{"keepdims", std::int64_t{0}}});
  return Status::ok();
}

Status lower_expand_dims(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  const HostTensor* axis = draft.input_constant(1);
  if (axis == nullptr || axis->elements() != 1) return beyond(Limit::kExpandAxis);
  draft.inputs[1] = draft.add_ints("axes", {axis->as_int(0)});
  return Status::ok();
}

Status lower_matmul_integer16(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) {
    INGOT_RETURN_IF_ERROR(draft.require_input(i));
    INGOT_ASSIGN_OR_RETURN(draft.inputs[i], draft.emit("Cast", {draft.inputs[i]}, {{"to", DType::i32}}));
  }
  return Status::ok();
}

Status lower_nhwc_max_pool(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  const int rank = draft.input_type(0).rank();
  if (rank < 3) return beyond(Limit::kChannelRank);
  INGOT_ASSIGN_OR_RETURN(draft.inputs[0], move_channels(draft, draft.inputs[0], rank, true));
  INGOT_RETURN_IF_ERROR(upgrade_pool(draft));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId y, draft.emit("MaxPool", draft.inputs, std::exchange(draft.attrs, {})));
  become(draft, "Transpose", {y}, {{"perm", channel_order(rank, false)}});
  return Status::ok();
}

}  // namespace ingot::onnx
