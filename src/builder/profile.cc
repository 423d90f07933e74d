// SPDX-License-Identifier: Apache-2.0
#include "builder/profile.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "ops/infer.h"
#include "plan/bounds.h"
#include "plan/symbols.h"

namespace ingot::builder {
namespace {

const ShapeRange* find_range(const std::vector<ShapeRange>& ranges, const std::string& input) {
  const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const ShapeRange& r) { return r.input == input; });
  return found == ranges.end() ? nullptr : &*found;
}

Status check_range(const ir::Graph& graph, const ShapeRange& range) {
  std::vector<std::string> names;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    names.push_back("'" + value.name + "'");
    if (value.name != range.input) continue;
    if (!value.type.shape) return Status::ok();
    const std::size_t rank = value.type.shape->size();
    if (range.min.size() != rank || range.opt.size() != rank || range.max.size() != rank)
      return invalid_argument("shapes of input '{}': {} {} {} for a tensor {}", range.input, to_string(range.min),
                              to_string(range.opt), to_string(range.max), value.type.to_string());
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (range.min[axis] < 0 || range.min[axis] > range.opt[axis] || range.opt[axis] > range.max[axis])
        return invalid_argument("shapes of input '{}': axis {} is not 0 <= min <= opt <= max ({}, {}, {})", range.input,
                                axis, range.min[axis], range.opt[axis], range.max[axis]);
      const Dim& dim = (*value.type.shape)[axis];
      if (dim.is_constant() && (dim.value() != range.min[axis] || dim.value() != range.max[axis]))
        return invalid_argument("shapes of input '{}': axis {} is fixed to {} by the model", range.input, axis,
                                dim.value());
    }
    return Status::ok();
  }
  return not_found("shapes are given for '{}', but the model's inputs are {}", range.input, fmt::join(names, ", "));
}

}  // namespace

Status fix_input_shapes(ir::Graph& graph, const std::vector<ShapeRange>& ranges) {
  for (const ShapeRange& range : ranges) INGOT_RETURN_IF_ERROR(check_range(graph, range));
  // A symbol that one input fixes is fixed everywhere.
  std::map<std::string, Dim, std::less<>> fixed;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    const ShapeRange* range = find_range(ranges, value.name);
    if (range == nullptr || !value.type.shape) continue;
    for (std::size_t axis = 0; axis < range->min.size(); ++axis) {
      const Dim& dim = (*value.type.shape)[axis];
      if (range->min[axis] == range->max[axis] && !dim.is_constant())
        fixed.emplace(dim.to_string(), Dim(range->min[axis]));
    }
  }
  if (fixed.empty()) return Status::ok();
  for (const ir::ValueId id : graph.inputs()) {
    ir::Value& value = graph.value(id);
    if (!value.type.shape) continue;
    for (Dim& dim : *value.type.shape) dim = dim.substitute(fixed);
  }
  return ops::infer_graph(graph);
}

Result<SymbolValues> opt_symbols(const ir::Graph& graph, const std::vector<ShapeRange>& ranges) {
  constexpr std::int64_t kImageSize = 224;
  constexpr std::int64_t kSequence = 128;
  SymbolValues symbols;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    if (!value.type.shape) continue;
    if (const ShapeRange* range = find_range(ranges, value.name))
      INGOT_RETURN_IF_ERROR(plan::bind_symbols(value.name, *value.type.shape, range->opt, symbols));
  }
  for (const ir::ValueId id : graph.inputs()) {
    if (!graph.value(id).type.shape) continue;
    const SymShape& shape = *graph.value(id).type.shape;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      std::vector<std::string> names;
      shape[axis].collect_symbols(names);
      std::int64_t size = axis == 0 ? 1 : (shape.size() == 4 && axis >= 2 ? kImageSize : kSequence);
      // Of many dimensions each is smaller, so that the tensor has 2^28 elements at most.
      if (shape.size() > 5) size = std::min(size, std::int64_t{1} << 28 / (shape.size() - 1));
      for (std::string& name : names) symbols.emplace(std::move(name), size);
    }
  }
  return symbols;
}

SymbolRanges declared_ranges(const ir::Graph& graph, const std::vector<ShapeRange>& ranges) {
  SymbolRanges out;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::Value& value = graph.value(id);
    const ShapeRange* range = find_range(ranges, value.name);
    if (range != nullptr && value.type.shape)
      plan::add_ranges(*value.type.shape, range->min, range->opt, range->max, out);
  }
  return out;
}

}  // namespace ingot::builder
