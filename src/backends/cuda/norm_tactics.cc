// SPDX-License-Identifier: Apache-2.0
// cuda.rows: Softmax, LogSoftmax, LayerNormalization, RMSNormalization; cuda.group_norm: GroupNormalization and
// InstanceNormalization. A config of cuda.rows is "LANESxVECTORS", which hold a row; with none rows are read again.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdio>

#include "backends/cpu/axes.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::GroupNormParams;
using ingot_cuda::RowsParams;

bool is_softmax(const Problem& problem) { return problem.kind.ends_with("Softmax"); }

Support common_support(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != type) return Support::no(Refusal::kDType);
  for (std::size_t i = 1; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present()) return Support::no(Refusal::kAttribute, "statistics as outputs");
  return epilogue_support(problem);
}

Support rows_support(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const std::optional<std::size_t> axis = cpu::normal_axis(problem.attrs.get_int("axis", -1), shape.size());
  if (!axis) return Support::no(Refusal::kShape);
  if (!is_softmax(problem)) {
    const Shape normal(shape.begin() + static_cast<std::ptrdiff_t>(*axis), shape.end());
    for (std::size_t i = 1; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].shape != normal)
        return Support::no(Refusal::kShape, "scale and bias that broadcast");
    if (!problem.has_input(1)) return Support::no(Refusal::kShape, "no scale");
  }
  return common_support(problem);
}

int vector_of(const Problem& problem) {
  return std::min(8, 128 / std::max(bits_of(problem.inputs[0].dtype), bits_of(problem.outputs[0].dtype)));
}

// A row as `lanes` lanes hold it.
struct Held {
  int lanes = 0, vectors = 0;
};

Result<Held> parse_held(const std::string& config) {
  Held held;
  if (config.empty()) return held;
  if (std::sscanf(config.c_str(), "%2dx%1d", &held.lanes, &held.vectors) != 2 || held.lanes < 1 || held.lanes > 32 ||
      !std::has_single_bit(static_cast<unsigned>(held.lanes)) || held.vectors < 1 || held.vectors > 8)
    return invalid_argument("cuda.rows: bad config '{}'", config);
  return held;
}

std::int64_t row_length(const Problem& problem, const Shape& shape) {
  const std::optional<std::size_t> axis = cpu::normal_axis(problem.attrs.get_int("axis", -1), shape.size());
  return axis && *axis + 1 == shape.size() ? shape.back() : 0;
}

// Elements of a vector of a row that is held.
int held_vector(const Problem& problem) {
  const std::int64_t length = row_length(problem, problem.inputs[0].shape);
  int vector = vector_of(problem);
  while (length % vector != 0) vector /= 2;
  return vector;
}

// Few lanes and more rows side by side where that leaves no lane idle, then the most lanes.
std::vector<std::string> rows_configs(const Problem& problem) {
  const std::int64_t length = row_length(problem, problem.inputs[0].shape);
  std::vector<std::string> out;
  if (length > 0) {
    const std::int64_t vectors = length / held_vector(problem);
    const auto add = [&](std::int64_t lanes) {
      const std::int64_t each = (vectors + lanes - 1) / lanes;
      std::string config = fmt::format("{}x{}", lanes, each);
      if (each <= 8 && std::find(out.begin(), out.end(), config) == out.end()) out.push_back(std::move(config));
    };
    const auto around = [&](std::int64_t each) {
      return std::min<std::int64_t>(
          32, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>((vectors + each - 1) / each))));
    };
    for (const std::int64_t each : {4, 2, 1}) add(around(each));
    // Rows that take most registers are hardly ever faster.
    if (vectors > 4 * 32) out.insert(out.begin(), "");
  }
  if (out.empty() || !out[0].empty()) out.emplace_back();
  return out;
}

Result<std::vector<std::string>> rows_sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  INGOT_ASSIGN_OR_RETURN(const Held held, parse_held(config));
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("OPERATION", problem.kind == "Softmax"              ? 0
                              : problem.kind == "LogSoftmax"         ? 1
                              : problem.kind == "LayerNormalization" ? 2
                                                                     : 3);
  text += define("VECTOR", vector_of(problem));
  if (held.vectors == 0) return std::vector<std::string>{assemble(text, "rows.cu")};
  text += define("HELD", held.vectors) + define("GROUP", held.lanes) + define("HELD_VECTOR", held_vector(problem));
  return std::vector<std::string>{assemble(text, "rows.cu") + include("rows_held.cu")};
}

