// SPDX-License-Identifier: Apache-2.0
// ArgMax, ArgMin, Hardmax, TopK, CumSum, CumProd.
#include <algorithm>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

std::string arg_definitions(const Problem& problem) {
  return define("ARG", problem.kind == "Hardmax" ? 1 : 0) + define("GREATEST", problem.kind == "ArgMin" ? 0 : 1);
}
std::string top_k_definitions(const Problem&) { return define("TOP_K", 1); }
std::string cumulative_definitions(const Problem& problem) {
  return define("CUMULATIVE", 1) + define("SUM", problem.kind == "CumSum" ? 1 : 0);
}

Status plan_arg(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const bool hard = plan.problem().kind == "Hardmax";
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(plan.attrs().get_int("axis", hard ? -1 : 0), x.size()));
  if (x[axis] == 0) return invalid_argument("{}: {} is empty along axis {}", plan.problem().kind, to_string(x), axis);
  plan.set_line(x, axis);
  plan.set("SELECT_LAST", plan.attrs().get_int("select_last_index", 0));
  const std::int64_t lines = elements_of(plan.in(0)) / x[axis];
  return plan.add_blocks("arg", std::min<std::int64_t>((lines + 7) / 8, 1 << 20));
}

Result<std::int64_t> top_k_of(GeneralPlan& plan, std::size_t& axis) {
  const Shape& x = plan.shape(0);
  INGOT_ASSIGN_OR_RETURN(axis, plan.axis(plan.attrs().get_int("axis", -1), x.size()));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t k, plan.integer(1, 1));
  if (k < 0 || k > x[axis]) return invalid_argument("TopK: K is {}; axis {} has {} elements", k, axis, x[axis]);
  return k;
}

Status plan_top_k(GeneralPlan& plan) {
  std::size_t axis = 0;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t k, top_k_of(plan, axis));
  plan.set_line(plan.shape(0), axis);
  plan.set("K", k);
  plan.set("LARGEST", plan.attrs().get_int("largest", 1));
  return plan.add("top_k", elements_of(plan.in(0)));
}

Result<std::vector<Shape>> top_k_shapes(const PlanArgs& args) {
  GeneralPlan plan(*find_general("TopK"), args);
  std::size_t axis = 0;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t k, top_k_of(plan, axis));
  Shape shape = args.inputs[0].shape;
  shape[axis] = k;
  return std::vector<Shape>{shape, shape};
}

Status plan_cumulative(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::int64_t listed, plan.integer(1, 0));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(listed, x.size()));
  plan.set_line(x, axis);
  plan.set("EXCLUSIVE", plan.attrs().get_int("exclusive", 0));
  plan.set("REVERSE", plan.attrs().get_int("reverse", 0));
  return plan.add("cumulative", elements_of(plan.in(0)) / std::max<std::int64_t>(1, x[axis]));
}

constexpr std::string_view kFile = "general_order.cu";
constexpr std::string_view kArgSizes = "OUTER LENGTH INNER SELECT_LAST";
constexpr std::string_view kCumulativeSizes = "OUTER LENGTH INNER EXCLUSIVE REVERSE";
constexpr GeneralOp kOps[] = {
    {"ArgMax", kFile, kArgSizes, "", plan_arg, false, nullptr, arg_definitions},
    {"ArgMin", kFile, kArgSizes, "", plan_arg, false, nullptr, arg_definitions},
    {"Hardmax", kFile, kArgSizes, "", plan_arg, false, nullptr, arg_definitions},
    {"TopK", kFile, "OUTER LENGTH INNER K LARGEST", "", plan_top_k, false, nullptr, top_k_definitions, host({1}),
     top_k_shapes},
    {"CumSum", kFile, kCumulativeSizes, "", plan_cumulative, false, nullptr, cumulative_definitions, host({1})},
    {"CumProd", kFile, kCumulativeSizes, "", plan_cumulative, false, nullptr, cumulative_definitions, host({1})},
};

}  // namespace

std::span<const GeneralOp> order_ops() { return kOps; }

}  // namespace ingot::cuda
