// SPDX-License-Identifier: Apache-2.0
// A convolution of which only some channels are used, or all in another order, computes just these: channels are rows
// of its weights. Where several users take a part each (offsets and mask of a deformable convolution, say) it becomes
// one convolution for each part, if it is so narrow that reading its input again costs less than taking its result
// apart.
#include <cstring>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

constexpr int kChannelAxis = 1;
constexpr std::int64_t kMostChannels = 128;  // of a convolution that becomes several
constexpr std::size_t kMostParts = 4;

struct Part {
  ValueId value;
  Ints channels;
};

// The channels that an output of a user of `y` holds; nullopt when these are not channels of y alone.
std::optional<Ints> channels_of(const Graph& graph, const Node& user, ValueId value, ValueId y, std::int64_t size) {
  if (user.inputs[0] != y) return std::nullopt;
  if (user.op == "Gather") {
    if (normal_axis(user.attrs.get_int("axis", 0), rank_of(graph, y)) != kChannelAxis) return std::nullopt;
    const HostTensor* indices = graph.constant(user.inputs[1]);
    if (indices == nullptr || indices->rank() != 1 || indices->elements() == 0 || indices->elements() > size)
      return std::nullopt;
    Ints channels;
    for (std::int64_t i = 0; i < indices->elements(); ++i) {
      const std::int64_t index = indices->as_int(i), channel = index < 0 ? index + size : index;
      if (channel < 0 || channel >= size) return std::nullopt;
      channels.push_back(channel);
    }
    return channels;
  }
  const std::optional<AxisPart> part = axis_part(graph, value, kChannelAxis);
  if (!part || part->from != y) return std::nullopt;
  Ints channels;
  for (std::int64_t channel = part->first; channel < part->last; ++channel) channels.push_back(channel);
  return channels;
}

// Everything that is made of y; empty when there is something else than parts of its channels.
std::vector<Part> parts_of(const Graph& graph, ValueId y, std::int64_t size) {
  if (graph.is_output(y)) return {};
  std::vector<Part> parts;
  for (const ir::Use& use : graph.value(y).uses) {
    const Node& user = graph.node(use.node);
    for (const ValueId value : user.outputs) {
      if (value == kNoValue || (graph.value(value).uses.empty() && !graph.is_output(value))) continue;
      const auto channels = channels_of(graph, user, value, y, size);
      if (!channels) return {};
      parts.push_back({value, *channels});
    }
  }
  return parts;
}

Result<TensorPtr> rows_of(const HostTensor& tensor, const Ints& rows) {
  Shape shape = tensor.shape();
  shape[0] = std::ssize(rows);
  INGOT_ASSIGN_OR_RETURN(HostTensor taken, HostTensor::create(tensor.dtype(), shape));
  const std::size_t bytes = tensor.bytes().size() / static_cast<std::size_t>(tensor.shape()[0]);
  std::byte* to = taken.mutable_bytes().data();
  for (const std::int64_t row : rows) {
    std::memcpy(to, tensor.bytes().data() + static_cast<std::size_t>(row) * bytes, bytes);
    to += bytes;
  }
  return share(std::move(taken));
}

template <bool kSeveral>
Match part_convolution(const Graph& graph, const Node& root) {
  const HostTensor* weights = graph.constant(root.inputs[1]);
  const ValueId bias_id = input(root, 2);
  const HostTensor* bias = bias_id == kNoValue ? nullptr : graph.constant(bias_id);
  if (weights == nullptr || weights->rank() < 3 || weights->shape()[0] == 0 || !is_float(weights->dtype()) ||
      bits_of(weights->dtype()) < 8 || root.attrs.get_int("group", 1) != 1 || root.attrs.has("epilogue") ||
      root.attrs.get_int("channels_last", 0) != 0 || (bias_id != kNoValue && bias == nullptr))
    return no_match();
  const std::int64_t size = weights->shape()[0];
  const std::vector<Part> parts = parts_of(graph, root.outputs[0], size);
  if (kSeveral ? parts.size() < 2 || parts.size() > kMostParts || size > kMostChannels : parts.size() != 1)
    return no_match();
  std::int64_t total = 0;
  for (const Part& part : parts) total += std::ssize(part.channels);
  if (total > size) return no_match();
  ir::Patch patch = new_patch(graph, kSeveral ? "part_convolution" : "take_channels");
  for (const Part& part : parts) {
    INGOT_ASSIGN_OR_RETURN(TensorPtr rows, rows_of(*weights, part.channels));
    std::vector<ValueId> operands{root.inputs[0],
                                  patch.add_constant(graph.value(root.inputs[1]).name, std::move(rows))};
    if (bias != nullptr) {
      INGOT_ASSIGN_OR_RETURN(TensorPtr numbers, rows_of(*bias, part.channels));
      operands.push_back(patch.add_constant(graph.value(bias_id).name, std::move(numbers)));
    }
    INGOT_ASSIGN_OR_RETURN(const ValueId y, rebuild(patch, root, std::move(operands), root.attrs));
    patch.replace(part.value, y);
  }
  return std::optional<ir::Patch>(std::move(patch));
}

}  // namespace

Rules take_channels_rules() { return {{"take_channels", {"Conv"}, part_convolution<false>}}; }
Rules part_convolution_rules() { return {{"part_convolution", {"Conv"}, part_convolution<true>}}; }

}  // namespace ingot::passes
