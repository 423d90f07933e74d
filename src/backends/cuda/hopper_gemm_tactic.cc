// SPDX-License-Identifier: Apache-2.0
// cuda.hopper_gemm, and cuda.hopper_row_matmul for RowMatMul: products with constant weights by the tile engine for
// sm_90a. A config names the tile, the stages, the row tiles of a cluster, and how k is split: "128x256 s4 m2 ka" (k1:
// not at all; ka: until every multiprocessor has a block; kb: twice as far); at the end "c" brings A through the
// first-level cache, "h" and "f" interpolate samples in half precision or in fp32, and behind these "r": products take
// samples from registers, where every thread makes its own.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <numeric>

#include "backends/cuda/broadcast.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/gemm_shape.h"
#include "backends/cuda/hopper_guess.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"
#include "backends/cuda/wgmma.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::GemmParams;

constexpr int kTileK = 64;
constexpr int kClusterLimit = 8;  // blocks of a cluster that every device allows
constexpr int kUsualMultiprocessors = 132;
constexpr std::int64_t kTableLimit = 48 << 10, kSharedLimit = 227 << 10;
constexpr std::size_t kRowsTo = 3;                            // operand of RowMatMul
constexpr std::int64_t kMostOrdered = std::int64_t{1} << 19;  // elements of its result

struct Tile {
  int m = 0, n = 0, stages = 0, cluster = 0;
  char split = 'a', mode = ' ', way = ' ';

  [[nodiscard]] bool direct() const { return way == 'r'; }
  [[nodiscard]] int warpgroups_m() const { return std::min(2, m / 64); }
  [[nodiscard]] int warpgroups_n() const { return m == 64 && n == 256 ? 2 : 1; }
  [[nodiscard]] int consumers() const { return warpgroups_m() * warpgroups_n() * 128; }
  // Accumulators of a thread.
  [[nodiscard]] int registers() const { return m * n / consumers(); }
  [[nodiscard]] int stage_bytes() const { return ((direct() ? 0 : m) + n) * kTileK * 2; }
};

Result<Tile> parse_tile(const std::string& text) {
  Tile tile;
  const int fields = std::sscanf(text.c_str(), "%4dx%4d s%2d m%2d k%c %c%c", &tile.m, &tile.n, &tile.stages,
                                 &tile.cluster, &tile.split, &tile.mode, &tile.way);
  const bool sizes = (tile.m == 64 || tile.m == 128 || tile.m == 256) && tile.n >= 16 && tile.n <= 256 &&
                     tile.n % 16 == 0 && tile.stages >= 2 && tile.stages <= 16 && tile.registers() <= 128 &&
                     (tile.cluster == 1 || tile.cluster == 2 || tile.cluster == 4);
  if (fields < 5 || !sizes || std::string_view("1ab").find(tile.split) == std::string_view::npos)
    return invalid_argument("cuda.hopper_gemm: bad config '{}'", text);
  return tile;
}

bool reorders(const Problem& problem) { return problem.kind == "RowMatMul"; }

TensorMapSpec map_of(const GemmShape& shape, const Tile& tile, DType type) {
  const GemmParams& p = shape.params;
  TensorMapSpec map{.dtype = type, .rows = static_cast<unsigned>(tile.m)};
  if (shape.a == ModeA::kRows) {
    map.sizes = {p.k, shape.batches, p.m};
    map.pitches = {p.k, p.lda};
    return map;
  }
  const std::int64_t row = std::int64_t{p.in_w} * p.in_c;
  map.windows = true;
  map.sizes = {p.in_c, p.in_w, p.in_h, p.m / std::max(std::int64_t{1}, std::int64_t{p.out_h} * p.out_w)};
  map.pitches = {p.in_c, row, row * p.in_h};
  map.lower = {-p.pad_w, -p.pad_h};
  map.upper = {(p.out_w - 1) * p.stride_w - p.pad_w - (p.in_w - 1),
               (p.out_h - 1) * p.stride_h - p.pad_h - (p.in_h - 1)};
  map.strides = {static_cast<unsigned>(p.stride_w), static_cast<unsigned>(p.stride_h)};
  map.reach = {(p.kernel_w - 1) * p.dilation_w, (p.kernel_h - 1) * p.dilation_h};
  return map;
}

