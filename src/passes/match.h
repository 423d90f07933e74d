// SPDX-License-Identifier: Apache-2.0
// Questions that rules ask of a graph. Nothing here changes it.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "ir/graph.h"
#include "ops/op_def.h"

namespace ingot::passes {

using ir::Graph;
using ir::kNoValue;
using ir::Node;
using ir::ValueId;

// Operand i, or kNoValue beyond the end.
ValueId input(const Node& node, std::size_t i);
// The node behind a value when it is `op`, else nullptr.
const Node* producer(const Graph& graph, ValueId value, std::string_view op);
// Exactly one use, by a node, and not a graph output: a fusion may swallow it.
bool used_once(const Graph& graph, ValueId value);
// producer() of a value that is used_once().
const Node* sole_producer(const Graph& graph, ValueId value, std::string_view op);
// The only user of a value that is used_once(), else nullptr.
const Node* sole_user(const Graph& graph, ValueId value);

const SymShape* shape_of(const Graph& graph, ValueId value);  // nullptr when the rank is unknown
int rank_of(const Graph& graph, ValueId value);               // -1 when unknown
DType dtype_of(const Graph& graph, ValueId value);
bool same_shape(const Graph& graph, ValueId a, ValueId b);  // known and equal
// True when every dimension is known to be 1 (scalars too).
bool is_single_element(const SymShape& shape);
// True when every symbol comes with a graph input, so that a DimTensor can compute it at run time.
bool is_bound(const Graph& graph, const SymShape& dims);
// True when reshape() (passes/patches.h) can express the shape.
bool is_reshape_target(const Graph& graph, const SymShape& shape);

// The number in a constant of one element, whatever its rank.
std::optional<double> scalar(const Graph& graph, ValueId value);
bool is_scalar(const Graph& graph, ValueId value, double expected);  // to 1e-5 relative: exporters round to float
// A constant whose elements all equal one number.
std::optional<double> splat(const Graph& graph, ValueId value);
// The elements of a small constant integer tensor.
std::optional<Ints> ints(const Graph& graph, ValueId value);

// For a node of two operands: {the one that is a scalar constant, the other}.
struct ScalarOperand {
  double value;
  ValueId other;
};
std::optional<ScalarOperand> scalar_operand(const Graph& graph, const Node& node);
// The other operand of a node of two, or kNoValue when `value` is neither.
ValueId other_operand(const Node& node, ValueId value);

// Axis in [0, rank), or -1 when out of range.
int normal_axis(std::int64_t axis, int rank);
// The axes of a Reduce*, Squeeze or Unsqueeze node (an attribute or constant operand `index`), sorted, non-negative.
// All axes when there are none and the operator reduces all. nullopt when they are not constant.
std::optional<Ints> axes_of(const Graph& graph, const Node& node, std::size_t index, int rank);

// Along `axis` alone, the indices [first, last) of a tensor: what a Slice of step 1 or a Split holds, never nothing.
struct AxisPart {
  ValueId from = kNoValue;
  std::int64_t first = 0, last = 0;
};
std::optional<AxisPart> axis_part(const Graph& graph, ValueId value, int axis);

Ints perm_of(const Graph& graph, const Node& transpose);  // default (reversed) filled in
bool is_identity_perm(const Ints& perm);
Ints inverse_perm(const Ints& perm);
// Transposing by `first`, then by `second`.
Ints compose_perms(const Ints& first, const Ints& second);
// [N, spatial..., C] -> [N, C, spatial...].
bool is_layout_perm(const Ints& perm);
SymShape permuted(const SymShape& shape, const Ints& perm);

// An operator with an expression for these operand types (Pointwise itself included): elementwise with broadcast.
// The inputs of the expression are the node's present operands in order.
std::optional<Expr> expression_of(const Graph& graph, const Node& node);
std::vector<ValueId> present_operands(const Node& node);
bool is_pointwise(const Graph& graph, const Node& node);

}  // namespace ingot::passes
