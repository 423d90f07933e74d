// SPDX-License-Identifier: Apache-2.0
// Tensors made from a few numbers.
#include <algorithm>
#include <bit>
#include <cmath>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

constexpr std::string_view kFile = "general_make.cu";

// ---- Range ----
std::string range_definitions(const Problem& problem) {
  return define("RANGE", 1) + (is_float(problem.outputs[0].dtype) ? define("FLOAT_RANGE", 1) : "");
}
Result<double> scalar(GeneralPlan& plan, std::size_t i) {
  const TensorPtr& value = plan.in(i).value;
  if (value == nullptr || value->elements() != 1)
    return invalid_argument("{}: operand {} is not one known number", plan.problem().kind, i);
  return value->as_double(0);
}
Status plan_range(GeneralPlan& plan) {
  INGOT_ASSIGN_OR_RETURN(const double start, scalar(plan, 0));
  INGOT_ASSIGN_OR_RETURN(const double delta, scalar(plan, 2));
  plan.set("START_I", plan.in(0).value->as_int(0));
  plan.set("DELTA_I", plan.in(2).value->as_int(0));
  plan.number("START_F", start);
  plan.number("DELTA_F", delta);
  return plan.add("range", elements_of(plan.out(0)));
}

// ---- ConstantOfShape, Shape, Size ----
std::string filled_definitions(const Problem&) { return define("FILLED", 1); }
Status plan_constant(GeneralPlan& plan) {
  const TensorPtr value = plan.attrs().get_tensor("value");
  std::int64_t bits = 0;
  if (value != nullptr) std::memcpy(&bits, value->bytes().data(), std::min<std::size_t>(8, value->bytes().size()));
  plan.set("BITS_LOW", bits);
  return plan.add("filled", elements_of(plan.out(0)));
}
Status plan_size(GeneralPlan& plan) {
  plan.set("BITS_LOW", elements_of(plan.in(0)));
  return plan.add("filled", 1);
}

std::string listed_definitions(const Problem&) { return define("LISTED", 1); }
Status plan_shape(GeneralPlan& plan) {
  const auto rank = static_cast<std::int64_t>(plan.shape(0).size());
  const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t start = clamped(plan.attrs().get_int("start", 0));
  const std::int64_t end = std::max(start, clamped(plan.attrs().get_int("end", rank)));
  plan.append(Ints(plan.shape(0).begin() + start, plan.shape(0).begin() + end));
  return plan.add("listed", end - start);
}

// ---- EyeLike ----
std::string eye_definitions(const Problem&) { return define("EYE", 1); }
Status plan_eye(GeneralPlan& plan) {
  if (plan.shape(0).size() != 2) return invalid_argument("EyeLike: {}", to_string(plan.shape(0)));
  plan.set("COLUMNS", plan.shape(0)[1]);
  plan.set("DIAGONAL", plan.attrs().get_int("k", 0));
  return plan.add("eye", elements_of(plan.out(0)));
}

// ---- windows ----
std::string window_definitions(const Problem&) { return define("WINDOW", 1); }
Status plan_window(GeneralPlan& plan) {
  const std::string_view kind = plan.problem().kind;
  const std::int64_t size = elements_of(plan.out(0));
  const bool periodic = plan.attrs().get_int("periodic", 1) != 0;
  plan.number("PERIOD", static_cast<double>(std::max<std::int64_t>(1, periodic ? size : size - 1)));
  plan.number("A_0", kind == "HannWindow" ? 0.5 : kind == "HammingWindow" ? 25.0 / 46 : 0.42);
  plan.number("A_1", kind == "HammingWindow" ? 21.0 / 46 : 0.5);
  plan.number("A_2", kind == "BlackmanWindow" ? 0.08 : 0);
  return plan.add("window", size);
}