// k runs over slices of 64 channels.
bool sliced(const GemmShape& shape) {
  if (shape.params.group_c % kTileK != 0) return false;
  return shape.a == ModeA::kDeform || (shape.a == ModeA::kWindow && map_of(shape, {}, DType::f16).can_express());
}

// A comes by tensor map.
bool mapped(const GemmShape& shape) { return shape.a == ModeA::kRows || (shape.a == ModeA::kWindow && sliced(shape)); }

int producers(const GemmShape& shape, const Tile& tile) {
  if (tile.direct()) return 0;
  if (mapped(shape)) return 32;
  return shape.a == ModeA::kDeform ? 256 : 128;
}

std::int64_t table_bytes(const GemmShape& shape, const Tile& tile) {
  if (shape.a != ModeA::kDeform) return 0;
  return std::int64_t{shape.params.kernel_h} * shape.params.kernel_w * tile.m * (tile.mode == 'h' ? 12 : 20);
}

std::int64_t result_bytes(const Tile& tile, std::int64_t rows) { return (rows * (tile.n + 8) * 4 + 15) / 16 * 16; }

std::int64_t shared_bytes(const GemmShape& shape, const Tile& tile) {
  const std::int64_t stages = std::int64_t{tile.stages} * tile.stage_bytes();
  return std::max(stages, result_bytes(tile, tile.m)) + tile.stages * 16 + table_bytes(shape, tile);
}

// Elements that every load of A may take at once.
std::int64_t vector_of(const GemmShape& shape) { return std::gcd(shape.params.group_c, 8); }

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != type && !(reorders(problem) && i == kRowsTo))
      return Support::no(Refusal::kDType);
  const Result<GemmShape> shape = gemm_shape(problem, problem.inputs, problem.outputs, false);
  if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
  if (!shape->weights_packed) return Support::no(Refusal::kConstant, "weights are not constant");
  const GemmParams& p = shape->params;
  if (shape->a == ModeA::kAny || (shape->a == ModeA::kElements && vector_of(*shape) < 2))
    return Support::no(Refusal::kLayout, "rows that are not made of 16 bytes, or pixels not of 4");
  if (reorders(problem)) {
    if (shape->batches != 1) return Support::no(Refusal::kShape, "several products");
    // There a library's product is faster by more than a copy of the rows takes.
    if (std::int64_t{p.m} * p.n > kMostOrdered) return Support::no(Refusal::kNotWorthIt);
  }
  if (p.group_c == 1 || p.k < 16) return Support::no(Refusal::kNotWorthIt);
  if (shape->a == ModeA::kDeform &&
      (!sliced(*shape) || p.in_c / p.offset_groups % kTileK != 0 || table_bytes(*shape, {64, 64}) > kTableLimit))
    return Support::no(Refusal::kShape, "channels or window of the deformable convolution");
  if (p.in_h >= 0x2000 || p.in_w >= 0x2000) return Support::no(Refusal::kShape, "images larger than 8191");
  return epilogue_support(problem);
}

int choose_splits(const Tile& tile, std::int64_t blocks, int multiprocessors, int k_tiles) {
  if (tile.split == '1' || blocks == 0) return 1;
  const std::int64_t wanted = std::int64_t{multiprocessors} * (tile.split == 'b' ? 2 : 1) / blocks;
  return static_cast<int>(
      std::clamp<std::int64_t>(wanted, 1, std::min(kClusterLimit / tile.cluster, std::max(1, k_tiles / 2))));
}

std::int64_t blocks_of(const GemmShape& shape, const Tile& tile) {
  const GemmParams& p = shape.params;
  return std::int64_t{(p.m + tile.m - 1) / tile.m} * ((p.n + tile.n - 1) / tile.n) * shape.batches;
}

int k_tiles_of(const GemmShape& shape) { return (shape.params.k + kTileK - 1) / kTileK; }

