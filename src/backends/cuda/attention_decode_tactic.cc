// SPDX-License-Identifier: Apache-2.0
// cuda.attention_decode: Attention of few queries over many keys, whose time is that of reading keys and values. The
// keys fall into parts, so that all multiprocessors read, and the queries of all heads that share a head of keys are
// rows of one block. On the tensor cores where types and alignment allow, otherwise by lanes. A config of the former
// names keys of a warp's step x warps, stages, and blocks of a multiprocessor that the keys are shared out to: "16x4 s2
// b2"; the form by lanes has the last of these only: "lanes b2".
#include <algorithm>
#include <cstddef>
#include <numeric>

#include "backends/cuda/attention_launch.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using cpu::AttentionShape;
using ingot_cuda::AttentionParams;

constexpr std::int64_t kMostQueries = 16;
constexpr std::int64_t kMostShared = 99 << 10;  // of a block, on every device from sm_80
constexpr std::int64_t kMostParts = 1024;
constexpr std::int64_t kMultiprocessors = 132;  // of the device that guesses are for
// As kernels/attention_parts.cuh has them.
constexpr std::int64_t kMeetWarps = 8, kMeetVectors = 32;

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }
std::int64_t round_up(std::int64_t value, std::int64_t to) { return ceil_div(value, to) * to; }

// keys = 0: by lanes.
struct Config {
  std::int64_t keys = 0, warps = 0, stages = 0, blocks = 0;

  [[nodiscard]] std::string text() const {
    return keys == 0 ? fmt::format("lanes b{}", blocks) : fmt::format("{}x{} s{} b{}", keys, warps, stages, blocks);
  }
};

// In the order of trust.
constexpr Config kConfigs[] = {
    {16, 4, 2, 3}, {16, 4, 2, 2}, {16, 2, 3, 4}, {32, 4, 2, 2}, {16, 4, 3, 2}, {16, 2, 2, 2}, {16, 2, 2, 6},
    {16, 4, 2, 1}, {16, 4, 2, 6}, {16, 2, 4, 2}, {0, 4, 0, 4},  {0, 4, 0, 2},  {0, 4, 0, 8},  {0, 4, 0, 1},
};

// Queries of all heads that share a head of keys.
std::int64_t rows_of(const AttentionShape& shape) { return shape.q.heads / shape.k.heads * shape.q.length; }

// ---- on the tensor cores ----
// Of 16 rows, as many as a thread has registers for.
std::int64_t row_tiles(const AttentionShape& shape) { return rows_of(shape) > 16 && shape.v.size <= 128 ? 2 : 1; }

// Of a thread, about: sums, scores, mask, addresses.
std::int64_t registers(const Config& config, const AttentionShape& shape, bool mask) {
  const std::int64_t scores = config.keys / 2;
  return row_tiles(shape) * (round_up(shape.v.size, 16) / 2 + scores + (mask ? scores + 4 : 0) + 14) + 50;
}

// As kernels/attention_decode.cu and attention_parts.cuh lay it out.
std::int64_t tile_shared_bytes(const Config& config, const AttentionShape& shape) {
  const std::int64_t pitch = round_up(shape.q.size, 16) + 8, pitch_v = round_up(shape.v.size, 16) + 8;
  const std::int64_t rows = row_tiles(shape) * 16;
  return std::max(2 * (rows * pitch + config.warps * config.stages * config.keys * (pitch + pitch_v)),
                  4 * config.warps * rows * pitch_v);
}

// ---- by lanes ----
struct Lanes {
  std::int64_t vector = 1, lanes = 32, rows = 1, at_once = 1;
};

