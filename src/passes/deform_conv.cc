// SPDX-License-Identifier: Apache-2.0
// Deformable convolution in the parts of which exporters without an operator for it make it: GatherND, GatherElements
// or GridSample reads X at computed places, factors are applied, and a Conv whose strides are its kernel takes the
// samples, which lie [N, C, Ho * kh, Wo * kw].
//
// The spellings of the index arithmetic are many and long, so none is matched. What is found is where X, the offsets
// and the mask enter; the window follows from what the nodes read without offsets; and that they compute the samples of
// a deformable convolution is established by computing both with random numbers, at the graph's own sizes, every
// element.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <unordered_map>
#include <unordered_set>

#include "passes/patches.h"
#include "passes/rules.h"
#include "reference/evaluate.h"

namespace ingot::passes {
namespace {

constexpr std::size_t kMaxNodes = 400;
constexpr std::int64_t kMaxSamples = std::int64_t{1} << 24;  // more take too long to compute

constexpr auto kReading = std::to_array<std::string_view>({"GatherND", "GatherElements", "GridSample"});
constexpr auto kParts = std::to_array<std::string_view>({
    "Reshape",  "Transpose",   "Squeeze", "Unsqueeze", "Flatten",
    "Slice",    "Split",       "Concat",  "Expand",    "Tile",
    "Identity", "Cast",        "Pad",     "Floor",     "Clip",
    "Min",      "Max",         "Add",     "Sub",       "Mul",
    "Div",      "Neg",         "Sum",     "Greater",   "GreaterOrEqual",
    "Less",     "LessOrEqual", "And",     "Or",        "Not",
    "Where",    "Mod",         "Gather",
});

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::optional<Shape> shape_if_known(const Graph& graph, ValueId value) {
  const SymShape* shape = shape_of(graph, value);
  return shape == nullptr ? std::nullopt : concrete(*shape);
}

// What the Conv says of the operator, and where its operands come from.
struct Found {
  std::int64_t batch = 0, channels = 0, group = 1, offset_group = 1;
  std::array<std::int64_t, 2> kernel{}, out{}, in{};
  std::array<std::int64_t, 2> stride{1, 1}, dilation{1, 1}, begin{}, end{};
  ValueId x = kNoValue, offset = kNoValue, mask = kNoValue;
  std::vector<ir::NodeId> nodes;  // between these and the samples

  [[nodiscard]] std::int64_t taps() const { return kernel[0] * kernel[1]; }
  [[nodiscard]] Attrs attrs() const {
    return {{"kernel_shape", Ints{kernel[0], kernel[1]}},
            {"strides", Ints{stride[0], stride[1]}},
            {"dilations", Ints{dilation[0], dilation[1]}},
            {"pads", Ints{begin[0], begin[1], end[0], end[1]}},
            {"group", group},
            {"offset_group", offset_group}};
  }
};

std::optional<Found> read_conv(const Graph& graph, const Node& conv) {
  Found found;
  const auto samples = shape_if_known(graph, conv.inputs[0]);
  const auto weights = shape_if_known(graph, conv.inputs[1]);
  if (!samples || !weights || samples->size() != 4 || weights->size() != 4) return std::nullopt;
  found.group = conv.attrs.get_int("group", 1);
  found.batch = (*samples)[0];
  found.channels = (*samples)[1];
  const Ints kernel{(*weights)[2], (*weights)[3]};
  if (conv.attrs.get_ints("strides", {1, 1}) != kernel || conv.attrs.get_ints("dilations", {1, 1}) != Ints{1, 1} ||
      conv.attrs.get_ints("pads", {0, 0, 0, 0}) != Ints{0, 0, 0, 0} || conv.attrs.has("epilogue") ||
      conv.attrs.get_int("channels_last", 0) != 0 || conv.attrs.get_string("auto_pad", "NOTSET") != "NOTSET")
    return std::nullopt;
  for (std::size_t i = 0; i < 2; ++i) {
    found.kernel[i] = kernel[i];
    if (kernel[i] < 1 || (*samples)[2 + i] % kernel[i] != 0) return std::nullopt;
    found.out[i] = (*samples)[2 + i] / kernel[i];
  }
  const auto count = element_count(*samples);
  if (!count || *count == 0 || *count > kMaxSamples || dtype_of(graph, conv.inputs[0]) != DType::f32)
    return std::nullopt;
  return found;
}

class Search {
 public:
  Search(const Graph& graph, Found& found) : graph_(graph), found_(found) {}