std::vector<std::string> tiles_for(const GemmShape& shape) {
  const GemmParams& p = shape.params;
  const std::int64_t work = std::int64_t{p.m} * p.n * shape.batches;
  if (shape.a == ModeA::kDeform) {
    if (p.n <= 64) return {"64x64 s4 m1", "128x64 s4 m1", "128x64 s4 m1 r"};
    if (p.n <= 128) return {"64x128 s4 m1", "128x128 s4 m1"};
    // 128 rows where k need not be split: of clusters of four such blocks, a device does not hold one per four
    // multiprocessors.
    if (work >= std::int64_t{128} * 256 * 132) return {"128x256 s4 m1 r", "128x256 s3 m1", "64x256 s3 m1"};
    // Maps so small that tiles of all columns leave most of the device idle.
    if (work <= std::int64_t{64} * 256 * 132 / (2 * kClusterLimit)) return {"64x128 s4 m1", "64x256 s3 m1"};
    return {"64x256 s3 m1", "64x128 s4 m1"};
  }
  std::vector<std::string> tiles;
  // Four stages and fewer: the next kernel's blocks find room beside these.
  if (work <= std::int64_t{132} * 128 * 128)
    tiles = {"64x64 s6 m1", "64x64 s4 m1", "64x32 s6 m1", "64x128 s4 m1", "64x128 s3 m1", "128x64 s4 m1"};
  // Widths of transformers, in whole waves of blocks where powers of two begin another.
  if (!tiles.empty() && p.n % 96 == 0) tiles.insert(tiles.end(), {"64x48 s6 m1", "64x96 s4 m1"});
  if (p.n <= 16) return {"64x16 s6 m1", "128x16 s4 m1"};
  if (p.n <= 32) return {"64x32 s6 m1", "128x32 s4 m1"};
  if (work >= std::int64_t{66} * 128 * 128) {
    // Hardly a sum: the time goes into memory, and what hides it is many blocks.
    if (k_tiles_of(shape) <= 2) {
      tiles.emplace_back("64x64 s2 m1");
      if (p.n > 64) tiles.emplace_back("64x128 s2 m1");
      if (p.n % 96 == 0) tiles.emplace_back("64x96 s2 m1");
    }
    if (p.n <= 64) {
      tiles.insert(tiles.end(), {"128x64 s4 m1", "256x64 s3 m1", "64x64 s6 m1"});
    } else {
      tiles.insert(tiles.end(), {"128x128 s3 m1", "128x128 s3 m2", "128x128 s6 m1", "256x128 s4 m1", "256x128 s4 m2"});
      if (p.n % 256 == 0 || p.n > 512) tiles.insert(tiles.end(), {"128x256 s4 m1", "128x256 s4 m2"});
      if (p.n % 96 == 0) tiles.insert(tiles.end(), {"128x96 s3 m1", "128x192 s4 m1"});
    }
  } else if (p.n >= 128) {
    tiles.emplace_back("128x128 s6 m1");
  }
  std::sort(tiles.begin(), tiles.end());
  tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
  return tiles;
}

// That a multiprocessor has room for.
std::int64_t blocks_at_once(const GemmShape& shape, const Tile& tile) {
  const int threads = tile.consumers() + producers(shape, tile);
  if (tile.registers() > 64 || threads > 384 || (shape.a == ModeA::kDeform && tile.n > 64)) return 1;
  const std::int64_t most = threads > 256 || shape.a == ModeA::kDeform ? 2 : tile.registers() <= 32 ? 4 : 3;
  return std::clamp<std::int64_t>(kSharedLimit / (shared_bytes(shape, tile) + 1024), 1, most);
}

double guess_of(const Problem& problem, const GemmShape& shape, const Tile& tile, std::int64_t blocks, int splits) {
  HopperGuess guess{.k_tiles = k_tiles_of(shape), .blocks = blocks, .splits = splits, .m = tile.m, .n = tile.n};
  guess.blocks_at_once = static_cast<int>(blocks_at_once(shape, tile));
  for (std::size_t i = problem.own_inputs(); i < problem.inputs.size(); ++i)
    guess.reads_operands |= problem.inputs[i].shape == problem.outputs[0].shape;
  return guess_microseconds(guess);
}

// `text` is a tile, "r" behind it where samples stay in registers. Weights in bf16 would be too coarse.
std::string sampled_config(std::string_view text, std::string_view split, DType type) {
  const bool direct = text.ends_with(" r");
  return fmt::format("{}{} {}{}", text.substr(0, text.size() - (direct ? 2 : 0)), split, type == DType::f16 ? 'h' : 'f',
                     direct ? "r" : "");
}

