// SPDX-License-Identifier: Apache-2.0
// Q, K and V that are parted from a wider result (of one product, say) are read in place: an Attention behind Gather,
// Slice or Split takes the wide tensor itself and the columns where its heads begin.
#include <algorithm>
#include <array>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Columns [first, first + width of the operand) of `base` seen as rows of `pitch` elements.
struct Columns {
  ValueId base = kNoValue;
  std::int64_t first = 0, pitch = 0;
};

std::optional<std::int64_t> constant_product(const SymShape& shape, std::size_t from) {
  std::int64_t product = 1;
  for (std::size_t i = from; i < shape.size(); ++i) {
    if (!shape[i].is_constant() || shape[i].value() < 1 || shape[i].value() > (std::int64_t{1} << 40) / product)
      return std::nullopt;
    product *= shape[i].value();
  }
  return product;
}

// What a node takes of each `extent` along an axis.
struct Part {
  std::size_t axis = 0;
  std::int64_t begin = 0, count = 0;
};

std::optional<Part> gathered(const Graph& graph, const Node& node, const SymShape& shape) {
  const auto index = ints(graph, node.inputs[1]);
  const int axis = normal_axis(node.attrs.get_int("axis", 0), static_cast<int>(shape.size()));
  if (!index || index->size() != 1 || axis < 0) return std::nullopt;
  const Dim& extent = shape[static_cast<std::size_t>(axis)];
  if (!extent.is_constant()) return std::nullopt;
  const std::int64_t begin = (*index)[0] < 0 ? (*index)[0] + extent.value() : (*index)[0];
  return Part{static_cast<std::size_t>(axis), begin, 1};
}

std::optional<Part> sliced(const Graph& graph, const Node& node, const SymShape& shape) {
  const auto begin = ints(graph, node.inputs[1]), end = ints(graph, node.inputs[2]);
  const auto axes = input(node, 3) == kNoValue ? std::optional<Ints>(Ints{0}) : ints(graph, node.inputs[3]);
  const auto steps = input(node, 4) == kNoValue ? std::optional<Ints>(Ints{1}) : ints(graph, node.inputs[4]);
  if (!begin || !end || !axes || !steps || begin->size() != 1 || end->size() != 1 || axes->size() != 1 ||
      *steps != Ints{1})
    return std::nullopt;
  const int axis = normal_axis((*axes)[0], static_cast<int>(shape.size()));
  if (axis < 0 || !shape[static_cast<std::size_t>(axis)].is_constant()) return std::nullopt;
  const std::int64_t extent = shape[static_cast<std::size_t>(axis)].value();
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + extent : at, 0, extent); };
  return Part{static_cast<std::size_t>(axis), place((*begin)[0]), place((*end)[0]) - place((*begin)[0])};
}

std::optional<Part> split_off(const Graph& graph, const Node& node, ValueId value, const SymShape& shape) {
  const int axis = normal_axis(node.attrs.get_int("axis", 0), static_cast<int>(shape.size()));
  if (axis < 0) return std::nullopt;
  Part part{static_cast<std::size_t>(axis), 0, 0};
  for (const ValueId output : node.outputs) {
    const SymShape* of_output = output == kNoValue ? nullptr : shape_of(graph, output);
    if (of_output == nullptr || !(*of_output)[part.axis].is_constant()) return std::nullopt;
    part.count = (*of_output)[part.axis].value();
    if (output == value) return part;
    part.begin += part.count;
  }
  return std::nullopt;
}

