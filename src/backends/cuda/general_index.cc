// SPDX-License-Identifier: Apache-2.0
// Gather and scatter by positions of every kind.
#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

Support integer_indices(const Problem& problem) {
  const DType type = problem.inputs[1].dtype;
  return type == DType::i64 || type == DType::i32 ? Support::yes() : Support::no(Refusal::kDType, "indices");
}

std::string gather_elements_definitions(const Problem&) { return define("GATHER_ELEMENTS", 1); }
std::string gather_nd_definitions(const Problem&) { return define("GATHER_ND", 1); }
std::string tensor_scatter_definitions(const Problem&) { return define("TENSOR_SCATTER", 1); }
std::string one_hot_definitions(const Problem&) { return define("ONE_HOT", 1); }

std::string scatter_definitions(const Problem& problem) {
  const std::string name = problem.attrs.get_string("reduction", "none");
  const std::int64_t number = name == "add" ? 1 : name == "mul" ? 2 : name == "min" ? 3 : name == "max" ? 4 : 0;
  return define("SCATTER", problem.kind == "ScatterElements" ? 1 : 2) + define("REDUCTION", number);
}

// DIM: of the indices; STRIDE: of the data.
Status set_elements(GeneralPlan& plan) {
  const Shape& data = plan.shape(0);
  const Shape& indices = plan.shape(1);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(plan.attrs().get_int("axis", 0), data.size()));
  if (indices.size() != data.size())
    return invalid_argument("{}: indices {} for {}", plan.problem().kind, to_string(indices), to_string(data));
  for (std::size_t d = 0; d < data.size(); ++d)
    if (d != axis && indices[d] > data[d])
      return invalid_argument("{}: indices {} for {}", plan.problem().kind, to_string(indices), to_string(data));
  plan.set("RANK", static_cast<std::int64_t>(data.size()));
  plan.set("AXIS", static_cast<std::int64_t>(axis));
  plan.set("AXIS_SIZE", data[axis]);
  plan.set_all("DIM", indices);
  plan.set_all("STRIDE", cpu::dense_strides(data));
  return Status::ok();
}
constexpr std::string_view kElementSizes = "RANK AXIS AXIS_SIZE DIM*16 STRIDE*16";

Status plan_gather_elements(GeneralPlan& plan) {
  INGOT_RETURN_IF_ERROR(set_elements(plan));
  return plan.add("gather_elements", elements_of(plan.out(0)));
}

Status plan_scatter_elements(GeneralPlan& plan) {
  INGOT_RETURN_IF_ERROR(set_elements(plan));
  if (plan.shape(2) != plan.shape(1)) return invalid_argument("ScatterElements: updates {}", to_string(plan.shape(2)));
  INGOT_RETURN_IF_ERROR(plan.add("copy_data", elements_of(plan.out(0))));
  return plan.add("scatter_elements", elements_of(plan.in(1)));
}

Status set_blocks(GeneralPlan& plan, std::int64_t batch_dims) {
  const Shape& data = plan.shape(0);
  const Shape& rows = plan.shape(1);
  const auto batch = static_cast<std::size_t>(batch_dims);
  if (data.empty() || rows.empty() || batch_dims < 0 || batch >= rows.size() || batch >= data.size() ||
      rows.back() < 0 || rows.back() > static_cast<std::int64_t>(data.size() - batch))
    return invalid_argument("{}: indices {} for {}", plan.problem().kind, to_string(rows), to_string(data));
  const auto depth = static_cast<std::size_t>(rows.back());
  const Ints strides = cpu::dense_strides(data);
  plan.set("DEPTH", rows.back());
  plan.set("ELEMENTS", std::max<std::int64_t>(1, cpu::product(data, batch + depth, data.size())));
  plan.set("PER_BATCH", std::max<std::int64_t>(1, cpu::product(rows, batch, rows.size() - 1)));
  plan.set("BATCH_STRIDE", batch == 0 ? 0 : cpu::product(data, batch, data.size()));
  const auto begin = static_cast<std::ptrdiff_t>(batch), end = static_cast<std::ptrdiff_t>(batch + depth);
  plan.set_all("DIM", Ints(data.begin() + begin, data.begin() + end));
  plan.set_all("STRIDE", Ints(strides.begin() + begin, strides.begin() + end));
  return Status::ok();
}
constexpr std::string_view kBlockSizes = "DEPTH ELEMENTS PER_BATCH BATCH_STRIDE DIM*16 STRIDE*16";

Status plan_gather_nd(GeneralPlan& plan) {
  INGOT_RETURN_IF_ERROR(set_blocks(plan, plan.attrs().get_int("batch_dims", 0)));
  return plan.add("gather_nd", elements_of(plan.out(0)));
}

Status plan_scatter_nd(GeneralPlan& plan) {
  INGOT_RETURN_IF_ERROR(set_blocks(plan, 0));
  INGOT_RETURN_IF_ERROR(plan.add("copy_data", elements_of(plan.out(0))));
  return plan.add("scatter_nd", elements_of(plan.in(2)));
}

Status plan_tensor_scatter(GeneralPlan& plan) {
  const Shape& cache = plan.shape(0);
  const Shape& update = plan.shape(1);
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(plan.attrs().get_int("axis", -2), cache.size()));
  if (update.size() != cache.size() || axis == 0)
    return invalid_argument("TensorScatter: {} into {}", to_string(update), to_string(cache));
  plan.set_line(cache, axis);
  plan.set("UPDATE", update[axis]);
  plan.set("PER_BATCH", cpu::product(cache, 1, axis));
  plan.set("CIRCULAR", plan.attrs().get_string("mode", "linear") == "circular" ? 1 : 0);
  INGOT_RETURN_IF_ERROR(plan.add("copy_data", elements_of(plan.out(0))));
  return plan.add("tensor_scatter", elements_of(plan.in(1)));
}

Status plan_one_hot(GeneralPlan& plan) {
  const Shape& y = plan.out(0).shape;
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(plan.attrs().get_int("axis", -1), y.size()));
  plan.set_line(y, axis);
  return plan.add("one_hot", elements_of(plan.out(0)));
}

constexpr std::string_view kFile = "general_index.cu";
constexpr GeneralOp kOps[] = {
    {"GatherElements", kFile, kElementSizes, "", plan_gather_elements, false, integer_indices,
     gather_elements_definitions},
    {"ScatterElements", kFile, kElementSizes, "", plan_scatter_elements, false, integer_indices, scatter_definitions},
    {"GatherND", kFile, kBlockSizes, "", plan_gather_nd, false, integer_indices, gather_nd_definitions},
    {"ScatterND", kFile, kBlockSizes, "", plan_scatter_nd, false, integer_indices, scatter_definitions},
    {"TensorScatter", kFile, "OUTER LENGTH INNER UPDATE PER_BATCH CIRCULAR", "", plan_tensor_scatter, false, nullptr,
     tensor_scatter_definitions},
    {"OneHot", kFile, "OUTER LENGTH INNER", "", plan_one_hot, false, nullptr, one_hot_definitions, host({1}),
     shapes_by_reference},
};

}  // namespace

std::span<const GeneralOp> index_ops() { return kOps; }

}  // namespace ingot::cuda
