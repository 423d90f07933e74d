// SPDX-License-Identifier: Apache-2.0
// Normalisations in every form that the tuned kernels do not take.
#include <algorithm>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

struct Norm {
  std::string_view kind;
  int number;
};
constexpr Norm kNorms[] = {{"LayerNormalization", 0},
                           {"RMSNormalization", 1},
                           {"Softmax", 2},
                           {"LogSoftmax", 3},
                           {"LpNormalization", 4},
                           {"GroupNormalization", 5},
                           {"InstanceNormalization", 5},
                           {"MeanVarianceNormalization", 6}};

int number_of(const Problem& problem) {
  return std::find_if(std::begin(kNorms), std::end(kNorms), [&](const Norm& n) { return n.kind == problem.kind; })
      ->number;
}

std::string definitions(const Problem& problem) { return define("NORM", number_of(problem)); }

Support supports(const Problem& problem) {
  return is_float(problem.inputs[0].dtype) ? Support::yes() : Support::no(Refusal::kDType);
}

// Strides with which an operand is read over `shape`.
Result<Ints> read_strides(const Shape& operand, const Shape& shape) {
  if (operand.size() > shape.size()) return invalid_argument("{} over {}", to_string(operand), to_string(shape));
  const Ints dense = cpu::dense_strides(operand);
  Ints out(shape.size(), 0);
  const std::size_t lead = shape.size() - operand.size();
  for (std::size_t d = 0; d < operand.size(); ++d) {
    if (operand[d] != 1 && operand[d] != shape[lead + d])
      return invalid_argument("{} does not broadcast to {}", to_string(operand), to_string(shape));
    out[lead + d] = operand[d] == 1 ? 0 : dense[d];
  }
  return out;
}

Status plan_lines(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const bool layer = number_of(plan.problem()) < 2;
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(plan.attrs().get_int("axis", -1), x.size()));
  const std::int64_t length = layer ? cpu::product(x, axis, x.size()) : x[axis];
  const std::int64_t inner = layer ? 1 : cpu::product(x, axis + 1, x.size());
  plan.set("LENGTH", length);
  plan.set("INNER", inner);
  plan.set("P", plan.attrs().get_int("p", 2));
  plan.number("EPSILON", plan.attrs().get_float("epsilon", 1e-5));
  if (layer) {
    plan.set("RANK", static_cast<std::int64_t>(x.size()));
    plan.set_all("DIM", x);
    if (plan.has(1)) {
      INGOT_ASSIGN_OR_RETURN(const Ints strides, read_strides(plan.shape(1), x));
      plan.set_all("SCALE_STRIDE", strides);
    }
    if (plan.has(2)) {
      INGOT_ASSIGN_OR_RETURN(const Ints strides, read_strides(plan.shape(2), x));
      plan.set_all("BIAS_STRIDE", strides);
    }
  }
  const std::int64_t lines = length == 0 ? 0 : elements_of(plan.in(0)) / length;
  plan.set("LINES", lines);
  return plan.add_blocks("normalise", std::min<std::int64_t>((lines + 7) / 8, 1 << 20));
}
constexpr std::string_view kLineSizes = "LENGTH INNER LINES P RANK DIM*12 SCALE_STRIDE*12 BIAS_STRIDE*12";

Status plan_groups(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  if (x.size() < 2) return invalid_argument("{}: X of shape {}", plan.problem().kind, to_string(x));
  const bool last = plan.attrs().get_int("channels_last", 0) != 0;
  const std::int64_t channels = last ? x.back() : x[1];
  const std::int64_t groups =
      plan.problem().kind == "InstanceNormalization" ? channels : plan.attrs().get_int("num_groups", 1);
  if (groups < 1 || channels % groups != 0) return invalid_argument("{} channels in {} groups", channels, groups);
  const std::int64_t pixels = elements_of(plan.in(0)) / std::max<std::int64_t>(1, channels * x[0]);
  plan.set("LENGTH", channels / groups * pixels);
  plan.set("LINES", x[0] * groups);
  plan.set("GROUPS", groups);
  plan.set("CHANNELS", channels);
  plan.set("PIXELS", pixels);
  plan.set("CHANNELS_LAST", last ? 1 : 0);
  plan.number("EPSILON", plan.attrs().get_float("epsilon", 1e-5));
  return plan.add_blocks("normalise", (x[0] * groups + 7) / 8);
}
constexpr std::string_view kGroupSizes = "LENGTH LINES GROUPS CHANNELS PIXELS CHANNELS_LAST";

