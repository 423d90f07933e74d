// SPDX-License-Identifier: Apache-2.0
// cuda.dim_tensor: sizes as a tensor. The expressions are evaluated when shapes are set; a launch only copies.
#include <cstddef>

#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::CopyParams;

Support supports(const Problem& problem) {
  return std::get_if<SymShape>(problem.attrs.find("dims")) != nullptr ? Support::yes()
                                                                      : Support::no(Refusal::kAttribute);
}

Result<std::vector<std::string>> sources(const Problem&, const std::string&) {
  return std::vector<std::string>{assemble("", "copy.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
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

const Tactic& dim_tensor_tactic() {
  static const CudaTactic tactic({"cuda.dim_tensor", 1, {"DimTensor"}, supports, sources, plan});
  return tactic;
}

}  // namespace ingot::cuda
