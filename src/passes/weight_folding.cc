// SPDX-License-Identifier: Apache-2.0
// A factor per output channel after Conv, DeformConv, ConvTranspose or MatMul goes into its weights and bias, a summand
// into its bias: conv(x, W) * s + t = conv(x, W * s) + t. For a matrix product, also across a Reshape that keeps the
// last extent. Arithmetic is in double.
#include <algorithm>
#include <cmath>
#include <functional>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// A product with per-channel results that a pointwise node uses alone.
struct Product {
  const Node* node = nullptr;
  const Node* reshape = nullptr;  // between the product and the user, or null
  int channel_axis = 0;           // in the shape that the user sees
  int rank = 0;                   // of that shape
  std::int64_t channels = 0;
};

// Weights are [K, ...].
bool is_conv(const Node& node) { return node.op == "Conv" || node.op == "DeformConv"; }

// Where the operator takes its bias.
std::size_t bias_index(const Node& node) { return node.op == "DeformConv" ? 3 : 2; }

std::optional<Product> find_product(const Graph& graph, ValueId value) {
  if (!used_once(graph, value) || graph.producer(value) == nullptr) return std::nullopt;
  Product found;
  found.node = graph.producer(value);
  found.rank = rank_of(graph, value);
  if (found.node->op == "Reshape") {
    const SymShape* before = shape_of(graph, found.node->inputs[0]);
    const SymShape* after = shape_of(graph, value);
    if (before == nullptr || after == nullptr || before->empty() || after->empty()) return std::nullopt;
    if (!(before->back() == after->back())) return std::nullopt;
    found.reshape = found.node;
    found.node = sole_producer(graph, found.node->inputs[0], "MatMul");
  }
  if (found.node == nullptr || found.rank < 2 || found.node->attrs.has("epilogue") || found.node->attrs.has("exact"))
    return std::nullopt;
  const bool is_matmul = found.node->op == "MatMul";
  if (!is_matmul && !is_conv(*found.node) && found.node->op != "ConvTranspose") return std::nullopt;
  if (found.node->attrs.get_int("channels_last", 0) != 0 || !is_float(dtype_of(graph, value))) return std::nullopt;
  found.channel_axis = is_matmul ? found.rank - 1 : 1;
  const auto channels = (*shape_of(graph, value))[static_cast<std::size_t>(found.channel_axis)].constant();
  constexpr std::int64_t kMostChannels = std::int64_t{1} << 24;  // more is a size that nothing has confirmed
  if (!channels || *channels > kMostChannels) return std::nullopt;
  found.channels = *channels;
  return found;
}

// The constant as one number per channel, when it varies along no other axis.
std::optional<std::vector<double>> per_channel(const Graph& graph, ValueId value, const Product& product) {
  const HostTensor* tensor = graph.constant(value);
  if (tensor == nullptr || tensor->rank() > product.rank) return std::nullopt;
  const std::int64_t axis = product.channel_axis - (product.rank - tensor->rank());
  for (std::int64_t i = 0; i < tensor->rank(); ++i)
    if (i != axis && tensor->shape()[static_cast<std::size_t>(i)] != 1) return std::nullopt;
  if (tensor->elements() != 1 && tensor->elements() != product.channels) return std::nullopt;
  std::vector<double> numbers;
  for (std::int64_t c = 0; c < product.channels; ++c)
    numbers.push_back(tensor->as_double(tensor->elements() == 1 ? 0 : c));
  return numbers;
}

// The output channel of weight element i.
std::function<std::int64_t(std::int64_t)> channel_of(const Node& node, const Shape& w) {
  std::int64_t inner = 1;
  if (node.op == "MatMul") {
    const bool transposed = node.attrs.get_int("transB", 0) != 0;
    const std::int64_t columns = w[1];
    return [=](std::int64_t i) { return transposed ? i / columns : i % columns; };
  }
  for (std::size_t i = 2; i < w.size(); ++i) inner *= w[i];
  if (is_conv(node)) {
    inner *= w[1];
    return [=](std::int64_t i) { return i / inner; };
  }
  // ConvTranspose: W is [C, K / groups, ...]; input channel c belongs to group c / (C / groups).
  const std::int64_t groups = node.attrs.get_int("group", 1), per_group = w[1], inputs = w[0] / groups;
  return [=](std::int64_t i) { return i / (inner * per_group) / inputs * per_group + i / inner % per_group; };
}

TensorPtr vector_of(DType dtype, const std::vector<double>& numbers) {
  HostTensor tensor = HostTensor::create(dtype, {static_cast<std::int64_t>(numbers.size())}).value();
  for (std::size_t i = 0; i < numbers.size(); ++i) tensor.set_double(static_cast<std::int64_t>(i), numbers[i]);
  return share(std::move(tensor));
}

// The bias per channel, zeros when absent; nullopt when it is not a constant of that form.
std::optional<std::vector<double>> bias_of(const Graph& graph, const Product& product) {
  const ValueId bias = input(*product.node, bias_index(*product.node));
  if (bias == kNoValue) return std::vector<double>(static_cast<std::size_t>(product.channels), 0.0);
  const HostTensor* tensor = graph.constant(bias);
  if (tensor == nullptr || tensor->rank() != 1 || tensor->elements() != product.channels) return std::nullopt;
  std::vector<double> numbers;
  for (std::int64_t c = 0; c < product.channels; ++c) numbers.push_back(tensor->as_double(c));
  return numbers;
}

