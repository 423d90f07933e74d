// SPDX-License-Identifier: Apache-2.0
// Pad with zeros before a convolution is the convolution's own padding; before an average pool too, when the pool
// counts its padding or has none. (A maximum pool pads with minus infinity, so it keeps its Pad.)
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

Match fold_pad(const Graph& graph, const Node& root) {
  const Node* pad = producer(graph, root.inputs[0], "Pad");
  const int rank = rank_of(graph, root.inputs[0]);
  if (pad == nullptr || rank < 3 || root.attrs.get_int("channels_last", 0) != 0) return no_match();
  if (pad->attrs.get_string("mode", "constant") != "constant") return no_match();
  if (const ValueId value = input(*pad, 2); value != kNoValue && splat(graph, value) != 0.0) return no_match();
  const auto amounts = ints(graph, input(*pad, 1));
  const auto axes = axes_of(graph, *pad, 3, rank);
  if (!amounts || !axes || amounts->size() != 2 * axes->size() || input(*pad, 3) != kNoValue) return no_match();
  if (root.attrs.get_string("auto_pad", "NOTSET") != "NOTSET") return no_match();
  const auto dims = static_cast<std::size_t>(rank), spatial = dims - 2;
  Ints pads = root.attrs.get_ints("pads", Ints(2 * spatial, 0));
  if (root.op == "AveragePool") {
    const bool padless = pads == Ints(2 * spatial, 0);
    if ((!padless && root.attrs.get_int("count_include_pad", 0) == 0) || root.attrs.get_int("ceil_mode", 0) != 0)
      return no_match();
  }
  for (std::size_t i = 0; i < amounts->size(); ++i)
    if ((*amounts)[i] < 0 || (i % dims < 2 && (*amounts)[i] != 0)) return no_match();
  for (std::size_t i = 0; i < spatial; ++i) {
    pads[i] += (*amounts)[i + 2];
    pads[i + spatial] += (*amounts)[i + 2 + dims];
  }
  ir::Patch patch = new_patch(graph, "pad_into_window");
  Attrs attrs = root.attrs;
  attrs.set("pads", pads);
  if (root.op == "AveragePool") attrs.set("count_include_pad", std::int64_t{1});
  std::vector<ValueId> operands = root.inputs;
  operands[0] = pad->inputs[0];
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, attrs));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules pad_folding_rules() { return {{"pad_into_window", {"Conv", "AveragePool"}, fold_pad}}; }

}  // namespace ingot::passes
