// SPDX-License-Identifier: Apache-2.0
// Losses, tree ensembles, label tables.
#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

std::string loss_definitions(const Problem& problem) {
  return define("LOSS", 1) + define("CROSS_ENTROPY", problem.kind == "SoftmaxCrossEntropyLoss" ? 1 : 0);
}
Status plan_loss(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  const Shape& x = plan.shape(0);
  if (x.size() < 2 || x[1] < 1) return invalid_argument("{}: scores {}", plan.problem().kind, to_string(x));
  const std::int64_t positions = cpu::product(x, 2, x.size());
  const std::int64_t count = x[0] * positions;
  if (elements_of(plan.in(1)) != count)
    return invalid_argument("{}: {} for scores {}", plan.problem().kind, to_string(plan.shape(1)), to_string(x));
  const std::string reduction = attrs.get_string("reduction", "mean");
  plan.set("CLASSES", x[1]);
  plan.set("POSITIONS", positions);
  plan.set("COUNT", count);
  plan.set("IGNORES", attrs.has("ignore_index") ? 1 : 0);
  plan.set("IGNORED", attrs.get_int("ignore_index", 0));
  plan.set("REDUCED", reduction == "none" ? 0 : reduction == "sum" ? 1 : 2);
  plan.workspace = static_cast<std::size_t>(count) * 16;
  INGOT_RETURN_IF_ERROR(plan.add("losses", count));
  return reduction == "none" ? Status::ok() : plan.add_blocks("total", 1);
}

std::string tree_definitions(const Problem&) { return define("TREES", 1); }
Support tree_support(const Problem& problem) {
  return problem.inputs[0].dtype == problem.inputs[2].dtype && problem.inputs[0].dtype == problem.inputs[6].dtype
             ? Support::yes()
             : Support::no(Refusal::kDType);
}
Status plan_trees(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  if (x.size() != 2) return invalid_argument("TreeEnsemble: {}", to_string(x));
  const std::string aggregate = plan.attrs().get_string("aggregate", "SUM");
  plan.set("FEATURES", x[1]);
  plan.set("TARGETS", plan.attrs().get_int("n_targets", 1));
  plan.set("NODES", elements_of(plan.in(2)));
  plan.set("ROOTS", elements_of(plan.in(3)));
  plan.set("LEAVES", elements_of(plan.in(4)) - 1);
  plan.set("AGGREGATE", aggregate == "AVERAGE" ? 1 : aggregate == "MIN" ? 2 : aggregate == "MAX" ? 3 : 0);
  plan.workspace = static_cast<std::size_t>(x[0] * plan.attrs().get_int("n_targets", 1)) * 16;
  return plan.add("trees", x[0]);
}

std::string label_definitions(const Problem&) { return define("LABELS", 1); }
Support label_support(const Problem& problem) {
  return problem.inputs[0].dtype == problem.inputs[1].dtype && problem.inputs[2].dtype == problem.inputs[3].dtype
             ? Support::yes()
             : Support::no(Refusal::kDType);
}
Status plan_labels(GeneralPlan& plan) {
  plan.set("KEYS", elements_of(plan.in(1)));
  return plan.add("labels", elements_of(plan.out(0)));
}

constexpr std::string_view kFile = "general_learn.cu";
constexpr std::string_view kLossSizes = "CLASSES POSITIONS COUNT IGNORES IGNORED REDUCED";
constexpr GeneralOp kLosses[] = {
    {"NegativeLogLikelihoodLoss", kFile, kLossSizes, "", plan_loss, false, nullptr, loss_definitions},
    {"SoftmaxCrossEntropyLoss", kFile, kLossSizes, "", plan_loss, false, nullptr, loss_definitions},
};
constexpr GeneralOp kLearned[] = {
    {"TreeEnsemble", kFile, "FEATURES TARGETS NODES ROOTS LEAVES AGGREGATE", "", plan_trees, false, tree_support,
     tree_definitions},
    {"LabelEncoder", kFile, "KEYS", "", plan_labels, false, label_support, label_definitions},
};

}  // namespace

std::span<const GeneralOp> loss_ops() { return kLosses; }
std::span<const GeneralOp> ml_ops() { return kLearned; }

}  // namespace ingot::cuda
