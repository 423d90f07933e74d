// SPDX-License-Identifier: Apache-2.0
// cuda.pool: MaxPool and AveragePool.
#include <algorithm>
#include <cstddef>

#include "backends/cpu/window_attrs.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::PoolParams;

bool plain_float(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

int vector_of(const Problem& problem) {
  return std::min(8, 128 / std::max(bits_of(problem.inputs[0].dtype), bits_of(problem.outputs[0].dtype)));
}

Support pool_support(const Problem& problem) {
  if (!plain_float(problem.inputs[0].dtype)) return Support::no(Refusal::kDType);
  if (problem.outputs.size() > 1 && problem.outputs[1].present()) return Support::no(Refusal::kAttribute, "Indices");
  const auto sizes = cpu::window_sizes(problem.attrs, problem.inputs[0].shape,
                                       problem.attrs.get_ints("kernel_shape", {}), problem.outputs[0].shape);
  if (!sizes.is_ok()) return Support::no(Refusal::kShape, sizes.status().message());
  return epilogue_support(problem);
}

Result<std::vector<std::string>> pool_sources(const Problem& problem, const std::string&) {
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("AVERAGE", problem.kind == "AveragePool" ? 1 : 0) + define("VECTOR", vector_of(problem));
  return std::vector<std::string>{assemble(text, "pool.cu")};
}

Result<LaunchPlan> pool_plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const cpu::WindowSizes sizes,
                         cpu::window_sizes(problem.attrs, args.inputs[0].shape,
                                           problem.attrs.get_ints("kernel_shape", {}), args.outputs[0].shape));
  PoolParams p{};
  p.channels_last = problem.attrs.get_int("channels_last", 0) != 0 ? 1 : 0;
  p.batch = static_cast<int>(sizes.batch);
  p.channels = static_cast<int>(sizes.channels);
  for (std::size_t d = 0; d < 3; ++d) {
    p.in[d] = static_cast<int>(sizes.in[d]);
    p.out[d] = static_cast<int>(sizes.out[d]);
    p.kernel[d] = static_cast<int>(sizes.kernel[d]);
    p.stride[d] = static_cast<int>(sizes.stride[d]);
    p.dilation[d] = static_cast<int>(sizes.dilation[d]);
    p.pad[d] = static_cast<int>(sizes.pad_begin[d]);
    p.pad_end[d] = static_cast<int>(sizes.pad_end[d]);
  }
  p.include_pad = problem.attrs.get_int("count_include_pad", 0) != 0 ? 1 : 0;
  p.columns = static_cast<int>(args.outputs[0].shape.back());
  const int vector = vector_of(problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  set_epilogue(layout, p);
  const bool vectors = p.channels_last != 0 && p.channels % vector == 0 && layout.vectors;
  p.units = elements_of(args.outputs[0]) / (vectors ? vector : 1);
  PlannedLaunch launch = PlannedLaunch::of(vectors ? "pool_vector" : "pool_any", p);
  launch.dependent = true;
  launch.cover(p.units, std::int64_t{args.multiprocessors} * 64);
  launch.point(offsetof(PoolParams, x), Place::kInput, 0).point(offsetof(PoolParams, y), Place::kOutput, 0);
  point_epilogue<PoolParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& pool_tactic() {
  static const CudaTactic tactic({"cuda.pool", 1, {"MaxPool", "AveragePool"}, pool_support, pool_sources, pool_plan});
  return tactic;
}

}  // namespace ingot::cuda
