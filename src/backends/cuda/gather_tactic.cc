// SPDX-License-Identifier: Apache-2.0
// cuda.gather: Gather along one axis; cuda.dim_tensor: values of dimensions.
#include <cstddef>

#include "backends/cpu/axes.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::CopyParams;
using ingot_cuda::GatherParams;

Support gather_support(const Problem& problem) {
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 64) return Support::no(Refusal::kDType);
  const DType type = problem.inputs[1].dtype;
  if (type != DType::i64 && type != DType::i32) return Support::no(Refusal::kDType, "indices");
  if (!cpu::normal_axis(problem.attrs.get_int("axis", 0), problem.inputs[0].shape.size()))
    return Support::no(Refusal::kShape);
  return Support::yes();
}

Result<std::vector<std::string>> gather_sources(const Problem&, const std::string&) {
  return std::vector<std::string>{assemble("", "gather.cu")};
}

Result<LaunchPlan> gather_plan(const PlanArgs& args) {
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

Support dims_support(const Problem& problem) {
  return std::get_if<SymShape>(problem.attrs.find("dims")) != nullptr ? Support::yes()
                                                                      : Support::no(Refusal::kAttribute);
}

Result<std::vector<std::string>> dims_sources(const Problem&, const std::string&) {
  return std::vector<std::string>{assemble("", "copy.cu")};
}

Result<LaunchPlan> dims_plan(const PlanArgs& args) {
  const auto& dims = std::get<SymShape>(*args.problem.attrs.find("dims"));
  LaunchPlan out;
  const SymbolValues none;
  for (const Dim& dim : dims) {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t value, dim.evaluate(args.symbols == nullptr ? none : *args.symbols));
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    out.data.insert(out.data.end(), bytes, bytes + sizeof(value));
  }
  CopyParams p{};
  p.units = static_cast<long long>(dims.size());
  p.rank = 1;
  p.dims[0] = static_cast<int>(dims.size());
  p.in_strides[0] = p.out_strides[0] = 1;
  PlannedLaunch launch = PlannedLaunch::of("copy_8", p);
  launch.dependent = true;
  launch.cover(p.units, 1);
  launch.point(offsetof(CopyParams, in), Place::kData, 0).point(offsetof(CopyParams, out), Place::kOutput, 0);
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& gather_tactic() {
  static const CudaTactic tactic({"cuda.gather", 1, {"Gather"}, gather_support, gather_sources, gather_plan});
  return tactic;
}

const Tactic& dim_tensor_tactic() {
  static const CudaTactic tactic({"cuda.dim_tensor", 1, {"DimTensor"}, dims_support, dims_sources, dims_plan});
  return tactic;
}

}  // namespace ingot::cuda
