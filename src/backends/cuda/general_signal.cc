// SPDX-License-Identifier: Apache-2.0
// DFT, STFT, AffineGrid, Det, and Resize in every mode.
#include <algorithm>
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"
#include "reference/evaluate.h"

namespace ingot::cuda {
namespace {

std::string fourier_definitions(const Problem&) { return define("FOURIER", 1); }
std::string short_time_definitions(const Problem&) { return define("SHORT_TIME", 1); }
std::string affine_definitions(const Problem&) { return define("AFFINE", 1); }
std::string determinant_definitions(const Problem&) { return define("DETERMINANT", 1); }

Support float_only(const Problem& problem) {
  return is_float(problem.inputs[0].dtype) ? Support::yes() : Support::no(Refusal::kDType);
}

Status plan_fourier(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  const Attrs& attrs = plan.attrs();
  INGOT_ASSIGN_OR_RETURN(const std::int64_t listed, plan.integer(2, -2));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(listed, x.size()));
  if (axis + 1 == x.size() || y.size() != x.size()) return invalid_argument("DFT: axis {} of {}", axis, to_string(x));
  const bool inverse = attrs.get_int("inverse", 0) != 0, onesided = attrs.get_int("onesided", 0) != 0;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t points, plan.integer(1, inverse && onesided ? 2 * (x[axis] - 1) : x[axis]));
  if (points < 1) return invalid_argument("DFT: a length of {}", points);
  plan.set("LENGTH", x[axis]);
  plan.set("INNER", cpu::product(x, axis + 1, x.size() - 1));
  plan.set("PARTS", x.back());
  plan.set("POINTS", points);
  plan.set("BINS", y[axis]);
  plan.set("INVERSE", inverse ? 1 : 0);
  plan.set("TO_REAL", inverse && onesided ? 1 : 0);
  return plan.add("fourier", elements_of(plan.out(0)) / y.back());
}

Status plan_short_time(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& y = plan.out(0).shape;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t step, plan.integer(1, 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t points, plan.integer(3, plan.has(2) ? elements_of(plan.in(2)) : x[1]));
  if (x.size() != 3 || y.size() != 4 || step < 1 || points < 1 || (y[1] - 1) * step + points > x[1])
    return invalid_argument("STFT: frames of {} every {} in {}", points, step, to_string(x));
  plan.set("SAMPLES", x[1]);
  plan.set("PARTS", x[2]);
  plan.set("STEP", step);
  plan.set("POINTS", points);
  plan.set("FRAMES", y[1]);
  plan.set("BINS", y[2]);
  return plan.add("short_time", elements_of(plan.out(0)) / 2);
}

Status plan_affine(GeneralPlan& plan) {
  const Shape& y = plan.out(0).shape;
  const std::int64_t axes = y.back();
  if (axes < 2 || axes > 3 || y.size() != static_cast<std::size_t>(axes) + 2)
    return invalid_argument("AffineGrid: {}", to_string(y));
  plan.set("AXES", axes);
  plan.set_all("EXTENT", Ints(y.begin() + 1, y.end() - 1));
  plan.set("ALIGN", plan.attrs().get_int("align_corners", 0));
  return plan.add("affine_grid", elements_of(plan.out(0)));
}

Status plan_determinant(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  if (x.size() < 2 || x.back() != x[x.size() - 2]) return invalid_argument("Det: {}", to_string(x));
  plan.set("SIDE", x.back());
  plan.workspace = static_cast<std::size_t>(elements_of(plan.in(0))) * 8;
  return plan.add("determinant", elements_of(plan.out(0)));
}

// ---- Resize ----
std::string resize_definitions(const Problem& problem) {
  return define("RESIZE", 1) + define_limits(problem.inputs[0].dtype) +
         (problem.attrs.get_string("mode", "nearest") == "nearest" ? define("NEAREST", 1) : "");
}

struct Tap {
  double weight = 0;
  std::int64_t position = 0;
};

