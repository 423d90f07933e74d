// SPDX-License-Identifier: Apache-2.0
// cuda.attention: Attention without a past, by tiles on the tensor cores where types and alignment allow, otherwise by
// rows. A config of tiles names queries of a block x keys of a warp, 16-row tiles of a warp, groups of warps along the
// keys, and stages: "64x64 r1 g1 s2". The form by rows has the config "rows".
#include <algorithm>

#include "backends/cuda/attention_launch.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using cpu::AttentionShape;

constexpr std::int64_t kMostShared = 99 << 10;  // of a block, on every device from sm_80
constexpr std::string_view kRowsConfig = "rows";

struct Tiles {
  std::int64_t queries = 0, keys = 0, row_tiles = 0, groups = 0, stages = 0;

  [[nodiscard]] std::int64_t warps() const { return queries / (16 * row_tiles); }  // side by side along the queries
  [[nodiscard]] std::int64_t threads() const { return warps() * groups * 32; }
  [[nodiscard]] std::string text() const {
    return fmt::format("{}x{} r{} g{} s{}", queries, keys, row_tiles, groups, stages);
  }
};

// In the order of trust.
constexpr Tiles kTiles[] = {
    {64, 64, 1, 1, 2},  {64, 64, 1, 1, 1},  {128, 64, 2, 1, 1}, {128, 64, 2, 1, 2},
    {128, 32, 2, 1, 2}, {128, 64, 1, 1, 1}, {64, 32, 1, 1, 2},  {32, 32, 1, 4, 1},
    {32, 64, 1, 2, 1},  {64, 64, 1, 2, 1},  {64, 32, 1, 2, 2},  {16, 64, 1, 4, 1},
};

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

// Where one row of the mask serves all queries, it is worth a place in shared memory.
bool stages_mask(const Tiles& tiles, const Problem& problem) {
  if (!cpu::has_mask(problem.inputs) || tiles.groups > 1) return false;
  const Shape& mask = problem.inputs[3].shape;
  return mask.size() < 2 || mask[mask.size() - 2] == 1;
}

// As kernels/attention_tiles.cu lays it out.
std::int64_t shared_bytes(const Tiles& tiles, const AttentionShape& shape, const Problem& problem) {
  const std::int64_t pitch = round_up(shape.q.size, 16) + 8, pitch_v = round_up(shape.v.size, 16) + 8;
  const std::int64_t buffers = tiles.stages * tiles.groups * tiles.keys * (pitch + pitch_v) * 2;
  const std::int64_t mask_bytes = stages_mask(tiles, problem) ? tiles.queries * (tiles.groups * tiles.keys + 8) * 4 : 0;
  const std::int64_t parts = tiles.groups == 1 ? 0 : tiles.threads() * tiles.row_tiles * (pitch_v / 2) * 4;
  return tiles.queries * std::max(pitch, pitch_v) * 2 + std::max(buffers + mask_bytes, parts);
}

// Of a thread, about: sums, scores, queries, a row of the mask or two, addresses.
std::int64_t registers(const Tiles& tiles, const AttentionShape& shape, const Problem& problem) {
  const std::int64_t size = round_up(shape.q.size, 16), size_v = round_up(shape.v.size, 16);
  const std::int64_t queries = tiles.row_tiles * size <= 128 ? size / 4 : 0;  // held
  std::int64_t mask = 0;
  if (cpu::has_mask(problem.inputs)) mask = stages_mask(tiles, problem) ? 4 : tiles.keys / (2 * tiles.row_tiles);
  return tiles.row_tiles * (size_v / 2 + tiles.keys / 2 + queries + 35) + mask + 10;
}

bool fits(const Tiles& tiles, const AttentionShape& shape, const Problem& problem) {
  return registers(tiles, shape, problem) <= 256 && shared_bytes(tiles, shape, problem) <= kMostShared;
}

// Whether it may be the fastest.
bool promising(const Tiles& tiles, const AttentionShape& shape) {
  const std::int64_t queries = shape.q.length, keys = shape.k.length, heads = shape.q.batches * shape.q.heads;
  const std::int64_t blocks = (queries + 63) / 64 * heads;
  if (tiles.groups > 1) return blocks <= 528 && keys > (tiles.groups - 1) * tiles.keys;
  if (tiles.queries > 64 && (queries <= 64 || blocks < 132)) return false;
  if (tiles.stages > 1 && keys <= tiles.keys) return false;  // nothing to load ahead
  return tiles.keys > 32 || keys > 128 || blocks >= 132;
}

std::vector<std::string> configs(const Problem& problem) {
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  std::vector<std::string> out;
  if (shape.is_ok() && attention_in_pieces(problem, *shape)) {
    for (const Tiles& tiles : kTiles)
      if (fits(tiles, *shape, problem) && promising(tiles, *shape)) out.push_back(tiles.text());
    for (const Tiles& tiles : kTiles)
      if (out.empty() && fits(tiles, *shape, problem)) out.push_back(tiles.text());
  }
  if (out.empty()) out.emplace_back(kRowsConfig);
  return out;
}

// Null: by rows.
Result<const Tiles*> tiles_of(const std::string& config) {
  if (config == kRowsConfig) return nullptr;
  for (const Tiles& tiles : kTiles)
    if (tiles.text() == config) return &tiles;
  return invalid_argument("cuda.attention: bad config '{}'", config);
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Tiles* tiles, tiles_of(config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(problem, problem.inputs, problem.outputs[0]));
  std::string text = attention_definitions(problem, shape);
  if (tiles == nullptr) return std::vector<std::string>{assemble(text, "attention_rows.cu")};
  text +=
      define("WARPS", tiles->warps()) + define("ROW_TILES", tiles->row_tiles) + define("GROUPS", tiles->groups) +
      define("KEYS", tiles->keys) + define("STAGES", tiles->stages) +
      define("STAGED_MASK", stages_mask(*tiles, problem) ? 1 : 0) +
      define("MIN_BLOCKS", std::max<std::int64_t>(1, 65536 / (tiles->threads() * registers(*tiles, shape, problem)))) +
      include("warp_matrix.cuh") + include("attention_mask.cuh") + include("attention_tile.cuh");
  return std::vector<std::string>{assemble(text, "attention_tiles.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const Tiles* tiles, tiles_of(args.config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(problem, args.inputs, args.outputs[0]));
  PlannedLaunch launch = attention_launch(problem, shape, tiles != nullptr ? "attention_tiles" : "attention_rows",
                                          tiles != nullptr ? tiles->queries : 4);
  launch.block = {static_cast<unsigned>(tiles != nullptr ? tiles->threads() : 128), 1, 1};
  if (tiles != nullptr) launch.shared_bytes = static_cast<unsigned>(shared_bytes(*tiles, shape, problem));
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& attention_tactic() {
  static const CudaTactic tactic(
      {"cuda.attention", 4, {"Attention"}, attention_launch_support, sources, plan, configs});
  return tactic;
}

}  // namespace ingot::cuda
