// SPDX-License-Identifier: Apache-2.0
// cuda.pointwise: an expression over broadcast operands.
#include <algorithm>
#include <cstddef>

#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::PointwiseParams;

std::vector<Shape> shapes_of(std::span<const Operand> operands) {
  std::vector<Shape> shapes;
  for (const Operand& operand : operands) shapes.push_back(operand.shape);
  return shapes;
}

int vector_of(const Problem& problem) {
  int bits = bits_of(problem.outputs[0].dtype);
  for (const Operand& input : problem.inputs) bits = std::max(bits, bits_of(input.dtype));
  return std::min(8, 128 / std::max(8, bits));
}

// Dimensions of the fast entry: those of the problem, though no fewer than two, for sizes that were 1.
int fast_rank(const Problem& problem) {
  const BroadcastDims dims = broadcast_dims(problem.outputs[0].shape, shapes_of(problem.inputs));
  return std::clamp(static_cast<int>(dims.dims.size()), 2, ingot_cuda::kMaxDims);
}

Support supports(const Problem& problem) {
  if (problem.inputs.size() > static_cast<std::size_t>(ingot_cuda::kMaxPointwiseInputs) || problem.outputs.size() != 1)
    return Support::no(Refusal::kShape, "too many operands");
  const Result<Expr> expr = problem.epilogue();
  if (!expr.is_ok()) return Support::no(Refusal::kEpilogue, expr.status().message());
  if (expr->input_types().size() != problem.inputs.size() || expr->result_type() != problem.outputs[0].dtype)
    return Support::no(Refusal::kEpilogue, "operands and expression disagree");
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].dtype != expr->input_types()[i]) return Support::no(Refusal::kDType, "operand types");
  const Result<std::string> text = print_expression(*expr, "expression");
  if (!text.is_ok()) return Support::no(Refusal::kDType, text.status().message());
  const BroadcastDims dims = broadcast_dims(problem.outputs[0].shape, shapes_of(problem.inputs));
  if (dims.dims.size() > static_cast<std::size_t>(ingot_cuda::kMaxDims)) return Support::no(Refusal::kShape, "rank");
  return Support::yes();
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string&) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  INGOT_ASSIGN_OR_RETURN(std::string text, print_expression(expr, "expression"));
  std::string loads, arguments;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
    const std::string_view type = cuda_type(problem.inputs[i].dtype);
    loads += fmt::format(
        "const Vec<{0}, VECTOR> e{1} = load_operand<{0}, VECTOR>(p.in[{1}], at[{1}], p.strides[{1}][p.rank - 1]); ",
        type, i);
    arguments += fmt::format("{}load_value(e{}.v[j])", i == 0 ? "" : ", ", i);
  }
  text += define("INPUTS", static_cast<std::int64_t>(problem.inputs.size()));
  text += define("FAST_RANK", fast_rank(problem));
  text += define("FAST_VECTOR", vector_of(problem));
  text += define("LOAD_INPUTS", loads);
  text += define("COMPUTE(j)", fmt::format("store_value<OUT>(expression({}))", arguments));
  text += fmt::format("using OUT = {};\n", cuda_type(problem.outputs[0].dtype));
  return std::vector<std::string>{assemble(text, "pointwise.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const BroadcastDims dims = broadcast_dims(args.outputs[0].shape, shapes_of(args.inputs));
  if (dims.dims.size() > static_cast<std::size_t>(ingot_cuda::kMaxDims)) return unsupported("more than 8 dimensions");
  PointwiseParams p{};
  p.rank = static_cast<int>(dims.dims.size());
  const int vector = vector_of(args.problem);
  const bool fast = p.rank <= fast_rank(args.problem) && dims.dims.back() % vector == 0;
  p.units = 1;
  for (std::size_t d = 0; d < dims.dims.size(); ++d) {
    p.dims[d] = static_cast<int>(dims.dims[d] / (fast && d + 1 == dims.dims.size() ? vector : 1));
    p.units *= p.dims[d];
    for (std::size_t i = 0; i < args.inputs.size(); ++i) p.strides[i][d] = static_cast<int>(dims.strides[i][d]);
  }
  PlannedLaunch launch = PlannedLaunch::of(fast ? "pointwise_fast" : "pointwise_any", p);
  launch.dependent = true;
  launch.cover(p.units, std::int64_t{args.multiprocessors} * 32);
  for (std::size_t i = 0; i < args.inputs.size(); ++i)
    launch.point(offsetof(PointwiseParams, in) + i * sizeof(void*), Place::kInput, i);
  launch.point(offsetof(PointwiseParams, out), Place::kOutput, 0);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

int in_place(const Problem& problem) {
  for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
    const Operand& input = problem.inputs[i];
    if (!input.constant && input.dtype == problem.outputs[0].dtype && input.shape == problem.outputs[0].shape)
      return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

const Tactic& pointwise_tactic() {
  static const CudaTactic tactic(
      {"cuda.pointwise", 1, {"Pointwise"}, supports, sources, plan, nullptr, nullptr, in_place});
  return tactic;
}

}  // namespace ingot::cuda