Status plan_mean_variance(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  std::vector<bool> reduced(x.size(), false);
  for (const std::int64_t listed : plan.attrs().get_ints("axes", {0, 2, 3})) {
    INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(listed, x.size()));
    reduced[axis] = true;
  }
  const Ints strides = cpu::dense_strides(x);
  Ints kept, kept_strides, gone, gone_strides;
  std::int64_t lines = 1, length = 1;
  for (std::size_t d = 0; d < x.size(); ++d) {
    (reduced[d] ? length : lines) *= x[d];
    (reduced[d] ? gone : kept).push_back(x[d]);
    (reduced[d] ? gone_strides : kept_strides).push_back(strides[d]);
  }
  plan.set("LENGTH", length);
  plan.set("LINES", lines);
  plan.set("KEPT_RANK", static_cast<std::int64_t>(kept.size()));
  plan.set("GONE_RANK", static_cast<std::int64_t>(gone.size()));
  plan.set_all("KEPT", kept);
  plan.set_all("KEPT_STRIDE", kept_strides);
  plan.set_all("GONE", gone);
  plan.set_all("GONE_STRIDE", gone_strides);
  return plan.add_blocks("normalise", (lines + 7) / 8);
}

Status plan_batch(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const bool last = plan.attrs().get_int("channels_last", 0) != 0;
  const std::int64_t channels = x.size() < 2 ? 1 : last ? x.back() : x[1];
  plan.set("CHANNELS", channels);
  plan.set("CHANNELS_LAST", last ? 1 : 0);
  plan.set("PLANE", x.size() < 2 ? 1 : last ? 1 : cpu::product(x, 2, x.size()));
  plan.set("COUNT", channels == 0 ? 0 : elements_of(plan.in(0)) / channels);
  plan.set("TRAINING", plan.attrs().get_int("training_mode", 0));
  plan.number("EPSILON", plan.attrs().get_float("epsilon", 1e-5));
  plan.number("MOMENTUM", plan.attrs().get_float("momentum", 0.9));
  return plan.add_blocks("batch_norm", channels);
}

constexpr std::string_view kFile = "general_norm.cu";
constexpr GeneralOp kOps[] = {
    {"LayerNormalization", kFile, kLineSizes, "EPSILON", plan_lines, true, supports, definitions},
    {"RMSNormalization", kFile, kLineSizes, "EPSILON", plan_lines, true, supports, definitions},
    {"Softmax", kFile, kLineSizes, "EPSILON", plan_lines, true, supports, definitions},
    {"LogSoftmax", kFile, kLineSizes, "EPSILON", plan_lines, true, supports, definitions},
    {"LpNormalization", kFile, kLineSizes, "EPSILON", plan_lines, false, supports, definitions},
    {"GroupNormalization", kFile, kGroupSizes, "EPSILON", plan_groups, true, supports, definitions},
    {"InstanceNormalization", kFile, kGroupSizes, "EPSILON", plan_groups, true, supports, definitions},
    {"MeanVarianceNormalization", kFile, "LENGTH LINES KEPT_RANK GONE_RANK KEPT*8 KEPT_STRIDE*8 GONE*8 GONE_STRIDE*8",
     "EPSILON", plan_mean_variance, false, supports, definitions},
    {"BatchNormalization", "general_batch_norm.cu", "CHANNELS CHANNELS_LAST PLANE COUNT TRAINING", "EPSILON MOMENTUM",
     plan_batch, true, supports},
};

}  // namespace

std::span<const GeneralOp> norm_ops() { return kOps; }

}  // namespace ingot::cuda