// ---- draws ----
std::string draw_definitions(const Problem& problem) {
  const std::int64_t number = problem.kind.starts_with("RandomUniform")  ? 0
                              : problem.kind.starts_with("RandomNormal") ? 1
                              : problem.kind == "Bernoulli"              ? 2
                                                                         : 3;
  return define("DRAW", number);
}
std::uint64_t mix(std::uint64_t v) {
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9U;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebU;
  return v ^ (v >> 31);
}
Status plan_draw(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  plan.set("KEY", std::bit_cast<std::int64_t>(mix(std::bit_cast<std::uint64_t>(attrs.get_float("seed", 0) + 0.0))));
  const bool normal = plan.problem().kind.starts_with("RandomNormal");
  plan.number("LOW", normal ? attrs.get_float("mean", 0) : attrs.get_float("low", 0));
  plan.number("HIGH", normal ? attrs.get_float("scale", 1) : attrs.get_float("high", 1));
  if (plan.problem().kind == "Multinomial") {
    plan.set("SAMPLES", attrs.get_int("sample_size", 1));
    plan.set("CLASSES", plan.shape(0).back());
  }
  return plan.add("draw", elements_of(plan.out(0)));
}

// ---- MelWeightMatrix ----
std::string mel_definitions(const Problem&) { return define("MEL", 1); }
Status plan_mel(GeneralPlan& plan) {
  INGOT_ASSIGN_OR_RETURN(const std::int64_t bands, plan.integer(0, 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t points, plan.integer(1, 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t rate, plan.integer(2, 1));
  INGOT_ASSIGN_OR_RETURN(const double lower, scalar(plan, 3));
  INGOT_ASSIGN_OR_RETURN(const double upper, scalar(plan, 4));
  if (bands < 1 || points < 1 || rate < 1) return invalid_argument("MelWeightMatrix: {} bands at {} Hz", bands, rate);
  const auto to_mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  plan.set("BANDS", bands);
  plan.set("POINTS", points);
  plan.number("RATE", static_cast<double>(rate));
  plan.number("MEL_LOW", to_mel(lower));
  plan.number("MEL_STEP", (to_mel(upper) - to_mel(lower)) / static_cast<double>(bands + 2));
  return plan.add("mel", elements_of(plan.out(0)));
}

constexpr std::string_view kDrawSizes = "KEY SAMPLES CLASSES";
constexpr GeneralOp kOps[] = {
    {"Range", kFile, "START_I DELTA_I", "START_F DELTA_F", plan_range, false, nullptr, range_definitions,
     host({0, 1, 2}), shapes_by_reference},
    {"ConstantOfShape", kFile, "BITS_LOW", "", plan_constant, false, nullptr, filled_definitions, host({0}),
     shapes_by_reference},
    {"Shape", kFile, "UNUSED", "", plan_shape, false, nullptr, listed_definitions},
    {"Size", kFile, "BITS_LOW", "", plan_size, false, nullptr, filled_definitions},
    {"EyeLike", kFile, "COLUMNS DIAGONAL", "", plan_eye, false, nullptr, eye_definitions},
    {"HannWindow", kFile, "UNUSED", "PERIOD A_0 A_1 A_2", plan_window, false, nullptr, window_definitions, host({0}),
     shapes_by_reference},
    {"HammingWindow", kFile, "UNUSED", "PERIOD A_0 A_1 A_2", plan_window, false, nullptr, window_definitions, host({0}),
     shapes_by_reference},
    {"BlackmanWindow", kFile, "UNUSED", "PERIOD A_0 A_1 A_2", plan_window, false, nullptr, window_definitions,
     host({0}), shapes_by_reference},
    {"RandomUniform", kFile, kDrawSizes, "LOW HIGH", plan_draw, false, nullptr, draw_definitions},
    {"RandomUniformLike", kFile, kDrawSizes, "LOW HIGH", plan_draw, false, nullptr, draw_definitions},
    {"RandomNormal", kFile, kDrawSizes, "LOW HIGH", plan_draw, false, nullptr, draw_definitions},
    {"RandomNormalLike", kFile, kDrawSizes, "LOW HIGH", plan_draw, false, nullptr, draw_definitions},
    {"Bernoulli", kFile, kDrawSizes, "LOW HIGH", plan_draw, false, nullptr, draw_definitions},
    {"Multinomial", kFile, kDrawSizes, "LOW HIGH", plan_draw, false, nullptr, draw_definitions},
    {"MelWeightMatrix", kFile, "BANDS POINTS", "RATE MEL_LOW MEL_STEP", plan_mel, false, nullptr, mel_definitions,
     host({0, 1, 2, 3, 4}), shapes_by_reference},
};

}  // namespace

std::span<const GeneralOp> generator_ops() { return kOps; }

}  // namespace ingot::cuda
