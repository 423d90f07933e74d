// SPDX-License-Identifier: Apache-2.0
// Resize in every mode. Axes do not mix, so for each one the reference evaluator says which positions with which
// weights make each result; the kernel reads these taps from a table.
#include <algorithm>
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"
#include "reference/evaluate.h"

namespace ingot::cuda {
namespace {

constexpr int kMaxChanged = 4;  // axes, as many as the kernel has loops

std::string definitions(const Problem& problem) {
  return define_limits(problem.inputs[0].dtype) +
         (problem.attrs.get_string("mode", "nearest") == "nearest" ? define("NEAREST", 1) : "");
}

// As the kernel reads it. A position of -1: the result lies outside the region.
struct Tap {
  double weight = 0;
  std::int64_t position = 0;
};

// The Resize of one axis alone: attributes, and the operands behind X where they are there.
struct AxisResize {
  Attrs attrs;
  HostTensor roi, scales, sizes;
  bool has_roi = false, has_scales = false, has_sizes = false;
};

// Element `at` of an operand whose values are known.
std::optional<double> value_of(const PlanArgs& args, std::size_t operand, std::size_t at) {
  if (operand >= args.inputs.size() || !args.inputs[operand].present()) return std::nullopt;
  const TensorPtr& tensor = args.inputs[operand].value;
  if (tensor == nullptr || static_cast<std::int64_t>(at) >= tensor->elements()) return std::nullopt;
  return tensor->as_double(static_cast<std::int64_t>(at));
}

// The scale that keep_aspect_ratio_policy makes of the sizes: one for all listed axes.
double common_scale(const PlanArgs& args, const Ints& axes, bool not_larger) {
  const Shape& x = args.inputs[0].shape;
  double common = not_larger ? HUGE_VAL : 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::optional<std::size_t> at = cpu::normal_axis(axes[i], x.size());
    const double ratio = value_of(args, 3, i).value_or(1) / static_cast<double>(x[at.value_or(0)]);
    common = not_larger ? std::min(common, ratio) : std::max(common, ratio);
  }
  return common;
}

// What the problem says of axis `d`, for an X whose axis d + 1 that is.
Result<AxisResize> along(const PlanArgs& args, std::size_t d) {
  const Shape& x = args.inputs[0].shape;
  const Attrs& given = args.problem.attrs;
  AxisResize out;
  for (const char* name : {"mode", "coordinate_transformation_mode", "nearest_mode"})
    if (given.has(name)) out.attrs.set(name, given.get_string(name, ""));
  for (const char* name : {"antialias", "exclude_outside"})
    if (given.has(name)) out.attrs.set(name, given.get_int(name, 0));
  if (given.has("cubic_coeff_a")) out.attrs.set("cubic_coeff_a", given.get_float("cubic_coeff_a", -0.75));
  out.attrs.set("extrapolation_value", std::nan(""));
  out.attrs.set("axes", Ints{static_cast<std::int64_t>(d) + 1});
  // Where the operands have their values for this axis.
  Ints axes = given.get_ints("axes", {});
  if (!given.has("axes"))
    for (std::size_t i = 0; i < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  std::size_t slot = axes.size();
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (cpu::normal_axis(axes[i], x.size()) == d) slot = i;
  if (slot == axes.size()) return internal("Resize: axis {} changes but is not listed", d);

  out.has_roi = given.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize";
  if (out.has_roi) {
    const double ends[] = {value_of(args, 1, slot).value_or(0), value_of(args, 1, slot + axes.size()).value_or(1)};
    out.roi = HostTensor::of(DType::f64, {2}, std::span<const double>(ends));
  }
  const std::string policy = given.get_string("keep_aspect_ratio_policy", "stretch");
  if (const std::optional<double> scale = value_of(args, 2, slot); scale) {
    out.has_scales = true;
    INGOT_ASSIGN_OR_RETURN(out.scales, HostTensor::create(args.inputs[2].dtype, {1}));
    out.scales.set_double(0, *scale);
    return out;
  }
  out.has_sizes = true;
  if (policy == "stretch") {
    out.sizes = HostTensor::of_ints({{args.outputs[0].shape[d]}});
  } else {
    // As scales the size would be cut down: the coordinates follow from the scale, the count from the output.
    out.attrs.set("keep_aspect_ratio_policy", policy);
    const double size[] = {common_scale(args, axes, policy == "not_larger") * static_cast<double>(x[d])};
    out.sizes = HostTensor::of(DType::f64, {1}, std::span<const double>(size));
  }
  return out;
}

// The taps of axis `d`, from what the reference evaluator makes of unit vectors along it. `per` positions of a tap are
// the most that any result has.
Result<std::vector<Tap>> taps_of(const PlanArgs& args, std::size_t d, std::int64_t& per) {
  const Shape& x = args.inputs[0].shape;
  const std::int64_t in = x[d], out = args.outputs[0].shape[d];
  INGOT_ASSIGN_OR_RETURN(const AxisResize axis, along(args, d));
  // [in, 1, ..., in along d, ..., 1]: one unit vector per row.
  Shape basis_shape(x.size() + 1, 1);
  basis_shape[0] = basis_shape[d + 1] = in;
  INGOT_ASSIGN_OR_RETURN(HostTensor basis, HostTensor::create(DType::f64, basis_shape));
  for (std::int64_t i = 0; i < in; ++i) basis.set_double(i * in + i, 1);
  const HostTensor* operands[] = {&basis, axis.has_roi ? &axis.roi : nullptr, axis.has_scales ? &axis.scales : nullptr,
                                  axis.has_sizes ? &axis.sizes : nullptr};
  const DType type = DType::f64;
  reference::Call call;
  call.op = "Resize";
  call.attrs = &axis.attrs;
  call.inputs = operands;
  call.output_types = {&type, 1};
  INGOT_ASSIGN_OR_RETURN(const std::vector<HostTensor> results, reference::evaluate(call));
  if (results[0].elements() != in * out)
    return invalid_argument("Resize: axis {} goes from {} to {}, not {}", d, in,
                            results[0].elements() / std::max<std::int64_t>(1, in), out);
  std::vector<std::vector<Tap>> lists(static_cast<std::size_t>(out));
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i) {
      const double weight = results[0].as_double(i * out + o);
      if (std::isnan(weight)) {
        lists[static_cast<std::size_t>(o)] = {{0, -1}};
        break;
      }
      if (weight != 0) lists[static_cast<std::size_t>(o)].push_back({weight, i});
    }
  per = 1;
  for (const auto& list : lists) per = std::max(per, static_cast<std::int64_t>(list.size()));
  std::vector<Tap> table;
  for (const auto& list : lists) {
    table.insert(table.end(), list.begin(), list.end());
    const std::int64_t last = list.empty() ? 0 : list.back().position;
    table.resize(table.size() + static_cast<std::size_t>(per) - list.size(), Tap{0, last});
  }
  return table;
}

bool untouched(const PlanArgs& args, std::size_t d) {
  const Shape& x = args.inputs[0].shape;
  if (x[d] != args.outputs[0].shape[d]) return false;
  if (args.problem.attrs.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize") {
    const Ints axes = args.problem.attrs.get_ints("axes", {});
    if (!args.problem.attrs.has("axes")) return false;
    return std::none_of(axes.begin(), axes.end(), [&](std::int64_t a) { return cpu::normal_axis(a, x.size()) == d; });
  }
  // A scale near 1 may keep the size and move the samples.
  if (args.inputs.size() <= 2 || !args.inputs[2].present() || args.inputs[2].value == nullptr) return true;
  const HostTensor& scales = *args.inputs[2].value;
  for (std::int64_t i = 0; i < scales.elements(); ++i)
    if (scales.as_double(i) != 1 && scales.as_double(i) > 0.5 && scales.as_double(i) < 2) return x[d] == 1;
  return true;
}

Status plan_resize(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  if (x.size() != y.size() || x.size() > 8) return unsupported("Resize from {} to {}", to_string(x), to_string(y));
  const PlanArgs& args = plan.args();
  int changed = 0;
  for (std::size_t d = 0; d < x.size(); ++d) {
    if (untouched(args, d)) continue;
    if (++changed > kMaxChanged) return unsupported("Resize of more than {} dimensions", kMaxChanged);
    std::int64_t per = 1;
    INGOT_ASSIGN_OR_RETURN(const std::vector<Tap> taps, taps_of(args, d, per));
    plan.set_at("TAPS", d, per);
    plan.set_at("BEGIN", d, static_cast<std::int64_t>(plan.append(taps)));
  }
  plan.set("RANK", static_cast<std::int64_t>(x.size()));
  plan.set_all("OUT_DIM", y);
  plan.set_all("STRIDE", cpu::dense_strides(x));
  plan.number("EXTRAPOLATION", plan.attrs().get_float("extrapolation_value", 0));
  return plan.add("resize_taps", elements_of(plan.out(0)));
}

// Shapes by the reference evaluator on one element of every other dimension would not do: policies look at all of them.
Support supports(const Problem& problem) {
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  return Support::yes();
}

constexpr GeneralOp kOps[] = {
    {"Resize", "general_resize.cu", "RANK OUT_DIM*8 STRIDE*8 TAPS*8 BEGIN*8", "EXTRAPOLATION", plan_resize, false,
     supports, definitions, host({1, 2, 3}), shapes_by_reference},
};

}  // namespace

std::span<const GeneralOp> resize_ops() { return kOps; }

}  // namespace ingot::cuda
