// SPDX-License-Identifier: Apache-2.0
// cuda.resize: Resize, nearest or linear, of at most two adjacent dimensions.
#include <algorithm>
#include <cstddef>

#include "backends/cpu/resize_plan.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::ResizeParams;
using ingot_cuda::ResizePoint;

int vector_of(const Problem& problem) {
  return std::min(8, 128 / std::max(bits_of(problem.inputs[0].dtype), bits_of(problem.outputs[0].dtype)));
}

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  const Support support = cpu::resize_support(problem);
  return support.ok() ? epilogue_support(problem) : support;
}

// Neighbours that a thread makes where vectors do not fit: as many as divide the inner dimension. Operands of an
// epilogue come in vectors alone.
std::int64_t piece_of(const Problem& problem) {
  const Result<cpu::ResizePlan> sizes = cpu::plan_resize(problem.attrs, problem.inputs, problem.outputs);
  if (!sizes.is_ok() || sizes->inner == 0 || problem.epilogue_inputs() != 0) return 1;
  std::int64_t piece = 8;
  while (sizes->inner % piece != 0) --piece;
  return piece;
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string&) {
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("VECTOR", vector_of(problem)) + define("PIECE", piece_of(problem));
  return std::vector<std::string>{assemble(text, "resize.cu")};
}

void append(const cpu::ResizeTable& table, std::vector<std::byte>& to) {
  for (std::size_t i = 0; i < table.low.size(); ++i) {
    const ResizePoint point{static_cast<int>(table.low[i]), static_cast<int>(table.high[i]), table.weight[i]};
    const auto* bytes = reinterpret_cast<const std::byte*>(&point);
    to.insert(to.end(), bytes, bytes + sizeof(point));
  }
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const cpu::ResizePlan sizes, cpu::plan_resize(args.problem.attrs, args.inputs, args.outputs));
  LaunchPlan out;
  append(sizes.rows, out.data);
  append(sizes.columns, out.data);
  ResizeParams p{};
  p.in_h = static_cast<int>(sizes.in_h);
  p.in_w = static_cast<int>(sizes.in_w);
  p.out_h = static_cast<int>(sizes.out_h);
  p.out_w = static_cast<int>(sizes.out_w);
  p.inner = static_cast<int>(sizes.inner);
  p.columns = static_cast<int>(args.outputs[0].shape.back());
  const int vector = vector_of(args.problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, args.problem.own_inputs(), args.outputs[0], vector));
  set_epilogue(layout, p);
  const bool vectors = p.inner % vector == 0 && layout.vectors;
  const std::int64_t piece = piece_of(args.problem);
  const bool pieces = !vectors && p.inner % piece == 0;
  p.units = elements_of(args.outputs[0]) / (vectors ? vector : pieces ? piece : 1);
  PlannedLaunch launch = PlannedLaunch::of(vectors ? "resize_vector" : pieces ? "resize_piece" : "resize_any", p);
  launch.dependent = true;
  launch.cover(p.units, std::int64_t{args.multiprocessors} * 64);
  launch.point(offsetof(ResizeParams, x), Place::kInput, 0).point(offsetof(ResizeParams, y), Place::kOutput, 0);
  launch.point(offsetof(ResizeParams, points), Place::kData, 0);
  point_epilogue<ResizeParams>(layout, args.problem.own_inputs(), launch);
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& resize_tactic() {
  static const CudaTactic tactic({"cuda.resize", 2, {"Resize"}, supports, sources, plan});
  return tactic;
}

}  // namespace ingot::cuda
