// SPDX-License-Identifier: Apache-2.0
// Operators whose results have as many elements as the data say.
#include <algorithm>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

Status not_planned(GeneralPlan& plan) { return internal("{} plans while it runs", plan.problem().kind); }

std::string non_zero_definitions(const Problem&) { return define("NON_ZERO", 1); }
std::string unique_definitions(const Problem&) { return define("UNIQUE", 1); }
std::string suppress_definitions(const Problem&) { return define("SUPPRESS", 1); }

Status run_non_zero(DynamicRun& run) {
  const PlanArgs& args = run.args();
  const Shape shape = args.inputs[0].shape.empty() ? Shape{1} : args.inputs[0].shape;
  const std::int64_t elements = elements_of(args.inputs[0]);
  GeneralPlan plan(*find_general("NonZero"), args);
  plan.set("ELEMENTS", elements);
  plan.set_all("DIM", shape);
  plan.set_all("STRIDE", cpu::dense_strides(shape));
  INGOT_RETURN_IF_ERROR(plan.add_blocks("find", 1));
  INGOT_ASSIGN_OR_RETURN(void* work, run.scratch(static_cast<std::size_t>(elements + 1) * 8));
  INGOT_ASSIGN_OR_RETURN(std::vector<PlannedLaunch> launches, plan.take());
  INGOT_RETURN_IF_ERROR(run.launch(std::move(launches), work));
  std::int64_t found = 0;
  INGOT_RETURN_IF_ERROR(run.read(&found, work, sizeof(found)));
  INGOT_RETURN_IF_ERROR(run.decide(0, {static_cast<std::int64_t>(shape.size()), found}));
  GeneralPlan second(*find_general("NonZero"), args);
  second.set("FOUND", found);
  second.set_all("DIM", shape);
  second.set_all("STRIDE", cpu::dense_strides(shape));
  INGOT_RETURN_IF_ERROR(second.add("indices", found * static_cast<std::int64_t>(shape.size())));
  INGOT_ASSIGN_OR_RETURN(launches, second.take());
  return run.launch(std::move(launches), work);
}

Status run_unique(DynamicRun& run) {
  const PlanArgs& args = run.args();
  const Attrs& attrs = args.problem.attrs;
  Shape shape = args.inputs[0].shape;
  GeneralPlan plan(*find_general("Unique"), args);
  std::size_t axis = 0;
  if (attrs.has("axis")) {
    INGOT_ASSIGN_OR_RETURN(axis, plan.axis(attrs.get_int("axis", 0), shape.size()));
  } else {
    shape = {elements_of(args.inputs[0])};
  }
  const std::int64_t length = shape[axis];
  INGOT_ASSIGN_OR_RETURN(void* work, run.scratch(static_cast<std::size_t>(2 * length + 1) * 8));
  const auto launch = [&](std::initializer_list<std::string_view> entries, std::int64_t groups) -> Status {
    GeneralPlan next(*find_general("Unique"), args);
    next.set_line(shape, axis);
    next.set("SORTED", attrs.get_int("sorted", 1));
    next.set("GROUPS", groups);
    for (const std::string_view entry : entries) INGOT_RETURN_IF_ERROR(next.add(std::string(entry), length));
    INGOT_ASSIGN_OR_RETURN(std::vector<PlannedLaunch> launches, next.take());
    return run.launch(std::move(launches), work);
  };
  INGOT_RETURN_IF_ERROR(launch({"leaders", "number_groups"}, 0));
  std::int64_t groups = 0;
  INGOT_RETURN_IF_ERROR(run.read(&groups, work, sizeof(groups)));
  shape[axis] = groups;
  const Shape shapes[] = {shape, {groups}, {length}, {groups}};
  for (std::size_t i = 0; i < args.outputs.size() && i < 4; ++i) INGOT_RETURN_IF_ERROR(run.decide(i, shapes[i]));
  shape[axis] = length;
  return launch({"emit"}, groups);
}

