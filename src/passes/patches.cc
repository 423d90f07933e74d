// SPDX-License-Identifier: Apache-2.0
#include "passes/patches.h"

#include <algorithm>

#include "ops/infer.h"

namespace ingot::passes {

ir::Patch new_patch(const Graph& graph, std::string_view name) {
  return ir::Patch(graph, std::string(name), &ops::infer_for_patch);
}

ValueId int_constant(ir::Patch& patch, const Ints& values) {
  return patch.add_constant("", share(HostTensor::of_ints(values)));
}

ValueId scalar_constant(ir::Patch& patch, DType dtype, double value) {
  return patch.add_constant("", share(HostTensor::scalar(dtype, value)));
}

Result<ValueId> reshape(ir::Patch& patch, ValueId x, const SymShape& shape, ir::NodeId origin) {
  if (patch.type(x).shape && *patch.type(x).shape == shape) return x;
  const auto symbols = std::count_if(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_constant(); });
  Attrs attrs;
  ValueId operand = kNoValue;
  if (symbols <= 1) {
    Ints numbers;
    for (const Dim& dim : shape) numbers.push_back(dim.constant().value_or(-1));
    // allowzero: an extent of 0 means just that.
    if (std::find(numbers.begin(), numbers.end(), 0) != numbers.end()) attrs.set("allowzero", std::int64_t{1});
    if (symbols == 0 || !attrs.has("allowzero")) operand = int_constant(patch, numbers);
  }
  if (operand == kNoValue) {
    INGOT_ASSIGN_OR_RETURN(operand, patch.add("DimTensor", {}, Attrs{{"dims", shape}}, origin));
  }
  return patch.add("Reshape", {x, operand}, std::move(attrs), origin);
}

Result<ValueId> transpose(ir::Patch& patch, ValueId x, const Ints& perm, ir::NodeId origin) {
  if (is_identity_perm(perm)) return x;
  return patch.add("Transpose", {x}, Attrs{{"perm", perm}}, origin);
}

Result<ValueId> rebuild(ir::Patch& patch, const Node& node, std::vector<ValueId> inputs, Attrs attrs) {
  return patch.add(node.op, std::move(inputs), std::move(attrs), node.id);
}

Match replace(ir::Patch patch, ValueId from, ValueId to) {
  patch.replace(from, to);
  return std::optional<ir::Patch>(std::move(patch));
}

}  // namespace ingot::passes
