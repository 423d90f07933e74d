// SPDX-License-Identifier: Apache-2.0
// cuda.gather: Gather along one axis.
#include <cstddef>

#include "backends/cpu/axes.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::GatherParams;

Support supports(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 64) return Support::no(Refusal::kDType);
  const DType type = problem.inputs[1].dtype;
  if (type != DType::i64 && type != DType::i32) return Support::no(Refusal::kDType, "indices");
  if (!cpu::normal_axis(problem.attrs.get_int("axis", 0), problem.inputs[0].shape.size()))
    return Support::no(Refusal::kShape);
  return Support::yes();
}

Result<std::vector<std::string>> sources(const Problem&, const std::string&) {
  return std::vector<std::string>{assemble("", "gather.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Shape& shape = args.inputs[0].shape;
  const std::optional<std::size_t> axis = cpu::normal_axis(args.problem.attrs.get_int("axis", 0), shape.size());
  if (!axis) return invalid_argument("Gather: axis of {}", to_string(shape));
  std::int64_t inner = cpu::product(shape, *axis + 1, shape.size());
  std::int64_t bytes = bits_of(args.inputs[0].dtype) / 8;
  while (bytes < 16 && inner % 2 == 0 && inner > 0) {
    bytes *= 2;
    inner /= 2;
  }
  GatherParams p{};
  p.axis = static_cast<int>(shape[*axis]);
  p.inner = static_cast<int>(inner);
  p.indices = static_cast<int>(elements_of(args.inputs[1]));
  p.units = cpu::product(shape, 0, *axis) * p.indices * inner;
  p.wide = args.inputs[1].dtype == DType::i64 ? 1 : 0;
  PlannedLaunch launch = PlannedLaunch::of(fmt::format("gather_{}", bytes), p);
  launch.dependent = true;
  launch.cover(p.units, std::int64_t{args.multiprocessors} * 32);
  launch.point(offsetof(GatherParams, in), Place::kInput, 0).point(offsetof(GatherParams, list), Place::kInput, 1);
  launch.point(offsetof(GatherParams, out), Place::kOutput, 0);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& gather_tactic() {
  static const CudaTactic tactic({"cuda.gather", 2, {"Gather"}, supports, sources, plan});
  return tactic;
}

}  // namespace ingot::cuda
