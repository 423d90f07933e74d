// SPDX-License-Identifier: Apache-2.0
// cuda.move: operators that only move elements of operand 0, where cuda.copy has no boxes for them: a table for each
// output says which element of the input each one of the output is. The tables are what the reference evaluator makes
// of the numbers 1, 2, 3, ...; 0 means the element that fills.
#include <algorithm>
#include <cstddef>
#include <numeric>

#include "backends/cuda/dynamic_run.h"
#include "backends/cuda/general.h"
#include "backends/cuda/tactics.h"
#include "reference/evaluate.h"

namespace ingot::cuda {
namespace {

struct Mover {
  std::string_view kind;
  unsigned host_inputs;
  int fill = -1;  // the operand that fills
};
constexpr Mover kMovers[] = {
    {"Slice", host({1, 2, 3, 4})}, {"Split", host({1})},   {"Pad", host({1, 3}), 2},
    {"Expand", host({1})},         {"Tile", host({1})},    {"Transpose", 0},
    {"CenterCropPad", host({1})},  {"Trilu", host({1})},   {"ReverseSequence", host({1})},
    {"Compress", host({1})},       {"Reshape", host({1})}, {"Squeeze", host({1})},
    {"Unsqueeze", host({1})},      {"DepthToSpace", 0},    {"SpaceToDepth", 0},
};

const Mover& mover_of(const Problem& problem) {
  return *std::find_if(std::begin(kMovers), std::end(kMovers), [&](const Mover& m) { return m.kind == problem.kind; });
}

std::vector<std::size_t> host_inputs(const Problem& problem) {
  std::vector<std::size_t> out;
  for (std::size_t i = 1; i < problem.inputs.size(); ++i)
    if ((mover_of(problem).host_inputs >> i & 1U) != 0) out.push_back(i);
  return out;
}

Support supports(const Problem& problem) {
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  const int bits = bits_of(problem.inputs[0].dtype);
  if (bits < 8 || bits > 128) return Support::no(Refusal::kDType);
  return Support::yes();
}

Result<std::vector<std::string>> sources(const Problem&, const std::string&) {
  return std::vector<std::string>{assemble("", "move.cu")};
}

Result<std::vector<HostTensor>> tables_of(const PlanArgs& args) {
  const Mover& mover = mover_of(args.problem);
  INGOT_ASSIGN_OR_RETURN(HostTensor numbers, HostTensor::create(DType::i32, args.inputs[0].shape));
  std::iota(numbers.mutable_data<std::int32_t>(), numbers.mutable_data<std::int32_t>() + numbers.elements(), 1);
  const HostTensor zero = HostTensor::scalar(DType::i32, 0);
  std::vector<const HostTensor*> operands{&numbers};
  for (std::size_t i = 1; i < args.inputs.size(); ++i) {
    if (static_cast<int>(i) == mover.fill)
      operands.push_back(args.inputs[i].present() ? &zero : nullptr);
    else
      operands.push_back(args.inputs[i].present() ? args.inputs[i].value.get() : nullptr);
  }
  const std::vector<DType> types(args.problem.outputs.size(), DType::i32);
  reference::Call call;
  call.op = args.problem.kind;
  call.attrs = &args.problem.attrs;
  call.inputs = operands;
  call.output_count = types.size();
  call.output_types = types;
  INGOT_ASSIGN_OR_RETURN(std::vector<HostTensor> results, reference::evaluate(call));
  const auto is_table = [](const HostTensor& table) { return table.dtype() == DType::i32; };
  if (results.size() != types.size() || !std::all_of(results.begin(), results.end(), is_table))
    return internal("{} makes no tables", args.problem.kind);
  return results;
}

Result<std::vector<Shape>> shapes(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const std::vector<HostTensor> tables, tables_of(args));
  std::vector<Shape> out;
  out.reserve(tables.size());
  for (const HostTensor& table : tables) out.push_back(table.shape());
  return out;
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const std::vector<HostTensor> tables, tables_of(args));
  LaunchPlan out;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const HostTensor& table = tables[i];
    if (!args.outputs[i].present()) continue;
    if (table.shape() != args.outputs[i].shape)
      return invalid_argument("{}: result {} has shape {}, planned was {}", args.problem.kind, i,
                              to_string(table.shape()), to_string(args.outputs[i].shape));
    ingot_cuda::MoveParams p{};
    p.units = table.elements();
    p.first = static_cast<long long>(out.data.size() / sizeof(std::int32_t));
    out.data.insert(out.data.end(), table.bytes().begin(), table.bytes().end());
    PlannedLaunch launch = PlannedLaunch::of(fmt::format("move_{}", bits_of(args.inputs[0].dtype) / 8), p);
    launch.cover(p.units, std::int64_t{args.multiprocessors} * 64);
    launch.point(offsetof(ingot_cuda::MoveParams, in), Place::kInput, 0);
    launch.point(offsetof(ingot_cuda::MoveParams, table), Place::kData, 0);
    launch.point(offsetof(ingot_cuda::MoveParams, out), Place::kOutput, i);
    const int fill = mover_of(args.problem).fill;
    if (fill >= 0 && args.problem.has_input(static_cast<std::size_t>(fill)))
      launch.point(offsetof(ingot_cuda::MoveParams, fill), Place::kInput, static_cast<std::size_t>(fill));
    out.launches.push_back(std::move(launch));
  }
  return out;
}

}  // namespace

const Tactic& move_tactic() {
  static const CudaTactic tactic([] {
    Family family{"cuda.move", 1, {}, supports, sources, plan};
    for (const Mover& mover : kMovers) family.kinds.push_back(mover.kind);
    family.host_inputs = host_inputs;
    family.shapes = shapes;
    return family;
  }());
  return tactic;
}

}  // namespace ingot::cuda