  // `behind`: how many additions of constants stand behind the value that is taken for the offsets.
  bool run(ValueId samples, int behind) {
    behind_ = behind;
    std::vector<const Node*> readers;
    if (!find_readers(samples, readers) || readers.empty()) return false;
    for (const Node* reader : readers) {
      const ValueId x = source_of(reader->inputs[0]);
      if (x == kNoValue || (found_.x != kNoValue && found_.x != x)) return false;
      found_.x = x;
    }
    const auto x = shape_if_known(graph_, found_.x);
    found_.in = {(*x)[2], (*x)[3]};
    for (const Node* reader : readers)
      if (!find_offset(reader->inputs[1])) return false;
    return found_.offset != kNoValue && collect(samples);
  }

 private:
  // Sizes [N, channels, ...] with these last two.
  [[nodiscard]] bool is_map(ValueId value, std::int64_t channels, const std::array<std::int64_t, 2>& size) const {
    const auto shape = shape_if_known(graph_, value);
    return shape && *shape == Shape{found_.batch, channels, size[0], size[1]};
  }

  bool find_readers(ValueId from, std::vector<const Node*>& readers) const {
    std::vector<ValueId> open{from};
    std::unordered_set<ValueId> seen;
    while (!open.empty()) {
      const ValueId value = open.back();
      open.pop_back();
      if (value == kNoValue || !seen.insert(value).second) continue;
      if (seen.size() > kMaxNodes) return false;
      const Node* node = graph_.producer(value);
      if (node == nullptr) continue;
      if (contains(kReading, node->op)) {
        readers.push_back(node);
      } else if (contains(kParts, node->op)) {
        open.insert(open.end(), node->inputs.begin(), node->inputs.end());
      }
    }
    return true;
  }

