// SPDX-License-Identifier: Apache-2.0
// cuda.copy: operators that only move elements, as boxes.
#include <algorithm>
#include <cstddef>

#include "backends/cuda/copy_box.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::CopyParams;
using ingot_cuda::FillParams;

// Runs of elements as larger units, up to 16 bytes, where every place is a multiple.
void widen(cpu::CopyBox& box) {
  while (box.element_bytes < 16 && box.in_strides.back() == 1 && box.out_strides.back() == 1) {
    bool even = box.dims.back() % 2 == 0 && box.in_offset % 2 == 0 && box.out_offset % 2 == 0;
    for (std::size_t d = 0; d + 1 < box.dims.size(); ++d)
      even = even && box.in_strides[d] % 2 == 0 && box.out_strides[d] % 2 == 0;
    if (!even) return;
    box.element_bytes *= 2;
    box.dims.back() /= 2;
    box.in_offset /= 2;
    box.out_offset /= 2;
    for (std::size_t d = 0; d + 1 < box.dims.size(); ++d) {
      box.in_strides[d] /= 2;
      box.out_strides[d] /= 2;
    }
  }
}

Support supports(const Problem& problem) {
  const cpu::CopyPlanFn plan = cpu::find_copy_plan(problem.kind);
  if (plan == nullptr) return Support::no(Refusal::kKind);
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 64) return Support::no(Refusal::kDType);
  const Result<cpu::CopyPlan> made = plan({problem.attrs, problem.inputs, problem.outputs});
  if (!made.is_ok()) return Support::no(Refusal::kAttribute, made.status().message());
  for (const cpu::CopyPlan::Part& part : made->parts)
    if (merged(part.copy).dims.size() > static_cast<std::size_t>(ingot_cuda::kMaxDims))
      return Support::no(Refusal::kShape, "too many dimensions");
  return Support::yes();
}

Result<std::vector<std::string>> sources(const Problem&, const std::string&) {
  return std::vector<std::string>{assemble("", "copy.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const cpu::CopyPlan copies,
                         cpu::find_copy_plan(args.problem.kind)({args.problem.attrs, args.inputs, args.outputs}));
  const std::int64_t limit = std::int64_t{args.multiprocessors} * 32;
  LaunchPlan out;
  if (copies.fill) {
    FillParams p{};
    p.units = elements_of(args.outputs[0]);
    std::memcpy(&p.value, copies.fill->data(), std::min(copies.fill->size(), sizeof(p.value)));
    PlannedLaunch launch = PlannedLaunch::of(fmt::format("fill_{}", copies.fill->size()), p);
    launch.dependent = true;
    launch.cover(p.units, limit).point(offsetof(FillParams, out), Place::kOutput, 0);
    out.launches.push_back(std::move(launch));
  }
  for (const cpu::CopyPlan::Part& part : copies.parts) {
    cpu::CopyBox box = merged(part.copy);
    widen(box);
    const bool transpose = make_transpose(box, 8);
    CopyParams p{};
    p.rank = static_cast<int>(box.dims.size());
    if (p.rank > ingot_cuda::kMaxDims) return unsupported("a copy over more than 8 dimensions");
    p.in_offset = box.in_offset;
    p.out_offset = box.out_offset;
    p.units = 1;
    for (std::size_t d = 0; d < box.dims.size(); ++d) {
      p.dims[d] = static_cast<int>(box.dims[d]);
      p.in_strides[d] = box.in_strides[d];
      p.out_strides[d] = box.out_strides[d];
      p.units *= box.dims[d];
    }
    PlannedLaunch launch =
        PlannedLaunch::of(fmt::format("{}_{}", transpose ? "transpose" : "copy", box.element_bytes), p);
    launch.dependent = true;
    if (transpose) {
      const std::int64_t rows = box.dims[box.dims.size() - 2], columns = box.dims.back();
      const std::int64_t outer = rows * columns == 0 ? 0 : p.units / (rows * columns);
      launch.block = {32, 8, 1};
      launch.grid = {static_cast<unsigned>((rows + 31) / 32 * ((columns + 31) / 32)),
                     static_cast<unsigned>(std::min(outer, kMaxGridYZ)), 1};
    } else {
      launch.cover(p.units, limit);
    }
    launch.point(offsetof(CopyParams, in), Place::kInput, part.input);
    launch.point(offsetof(CopyParams, out), Place::kOutput, part.output);
    out.launches.push_back(std::move(launch));
  }
  return out;
}

}  // namespace

const Tactic& copy_tactic() {
  static const CudaTactic tactic(
      {"cuda.copy",
       1,
       {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Transpose", "Concat", "Split", "Slice", "Pad",
        "Expand", "Tile", "DepthToSpace", "SpaceToDepth", "BitCast"},
       supports,
       sources,
       plan});
  return tactic;
}

}  // namespace ingot::cuda
