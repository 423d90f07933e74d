// SPDX-License-Identifier: Apache-2.0
// cuda.gemm: MatMul, Conv and DeformConv by the tile engine. A config names the tile, the warps, the stages and how k
// is split: "128x64x32 w4x2 s4 k1" (k1: not at all; ka: until every multiprocessor has a block; kb: twice as far).
#include <algorithm>
#include <charconv>
#include <cstddef>

#include "backends/cuda/broadcast.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/gemm_shape.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::GemmParams;

struct Tile {
  int m = 0, n = 0, k = 0, warps_m = 0, warps_n = 0, stages = 0;
  char split = 'a';
};

Result<Tile> parse_tile(std::string_view text) {
  Tile tile;
  const std::pair<int*, char> fields[] = {{&tile.m, 'x'},       {&tile.n, 'x'},       {&tile.k, ' '},
                                          {&tile.warps_m, 'x'}, {&tile.warps_n, ' '}, {&tile.stages, ' '}};
  for (const auto& [value, end] : fields) {
    if (!text.empty() && (text.front() == 'w' || text.front() == 's')) text.remove_prefix(1);
    const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), *value);
    const auto used = static_cast<std::size_t>(at - text.data());
    if (failed != std::errc() || used >= text.size() || *at != end || *value < 1 || *value > 1024)
      return invalid_argument("cuda.gemm: bad config near '{}'", text);
    text.remove_prefix(used + 1);
  }
  if (text.size() != 2 || text[0] != 'k' || (text[1] != '1' && text[1] != 'a' && text[1] != 'b'))
    return invalid_argument("cuda.gemm: bad config near '{}'", text);
  tile.split = text[1];
  return tile;
}

bool half(DType type) { return type == DType::f16 || type == DType::bf16; }

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (!half(type) && type != DType::f32) return Support::no(Refusal::kDType);
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != type) return Support::no(Refusal::kDType);
  if (problem.kind == "Conv" && problem.attrs.get_int("group", 1) > 1 && problem.inputs[1].shape.size() > 1 &&
      problem.inputs[1].shape[1] == 1 && problem.inputs[1].shape[0] == problem.inputs[0].shape.back() &&
      problem.inputs[1].shape.size() == 4)
    return Support::no(Refusal::kNotWorthIt, "depthwise");
  const Result<GemmShape> shape = gemm_shape(problem, problem.inputs, problem.outputs, false);
  if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
  return epilogue_support(problem);
}

std::vector<std::string> configs(const Problem& problem) {
  const Result<GemmShape> shape = gemm_shape(problem, problem.inputs, problem.outputs, false);
  if (!shape.is_ok()) return {};
  const GemmParams& p = shape->params;
  std::vector<std::string> tiles;
  const bool small = p.n <= 32 || p.m <= 32;
  if (!half(problem.inputs[0].dtype)) {
    tiles = {"64x64x16 w2x2 s3", "128x128x16 w2x4 s3", "32x64x16 w2x2 s3"};
    if (small) tiles = {"64x32x16 w2x2 s3", "32x64x16 w2x2 s3"};
  } else if (shape->a == ModeA::kDeform) {
    tiles = {"64x128x32 w2x4 s3", "64x256x32 w2x4 s3", "32x256x64 w1x8 s3",
             "32x128x64 w1x8 s3", "32x64x64 w2x2 s3",  "128x128x32 w2x4 s3"};
  } else if (small) {
    tiles = {"64x32x64 w2x2 s3", "32x64x64 w2x2 s3", "128x32x32 w4x1 s4", "32x32x64 w2x2 s4"};
  } else {
    tiles = {"64x64x64 w2x2 s3",  "128x128x32 w2x4 s4", "128x64x32 w4x2 s4",
             "64x128x32 w2x4 s4", "32x64x64 w2x2 s3",   "64x32x64 w2x2 s4"};
    if (p.m >= 512 && p.n >= 256) tiles.emplace_back("128x256x32 w2x4 s3");
  }
  std::vector<std::string> out;
  for (const std::string& tile : tiles)
    for (const std::string_view split : {" ka", " k1", " kb"}) out.push_back(tile + std::string(split));
  return out;
}

std::string source(const Problem& problem, const GemmShape& shape, const Tile& tile, const std::string& epilogue) {
  const DType type = problem.inputs[0].dtype;
  std::string text = epilogue;
  text += fmt::format("using T = {};\n", cuda_type(type));
  if (half(type)) text += define("TENSOR_CORES", 1);
  text += define("BM", tile.m) + define("BN", tile.n) + define("BK", tile.k) + define("WARPS_M", tile.warps_m) +
          define("WARPS_N", tile.warps_n) + define("STAGES", tile.stages);
  text += define("A_MODE", static_cast<std::int64_t>(shape.a)) + define("B_MODE", static_cast<std::int64_t>(shape.b));
  if (shape.weights_packed && shape.a != ModeA::kDeform) text += define("B_EARLY", 1);
  if (shape.a_columns) text += define("A_COLUMNS", 1);
  if (shape.a == ModeA::kElements)
    text += define("W_CHANNELS", shape.params.group_c) + define("W_KERNEL_W", shape.params.kernel_w);
  if (half(type)) text += include("warp_matrix.cuh");
  text += include("gemm_finish.cuh");
  return assemble(text, "tile_gemm.cu");
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(config));
  INGOT_ASSIGN_OR_RETURN(const std::string epilogue, print_epilogue(problem));
  INGOT_ASSIGN_OR_RETURN(const GemmShape shape, gemm_shape(problem, problem.inputs, problem.outputs, false));
  std::vector<std::string> out{source(problem, shape, tile, epilogue)};
  // Sizes that change may lose the alignment, or gain it.
  if (!shape.weights_packed && shape.aligned()) {
    INGOT_ASSIGN_OR_RETURN(const GemmShape any, gemm_shape(problem, problem.inputs, problem.outputs, true));
    out.push_back(source(problem, any, tile, epilogue));
  }
  return out;
}