Lanes lanes_of(const Problem& problem, const AttentionShape& shape) {
  const std::int64_t bytes = bits_of(problem.inputs[0].dtype) / 8;
  Lanes out;
  out.vector = 16 / bytes;
  for (const cpu::HeadView* view : {&shape.q, &shape.k, &shape.v})
    for (const std::int64_t elements : {view->size, view->batch, view->head, view->row, view->first})
      out.vector = std::gcd(out.vector, elements);
  const auto columns = [&](std::int64_t lanes) {  // of a thread
    const std::int64_t stride = lanes * out.vector;
    return (ceil_div(shape.q.size, stride) + ceil_div(shape.v.size, stride)) * out.vector;
  };
  constexpr std::int64_t kMostNumbers = 64;  // queries and sums of a thread
  while (out.rows < 8 && out.rows < rows_of(shape) && 2 * out.rows * columns(32) <= kMostNumbers) out.rows *= 2;
  // The fewer lanes the less is exchanged between them; but the fewest that are idle, and pieces of 64 bytes.
  for (std::int64_t lanes = 16; lanes >= 4 && lanes * out.vector * bytes >= 64; lanes /= 2)
    if (out.rows * columns(lanes) <= kMostNumbers && lanes * columns(lanes) <= out.lanes * columns(out.lanes))
      out.lanes = lanes;
  const std::int64_t words = std::max<std::int64_t>(1, out.vector * bytes / 4) * columns(out.lanes) / out.vector;
  out.at_once = std::clamp<std::int64_t>(32 / words, 1, 4);
  return out;
}

// ---- both ----
// What the source fixes: it follows from the sizes of the problem, whatever those of a run are.
struct Block {
  std::int64_t rows = 0, step = 0;  // rows, and keys of a round of all warps
  std::int64_t shared_bytes = 0;
};

Block block_of(const Config& config, const Problem& problem, const AttentionShape& shape) {
  if (config.keys != 0) return {row_tiles(shape) * 16, config.keys * config.warps, tile_shared_bytes(config, shape)};
  const Lanes lanes = lanes_of(problem, shape);
  return {lanes.rows, config.warps * (32 / lanes.lanes) * lanes.at_once,
          4 * config.warps * lanes.rows * (round_up(shape.v.size, 16) + 8)};
}

struct Grid {
  std::int64_t blocks = 0, parts = 0;  // blocks of a part and batch entry
};

Grid grid_of(const Config& config, const Block& block, const AttentionShape& shape, bool causal,
             std::int64_t multiprocessors) {
  const std::int64_t keys = causal ? std::min(shape.k.length, shape.q.length) : shape.k.length;
  Grid grid;
  grid.blocks = shape.k.heads * ceil_div(rows_of(shape), block.rows);
  const std::int64_t units = std::max<std::int64_t>(1, grid.blocks * shape.q.batches);
  const std::int64_t most = std::clamp<std::int64_t>(ceil_div(keys, block.step), 1, kMostParts);
  grid.parts = std::clamp<std::int64_t>(config.blocks * multiprocessors / units, 1, most);
  return grid;
}

bool is_causal(const Problem& problem) { return problem.attrs.get_int("is_causal", 0) != 0; }

Support supports(const Problem& problem) {
  if (Support support = attention_launch_support(problem); !support.ok()) return support;
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
  if (shape->q.length > kMostQueries) return Support::no(Refusal::kNotWorthIt, "many queries");
  return Support::yes();
}

std::vector<std::string> configs(const Problem& problem) {
  std::vector<std::string> out;
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  if (!shape.is_ok()) return out;
  const bool tiles = attention_in_pieces(problem, *shape), mask = cpu::has_mask(problem.inputs);
  std::vector<std::array<std::int64_t, 4>> known;  // the same launches under another name are not timed again
  for (const Config& config : kConfigs) {
    if ((config.keys != 0) != tiles) continue;
    const Block block = block_of(config, problem, *shape);
    if (block.shared_bytes > kMostShared || (tiles && registers(config, *shape, mask) > 250)) continue;
    if (!out.empty() && block.step > round_up(shape->k.length, 16)) continue;  // warps without keys
    const std::int64_t parts = grid_of(config, block, *shape, is_causal(problem), kMultiprocessors).parts;
    const std::array<std::int64_t, 4> same = {config.keys, config.warps, config.stages, parts};
    if (std::find(known.begin(), known.end(), same) != known.end()) continue;
    known.push_back(same);
    out.push_back(config.text());
  }
  return out;
}

