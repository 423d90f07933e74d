// SPDX-License-Identifier: Apache-2.0
#include "onnx/flex_attention.h"

#include <algorithm>
#include <cmath>

#include "onnx/contrib.h"
#include "onnx/graph_importer.h"
#include "onnx/limits.h"

namespace ingot::onnx {
namespace {

// Keys or values with each head as often as queries share it.
Result<ir::ValueId> repeated(NodeDraft& draft, ir::ValueId value, std::int64_t heads) {
  const SymShape& shape = *draft.type(value).shape;
  const auto have = shape[1].constant(), size = shape[3].constant();
  if (!have || *have < 1 || heads % *have != 0 || !size) return beyond(Limit::kFlexHeads);
  if (*have == heads) return value;
  INGOT_ASSIGN_OR_RETURN(value, unsqueezed(draft, value, {2}));
  INGOT_ASSIGN_OR_RETURN(value, draft.emit("Expand", {value, draft.add_ints("times", {1, 1, heads / *have, 1, 1})}));
  // The batch stands first, so the sequence is what is left over.
  return draft.emit("Reshape", {value, draft.add_ints("heads", {0, heads, -1, *size})});
}

Result<ir::ValueId> modified(ModelContext& context, const NamedBodies& bodies, std::string_view name, ir::ValueId value,
                             NodeDraft& draft, Scope& scope) {
  const auto body = std::ranges::find_if(bodies, [&](const auto& entry) { return entry.first == name; });
  if (body == bodies.end()) return value;
  auto results = import_inline(context, *body->second, scope, fmt::format("{}/{}/", draft.name, name), {value});
  if (!results.is_ok()) return std::move(results).status().annotate(name);
  if (results->size() != 1) return invalid_argument("{} has {} outputs, but must have 1", name, results->size());
  return results->front();
}

}  // namespace

Status lower_flex_attention(ModelContext& context, const NamedBodies& bodies, NodeDraft& draft, Scope& scope) {
  for (std::size_t i = 0; i < 3; ++i) {
    INGOT_RETURN_IF_ERROR(draft.require_input(i));
    if (draft.input_type(i).rank() != 4) return invalid_argument("input {} must have rank 4", i);
  }
  const SymShape& q = *draft.input_type(0).shape;
  const DType type = draft.input_type(0).dtype;
  INGOT_ASSIGN_OR_RETURN(const auto asked, draft.read<double>("scale"));
  INGOT_ASSIGN_OR_RETURN(const auto precision, draft.read<DType>("softmax_precision"));
  const auto heads = q[1].constant(), size = q[3].constant();
  if (!heads || !size || *size < 1) return beyond(Limit::kFlexSizes);
  const double scale = asked.value_or(1 / std::sqrt(static_cast<double>(*size)));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId k, repeated(draft, draft.inputs[1], *heads));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId v, repeated(draft, draft.inputs[2], *heads));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId scores,
                         draft.emit("MatMul", {draft.inputs[0], k}, {{"transB", std::int64_t{1}}, {"alpha", scale}}));
  const DType wide = precision.value_or(DType::undefined) == DType::undefined ? DType::f32 : *precision;
  INGOT_ASSIGN_OR_RETURN(scores, draft.emit("Cast", {scores}, {{"to", type == DType::f64 ? type : wide}}));
  INGOT_ASSIGN_OR_RETURN(scores, modified(context, bodies, "score_mod", scores, draft, scope));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId p, draft.emit("Softmax", {scores}, {{"axis", std::int64_t{-1}}}));
  INGOT_ASSIGN_OR_RETURN(p, modified(context, bodies, "prob_mod", p, draft, scope));
  INGOT_ASSIGN_OR_RETURN(p, draft.emit("Cast", {p}, {{"to", type}}));
  become(draft, "MatMul", {p, v});
  return Status::ok();
}

}  // namespace ingot::onnx
