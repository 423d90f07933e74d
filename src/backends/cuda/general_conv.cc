// SPDX-License-Identifier: Apache-2.0
// Convolutions that the tile engine does not take: transposed, of three dimensions, channels first, doubles, integers.
#include "backends/cpu/axes.h"
#include "backends/cpu/window_attrs.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"

namespace ingot::cuda {
namespace {

constexpr std::string_view kSizes =
    "CHANNELS_LAST IN_SIZE*3 OUT_SIZE*3 KERNEL*3 STRIDE*3 DILATION*3 PAD*3 IN_C OUT_C GROUP_IN GROUP_OUT GROUP_W W_OUT "
    "W_TAP W_IN W_ZEROS W_SCALES OFFSET_GROUPS OFFSETS_LAST";

bool transposed(const Problem& problem) { return problem.kind == "ConvTranspose"; }
std::size_t weight_input(const Problem& problem) { return problem.kind == "QLinearConv" ? 3 : 1; }

Support conv_support(const Problem& problem) {
  const Shape& x = problem.inputs[0].shape;
  const Shape& w = problem.inputs[weight_input(problem)].shape;
  if (x.size() < 3 || x.size() > 5 || w.size() != x.size()) return Support::no(Refusal::kShape, "rank");
  if (problem.kind == "QLinearConv")
    for (const std::size_t scale : {1, 4, 6})
      if (problem.inputs[scale].dtype != DType::f32) return Support::no(Refusal::kDType, "scales");
  const bool floating = problem.kind != "ConvInteger" && problem.kind != "QLinearConv";
  if (problem.kind == "DeformConv" && x.size() != 4) return Support::no(Refusal::kShape, "rank");
  if (floating)
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != problem.inputs[0].dtype)
        return Support::no(Refusal::kDType);
  if (floating && !is_float(problem.inputs[0].dtype)) return Support::no(Refusal::kDType);
  return Support::yes();
}

std::string conv_definitions(const Problem& problem) {
  std::string text;
  const bool integer = problem.kind == "ConvInteger", quantised = problem.kind == "QLinearConv";
  const std::size_t w = weight_input(problem);
  text +=
      fmt::format("using XT = T0;\nusing WT = T{};\nusing ACC = {};\n", w, integer || quantised ? "long long" : "A0");
  text += define("WEIGHTS", fmt::format("p.in[{}]", w)) + define("BIAS", "p.in[2]");
  if (transposed(problem)) text += define("TRANSPOSED", 1);
  if (problem.kind == "DeformConv") text += define("DEFORMED", 1);
  if (integer || quantised) text += define("INTEGER", 1);
  if (integer) text += define("X_ZERO", "p.in[2]") + define("W_ZERO", "p.in[3]");
  if (quantised) {
    text += define("X_ZERO", "p.in[2]") + define("W_ZERO", "p.in[5]") + define("QUANTISED", 1);
    text += define_limits(problem.outputs[0].dtype);
  }
  return text;
}

// Padding of a transposed convolution, where output_shape or auto_pad decide it.
Ints transposed_pads(const Attrs& attrs, const Shape& in, const Shape& out, const Ints& kernel) {
  const std::size_t rank = in.size();
  const Ints strides = attrs.get_ints("strides", Ints(rank, 1)), dilations = attrs.get_ints("dilations", Ints(rank, 1));
  const Ints extra = attrs.get_ints("output_padding", Ints(rank, 0));
  Ints pads = attrs.get_ints("pads", Ints(2 * rank, 0));
  const std::string automatic = attrs.get_string("auto_pad", "NOTSET");
  pads.resize(rank);
  if (automatic == "VALID") pads.assign(rank, 0);
  if (!attrs.has("output_shape") && !automatic.starts_with("SAME")) return pads;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t full = (in[d] - 1) * strides[d] + (kernel[d] - 1) * dilations[d] + 1 + extra[d];
    const std::int64_t total = std::max<std::int64_t>(0, full - out[d]);
    pads[d] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return pads;
}

Ints three(Ints values, std::int64_t filler) {
  values.insert(values.begin(), 3 - values.size(), filler);
  return values;
}

Status plan_conv(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  const Shape& x = plan.shape(0);
  const Shape& w = plan.problem().inputs[weight_input(plan.problem())].shape;
  const Shape& y = plan.out(0).shape;
  const std::size_t rank = x.size() - 2;
  const bool last = attrs.get_int("channels_last", 0) != 0;
  const auto spatial = [&](const Shape& shape) {
    return last ? Ints(shape.begin() + 1, shape.end() - 1) : Ints(shape.begin() + 2, shape.end());
  };
  const Ints in = spatial(x), out = spatial(y), kernel(w.begin() + 2, w.end());
  const std::int64_t channels = last ? x.back() : x[1], out_channels = last ? y.back() : y[1];
  const std::int64_t groups = attrs.get_int("group", 1);
  Ints pads;
  if (transposed(plan.problem())) {
    pads = transposed_pads(attrs, in, out, kernel);
  } else {
    INGOT_ASSIGN_OR_RETURN(const cpu::WindowSizes sizes, cpu::window_sizes(attrs, x, kernel, y));
    pads = Ints(sizes.pad_begin.begin() + static_cast<std::ptrdiff_t>(3 - rank), sizes.pad_begin.end());
  }
  if (groups < 1 || channels % groups != 0 || out_channels % groups != 0)
    return invalid_argument("{}: {} and {} channels in {} groups", plan.problem().kind, channels, out_channels, groups);
  const std::int64_t group_in = channels / groups, group_out = out_channels / groups;
  if (transposed(plan.problem()) ? w[0] != channels || w[1] != group_out : w[0] != out_channels || w[1] != group_in)
    return invalid_argument("{}: weights {} for {} and {} channels in {} groups", plan.problem().kind, to_string(w),
                            channels, out_channels, groups);
  const std::int64_t taps = cpu::product(w, 2, w.size());
  plan.set("CHANNELS_LAST", last ? 1 : 0);
  plan.set_all("IN_SIZE", three(in, 1));
  plan.set_all("OUT_SIZE", three(out, 1));
  plan.set_all("KERNEL", three(kernel, 1));
  plan.set_all("STRIDE", three(attrs.get_ints("strides", Ints(rank, 1)), 1));
  plan.set_all("DILATION", three(attrs.get_ints("dilations", Ints(rank, 1)), 1));
  plan.set_all("PAD", three(pads, 0));
  plan.set("IN_C", channels);
  plan.set("OUT_C", out_channels);
  plan.set("GROUP_IN", group_in);
  plan.set("GROUP_OUT", group_out);
  // Weights in ONNX's order: [out][in of group][tap], transposed ones [in][out of group][tap].
  const bool turned = transposed(plan.problem());
  plan.set("GROUP_W", group_in * group_out * taps);
  plan.set("W_OUT", turned ? taps : group_in * taps);
  plan.set("W_IN", turned ? group_out * taps : taps);
  plan.set("W_TAP", 1);
  const auto elements = [&](std::size_t i) { return plan.has(i) ? elements_of(plan.in(i)) : 1; };
  plan.set("W_ZEROS", elements(plan.problem().kind == "QLinearConv" ? 5 : 3));
  plan.set("W_SCALES", elements(4));
  if (plan.problem().kind != "DeformConv") return plan.add("conv", elements_of(plan.out(0)));
  const std::int64_t offset_groups = attrs.get_int("offset_group", 1);
  if (offset_groups < 1 || channels % offset_groups != 0)
    return invalid_argument("DeformConv: {} channels in {} offset groups", channels, offset_groups);
  plan.set("OFFSET_GROUPS", offset_groups);
  plan.set("OFFSETS_LAST", attrs.get_int("offset_channels_last", 0));
  return plan.add("deform", elements_of(plan.out(0)));
}

constexpr GeneralOp kOps[] = {
    {"Conv", "general_conv.cu", kSizes, "", plan_conv, true, conv_support, conv_definitions},
    {"ConvTranspose", "general_conv.cu", kSizes, "", plan_conv, true, conv_support, conv_definitions},
    {"DeformConv", "general_conv.cu", kSizes, "", plan_conv, true, conv_support, conv_definitions},
    {"ConvInteger", "general_conv.cu", kSizes, "", plan_conv, false, conv_support, conv_definitions},
    {"QLinearConv", "general_conv.cu", kSizes, "", plan_conv, false, conv_support, conv_definitions},
};

}  // namespace

std::span<const GeneralOp> convolution_ops() { return kOps; }

}  // namespace ingot::cuda
