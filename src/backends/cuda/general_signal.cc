// SPDX-License-Identifier: Apache-2.0
// DFT, STFT, AffineGrid, Det.
#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

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

constexpr std::string_view kFile = "general_signal.cu";
constexpr GeneralOp kOps[] = {
    {"DFT", kFile, "LENGTH INNER PARTS POINTS BINS INVERSE TO_REAL", "", plan_fourier, false, float_only,
     fourier_definitions, host({1, 2}), shapes_by_reference},
    {"STFT", kFile, "SAMPLES PARTS STEP POINTS FRAMES BINS", "", plan_short_time, false, float_only,
     short_time_definitions, host({1, 3}), shapes_by_reference},
    {"AffineGrid", kFile, "AXES EXTENT*3 ALIGN", "", plan_affine, false, float_only, affine_definitions, host({1}),
     shapes_by_reference},
    {"Det", kFile, "SIDE", "", plan_determinant, false, float_only, determinant_definitions},
};

}  // namespace

std::span<const GeneralOp> signal_ops() { return kOps; }

}  // namespace ingot::cuda