unsigned shared_bytes(const Tile& tile, const GemmShape& shape, DType type) {
  const std::int64_t chunk = chunk_of(type), size = bits_of(type) / 8;
  const std::int64_t a = tile.m * (tile.k + chunk);
  const bool columns = shape.b == ModeB::kKN || shape.b == ModeB::kKNAny;
  const std::int64_t b = columns ? tile.k * (tile.n + chunk) : tile.n * (tile.k + chunk);
  return static_cast<unsigned>(std::max(tile.stages * (a + b) * size, std::int64_t{tile.m} * (tile.n + 4) * 4));
}

void choose_split(const Tile& tile, std::int64_t blocks, int multiprocessors, GemmParams& p) {
  const int k_tiles = std::max(1, (p.k + tile.k - 1) / tile.k);
  std::int64_t splits = 1;
  if (tile.split != '1' && blocks > 0) splits = multiprocessors * (tile.split == 'b' ? 2 : 1) / blocks;
  splits = std::clamp<std::int64_t>(splits, 1, std::min(16, std::max(1, k_tiles / 2)));
  p.tiles_per_split = (k_tiles + static_cast<int>(splits) - 1) / static_cast<int>(splits);
  p.splits = (k_tiles + p.tiles_per_split - 1) / p.tiles_per_split;
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(args.config));
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const GemmShape built, gemm_shape(problem, problem.inputs, problem.outputs, false));
  INGOT_ASSIGN_OR_RETURN(GemmShape shape, gemm_shape(problem, args.inputs, args.outputs, false));
  std::size_t module = 0;
  if (shape.a != built.a || shape.b != built.b) {
    // Built aligned: the second module is the other form. Built without alignment: it serves every size.
    INGOT_ASSIGN_OR_RETURN(shape, gemm_shape(problem, args.inputs, args.outputs, true));
    module = !built.weights_packed && built.aligned() ? 1 : 0;
  }
  GemmParams& p = shape.params;
  p.tiles_m = (p.m + tile.m - 1) / tile.m;
  p.tiles_n = (p.n + tile.n - 1) / tile.n;
  const std::int64_t tiles = std::int64_t{p.tiles_m} * p.tiles_n;
  choose_split(tile, tiles * shape.batches, args.multiprocessors, p);
  const int vector = epilogue_vector(args.outputs[0].dtype);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  p.vector_epilogue = layout.vectors && p.n % vector == 0 && p.ldc % vector == 0 ? 1 : 0;
  set_epilogue(layout, p);

  LaunchPlan out;
  PlannedLaunch launch = PlannedLaunch::of("tile_gemm", p);
  launch.dependent = true;
  launch.module = module;
  launch.grid = {static_cast<unsigned>(tiles), static_cast<unsigned>(p.splits), static_cast<unsigned>(shape.batches)};
  launch.block = {static_cast<unsigned>(tile.warps_m * tile.warps_n * 32), 1, 1};
  launch.shared_bytes = shared_bytes(tile, shape, problem.inputs[0].dtype);
  launch.point(offsetof(GemmParams, a), Place::kInput, 0);
  if (shape.weights_packed)
    launch.point(offsetof(GemmParams, b), Place::kWeights, 0);
  else
    launch.point(offsetof(GemmParams, b), Place::kInput, 1);
  if (problem.has_input(shape.bias_input)) launch.point(offsetof(GemmParams, bias), Place::kInput, shape.bias_input);
  if (shape.a == ModeA::kDeform) {
    launch.point(offsetof(GemmParams, offset), Place::kInput, 2);
    if (problem.has_input(4)) launch.point(offsetof(GemmParams, mask), Place::kInput, 4);
  }
  launch.point(offsetof(GemmParams, c), Place::kOutput, 0);
  point_epilogue<GemmParams>(layout, problem.own_inputs(), launch);
  if (p.splits > 1) {
    const auto parts = static_cast<std::size_t>(tiles * shape.batches);
    out.workspace_bytes = parts * static_cast<std::size_t>(p.splits) * static_cast<std::size_t>(tile.m * tile.n) * 4;
    out.data.resize(parts * sizeof(int), std::byte{0});
    launch.point(offsetof(GemmParams, partial), Place::kWorkspace, 0);
    launch.point(offsetof(GemmParams, counters), Place::kData, 0);
  }
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& gemm_tactic() {
  static const CudaTactic tactic(
      {"cuda.gemm", 2, {"MatMul", "Conv", "DeformConv"}, supports, sources, plan, configs, pack_weights});
  return tactic;
}

}  // namespace ingot::cuda
