// SPDX-License-Identifier: Apache-2.0
// cuda.reduce: reductions over adjacent dimensions, global pooling included.
#include <algorithm>
#include <cstddef>

#include "backends/cpu/reduce_shape.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::ReduceParams;

struct Reduction {
  std::string_view kind, start, take, merge, finish;
};
constexpr Reduction kReductions[] = {
    {"ReduceSum", "0", "a + v", "a + b", "a"},
    {"ReduceMean", "0", "a + v", "a + b", "a / static_cast<ACC>(p.length)"},
    {"GlobalAveragePool", "0", "a + v", "a + b", "a / static_cast<ACC>(p.length)"},
    {"ReduceMax", "-kInfinity", "x_max(a, v)", "x_max(a, b)", "a"},
    {"GlobalMaxPool", "-kInfinity", "x_max(a, v)", "x_max(a, b)", "a"},
    {"ReduceMin", "kInfinity", "x_min(a, v)", "x_min(a, b)", "a"},
    {"ReduceL1", "0", "a + x_abs(v)", "a + b", "a"},
    {"ReduceL2", "0", "x_fma(v, v, a)", "a + b", "x_sqrt(a)"},
    {"ReduceSumSquare", "0", "x_fma(v, v, a)", "a + b", "a"},
    {"ReduceLogSum", "0", "a + v", "a + b", "x_log(a)"},
    {"ReduceProd", "1", "a * v", "a * b", "a"},
};

const Reduction* find_reduction(std::string_view kind) {
  for (const Reduction& reduction : kReductions)
    if (reduction.kind == kind) return &reduction;
  return nullptr;
}

Result<cpu::ReduceExtents> extents_of(const Problem& problem, std::span<const Operand> inputs) {
  INGOT_ASSIGN_OR_RETURN(const std::vector<bool> reduced, cpu::reduced_axes(problem, inputs));
  return cpu::reduce_extents(inputs[0].shape, reduced);
}

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (!is_float(type) || cuda_type(type).empty()) return Support::no(Refusal::kDType);
  if (Support support = cpu::reduce_support(problem); !support.ok()) return support;
  return epilogue_support(problem);
}

int vector_of(const Problem& problem) {
  return std::min(8, 128 / std::max(bits_of(problem.inputs[0].dtype), bits_of(problem.outputs[0].dtype)));
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string&) {
  const Reduction& reduction = *find_reduction(problem.kind);
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  text += fmt::format("using T = {};\nusing ACC = {};\n", cuda_type(problem.inputs[0].dtype),
                      compute_type(problem.inputs[0].dtype));
  text += define("VECTOR", vector_of(problem));
  text += define("START", fmt::format("static_cast<ACC>({})", reduction.start));
  // As functions, so that arguments are evaluated once.
  text += fmt::format("INGOT_INLINE ACC TAKE(ACC a, ACC v) {{ return {}; }}\n", reduction.take);
  text += fmt::format("INGOT_INLINE ACC MERGE(ACC a, ACC b) {{ return {}; }}\n", reduction.merge);
  std::string finish(reduction.finish);
  text += fmt::format(
      "#define FINISH(value) finish_value(p, value)\n"
      "INGOT_INLINE ACC finish_value(const ingot_cuda::ReduceParams& p, ACC a) {{ return {}; }}\n",
      finish);
  return std::vector<std::string>{assemble(text, "reduce.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const cpu::ReduceExtents extents, extents_of(problem, args.inputs));
  ReduceParams p{};
  p.outer = static_cast<int>(extents.outer);
  p.length = static_cast<int>(extents.length);
  p.inner = static_cast<int>(extents.inner);
  p.columns = static_cast<int>(args.outputs[0].shape.empty() ? 1 : args.outputs[0].shape.back());
  const int vector = vector_of(problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  set_epilogue(layout, p);
  const bool inner = p.inner == 1, vectors = layout.vectors && p.inner % vector == 0 && p.columns % vector == 0;
  const std::int64_t v = vectors ? vector : 1, columns = (extents.inner + v - 1) / v;
  std::int64_t width = 1;
  while (width < std::min<std::int64_t>(32, columns)) width *= 2;
  const std::int64_t rows = 256 / width, blocks = extents.outer * ((columns + width - 1) / width);
  p.parts = 1;
  // Few outputs: the length is shared out, in parts of several rounds each.
  if (!inner && blocks > 0)
    p.parts = static_cast<int>(std::clamp<std::int64_t>(8 * args.multiprocessors / blocks, 1,
                                                        std::clamp<std::int64_t>(p.length / (rows * 4), 1, 64)));
  PlannedLaunch launch = PlannedLaunch::of(inner ? "reduce_inner" : vectors ? "reduce_vector" : "reduce_any", p);
  launch.dependent = true;
  LaunchPlan out;
  if (inner) {
    launch.grid[0] =
        static_cast<unsigned>(std::min<std::int64_t>(extents.outer, std::int64_t{args.multiprocessors} * 64));
  } else {
    launch.block = {static_cast<unsigned>(width), static_cast<unsigned>(rows), 1};
    launch.grid = {static_cast<unsigned>(blocks), static_cast<unsigned>(p.parts), 1};
  }
  launch.point(offsetof(ReduceParams, x), Place::kInput, 0).point(offsetof(ReduceParams, y), Place::kOutput, 0);
  if (p.parts > 1) {
    const std::size_t element = problem.inputs[0].dtype == DType::f64 ? 8 : 4;
    out.workspace_bytes = static_cast<std::size_t>(blocks * p.parts * width * v) * element;
    out.data.resize(static_cast<std::size_t>(blocks) * sizeof(int), std::byte{0});
    launch.point(offsetof(ReduceParams, partial), Place::kWorkspace, 0);
    launch.point(offsetof(ReduceParams, counters), Place::kData, 0);
  }
  point_epilogue<ReduceParams>(layout, problem.own_inputs(), launch);
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& reduce_tactic() {
  static const CudaTactic tactic([] {
    Family family{"cuda.reduce", 2, {}, supports, sources, plan};
    for (const Reduction& reduction : kReductions) family.kinds.push_back(reduction.kind);
    return family;
  }());
  return tactic;
}

}  // namespace ingot::cuda