Match finish(ir::Patch patch, const Graph& graph, const Node& root, const Product& product,
             std::vector<ValueId> operands) {
  INGOT_ASSIGN_OR_RETURN(ValueId y, rebuild(patch, *product.node, std::move(operands), product.node->attrs));
  if (product.reshape != nullptr) {
    INGOT_ASSIGN_OR_RETURN(y,
                           rebuild(patch, *product.reshape, {y, product.reshape->inputs[1]}, product.reshape->attrs));
  }
  const SymShape* shape = shape_of(graph, root.outputs[0]);
  if (shape == nullptr || !patch.type(y).shape || !(*patch.type(y).shape == *shape)) return no_match();
  return replace(std::move(patch), root.outputs[0], y);
}

Match scale(const Graph& graph, const Node& root) {
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const auto product = find_product(graph, root.inputs[i]);
    if (!product || (root.op == "Div" && i == 1)) continue;
    if (!same_shape(graph, root.inputs[i], root.outputs[0])) continue;
    auto factors = per_channel(graph, root.inputs[1 - i], *product);
    const ValueId weights = product->node->inputs[1];
    const HostTensor* w = graph.constant(weights);
    const auto bias = bias_of(graph, *product);
    if (!factors || w == nullptr || !bias || graph.value(weights).uses.size() != 1) continue;
    if (product->node->op == "MatMul" && w->rank() != 2) continue;
    if (root.op == "Div")
      for (double& factor : *factors) factor = 1.0 / factor;
    const auto channel = channel_of(*product->node, w->shape());
    INGOT_ASSIGN_OR_RETURN(HostTensor scaled, HostTensor::create(w->dtype(), w->shape()));
    for (std::int64_t e = 0; e < w->elements(); ++e)
      scaled.set_double(e, w->as_double(e) * (*factors)[static_cast<std::size_t>(channel(e))]);
    ir::Patch patch = new_patch(graph, "scale_into_weights");
    std::vector<ValueId> operands = product->node->inputs;
    operands[1] = patch.add_constant(graph.value(weights).name, share(std::move(scaled)));
    const std::size_t at = bias_index(*product->node);
    if (input(*product->node, at) != kNoValue) {
      std::vector<double> numbers = *bias;
      for (std::size_t c = 0; c < numbers.size(); ++c) numbers[c] *= (*factors)[c];
      operands[at] = patch.add_constant(graph.value(operands[at]).name, vector_of(w->dtype(), numbers));
    }
    return finish(std::move(patch), graph, root, *product, operands);
  }
  return no_match();
}

Match shift(const Graph& graph, const Node& root) {
  for (std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    if (root.op == "Sub" && i == 1) continue;
    const auto product = find_product(graph, root.inputs[i]);
    if (!product || !same_shape(graph, root.inputs[i], root.outputs[0])) continue;
    const auto summands = per_channel(graph, root.inputs[1 - i], *product);
    auto bias = bias_of(graph, *product);
    if (!summands || !bias) continue;
    for (std::size_t c = 0; c < bias->size(); ++c) (*bias)[c] += root.op == "Sub" ? -(*summands)[c] : (*summands)[c];
    ir::Patch patch = new_patch(graph, "add_into_bias");
    std::vector<ValueId> operands = product->node->inputs;
    const std::size_t at = bias_index(*product->node);
    operands.resize(std::max(operands.size(), at + 1), kNoValue);
    operands[at] =
        patch.add_constant(graph.value(root.inputs[1 - i]).name, vector_of(dtype_of(graph, root.outputs[0]), *bias));
    return finish(std::move(patch), graph, root, *product, operands);
  }
  return no_match();
}

// MatMul(...) * constant number, where no weights are constant: alpha.
Match alpha(const Graph& graph, const Node& root) {
  const auto scalar_side = scalar_operand(graph, root);
  if (!scalar_side || (root.op == "Div" && root.inputs[0] != scalar_side->other)) return no_match();
  const Node* product = sole_producer(graph, scalar_side->other, "MatMul");
  if (product == nullptr || input(*product, 2) != kNoValue || product->attrs.has("epilogue") ||
      product->attrs.has("exact"))
    return no_match();
  if (!same_shape(graph, scalar_side->other, root.outputs[0]) || !is_float(dtype_of(graph, root.outputs[0])))
    return no_match();
  ir::Patch patch = new_patch(graph, "scale_into_alpha");
  Attrs attrs = product->attrs;
  const double factor = root.op == "Div" ? 1.0 / scalar_side->value : scalar_side->value;
  attrs.set("alpha", attrs.get_float("alpha", 1.0) * factor);
  INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, *product, product->inputs, attrs));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules weight_folding_rules() {
  return {{"scale_into_weights", {"Mul", "Div"}, scale}, {"add_into_bias", {"Add", "Sub"}, shift}};
}

Rules alpha_rules() { return {{"scale_into_alpha", {"Mul", "Div"}, alpha}}; }

}  // namespace ingot::passes
