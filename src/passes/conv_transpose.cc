// SPDX-License-Identifier: Apache-2.0
// A transposed convolution becomes a convolution that computes all phases of its stride at once, as channels, and a
// rearrangement of these into space ("sub-pixel convolution"; Shi et al., "Is the deconvolution layer the same as a
// convolutional layer?", 2016). Every tactic for convolutions then serves it.
//
// Along one axis, with stride s and taps w[0, k): y[s * a + r - pad] = sum over t of x[a - t] * w[s * t + r], for each
// phase r in [0, s): a convolution with ceil(k / s) taps, where w is 0 beyond its end.
#include <limits>

#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Taps that are zero are multiplied too; beyond this factor the transposed form is better.
constexpr std::int64_t kMostWaste = 8;

struct Axis {
  std::int64_t stride = 1, dilation = 1, kernel = 1;
  std::int64_t taps = 1;                      // of each phase
  std::int64_t pad_begin = 0, pad_end = 0;    // of the convolution
  std::int64_t crop_begin = 0, crop_end = 0;  // of the rearranged result

  // nullopt for numbers that the specification does not allow.
  static std::optional<Axis> make(std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t begin,
                                  std::int64_t end, std::int64_t output_padding) {
    if (kernel < 1 || stride < 1 || dilation < 1 || begin < 0 || end < 0 || output_padding < 0) return std::nullopt;
    Axis axis{.stride = stride, .dilation = dilation, .kernel = kernel};
    const std::int64_t extent = (kernel - 1) * dilation + 1;
    axis.taps = (extent + stride - 1) / stride;
    // Whole strides of padding are positions that need not be computed.
    axis.pad_begin = std::max<std::int64_t>(0, axis.taps - 1 - begin / stride);
    axis.crop_begin = begin - (axis.taps - 1 - axis.pad_begin) * stride;
    const std::int64_t beyond = extent + output_padding - end - stride;
    axis.pad_end = beyond > 0 ? (beyond + stride - 1) / stride : 0;
    axis.crop_end = axis.pad_end * stride - beyond;
    return axis;
  }
  [[nodiscard]] std::int64_t extent() const { return (kernel - 1) * dilation + 1; }
};

std::optional<std::vector<Axis>> axes_of_window(const Node& node, const SymShape& weights) {
  const std::size_t spatial = weights.size() - 2;
  const Ints strides = node.attrs.get_ints("strides", Ints(spatial, 1));
  const Ints dilations = node.attrs.get_ints("dilations", Ints(spatial, 1));
  const Ints pads = node.attrs.get_ints("pads", Ints(2 * spatial, 0));
  const Ints extra = node.attrs.get_ints("output_padding", Ints(spatial, 0));
  if (strides.size() != spatial || dilations.size() != spatial || pads.size() != 2 * spatial || extra.size() != spatial)
    return std::nullopt;
  std::vector<Axis> axes;
  std::int64_t phases_times_taps = 1, taps = 1;
  for (std::size_t i = 0; i < spatial; ++i) {
    const auto axis =
        Axis::make(weights[i + 2].value(), strides[i], dilations[i], pads[i], pads[i + spatial], extra[i]);
    if (!axis) return std::nullopt;
    axes.push_back(*axis);
    phases_times_taps *= axis->taps * axis->stride;
    taps *= axis->kernel;
    if (phases_times_taps > kMostWaste * taps) return std::nullopt;
  }
  return axes;
}

// The number of phase r (or tap t) with these digits, the last axis fastest.
template <typename Extent>
Ints digits(std::int64_t index, const std::vector<Axis>& axes, Extent extent) {
  Ints result(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    result[i] = index % extent(axes[i]);
    index /= extent(axes[i]);
  }
  return result;
}

struct Sizes {
  std::int64_t group = 1, in = 0, out = 0;  // channels of one group
  std::int64_t phases = 1, taps = 1;
  bool channels_last = false;

