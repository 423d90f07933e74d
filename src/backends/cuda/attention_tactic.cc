// SPDX-License-Identifier: Apache-2.0
// cuda.attention: Attention without a past, by tiles on the tensor cores where types and alignment allow, otherwise by
// rows. A config of tiles names queries of a block x keys of a warp, 16-row tiles of a warp, groups of warps along the
// keys, and stages: "64x64 r1 g1 s2". The form by rows has the config "rows".
#include <algorithm>
#include <cstddef>

#include "backends/cpu/attention_shape.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using cpu::AttentionShape;
using ingot_cuda::AttentionParams;

constexpr std::int64_t kMostSize = 256;         // elements of a row that the registers of a warp hold
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
    {64, 64, 1, 1, 2}, {64, 64, 1, 1, 1},  {128, 64, 2, 1, 1}, {128, 32, 2, 1, 2}, {128, 64, 2, 1, 2},
    {64, 32, 2, 1, 2}, {128, 64, 1, 1, 1}, {64, 32, 1, 1, 2},  {16, 32, 1, 4, 1},  {16, 64, 1, 4, 1},
    {32, 32, 1, 4, 1}, {32, 64, 1, 2, 1},  {32, 64, 1, 4, 1},  {64, 32, 1, 2, 2},  {64, 64, 1, 2, 1},
};

std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

Result<AttentionShape> shape_of(const Problem& problem, std::span<const Operand> inputs, const Operand& output) {
  INGOT_ASSIGN_OR_RETURN(AttentionShape shape, cpu::attention_shape(problem.attrs, inputs, output));
  if (shape.q.batches > kMaxGridYZ || shape.q.heads > kMaxGridYZ)
    return unsupported("{} heads of {}", shape.q.heads, shape.q.batches);
  if (shape.q.size > kMostSize || shape.v.size > kMostSize)
    return unsupported("heads of {} and {}", shape.q.size, shape.v.size);
  return shape;
}

// 16-byte pieces everywhere.
bool tiled(const Problem& problem, const AttentionShape& shape) {
  if (bits_of(problem.inputs[0].dtype) != 16) return false;
  for (const cpu::HeadView* view : {&shape.q, &shape.k, &shape.v, &shape.y})
    for (const std::int64_t elements : {view->size, view->batch, view->head, view->row, view->first})
      if (elements % 8 != 0) return false;
  return true;
}

// As kernels/attention_tiles.cu lays it out.
std::int64_t shared_bytes(const Tiles& tiles, const AttentionShape& shape) {
  const std::int64_t pitch = round_up(shape.q.size, 16) + 8, pitch_v = round_up(shape.v.size, 16) + 8;
  const std::int64_t buffers = tiles.stages * tiles.groups * tiles.keys * (pitch + pitch_v) * 2;
  const std::int64_t parts = tiles.groups == 1 ? 0 : tiles.threads() * tiles.row_tiles * (pitch_v / 2) * 4;
  return tiles.queries * std::max(pitch, pitch_v) * 2 + std::max(buffers, parts);
}

// Of a thread, about: sums, scores, queries, a row of the mask or two, addresses.
std::int64_t registers(const Tiles& tiles, const AttentionShape& shape, bool mask) {
  const std::int64_t size = round_up(shape.q.size, 16), size_v = round_up(shape.v.size, 16);
  const std::int64_t queries = tiles.row_tiles * size <= 128 ? size / 4 : 0;  // held
  return tiles.row_tiles * (size_v / 2 + tiles.keys / 2 + queries + 35) +
         (mask ? tiles.keys / (2 * tiles.row_tiles) : 0) + 10;
}

bool fits(const Tiles& tiles, const AttentionShape& shape, bool mask) {
  return registers(tiles, shape, mask) <= 256 && shared_bytes(tiles, shape) <= kMostShared;
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

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  for (std::size_t i = 1; i < 3; ++i)
    if (problem.inputs[i].dtype != type) return Support::no(Refusal::kDType);
  if (problem.outputs[0].dtype != type) return Support::no(Refusal::kDType);
  if (cpu::has_mask(problem.inputs) && problem.inputs[3].dtype != DType::boolean &&
      (!is_float(problem.inputs[3].dtype) || cuda_type(problem.inputs[3].dtype).empty() ||
       problem.inputs[3].dtype == DType::f64))
    return Support::no(Refusal::kDType, "mask");
  if (Support support = cpu::attention_support(problem); !support.ok()) return support;
  const auto shape = shape_of(problem, problem.inputs, problem.outputs[0]);
  return shape.is_ok() ? Support::yes() : Support::no(Refusal::kShape, shape.status().message());
}