// The operand whose rows of `width` elements these are.
Columns columns_of(const Graph& graph, ValueId operand, std::int64_t width) {
  Columns out{operand, 0, width};
  for (ValueId value = operand;;) {
    const Node* node = graph.producer(value);
    if (node == nullptr) return out;
    if (node->op == "Reshape") {
      value = node->inputs[0];
      continue;
    }
    std::optional<Part> part;
    const SymShape* shape = node->inputs.empty() ? nullptr : shape_of(graph, node->inputs[0]);
    if (shape == nullptr || shape->empty()) return out;
    if (node->op == "Gather") part = gathered(graph, *node, *shape);
    if (node->op == "Slice") part = sliced(graph, *node, *shape);
    if (node->op == "Split") part = split_off(graph, *node, value, *shape);
    if (!part) return out;
    const auto inner = constant_product(*shape, part->axis + 1), all = constant_product(*shape, part->axis);
    // Whole rows so far are what is taken of the wider ones.
    if (!inner || !all || part->begin < 0 || part->count * *inner != out.pitch) return out;
    out = {node->inputs[0], out.first + part->begin * *inner, *all};
    value = out.base;
  }
}

// The heads of an operand [B, S, H, D] with bshd, or [B, S, H * D].
struct HeadSizes {
  std::int64_t heads = 0, size = 0;
};
std::optional<HeadSizes> head_sizes(const Graph& graph, const Node& root, std::size_t i) {
  const SymShape* shape = shape_of(graph, root.inputs[i]);
  if (shape == nullptr || !shape->back().is_constant()) return std::nullopt;
  HeadSizes out{root.attrs.get_int(i == 0 ? "q_num_heads" : "kv_num_heads", 0), shape->back().value()};
  if (shape->size() == 4) {
    if (root.attrs.get_int("bshd", 0) == 0 || !(*shape)[2].is_constant()) return std::nullopt;
    out.heads = (*shape)[2].value();
  } else {
    if (shape->size() != 3 || out.heads < 1 || out.size % out.heads != 0) return std::nullopt;
    out.size /= out.heads;
  }
  return out.heads < 1 || out.size < 1 ? std::nullopt : std::optional(out);
}

Match read_columns(const Graph& graph, const Node& root) {
  if (root.attrs.has("columns") || root.outputs.size() != 1) return no_match();
  for (const std::size_t i : {std::size_t{4}, std::size_t{5}, std::size_t{6}})
    if (input(root, i) != kNoValue) return no_match();
  std::array<Columns, 3> found;
  std::array<HeadSizes, 3> sizes;
  bool gain = false;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto size = head_sizes(graph, root, i);
    if (!size) return no_match();
    sizes[i] = *size;
    found[i] = columns_of(graph, root.inputs[i], size->heads * size->size);
    // 16-byte pieces of half precision: what kernels load rows by.
    if (found[i].first % 8 != 0 || found[i].pitch % 8 != 0) found[i] = {root.inputs[i], 0, size->heads * size->size};
    gain |= found[i].pitch != size->heads * size->size;
    SymShape shape = *shape_of(graph, root.inputs[i]);
    shape.resize(2);
    shape.emplace_back(found[i].pitch);
    if (!is_reshape_target(graph, shape)) return no_match();
  }
  if (!gain) return no_match();

  ir::Patch patch = new_patch(graph, "attention_columns");
  std::vector<ValueId> operands = root.inputs;
  Ints columns;
  for (std::size_t i = 0; i < 3; ++i) {
    SymShape shape = *shape_of(graph, root.inputs[i]);
    shape.resize(2);
    shape.emplace_back(found[i].pitch);
    INGOT_ASSIGN_OR_RETURN(operands[i], reshape(patch, found[i].base, shape, root.id));
    columns.push_back(found[i].first);
  }
  Attrs attrs = root.attrs;
  attrs.erase("bshd");
  attrs.set("columns", columns);
  attrs.set("head_sizes", Ints{sizes[0].size, sizes[2].size});
  attrs.set("q_num_heads", sizes[0].heads);
  attrs.set("kv_num_heads", sizes[1].heads);
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, operands, attrs));
  const SymShape* shape = shape_of(graph, root.outputs[0]);
  if (shape == nullptr) return no_match();
  INGOT_ASSIGN_OR_RETURN(const ValueId result, reshape(patch, y, *shape, root.id));
  return replace(std::move(patch), root.outputs[0], result);
}

}  // namespace

Rules attention_columns_rules() { return {{"attention_columns", {"Attention"}, read_columns}}; }

}  // namespace ingot::passes