// The taps of axis `d`, from what the reference evaluator makes of unit vectors along it. `per` positions of a tap are
// the most that any result has; -1 marks a result outside the region.
Result<std::vector<Tap>> taps_of(const PlanArgs& args, std::size_t d, std::int64_t& per) {
  const Shape& x = args.inputs[0].shape;
  const std::int64_t in = x[d], out = args.outputs[0].shape[d];
  // [in, 1, ..., in along d, ..., 1]: one unit vector per row.
  Shape basis_shape(x.size() + 1, 1);
  basis_shape[0] = basis_shape[d + 1] = in;
  INGOT_ASSIGN_OR_RETURN(HostTensor basis, HostTensor::create(DType::f64, basis_shape));
  for (std::int64_t i = 0; i < in; ++i) basis.set_double(i * in + i, 1);
  const Attrs& given = args.problem.attrs;
  Attrs attrs;
  for (const char* name : {"mode", "coordinate_transformation_mode", "nearest_mode"})
    if (given.has(name)) attrs.set(name, given.get_string(name, ""));
  for (const char* name : {"antialias", "exclude_outside"})
    if (given.has(name)) attrs.set(name, given.get_int(name, 0));
  if (given.has("cubic_coeff_a")) attrs.set("cubic_coeff_a", given.get_float("cubic_coeff_a", -0.75));
  attrs.set("extrapolation_value", std::nan(""));
  attrs.set("axes", Ints{static_cast<std::int64_t>(d) + 1});
  // The operand's own values for this axis.
  Ints axes = given.get_ints("axes", {});
  if (!given.has("axes"))
    for (std::size_t i = 0; i < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  std::size_t slot = axes.size();
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (cpu::normal_axis(axes[i], x.size()) == d) slot = i;
  if (slot == axes.size()) return internal("Resize: axis {} changes but is not listed", d);
  const auto value = [&](std::size_t operand, std::size_t at) -> std::optional<double> {
    if (operand >= args.inputs.size() || !args.inputs[operand].present()) return std::nullopt;
    const TensorPtr& tensor = args.inputs[operand].value;
    if (tensor == nullptr || static_cast<std::int64_t>(at) >= tensor->elements()) return std::nullopt;
    return tensor->as_double(static_cast<std::int64_t>(at));
  };
  HostTensor roi, scales, sizes;
  const HostTensor* operands[4] = {&basis, nullptr, nullptr, nullptr};
  if (given.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize") {
    INGOT_ASSIGN_OR_RETURN(roi, HostTensor::create(DType::f64, {2}));
    roi.set_double(0, value(1, slot).value_or(0));
    roi.set_double(1, value(1, slot + axes.size()).value_or(1));
    operands[1] = &roi;
  }
  const std::string policy = given.get_string("keep_aspect_ratio_policy", "stretch");
  if (const std::optional<double> scale = value(2, slot); scale) {
    INGOT_ASSIGN_OR_RETURN(scales, HostTensor::create(args.inputs[2].dtype, {1}));
    scales.set_double(0, *scale);
    operands[2] = &scales;
  } else if (policy == "stretch") {
    sizes = HostTensor::of_ints({{out}});
    operands[3] = &sizes;
  } else {
    // One scale for all listed axes; its product with the size is rounded to the nearest.
    double common = policy == "not_larger" ? HUGE_VAL : 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::optional<std::size_t> at = cpu::normal_axis(axes[i], x.size());
      const double ratio = value(3, i).value_or(1) / static_cast<double>(x[at.value_or(0)]);
      common = policy == "not_larger" ? std::min(common, ratio) : std::max(common, ratio);
    }
    // As scales the size would be cut down: the coordinates follow from the scale, the count from the output.
    attrs.set("keep_aspect_ratio_policy", policy);
    sizes = HostTensor::of(DType::f64, {1}, std::span<const double>({common * static_cast<double>(in)}));
    operands[3] = &sizes;
  }
  const DType type = DType::f64;
  reference::Call call;
  call.op = "Resize";
  call.attrs = &attrs;
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
    if (++changed > 4) return unsupported("Resize of more than four dimensions");
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
Support resize_support(const Problem& problem) {
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  return Support::yes();
}

constexpr std::string_view kFile = "general_signal.cu";
constexpr GeneralOp kOps[] = {
    {"DFT", kFile, "LENGTH INNER PARTS POINTS BINS INVERSE TO_REAL", "", plan_fourier, false, float_only,
     fourier_definitions, host({1, 2}), shapes_by_reference},
    {"STFT", kFile, "SAMPLES PARTS STEP POINTS FRAMES BINS", "", plan_short_time, false, float_only,
     short_time_definitions, host({1, 3}), shapes_by_reference},
    {"AffineGrid", kFile, "AXES EXTENT*3 ALIGN", "", plan_affine, false, float_only, affine_definitions, host({1}),
     shapes_by_reference},
    {"Det", kFile, "SIDE", "", plan_determinant, false, float_only, determinant_definitions},
    {"Resize", kFile, "RANK OUT_DIM*8 STRIDE*8 TAPS*8 BEGIN*8", "EXTRAPOLATION", plan_resize, false, resize_support,
     resize_definitions, host({1, 2, 3}), shapes_by_reference},
};

}  // namespace

std::span<const GeneralOp> signal_ops() { return kOps; }

}  // namespace ingot::cuda