  // Where an output channel of the convolution stands. Channels last, a phase's channels lie side by side.
  [[nodiscard]] std::int64_t channel(std::int64_t g, std::int64_t c, std::int64_t phase) const {
    return channels_last ? (g * phases + phase) * out + c : (g * out + c) * phases + phase;
  }
};

// [group * in, out, kernel...] to [group * out * phases, in, taps...].
Result<HostTensor> phase_weights(const HostTensor& w, const std::vector<Axis>& axes, const Sizes& sizes) {
  Shape shape{sizes.group * sizes.out * sizes.phases, sizes.in};
  std::int64_t kernel = 1;
  for (const Axis& axis : axes) {
    shape.push_back(axis.taps);
    kernel *= axis.kernel;
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor result, HostTensor::create(w.dtype(), shape));
  for (std::int64_t phase = 0; phase < sizes.phases; ++phase) {
    const Ints r = digits(phase, axes, [](const Axis& axis) { return axis.stride; });
    for (std::int64_t tap = 0; tap < sizes.taps; ++tap) {
      const Ints u = digits(tap, axes, [](const Axis& axis) { return axis.taps; });
      std::int64_t source = 0;
      bool inside = true;
      for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::int64_t at = r[i] + axes[i].stride * (axes[i].taps - 1 - u[i]);
        inside = inside && at < axes[i].extent() && at % axes[i].dilation == 0;
        source = source * axes[i].kernel + at / axes[i].dilation;
      }
      for (std::int64_t g = 0; g < sizes.group; ++g)
        for (std::int64_t c = 0; c < sizes.out; ++c)
          for (std::int64_t in = 0; in < sizes.in; ++in)
            result.set_double((sizes.channel(g, c, phase) * sizes.in + in) * sizes.taps + tap,
                              inside ? w.as_double(((g * sizes.in + in) * sizes.out + c) * kernel + source) : 0.0);
    }
  }
  return result;
}

Result<HostTensor> phase_bias(const HostTensor& bias, const Sizes& sizes) {
  INGOT_ASSIGN_OR_RETURN(HostTensor result, HostTensor::create(bias.dtype(), {sizes.group * sizes.out * sizes.phases}));
  for (std::int64_t g = 0; g < sizes.group; ++g)
    for (std::int64_t c = 0; c < sizes.out; ++c)
      for (std::int64_t phase = 0; phase < sizes.phases; ++phase)
        result.set_double(sizes.channel(g, c, phase), bias.as_double(g * sizes.out + c));
  return result;
}

// Channels that hold phases become space.
Result<ValueId> unfold_phases(ir::Patch& patch, ValueId y, const std::vector<Axis>& axes, const Sizes& sizes,
                              ir::NodeId origin) {
  const SymShape coarse = *patch.type(y).shape;
  const std::size_t first = sizes.channels_last ? 1 : 2;
  SymShape split{coarse[0]}, joined{coarse[0]};
  Ints perm{0};
  const auto count = static_cast<std::int64_t>(axes.size());
  if (sizes.channels_last) {
    for (std::size_t i = 0; i < axes.size(); ++i) split.push_back(coarse[first + i]);
    split.push_back(sizes.group);
  } else {
    split.push_back(sizes.group * sizes.out);
    joined.push_back(split.back());
    perm.push_back(1);
  }
  for (const Axis& axis : axes) split.push_back(axis.stride);
  if (sizes.channels_last) {
    split.push_back(sizes.out);
  } else {
    for (std::size_t i = 0; i < axes.size(); ++i) split.push_back(coarse[first + i]);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t position = sizes.channels_last ? 1 + i : 2 + count + i;
    const std::int64_t phase = 2 + i;
    perm.push_back(position);
    perm.push_back(sizes.channels_last ? phase + count : phase);
    const auto at = static_cast<std::size_t>(i);
    joined.push_back(coarse[first + at] * Dim(axes[at].stride));
  }
  if (sizes.channels_last) {
    perm.push_back(1 + count);
    perm.push_back(2 + 2 * count);
    joined.push_back(sizes.group * sizes.out);
  }
  INGOT_ASSIGN_OR_RETURN(y, reshape(patch, y, split, origin));
  INGOT_ASSIGN_OR_RETURN(y, transpose(patch, y, perm, origin));
  return reshape(patch, y, joined, origin);
}