Result<const Config*> config_of(const std::string& text) {
  for (const Config& config : kConfigs)
    if (config.text() == text) return &config;
  return invalid_argument("cuda.attention_decode: bad config '{}'", text);
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& text) {
  INGOT_ASSIGN_OR_RETURN(const Config* config, config_of(text));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(problem, problem.inputs, problem.outputs[0]));
  std::string definitions = attention_definitions(problem, shape) + define("WARPS", config->warps);
  if (config->keys == 0) {
    const Lanes lanes = lanes_of(problem, shape);
    definitions += define("ROWS", lanes.rows) + define("LANES", lanes.lanes) + define("VECTOR", lanes.vector) +
                   define("AT_ONCE", lanes.at_once) + include("attention_mask.cuh") + include("attention_parts.cuh");
    return std::vector<std::string>{assemble(definitions, "attention_decode_lanes.cu")};
  }
  const std::int64_t needed = config->warps * 32 * registers(*config, shape, cpu::has_mask(problem.inputs));
  definitions += define("ROW_TILES", row_tiles(shape)) + define("KEYS", config->keys) +
                 define("STAGES", config->stages) +
                 define("MIN_BLOCKS", std::clamp<std::int64_t>(65536 / needed, 1, 4)) + include("warp_matrix.cuh") +
                 include("attention_mask.cuh") + include("attention_tile.cuh") + include("attention_parts.cuh");
  return std::vector<std::string>{assemble(definitions, "attention_decode.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const Config* config, config_of(args.config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape tuned, attention_problem(problem, problem.inputs, problem.outputs[0]));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, attention_problem(problem, args.inputs, args.outputs[0]));
  if (shape.q.size != tuned.q.size || shape.v.size != tuned.v.size)
    return invalid_argument("cuda.attention_decode: heads of {} and {}, but the code is for {} and {}", shape.q.size,
                            shape.v.size, tuned.q.size, tuned.v.size);
  const Block block = block_of(*config, problem, tuned);
  const Grid grid = grid_of(*config, block, shape, is_causal(problem), args.multiprocessors);
  AttentionParams params = attention_params(problem, shape);
  params.parts = static_cast<int>(grid.parts);
  const bool lanes = config->keys == 0;
  LaunchPlan out;
  PlannedLaunch launch =
      attention_launch(problem, shape, lanes ? "attention_decode_lanes" : "attention_decode", params);
  launch.grid = {static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.parts),
                 static_cast<unsigned>(shape.q.batches)};
  launch.block = {static_cast<unsigned>(config->warps * 32), 1, 1};
  launch.shared_bytes = static_cast<unsigned>(block.shared_bytes);
  if (grid.parts == 1) {
    out.launches.push_back(std::move(launch));
    return out;
  }
  const std::int64_t rows = shape.q.batches * shape.q.heads * shape.q.length;
  const auto sums = static_cast<std::size_t>(round_up(rows * grid.parts * shape.v.size * 4, 16));
  out.workspace_bytes = sums + static_cast<std::size_t>(rows * grid.parts * 2 * 4);
  PlannedLaunch meet = attention_launch(problem, shape, "attention_meet", params);
  const std::int64_t vectors = shape.v.size % 4 == 0 ? shape.v.size / 4 : shape.v.size;
  meet.grid = {static_cast<unsigned>(rows), static_cast<unsigned>(ceil_div(vectors, kMeetVectors)), 1};
  meet.block = {kMeetWarps * 32, 1, 1};
  for (PlannedLaunch* each : {&launch, &meet}) {
    each->point(offsetof(AttentionParams, part_sums), Place::kWorkspace, 0);
    each->point(offsetof(AttentionParams, part_totals), Place::kWorkspace, 0, sums);
  }
  out.launches.push_back(std::move(launch));
  out.launches.push_back(std::move(meet));
  return out;
}

}  // namespace

const Tactic& attention_decode_tactic() {
  static const CudaTactic tactic({"cuda.attention_decode", 1, {"Attention"}, supports, sources, plan, configs});
  return tactic;
}

}  // namespace ingot::cuda