Result<LaunchPlan> rows_plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  const Shape& shape = args.inputs[0].shape;
  const std::optional<std::size_t> axis = cpu::normal_axis(problem.attrs.get_int("axis", -1), shape.size());
  if (!axis) return invalid_argument("{}: axis of {}", problem.kind, to_string(shape));
  const std::size_t end = is_softmax(problem) ? *axis + 1 : shape.size();
  RowsParams p{};
  p.inner = static_cast<int>(cpu::product(shape, end, shape.size()));
  p.length = static_cast<int>(cpu::product(shape, *axis, end));
  p.rows = static_cast<int>(cpu::product(shape, 0, *axis)) * p.inner;
  p.columns = static_cast<int>(args.outputs[0].shape.empty() ? 1 : args.outputs[0].shape.back());
  p.epsilon = static_cast<float>(problem.attrs.get_float("epsilon", 1e-5));
  const int vector = vector_of(problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  set_epilogue(layout, p);
  if (p.length == 0) p.rows = 0;
  const bool vectors = p.inner == 1 && p.length % vector == 0 && layout.vectors;
  const bool warp = vectors && p.length <= 2048;
  INGOT_ASSIGN_OR_RETURN(const Held held, parse_held(args.config));
  const int each = held_vector(problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout held_layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], each));
  const bool holds = held.vectors > 0 && row_length(problem, shape) == p.length && p.length % each == 0 &&
                     held_layout.vectors && p.length <= held.lanes * held.vectors * each;
  PlannedLaunch launch = PlannedLaunch::of(holds      ? "rows_held"
                                           : !vectors ? "rows_any"
                                           : warp     ? "rows_warp"
                                                      : "rows_block",
                                           p);
  launch.dependent = true;
  if (holds) launch.block = {128, 1, 1};
  const int per_block = holds ? 128 / held.lanes : warp ? 8 : 1;
  const int most = args.multiprocessors * (holds ? 16 : 64);
  launch.grid = {static_cast<unsigned>(std::min((p.rows + per_block - 1) / per_block, most)), 1, 1};
  launch.point(offsetof(RowsParams, x), Place::kInput, 0).point(offsetof(RowsParams, y), Place::kOutput, 0);
  if (!is_softmax(problem)) launch.point(offsetof(RowsParams, scale), Place::kInput, 1);
  if (!is_softmax(problem) && problem.has_input(2)) launch.point(offsetof(RowsParams, bias), Place::kInput, 2);
  point_epilogue<RowsParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

Support group_support(const Problem& problem) {
  if (problem.inputs[0].shape.size() < 2 || !problem.has_input(1) || !problem.has_input(2))
    return Support::no(Refusal::kShape);
  return common_support(problem);
}

Result<std::vector<std::string>> group_sources(const Problem& problem, const std::string&) {
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("VECTOR", vector_of(problem));
  return std::vector<std::string>{assemble(text, "group_norm.cu")};
}

Result<LaunchPlan> group_plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  const Shape& x = args.inputs[0].shape;
  GroupNormParams p{};
  p.channels_last = problem.attrs.get_int("channels_last", 0) != 0 ? 1 : 0;
  p.channels = static_cast<int>(p.channels_last != 0 ? x.back() : x[1]);
  p.groups = static_cast<int>(problem.attrs.get_int("num_groups", p.channels));
  p.epsilon = static_cast<float>(problem.attrs.get_float("epsilon", 1e-5));
  p.columns = static_cast<int>(args.outputs[0].shape.back());
  if (p.groups < 1 || p.channels % p.groups != 0)
    return invalid_argument("{} channels in {} groups", p.channels, p.groups);
  const std::int64_t all = elements_of(args.inputs[0]);
  p.pixels = p.channels == 0 || x[0] == 0 ? 0 : static_cast<int>(all / p.channels / x[0]);
  const int vector = vector_of(problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  set_epilogue(layout, p);
  const int fastest = p.channels_last != 0 ? p.channels / p.groups : p.pixels;
  const bool vectors = layout.vectors && fastest % vector == 0;
  // Few large groups: several blocks each, of at least a few thousand elements.
  const std::int64_t groups = all == 0 ? 0 : x[0] * p.groups, each = all / std::max<std::int64_t>(1, groups);
  p.parts = static_cast<int>(std::clamp<std::int64_t>(2 * args.multiprocessors / std::max<std::int64_t>(1, groups), 1,
                                                      std::clamp<std::int64_t>(each / 4096, 1, 512)));
  LaunchPlan out;
  if (p.parts > 1) out.workspace_bytes = static_cast<std::size_t>(groups * p.parts) * 2 * sizeof(float);
  const auto add = [&](std::string_view name) {
    PlannedLaunch launch = PlannedLaunch::of(fmt::format("{}_{}", name, vectors ? "vector" : "any"), p);
    launch.dependent = true;
    launch.block = {512, 1, 1};
    launch.grid = {static_cast<unsigned>(groups * p.parts), 1, 1};
    launch.point(offsetof(GroupNormParams, x), Place::kInput, 0).point(offsetof(GroupNormParams, y), Place::kOutput, 0);
    launch.point(offsetof(GroupNormParams, scale), Place::kInput, 1);
    launch.point(offsetof(GroupNormParams, bias), Place::kInput, 2);
    if (p.parts > 1) launch.point(offsetof(GroupNormParams, partial), Place::kWorkspace, 0);
    point_epilogue<GroupNormParams>(layout, problem.own_inputs(), launch);
    out.launches.push_back(std::move(launch));
  };
  if (p.parts == 1) {
    add("group_norm");
  } else {
    add("group_stats");
    add("group_apply");
  }
  return out;
}

}  // namespace

const Tactic& rows_tactic() {
  static const CudaTactic tactic({"cuda.rows",
                                  2,
                                  {"Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization"},
                                  rows_support,
                                  rows_sources,
                                  rows_plan,
                                  rows_configs});
  return tactic;
}

const Tactic& group_norm_tactic() {
  static const CudaTactic tactic({"cuda.group_norm",
                                  2,
                                  {"GroupNormalization", "InstanceNormalization"},
                                  group_support,
                                  group_sources,
                                  group_plan});
  return tactic;
}

}  // namespace ingot::cuda
