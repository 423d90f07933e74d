// SPDX-License-Identifier: Apache-2.0
// cuda.hopper_attention: Attention by wgmma, for heads of 64 and 128. A config names queries of a block x keys of a
// step, "128x64"; and over how many warpgroups of a block keys are split, "64x128 g3".
#include <algorithm>

#include "backends/cuda/attention_launch.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"
#include "backends/cuda/wgmma.h"

namespace ingot::cuda {
namespace {

using cpu::AttentionShape;

constexpr std::int64_t kMostShared = 227 << 10;  // of a block
constexpr std::int64_t kMostSplitBlocks = 264;   // two on each of 132 multiprocessors

struct Steps {
  std::int64_t queries = 0, keys = 0;
  std::int64_t groups = 0;  // 0: keys are not split

  [[nodiscard]] bool split() const { return groups > 0; }
  [[nodiscard]] std::int64_t threads() const { return split() ? groups * 128 : queries * 2; }
  [[nodiscard]] std::string text() const {
    return split() ? fmt::format("{}x{} g{}", queries, keys, groups) : fmt::format("{}x{}", queries, keys);
  }
};
constexpr Steps kSteps[] = {{128, 64}, {64, 64}, {192, 64},   {128, 128},  {64, 128},   {192, 128},
                            {128, 96}, {64, 96}, {64, 64, 2}, {64, 64, 3}, {64, 96, 2}, {64, 128, 2}};

// With what aligns the tiles to 1 KiB. Parts of split keys take the place of a warpgroup's keys and values: 64 rows of
// fp32, 8 elements apart.
std::int64_t shared_bytes(const Steps& steps, const AttentionShape& shape) {
  if (!steps.split()) return (steps.queries + 4 * steps.keys) * shape.q.size * 2 + 1024;
  const std::int64_t tiles = 2 * steps.keys * shape.q.size * 2, sums = steps.queries * (shape.q.size + 8) * 4;
  return steps.queries * shape.q.size * 2 + steps.groups * ((std::max(tiles, sums) + 1023) / 1024 * 1024) + 1024;
}

// Of a thread, about: sums, scores, weights of one step or two, a row of the mask, addresses.
std::int64_t registers(const Steps& steps, const AttentionShape& shape, bool mask) {
  const std::int64_t weights = steps.split() ? steps.keys / 4 : steps.keys / 2;
  return shape.v.size / 2 + steps.keys / 2 + weights + (mask ? steps.keys / 4 : 0) + 65;
}

std::int64_t blocks_of(const Steps& steps, const AttentionShape& shape) {
  return (shape.q.length + steps.queries - 1) / steps.queries * shape.q.heads * shape.q.batches;
}

bool promising(const Steps& steps, const AttentionShape& shape, bool mask) {
  const std::int64_t keys = shape.k.length;
  if (registers(steps, shape, mask) > std::min<std::int64_t>(250, 65536 / steps.threads())) return false;
  if (shared_bytes(steps, shape) + steps.groups * steps.queries * 8 > kMostShared) return false;
  if (steps.queries > 64 && shape.q.length <= steps.queries - 64) return false;
  if (steps.keys > 64 && keys <= 64) return false;
  if (!steps.split()) return true;
  // Every part has keys, and the device has room for more warpgroups than there are without parts.
  return (steps.groups - 1) * steps.keys < keys && blocks_of(steps, shape) <= kMostSplitBlocks;
}

Support supports(const Problem& problem) {
  if (Support support = attention_launch_support(problem); !support.ok()) return support;
  if (bits_of(problem.inputs[0].dtype) != 16) return Support::no(Refusal::kDType);
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
  const std::int64_t size = shape->q.size;
  if ((size != 64 && size != 128) || shape->v.size != size) return Support::no(Refusal::kShape, "size of heads");
  if (!attention_in_pieces(problem, *shape)) return Support::no(Refusal::kShape, "alignment");
  if (shape->q.length < 32) return Support::no(Refusal::kNotWorthIt, "few queries");
  return Support::yes();
}

// The likeliest first: where blocks of 64 queries leave multiprocessors idle, those whose keys are split.
std::vector<std::string> configs(const Problem& problem) {
  std::vector<std::string> out;
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  if (!shape.is_ok()) return out;
  const bool few = blocks_of({64, 64}, *shape) <= kMostSplitBlocks / 2;
  for (const bool split : {few, !few})
    for (const Steps& steps : kSteps)
      if (steps.split() == split && promising(steps, *shape, cpu::has_mask(problem.inputs)))
        out.push_back(steps.text());
  return out;
}

Result<const Steps*> steps_of(const std::string& config) {
  for (const Steps& steps : kSteps)
    if (steps.text() == config) return &steps;
  return invalid_argument("cuda.hopper_attention: bad config '{}'", config);
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Steps* steps, steps_of(config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(problem, problem.inputs, problem.outputs[0]));
  const DType type = problem.inputs[0].dtype;
  const std::int64_t needed = steps->threads() * registers(*steps, shape, cpu::has_mask(problem.inputs));
  std::string text = attention_definitions(problem, shape);
  text += steps->split() ? define("GROUPS", steps->groups) : define("WARPGROUPS", steps->queries / 64);
  text += define("KEYS", steps->keys) +
          define("MIN_BLOCKS", std::clamp<std::int64_t>(65536 / needed, 1, kMostShared / shared_bytes(*steps, shape)));
  text += print_wgmma("SCORES", static_cast<int>(steps->keys), type);
  text += print_wgmma("VALUES", 64, type, WgmmaLeft::registers, WgmmaRight::by_rows);
  text += include("warp_matrix.cuh") + include("attention_mask.cuh") + include("hopper_heads.cuh");
  return std::vector<std::string>{assemble(text, steps->split() ? "hopper_attention_split.cu" : "hopper_attention.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const Steps* steps, steps_of(args.config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(args.problem, args.inputs, args.outputs[0]));
  PlannedLaunch launch = attention_launch(
      args.problem, shape, steps->split() ? "hopper_attention_split" : "hopper_attention", steps->queries);
  launch.block = {static_cast<unsigned>(steps->threads()), 1, 1};
  launch.shared_bytes = static_cast<unsigned>(shared_bytes(*steps, shape));
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

Family family() {
  Family out{"cuda.hopper_attention", 3, {"Attention"}, supports, sources, plan, configs};
  out.arch = "sm_90a";
  return out;
}

}  // namespace

const Tactic& hopper_attention_tactic() {
  static const CudaTactic tactic(family());
  return tactic;
}

}  // namespace ingot::cuda