// Every way to split that differs on a device of the usual size.
std::vector<std::string> configs(const Problem& problem) {
  const Result<GemmShape> shape = gemm_shape(problem, problem.inputs, problem.outputs, false);
  if (!shape.is_ok()) return {};
  const GemmParams& p = shape->params;
  const DType type = problem.inputs[0].dtype;
  const bool deform = shape->a == ModeA::kDeform;
  const bool window = shape->a == ModeA::kWindow && !mapped(*shape) && p.kernel_h * p.kernel_w > 1;
  std::vector<std::pair<double, std::string>> guesses;
  for (const std::string& text : tiles_for(*shape)) {
    int before = 0;
    for (const std::string_view split : {" ka", " k1", " kb"}) {
      const std::string config = deform ? sampled_config(text, split, type) : text + std::string(split);
      const Result<Tile> tile = parse_tile(config);
      if (!tile.is_ok() || shared_bytes(*shape, *tile) > kSharedLimit) continue;
      if (tile->direct() && p.offset_groups > 1) continue;
      const std::int64_t blocks = blocks_of(*shape, *tile);
      const int splits = choose_splits(*tile, blocks, kUsualMultiprocessors, k_tiles_of(*shape));
      if (split != " ka" && (splits == before || (split == " k1" && before > 4))) continue;
      before = splits;
      const double guess = deform ? 0 : guess_of(problem, *shape, *tile, blocks, splits);  // deform: in order
      guesses.emplace_back(guess, config);
      if (window && (p.m >= 4096 || (tile->m == 64 && tile->n <= 64))) guesses.emplace_back(guess, config + " c");
    }
  }
  std::stable_sort(guesses.begin(), guesses.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  out.reserve(guesses.size());
  for (auto& [guess, config] : guesses) out.push_back(std::move(config));
  return out;
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(config));
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  INGOT_ASSIGN_OR_RETURN(const GemmShape shape, gemm_shape(problem, problem.inputs, problem.outputs, false));
  const DType type = problem.inputs[0].dtype;
  const int threads = tile.consumers() + producers(shape, tile);
  text += fmt::format("using T = {};\n", cuda_type(type));
  text += define("HALF_NAME", type == DType::f16 ? "\"f16\"" : "\"bf16\"");
  text += define("BM", tile.m) + define("BN", tile.n) + define("STAGES", tile.stages) +
          define("WARPGROUPS_M", tile.warpgroups_m()) + define("WARPGROUPS_N", tile.warpgroups_n()) +
          define("PRODUCERS", producers(shape, tile)) + define("CLUSTER_M", tile.cluster) +
          define("A_MODE", static_cast<std::int64_t>(shape.a));
  if (shape.a == ModeA::kDeform) {
    text += define("W_TAPS", std::int64_t{shape.params.kernel_h} * shape.params.kernel_w) +
            define("W_KERNEL_W", shape.params.kernel_w) + define("W_OFFSET_GROUPS", shape.params.offset_groups);
    if (shape.params.offset_channel == 1) text += define("OFFSET_PAIRS", 1);
  }
  if (shape.a == ModeA::kElements)
    text += define("W_VECTOR", vector_of(shape)) + define("W_CHANNELS", shape.params.group_c) +
            define("W_KERNEL_W", shape.params.kernel_w);
  if (sliced(shape)) text += define("SLICED", 1);
  if (reorders(problem)) text += define("ROWS_TO", 1);
  if (tile.mode == 'h') text += define("SAMPLE_HALF", 1);
  text += define("COPY_A", tile.mode == 'c' ? "copy_async_16_cached" : "copy_async_16");
  // Registers move from producers to consumers where the accumulators would not fit otherwise.
  const bool many_registers = tile.registers() > 64;
  const std::int64_t blocks = blocks_at_once(shape, tile);
  if (many_registers && threads > 384) text += define("CONSUMER_REGISTERS", 160) + define("PRODUCER_REGISTERS", 96);
  if (tile.registers() > 48 && threads == 384 && blocks == 2)
    text += define("CONSUMER_REGISTERS", 96) + define("PRODUCER_REGISTERS", 48);
  if (tile.registers() > 32 && threads == 256 && blocks == 3)
    text += define("CONSUMER_REGISTERS", 112) + define("PRODUCER_REGISTERS", 48);
  text += define("MIN_BLOCKS", blocks) + define("SAMPLES_AHEAD", tile.m == 64 && blocks == 1 ? 2 : 1);
  // A single instruction must fit what the launch bounds leave it before registers move.
  const int columns = tile.n / tile.warpgroups_n();
  const int instruction = blocks * threads >= 768 && columns == 128 ? 64
                          : columns == 256 && threads > 384         ? 128
                                                                    : columns;
  const int splits = choose_splits(tile, blocks_of(shape, tile), kUsualMultiprocessors, k_tiles_of(shape));
  text += define("PARTS", splits <= 2 ? 2 : splits <= 4 ? 4 : 8);
  text += define("INSTRUCTION_N", instruction) +
          print_wgmma("WGMMA", instruction, type, tile.direct() ? WgmmaLeft::registers : WgmmaLeft::shared);
  text += include("gemm_finish.cuh") + include("cluster.cuh") + include("hopper_ring.cuh");
  text += include(shape.a == ModeA::kDeform ? "hopper_sample.cuh"
                  : mapped(shape)           ? "hopper_tensor.cuh"
                                            : "hopper_copy.cuh");
  return std::vector<std::string>{assemble(text, "hopper_gemm.cu")};
}