  // Behind what only arranges and pads: [N, C, H, W].
  [[nodiscard]] ValueId source_of(ValueId value) const {
    static constexpr auto kArranging =
        std::to_array<std::string_view>({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity"});
    const auto is_image = [&](ValueId v) {
      const auto shape = shape_if_known(graph_, v);
      return shape && shape->size() == 4 && (*shape)[0] == found_.batch && (*shape)[1] == found_.channels;
    };
    while (!is_image(value)) {
      const Node* node = graph_.producer(value);
      if (node == nullptr || !contains(kArranging, node->op)) return kNoValue;
      value = node->inputs[0];
    }
    if (const Node* pad = graph_.producer(value); pad != nullptr && pad->op == "Pad") value = pad->inputs[0];
    return is_image(value) ? value : kNoValue;
  }

  // Behind additions of constants.
  [[nodiscard]] ValueId offsets_of(ValueId value) const {
    for (int i = 0; i < behind_; ++i) {
      const Node* node = graph_.producer(value);
      if (node == nullptr || node->op != "Add") return kNoValue;
      const ValueId other = graph_.constant(node->inputs[0]) != nullptr ? node->inputs[1] : node->inputs[0];
      if (graph_.constant(other_operand(*node, other)) == nullptr || !same_shape(graph_, other, value)) return kNoValue;
      value = other;
    }
    return value;
  }

  // The nearest value that has the shape of offsets.
  bool find_offset(ValueId from) {
    std::vector<ValueId> open{from};
    std::unordered_set<ValueId> seen;
    while (!open.empty()) {
      const ValueId value = open.back();
      open.pop_back();
      if (value == kNoValue || value == found_.offset || !seen.insert(value).second) continue;
      if (graph_.constant(value) != nullptr) continue;
      const auto shape = shape_if_known(graph_, value);
      const std::int64_t unit = 2 * found_.taps();
      if (shape && shape->size() == 4 && (*shape)[1] % unit == 0 && is_map(value, (*shape)[1], found_.out) &&
          found_.channels % ((*shape)[1] / unit) == 0) {
        const ValueId offset = offsets_of(value);
        if (offset == kNoValue || (found_.offset != kNoValue && found_.offset != offset)) return false;
        found_.offset = offset;
        found_.offset_group = (*shape)[1] / unit;
        if (offset == value) continue;
      }
      const Node* node = graph_.producer(value);
      if (node == nullptr || !contains(kParts, node->op) || seen.size() > kMaxNodes) return false;
      open.insert(open.end(), node->inputs.begin(), node->inputs.end());
    }
    return true;
  }

  // All nodes between; the mask is what else comes in.
  bool collect(ValueId from) {
    std::vector<ValueId> open{from};
    std::unordered_set<ValueId> seen;
    std::unordered_set<ir::NodeId> inside;
    while (!open.empty()) {
      const ValueId value = open.back();
      open.pop_back();
      if (value == kNoValue || value == found_.x || value == found_.offset || !seen.insert(value).second) continue;
      if (graph_.constant(value) != nullptr) continue;
      if (is_map(value, found_.offset_group * found_.taps(), found_.out) && dtype_of(graph_, value) == DType::f32) {
        if (found_.mask != kNoValue) return false;
        found_.mask = value;
        continue;
      }
      const Node* node = graph_.producer(value);
      if (node == nullptr || (!contains(kParts, node->op) && !contains(kReading, node->op))) return false;
      if (!inside.insert(node->id).second) continue;
      if (inside.size() > kMaxNodes) return false;
      open.insert(open.end(), node->inputs.begin(), node->inputs.end());
    }
    found_.nodes.assign(inside.begin(), inside.end());
    std::ranges::sort(found_.nodes, [&](ir::NodeId a, ir::NodeId b) { return graph_.is_before(a, b); });
    return true;
  }

  const Graph& graph_;
  Found& found_;
  int behind_ = 0;
};

using Tensors = std::unordered_map<ValueId, HostTensor>;

// What the nodes make of values for X, offsets and mask; nothing when they cannot be evaluated.
std::optional<HostTensor> evaluate(const Graph& graph, const Found& found, Tensors tensors, ValueId samples) {
  std::unordered_map<ValueId, int> uses;
  for (const ir::NodeId id : found.nodes)
    for (const ValueId input : graph.node(id).inputs) ++uses[input];
  for (const ir::NodeId id : found.nodes) {
    const Node& node = graph.node(id);
    std::vector<const HostTensor*> operands;
    for (const ValueId input : node.inputs) {
      const HostTensor* operand = input == kNoValue ? nullptr : graph.constant(input);
      if (input != kNoValue && operand == nullptr) {
        const auto known = tensors.find(input);
        if (known == tensors.end()) return std::nullopt;
        operand = &known->second;
      }
      operands.push_back(operand);
    }
    std::vector<DType> types;
    for (const ValueId output : node.outputs)
      types.push_back(output == kNoValue ? DType::undefined : dtype_of(graph, output));
    auto results = reference::evaluate({node.op, &node.attrs, operands, node.outputs.size(), types});
    if (!results.is_ok()) return std::nullopt;
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNoValue) tensors.insert_or_assign(node.outputs[i], std::move((*results)[i]));
    for (const ValueId input : node.inputs)
      if (--uses[input] == 0) tensors.erase(input);
  }
  const auto made = tensors.find(samples);
  return made == tensors.end() ? std::nullopt : std::optional(std::move(made->second));
}

HostTensor filled(const Graph& graph, ValueId value, const std::function<double(std::int64_t)>& element) {
  HostTensor tensor = HostTensor::create(DType::f32, *shape_if_known(graph, value)).value();
  for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, element(i));
  return tensor;
}

Tensors operands_of(const Graph& graph, const Found& found, const std::function<double(std::int64_t)>& x,
                    const std::function<double(std::int64_t)>& offset,
                    const std::function<double(std::int64_t)>& mask) {
  Tensors tensors;
  tensors.emplace(found.x, filled(graph, found.x, x));
  tensors.emplace(found.offset, filled(graph, found.offset, offset));
  if (found.mask != kNoValue) tensors.emplace(found.mask, filled(graph, found.mask, mask));
  return tensors;
}

// One dimension of the window from the places that taps read: places[o * kernel + k], -1 where outside.
bool solve_window(const std::vector<std::int64_t>& places, std::int64_t out, std::int64_t kernel, std::int64_t in,
                  Found& found, std::size_t dim) {
  constexpr std::int64_t kMaxStride = 16, kMaxDilation = 32;
  for (std::int64_t stride = 1; stride <= (out > 1 ? kMaxStride : 1); ++stride) {
    for (std::int64_t dilation = 1; dilation <= (kernel > 1 ? kMaxDilation : 1); ++dilation) {
      std::optional<std::int64_t> pad;
      bool fits = true;
      for (std::int64_t o = 0; o < out && fits; ++o) {
        for (std::int64_t k = 0; k < kernel && fits; ++k) {
          const std::int64_t place = places[static_cast<std::size_t>(o * kernel + k)];
          if (place < 0) continue;
          const std::int64_t needed = o * stride + k * dilation - place;
          fits = !pad || *pad == needed;
          pad = needed;
        }
      }
      if (!fits || !pad || *pad < 0) continue;
      // The padding at the end makes the sizes fit; a stride leaves it some freedom.
      std::int64_t end = (out - 1) * stride + dilation * (kernel - 1) + 1 - in - *pad;
      if (end < 0) end = std::min<std::int64_t>(0, end + stride - 1);
      if (end < 0) continue;
      found.stride[dim] = stride;
      found.dilation[dim] = dilation;
      found.begin[dim] = *pad;
      found.end[dim] = end;
      return true;
    }
  }
  return false;
}

// X holds each pixel's number, counted from 1; there are no offsets.
bool find_window(const Graph& graph, ValueId samples, Found& found) {
  const std::int64_t plane = found.in[0] * found.in[1];
  const auto one = [](std::int64_t) { return 1.0; };
  const auto none = [](std::int64_t) { return 0.0; };
  const auto number = [&](std::int64_t i) { return static_cast<double>(i % plane + 1); };
  const auto read = evaluate(graph, found, operands_of(graph, found, number, none, one), samples);
  if (!read || read->dtype() != DType::f32) return false;
  std::array<std::vector<std::int64_t>, 2> places;
  for (const std::size_t dim : {std::size_t{0}, std::size_t{1}})
    places[dim].assign(static_cast<std::size_t>(found.out[dim] * found.kernel[dim]), -1);
  const std::int64_t width = found.out[1] * found.kernel[1];
  for (std::int64_t i = 0; i < found.out[0] * found.kernel[0] * width; ++i) {
    const std::int64_t pixel = std::llround(read->as_double(i)) - 1;
    if (pixel < 0 || pixel >= plane) continue;
    const std::array<std::int64_t, 2> at{i / width, i % width}, place{pixel / found.in[1], pixel % found.in[1]};
    for (const std::size_t dim : {std::size_t{0}, std::size_t{1}}) {
      std::int64_t& known = places[dim][static_cast<std::size_t>(at[dim])];
      if (known >= 0 && known != place[dim]) return false;
      known = place[dim];
    }
  }
  return solve_window(places[0], found.out[0], found.kernel[0], found.in[0], found, 0) &&
         solve_window(places[1], found.out[1], found.kernel[1], found.in[1], found, 1);
}

// The samples as the operator itself takes them: each channel a group of its own, each tap an output.
std::optional<HostTensor> expected_samples(const Found& found, const Tensors& tensors) {
  Found alone = found;
  alone.group = found.channels;
  const std::int64_t taps = found.taps();
  auto weights = HostTensor::create(DType::f32, {found.channels * taps, 1, found.kernel[0], found.kernel[1]});
  if (!weights.is_ok()) return std::nullopt;
  for (std::int64_t i = 0; i < weights->elements(); ++i) weights->set_double(i, i / taps % taps == i % taps ? 1 : 0);
  const HostTensor* mask = found.mask == kNoValue ? nullptr : &tensors.at(found.mask);
  const std::vector<const HostTensor*> operands{&tensors.at(found.x), &*weights, &tensors.at(found.offset), nullptr,
                                                mask};
  const Attrs attrs = alone.attrs();
  const std::array<DType, 1> types{DType::f32};
  auto results = reference::evaluate({"DeformConv", &attrs, operands, 1, types});
  return results.is_ok() ? std::optional(std::move(results->front())) : std::nullopt;
}

bool agrees(const Graph& graph, ValueId samples, const Found& found) {
  std::mt19937 random(1);  // NOLINT: the same every time
  std::normal_distribution<double> normal;
  const auto draw = [&](std::int64_t) { return normal(random); };
  const auto offset = [&](std::int64_t i) {
    const double value = 2 * normal(random);
    return i % 7 == 3 ? std::round(value) : i % 31 == 11 ? 40 * value : value;
  };
  const Tensors tensors = operands_of(graph, found, draw, offset, draw);
  const auto theirs = evaluate(graph, found, tensors, samples);
  const auto ours = expected_samples(found, tensors);
  if (!theirs || !ours || theirs->elements() != ours->elements()) return false;
  // The graph's own fp32 places are off by their rounding.
  constexpr double kTolerance = 5e-3;
  const std::int64_t width = found.out[1] * found.kernel[1], height = found.out[0] * found.kernel[0];
  for (std::int64_t i = 0; i < theirs->elements(); ++i) {
    const std::int64_t map = i / (width * height), y = i / width % height, x = i % width;
    const std::int64_t tap = y % found.kernel[0] * found.kernel[1] + x % found.kernel[1];
    const std::int64_t pixel = y / found.kernel[0] * found.out[1] + x / found.kernel[1];
    const double expected = ours->as_double((map * found.taps() + tap) * found.out[0] * found.out[1] + pixel);
    if (!(std::abs(theirs->as_double(i) - expected) <= kTolerance)) return false;
  }
  return true;
}

Match deform_conv(const Graph& graph, const Node& root) {
  const auto conv = read_conv(graph, root);
  if (!conv) return no_match();
  for (const int behind : {0, 1}) {
    Found found = *conv;
    const ValueId samples = root.inputs[0];
    if (!Search(graph, found).run(samples, behind)) continue;
    for (const ValueId value : {found.x, found.offset})
      if (dtype_of(graph, value) != DType::f32) return no_match();
    if (!find_window(graph, samples, found) || !agrees(graph, samples, found)) continue;
    ir::Patch patch = new_patch(graph, "deform_conv");
    std::vector<ValueId> operands{found.x, root.inputs[1], found.offset, input(root, 2), found.mask};
    while (operands.back() == kNoValue) operands.pop_back();
    INGOT_ASSIGN_OR_RETURN(const ValueId y, patch.add("DeformConv", operands, found.attrs(), root.id));
    return replace(std::move(patch), root.outputs[0], y);
  }
  return no_match();
}

}  // namespace

Rules deform_conv_rules() { return {{"deform_conv", {"Conv"}, deform_conv}}; }

}  // namespace ingot::passes