std::vector<std::string> configs(const Problem& problem) {
  const auto shape = shape_of(problem, problem.inputs, problem.outputs[0]);
  std::vector<std::string> out;
  if (shape.is_ok() && tiled(problem, *shape)) {
    const bool mask = cpu::has_mask(problem.inputs);
    for (const Tiles& tiles : kTiles)
      if (fits(tiles, *shape, mask) && promising(tiles, *shape)) out.push_back(tiles.text());
    for (const Tiles& tiles : kTiles)
      if (out.empty() && fits(tiles, *shape, mask)) out.push_back(tiles.text());
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
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, shape_of(problem, problem.inputs, problem.outputs[0]));
  const bool mask = cpu::has_mask(problem.inputs);
  const DType mask_type = mask ? problem.inputs[3].dtype : DType::f32;
  std::string text = fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("SIZE", shape.q.size) + define("SIZE_V", shape.v.size);
  text += define("MASK", !mask ? 0 : mask_type == DType::boolean ? 2 : 1);
  text += fmt::format("using MASK_T = {};\n", cuda_type(mask_type));
  if (tiles == nullptr) return std::vector<std::string>{assemble(text, "attention_rows.cu")};
  text += define("RAW_SCORES", !mask && shape.scale > 0 ? 1 : 0);
  text += define("WARPS", tiles->warps()) + define("ROW_TILES", tiles->row_tiles) + define("GROUPS", tiles->groups) +
          define("KEYS", tiles->keys) + define("STAGES", tiles->stages) +
          define("MIN_BLOCKS", std::max<std::int64_t>(1, 65536 / (tiles->threads() * registers(*tiles, shape, mask)))) +
          include("warp_matrix.cuh");
  return std::vector<std::string>{assemble(text, "attention_tiles.cu")};
}

AttentionParams params_of(const Problem& problem, const AttentionShape& shape) {
  const auto& [q, k, v, y, mask_strides, mask_batches, scale] = shape;
  AttentionParams p{};
  p.q_batch = q.batch, p.q_head = q.head, p.q_row = q.row;
  p.k_batch = k.batch, p.k_head = k.head, p.k_row = k.row;
  p.v_batch = v.batch, p.v_head = v.head, p.v_row = v.row;
  p.y_batch = y.batch, p.y_head = y.head, p.y_row = y.row;
  p.heads_per_kv = static_cast<int>(q.heads / k.heads);
  p.queries = static_cast<int>(q.length);
  p.keys = static_cast<int>(k.length);
  p.causal = problem.attrs.get_int("is_causal", 0) != 0 ? 1 : 0;
  p.scale = static_cast<float>(scale);
  p.mask_batch = mask_strides[0], p.mask_head = mask_strides[1], p.mask_row = mask_strides[2],
  p.mask_column = mask_strides[3];
  p.mask_batches = static_cast<int>(mask_batches);
  const bool odd =
      std::any_of(mask_strides.begin(), mask_strides.begin() + 3, [](std::int64_t s) { return s % 2 != 0; });
  p.mask_pairs = cpu::has_mask(problem.inputs) && !odd && k.length % 2 == 0 ? 1 : 0;
  return p;
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const Tiles* tiles, tiles_of(args.config));
  INGOT_ASSIGN_OR_RETURN(const AttentionShape shape, shape_of(problem, args.inputs, args.outputs[0]));
  const AttentionParams params = params_of(problem, shape);
  PlannedLaunch launch = PlannedLaunch::of(tiles != nullptr ? "attention_tiles" : "attention_rows", params);
  launch.dependent = true;
  launch.block = {static_cast<unsigned>(tiles != nullptr ? tiles->threads() : 128), 1, 1};
  const std::int64_t queries = tiles != nullptr ? tiles->queries : 4;  // of a block
  launch.grid = {static_cast<unsigned>((shape.q.length + queries - 1) / queries), static_cast<unsigned>(shape.q.heads),
                 static_cast<unsigned>(shape.q.batches)};
  if (tiles != nullptr) launch.shared_bytes = static_cast<unsigned>(shared_bytes(*tiles, shape));
  const auto bytes = [&](const cpu::HeadView& view) {
    return static_cast<std::size_t>(view.first * bits_of(problem.inputs[0].dtype) / 8);
  };
  launch.point(offsetof(AttentionParams, q), Place::kInput, 0, bytes(shape.q));
  launch.point(offsetof(AttentionParams, k), Place::kInput, 1, bytes(shape.k));
  launch.point(offsetof(AttentionParams, v), Place::kInput, 2, bytes(shape.v));
  launch.point(offsetof(AttentionParams, y), Place::kOutput, 0);
  if (cpu::has_mask(problem.inputs)) launch.point(offsetof(AttentionParams, mask), Place::kInput, 3);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& attention_tactic() {
  static const CudaTactic tactic({"cuda.attention", 4, {"Attention"}, supports, sources, plan, configs});
  return tactic;
}

}  // namespace ingot::cuda