Support suppress_support(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32 || problem.inputs[1].dtype != DType::f32)
    return Support::no(Refusal::kDType);
  return Support::yes();
}

Status run_suppress(DynamicRun& run) {
  const PlanArgs& args = run.args();
  const Shape& boxes = args.inputs[0].shape;
  const Shape& scores = args.inputs[1].shape;
  if (boxes.size() != 3 || scores.size() != 3 || boxes[2] != 4 || scores[0] != boxes[0] || scores[2] != boxes[1])
    return invalid_argument("NonMaxSuppression: boxes {} and scores {}", to_string(boxes), to_string(scores));
  GeneralPlan plan(*find_general("NonMaxSuppression"), args);
  INGOT_ASSIGN_OR_RETURN(std::int64_t most, plan.integer(2, 0));
  most = std::clamp<std::int64_t>(most, 0, boxes[1]);
  const std::int64_t lines = boxes[0] * scores[1];
  if (most == 0 || lines == 0) return run.decide(0, {0, 3});
  const auto number = [&](std::size_t i) {
    return plan.has(i) && args.inputs[i].value != nullptr && args.inputs[i].value->elements() > 0
               ? args.inputs[i].value->as_double(0)
               : 0.0;
  };
  const auto set = [&](GeneralPlan& to) {
    to.set("BOXES", boxes[1]);
    to.set("CLASSES", scores[1]);
    to.set("LINES", lines);
    to.set("MOST", most);
    to.set("CENTER", args.problem.attrs.get_int("center_point_box", 0));
    to.set("HAS_SCORE", plan.has(4) ? 1 : 0);
    to.number("OVERLAP", number(3));
    to.number("SCORE", number(4));
  };
  set(plan);
  INGOT_RETURN_IF_ERROR(plan.add_blocks("suppress", lines));
  const std::int64_t bytes = lines * 4 + lines * most * 4 + lines * boxes[1];
  INGOT_ASSIGN_OR_RETURN(void* work, run.scratch(static_cast<std::size_t>(bytes)));
  INGOT_ASSIGN_OR_RETURN(std::vector<PlannedLaunch> launches, plan.take());
  INGOT_RETURN_IF_ERROR(run.launch(std::move(launches), work));
  std::vector<std::int32_t> counts(static_cast<std::size_t>(lines)), begins;
  INGOT_RETURN_IF_ERROR(run.read(counts.data(), work, counts.size() * 4));
  std::int32_t total = 0;
  for (const std::int32_t count : counts) {
    begins.push_back(total);
    total += count;
  }
  INGOT_RETURN_IF_ERROR(run.decide(0, {total, 3}));
  if (total == 0) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(void* table, run.table(std::as_bytes(std::span(begins))));
  GeneralPlan second(*find_general("NonMaxSuppression"), args);
  set(second);
  INGOT_RETURN_IF_ERROR(second.add("emit", lines * most));
  INGOT_ASSIGN_OR_RETURN(launches, second.take());
  return run.launch(std::move(launches), work, table);
}

constexpr std::string_view kFile = "general_select.cu";
constexpr GeneralOp kOps[] = {
    {"NonZero", kFile, "ELEMENTS FOUND DIM*16 STRIDE*16", "", not_planned, false, nullptr, non_zero_definitions, 0,
     nullptr, run_non_zero},
    {"Unique", kFile, "OUTER LENGTH INNER SORTED GROUPS", "", not_planned, false, nullptr, unique_definitions, 0,
     nullptr, run_unique},
    {"NonMaxSuppression", kFile, "BOXES CLASSES LINES MOST CENTER HAS_SCORE", "OVERLAP SCORE", not_planned, false,
     suppress_support, suppress_definitions, host({2, 3, 4}), nullptr, run_suppress},
};

}  // namespace

std::span<const GeneralOp> select_ops() { return kOps; }

}  // namespace ingot::cuda
