// SPDX-License-Identifier: Apache-2.0
// cuda.hopper_attention: Attention by wgmma, for heads of 64 and 128. A config names queries of a block x keys of a
// step: "128x64".
#include <algorithm>

#include "backends/cuda/attention_launch.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"
#include "backends/cuda/wgmma.h"

namespace ingot::cuda {
namespace {

using cpu::AttentionShape;

constexpr std::int64_t kMostShared = 227 << 10;  // of a block

struct Steps {
  std::int64_t queries = 0, keys = 0;

  [[nodiscard]] std::int64_t threads() const { return queries * 2; }
  [[nodiscard]] std::string text() const { return fmt::format("{}x{}", queries, keys); }
};
constexpr Steps kSteps[] = {{128, 64}, {64, 64}, {192, 64}, {128, 128}, {64, 128}, {192, 128}, {128, 96}, {64, 96}};

// With what aligns the tiles to 1 KiB.
std::int64_t shared_bytes(const Steps& steps, const AttentionShape& shape) {
  return (steps.queries + 4 * steps.keys) * shape.q.size * 2 + 1024;
}

// Of a thread, about: sums, scores, weights of two steps, a row of the mask, addresses.
std::int64_t registers(const Steps& steps, const AttentionShape& shape, bool mask) {
  return shape.v.size / 2 + steps.keys + (mask ? steps.keys / 4 : 0) + 65;
}

bool promising(const Steps& steps, const AttentionShape& shape, bool mask) {
  const std::int64_t keys = shape.k.length;
  if (registers(steps, shape, mask) > std::min<std::int64_t>(250, 65536 / steps.threads())) return false;
  if (shared_bytes(steps, shape) > kMostShared) return false;
  if (steps.queries > 64 && shape.q.length <= steps.queries - 64) return false;
  return steps.keys == 64 || keys > 64;
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

std::vector<std::string> configs(const Problem& problem) {
  std::vector<std::string> out;
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  if (!shape.is_ok()) return out;
  for (const Steps& steps : kSteps)
    if (promising(steps, *shape, cpu::has_mask(problem.inputs))) out.push_back(steps.text());
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
  text += define("WARPGROUPS", steps->queries / 64) + define("KEYS", steps->keys) +
          define("MIN_BLOCKS", std::clamp<std::int64_t>(65536 / needed, 1, kMostShared / shared_bytes(*steps, shape)));
  text += print_wgmma("SCORES", static_cast<int>(steps->keys), type);
  text += print_wgmma("VALUES", 64, type, WgmmaLeft::registers, WgmmaRight::by_rows);
  text += include("warp_matrix.cuh") + include("attention_mask.cuh");
  return std::vector<std::string>{assemble(text, "hopper_attention.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const Steps* steps, steps_of(args.config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(args.problem, args.inputs, args.outputs[0]));
  PlannedLaunch launch = attention_launch(args.problem, shape, "hopper_attention", steps->queries);
  launch.block = {static_cast<unsigned>(steps->threads()), 1, 1};
  launch.shared_bytes = static_cast<unsigned>(shared_bytes(*steps, shape));
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

Family family() {
  Family out{"cuda.hopper_attention", 1, {"Attention"}, supports, sources, plan, configs};
  out.arch = "sm_90a";
  return out;
}

}  // namespace

const Tactic& hopper_attention_tactic() {
  static const CudaTactic tactic(family());
  return tactic;
}

}  // namespace ingot::cuda