Result<ValueId> crop(ir::Patch& patch, ValueId y, const std::vector<Axis>& axes, bool channels_last,
                     ir::NodeId origin) {
  Ints starts, ends, dims;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].crop_begin == 0 && axes[i].crop_end == 0) continue;
    starts.push_back(axes[i].crop_begin);
    ends.push_back(axes[i].crop_end == 0 ? std::numeric_limits<std::int64_t>::max() : -axes[i].crop_end);
    dims.push_back(static_cast<std::int64_t>(i) + (channels_last ? 1 : 2));
  }
  if (dims.empty()) return y;
  return patch.add("Slice", {y, int_constant(patch, starts), int_constant(patch, ends), int_constant(patch, dims)}, {},
                   origin);
}

Match to_convolution(const Graph& graph, const Node& root) {
  const HostTensor* w = graph.constant(root.inputs[1]);
  const SymShape* x = shape_of(graph, root.inputs[0]);
  const bool has_bias = input(root, 2) != kNoValue;
  const HostTensor* bias = has_bias ? graph.constant(root.inputs[2]) : nullptr;
  if (w == nullptr || x == nullptr || (has_bias && bias == nullptr) || root.attrs.has("epilogue")) return no_match();
  const DType dtype = w->dtype();
  if (dtype != DType::f32 && dtype != DType::f16 && dtype != DType::bf16) return no_match();
  const Ints whole = root.attrs.get_ints("output_shape", {});
  if (!whole.empty() || root.attrs.get_string("auto_pad", "NOTSET") != "NOTSET") return no_match();
  const auto axes = axes_of_window(root, symbolic(w->shape()));
  if (!axes) return no_match();
  Sizes sizes;
  sizes.group = root.attrs.get_int("group", 1);
  sizes.in = w->shape()[0] / sizes.group;
  sizes.out = w->shape()[1];
  sizes.channels_last = root.attrs.get_int("channels_last", 0) != 0;
  Attrs attrs;
  Ints kernel, pads(2 * axes->size());
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const Axis& axis = (*axes)[i];
    sizes.phases *= axis.stride;
    sizes.taps *= axis.taps;
    kernel.push_back(axis.taps);
    pads[i] = axis.pad_begin;
    pads[i + axes->size()] = axis.pad_end;
  }
  attrs.set("kernel_shape", kernel);
  attrs.set("pads", pads);
  attrs.set("group", sizes.group);
  if (sizes.channels_last) attrs.set("channels_last", std::int64_t{1});

  ir::Patch patch = new_patch(graph, "transposed_convolution");
  INGOT_ASSIGN_OR_RETURN(HostTensor weights, phase_weights(*w, *axes, sizes));
  std::vector<ValueId> operands{root.inputs[0], patch.add_constant("", share(std::move(weights)))};
  if (has_bias) {
    INGOT_ASSIGN_OR_RETURN(HostTensor repeated, phase_bias(*bias, sizes));
    operands.push_back(patch.add_constant("", share(std::move(repeated))));
  }
  INGOT_ASSIGN_OR_RETURN(ValueId y, patch.add("Conv", std::move(operands), std::move(attrs), root.id));
  if (sizes.phases > 1) {
    const SymShape& coarse = *patch.type(y).shape;
    if (!is_bound(graph, coarse) && !is_reshape_target(graph, coarse)) return no_match();
    INGOT_ASSIGN_OR_RETURN(y, unfold_phases(patch, y, *axes, sizes, root.id));
  }
  INGOT_ASSIGN_OR_RETURN(y, crop(patch, y, *axes, sizes.channels_last, root.id));
  return replace(std::move(patch), root.outputs[0], y);
}

}  // namespace

Rules conv_transpose_rules() { return {{"transposed_convolution", {"ConvTranspose"}, to_convolution}}; }

}  // namespace ingot::passes