// The channel of a tile's 64 that lies at k. A thread that samples for itself has eight channels side by side, where
// wgmma takes pairs of it for one product and the next.
int source_of(const Tile& tile, int k) {
  if (!tile.direct()) return k;
  const int product = k / 16, within = k % 16;
  return product / 2 * 32 + within % 8 / 2 * 8 + product % 2 * 4 + within / 8 * 2 + within % 2;
}

// By group, tile of columns, tile of k: rows of 64 elements, whose chunks of 16 bytes are permuted as wgmma reads them.
Result<Packed> pack(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(config));
  INGOT_ASSIGN_OR_RETURN(const GemmShape shape, gemm_shape(problem, problem.inputs, problem.outputs, false));
  INGOT_ASSIGN_OR_RETURN(Packed packed, pack_weights(problem));
  const GemmParams& p = shape.params;
  const std::vector<std::byte> plain = std::move(packed.blobs.at(0));
  const int k_tiles = k_tiles_of(shape), tiles_n = (p.n + tile.n - 1) / tile.n;
  const int taps = sliced(shape) ? p.kernel_h * p.kernel_w : 1;
  const int piece = tile.direct() ? 2 : 8;  // elements that stay together
  const std::size_t tile_bytes = static_cast<std::size_t>(tile.n) * kTileK * 2;
  std::vector<std::byte> blob(tile_bytes * static_cast<std::size_t>(k_tiles) * static_cast<std::size_t>(tiles_n) *
                                  static_cast<std::size_t>(shape.batches),
                              std::byte{0});
  std::byte* to = blob.data();
  for (std::int64_t z = 0; z < shape.batches; ++z)
    for (int tile_n = 0; tile_n < tiles_n; ++tile_n)
      for (int t = 0; t < k_tiles; ++t, to += tile_bytes) {
        const std::int64_t k0 =
            sliced(shape) ? std::int64_t{t % taps} * p.group_c + t / taps * kTileK : std::int64_t{t} * kTileK;
        for (int row = 0; row < tile.n && tile_n * tile.n + row < p.n; ++row)
          for (int k = 0; k < kTileK && k0 + k < p.ldb; k += piece)
            std::memcpy(to + row * 128 + ((k / 8 ^ (row & 7)) << 4) + k % 8 * 2,
                        plain.data() + ((z * p.n + tile_n * tile.n + row) * p.ldb + k0 + source_of(tile, k)) * 2,
                        static_cast<std::size_t>(piece) * 2);
      }
  packed.blobs[0] = std::move(blob);
  if (reorders(problem)) {
    const std::span<const std::byte> rows_to = problem.inputs[kRowsTo].value->bytes();
    packed.blobs.emplace_back(rows_to.begin(), rows_to.end());
    std::erase(packed.keep_inputs, kRowsTo);
  }
  return packed;
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(args.config));
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(GemmShape shape, gemm_shape(problem, args.inputs, args.outputs, false));
  GemmParams& p = shape.params;
  constexpr std::int64_t kLimit = 0x7fffffff;
  if (elements_of(args.inputs[0]) > kLimit || p.in_h >= 0x2000 || p.in_w >= 0x2000)
    return unsupported("inputs beyond 2^31 elements or images beyond 8191");
  p.tiles_m = (p.m + tile.m - 1) / tile.m;
  p.tiles_n = (p.n + tile.n - 1) / tile.n;
  p.k_tiles = k_tiles_of(shape);
  p.patches = shape.a == ModeA::kDeform && p.out_w % 8 == 0 && p.out_h % (tile.m / 8) == 0 ? 1 : 0;
  const std::int64_t panels = (p.tiles_m + tile.cluster - 1) / tile.cluster;
  if (panels * shape.batches > kMaxGridYZ) return unsupported("{} x {} rows", shape.batches, p.m);
  const std::int64_t across = std::int64_t{p.tiles_n} * tile.cluster;
  const int splits = choose_splits(tile, across * panels * shape.batches, args.multiprocessors, p.k_tiles);
  p.tiles_per_split = (p.k_tiles + splits - 1) / splits;
  p.splits = (p.k_tiles + p.tiles_per_split - 1) / p.tiles_per_split;
  p.part_rows = (tile.m + p.splits - 1) / p.splits;
  const int vector = epilogue_vector(args.outputs[0].dtype);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  p.vector_epilogue = layout.vectors && p.n % vector == 0 && p.ldc % vector == 0 ? 1 : 0;
  set_epilogue(layout, p);
  if (reorders(problem)) {
    p.rows_to_length = static_cast<int>(elements_of(problem.inputs[kRowsTo]));
    if (p.rows_to_length == 0 || p.m % p.rows_to_length != 0)
      return invalid_argument("an order of {} rows for {}", p.rows_to_length, p.m);
  }

  PlannedLaunch launch = PlannedLaunch::of("hopper_gemm", p);
  launch.dependent = true;
  launch.grid = {static_cast<unsigned>(across), static_cast<unsigned>(p.splits),
                 static_cast<unsigned>(panels * shape.batches)};
  launch.block = {static_cast<unsigned>(tile.consumers() + producers(shape, tile)), 1, 1};
  launch.cluster = {static_cast<unsigned>(tile.cluster), static_cast<unsigned>(p.splits), 1};
  launch.shared_bytes = static_cast<unsigned>(shared_bytes(shape, tile));
  launch.point(offsetof(GemmParams, a), Place::kInput, 0).point(offsetof(GemmParams, b), Place::kWeights, 0);
  if (mapped(shape))
    launch.maps.push_back({{offsetof(GemmParams, a_map), Place::kInput, 0}, map_of(shape, tile, args.inputs[0].dtype)});
  if (problem.has_input(shape.bias_input)) launch.point(offsetof(GemmParams, bias), Place::kInput, shape.bias_input);
  if (reorders(problem)) launch.point(offsetof(GemmParams, rows_to), Place::kWeights, 1);
  if (shape.a == ModeA::kDeform) {
    launch.point(offsetof(GemmParams, offset), Place::kInput, 2);
    if (problem.has_input(4)) launch.point(offsetof(GemmParams, mask), Place::kInput, 4);
  }
  launch.point(offsetof(GemmParams, c), Place::kOutput, 0);
  point_epilogue<GemmParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

Family family(std::string_view id, std::vector<std::string_view> kinds) {
  Family out{id, 2, std::move(kinds), supports, sources, plan, configs};
  out.pack_for = pack;
  out.arch = "sm_90a";
  return out;
}

}  // namespace

const Tactic& hopper_gemm_tactic() {
  static const CudaTactic tactic(family("cuda.hopper_gemm", {"MatMul", "Conv", "DeformConv"}));
  return tactic;
}

const Tactic& hopper_row_matmul_tactic() {
  static const CudaTactic tactic(family("cuda.hopper_row_matmul", {"RowMatMul"}));
  return tactic;
}

}  // namespace ingot::cuda
