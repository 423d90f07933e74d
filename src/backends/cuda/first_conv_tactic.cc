// SPDX-License-Identifier: Apache-2.0
// cuda.first_conv: convolutions of up to four input channels in half precision, of images in either layout, also of
// such in fp32 with the channels first (ImageConv). A config is "ROWSxFRAGMENTS": the rows of a tile of outputs, and
// how many of them a warp computes.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "backends/cpu/window_attrs.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::FirstConvParams;

constexpr std::int64_t kTileW = 16, kPixel = 4, kSharedLimit = 100 << 10, kMostAccumulators = 128;

bool is_image(const Problem& problem) { return problem.kind == "ImageConv"; }

Result<cpu::WindowSizes> sizes_of(const Problem& problem, Shape x, const Shape& y) {
  const Shape& w = problem.inputs[1].shape;
  Attrs attrs = problem.attrs;
  if (is_image(problem) && x.size() == 4) {
    x = {x[0], x[2], x[3], x[1]};
    attrs.set("channels_last", std::int64_t{1});
  }
  return cpu::window_sizes(attrs, x, Ints(w.begin() + 2, w.end()), y);
}

struct Tile {
  std::int64_t rows = 0, fragments = 0;
  [[nodiscard]] std::int64_t warps() const { return rows / fragments; }
};

Result<Tile> parse_tile(const std::string& config) {
  Tile tile;
  int rows = 0, fragments = 0;
  if (std::sscanf(config.c_str(), "%2dx%1d", &rows, &fragments) != 2 || rows < 1 || rows > 32 || fragments < 1 ||
      fragments > 4 || rows % fragments != 0 || rows / fragments > 16)
    return invalid_argument("cuda.first_conv: bad config '{}'", config);
  tile.rows = rows;
  tile.fragments = fragments;
  return tile;
}

// As in the kernel: elements of a column of weights, columns.
std::int64_t pitch_of(const Problem& problem) {
  const Shape& w = problem.inputs[1].shape;
  return (w[2] * w[3] + 3) / 4 * 16 + 8;
}
std::int64_t columns_of(const Problem& problem) { return (problem.inputs[1].shape[0] + 15) / 16 * 16; }

std::int64_t shared_bytes(const Problem& problem, const Tile& tile) {
  const Shape& w = problem.inputs[1].shape;
  const Ints strides = problem.attrs.get_ints("strides", {1, 1});
  const std::int64_t pixels = ((tile.rows - 1) * strides[0] + w[2]) * ((kTileW - 1) * strides[1] + w[3]);
  return 2 * (columns_of(problem) * pitch_of(problem) + (pixels * kPixel + 7) / 8 * 8 +
              tile.warps() * kTileW * (columns_of(problem) + 8));
}

bool fits(const Problem& problem, const Tile& tile) {
  return shared_bytes(problem, tile) <= kSharedLimit && tile.fragments * columns_of(problem) / 2 <= kMostAccumulators;
}

Support supports(const Problem& problem) {
  const DType type = problem.inputs[1].dtype;
  const bool same = problem.inputs[0].dtype == type || (is_image(problem) && problem.inputs[0].dtype == DType::f32);
  if ((type != DType::f16 && type != DType::bf16) || !same || problem.outputs[0].dtype != type ||
      (problem.has_input(2) && problem.inputs[2].dtype != type))
    return Support::no(Refusal::kDType);
  if (!is_image(problem) && problem.attrs.get_int("channels_last", 0) == 0)
    return Support::no(Refusal::kLayout, "channels first");
  if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "weights are not constant");
  const Shape& w = problem.inputs[1].shape;
  if (w.size() != 4 || problem.inputs[0].shape.size() != 4 || problem.attrs.get_int("group", 1) != 1 || w[1] < 1 ||
      w[1] > kPixel || w[0] % 8 != 0 || w[0] < 8 || w[2] * w[3] > 256)
    return Support::no(Refusal::kShape, "not a first layer");
  const Result<cpu::WindowSizes> sizes = sizes_of(problem, problem.inputs[0].shape, problem.outputs[0].shape);
  if (!sizes.is_ok()) return Support::no(Refusal::kShape, sizes.status().message());
  if (sizes->channels != w[1]) return Support::no(Refusal::kShape, "weights of other channels");
  if (sizes->dilation != std::array<std::int64_t, 3>{1, 1, 1}) return Support::no(Refusal::kAttribute, "dilation");
  if (!fits(problem, {1, 1})) return Support::no(Refusal::kShape, "weights and window exceed shared memory");
  return epilogue_support(problem);
}

std::vector<std::string> configs(const Problem& problem) {
  std::vector<std::string> out;
  for (const std::string_view config : {"8x1", "8x2", "16x2", "16x4", "4x1", "2x1"})
    if (fits(problem, *parse_tile(std::string(config)))) out.emplace_back(config);
  if (out.empty()) out.emplace_back("1x1");
  return out;
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(config));
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  const Shape& w = problem.inputs[1].shape;
  const Ints strides = problem.attrs.get_ints("strides", {1, 1});
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[1].dtype));
  if (is_image(problem))
    text += fmt::format("using Image = {};\n", cuda_type(problem.inputs[0].dtype)) + define("PLANES", 1);
  text += define("CHANNELS", w[1]) + define("KERNEL_H", w[2]) + define("KERNEL_W", w[3]) +
          define("STRIDE_H", strides.at(0)) + define("STRIDE_W", strides.at(1)) + define("N", w[0]) +
          define("TILE_H", tile.rows) + define("FRAGMENTS", tile.fragments);
  // Registers for 16 warps on a multiprocessor, or for 8 where the sums alone take most of them.
  const std::int64_t warps = tile.fragments * columns_of(problem) / 2 <= 64 ? 16 : 8;
  text += define("MIN_BLOCKS", std::max<std::int64_t>(1, warps / tile.warps()));
  return std::vector<std::string>{assemble(text + include("warp_matrix.cuh"), "first_conv.cu")};
}

// [column][tap][4 channels]
Result<Packed> pack(const Problem& problem) {
  Packed packed;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].constant && i != 1) packed.keep_inputs.push_back(i);
  const TensorPtr& weights = problem.inputs[1].value;
  if (weights == nullptr) return invalid_argument("Conv: the values of the weights are needed");
  const Shape& w = problem.inputs[1].shape;
  const std::int64_t taps = w[2] * w[3], pitch = pitch_of(problem);
  packed.blobs.emplace_back(static_cast<std::size_t>(columns_of(problem) * pitch * 2), std::byte{0});
  for (std::int64_t n = 0; n < w[0]; ++n)
    for (std::int64_t c = 0; c < w[1]; ++c)
      for (std::int64_t t = 0; t < taps; ++t)
        std::memcpy(packed.blobs[0].data() + (n * pitch + t * kPixel + c) * 2,
                    weights->bytes().data() + ((n * w[1] + c) * taps + t) * 2, 2);
  return packed;
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const Tile tile, parse_tile(args.config));
  INGOT_ASSIGN_OR_RETURN(const cpu::WindowSizes sizes, sizes_of(problem, args.inputs[0].shape, args.outputs[0].shape));
  FirstConvParams p{};
  p.in_h = static_cast<int>(sizes.in[1]);
  p.in_w = static_cast<int>(sizes.in[2]);
  p.out_h = static_cast<int>(sizes.out[1]);
  p.out_w = static_cast<int>(sizes.out[2]);
  p.pad_h = static_cast<int>(sizes.pad_begin[1]);
  p.pad_w = static_cast<int>(sizes.pad_begin[2]);
  p.tiles_h = static_cast<int>((sizes.out[1] + tile.rows - 1) / tile.rows);
  p.tiles_w = static_cast<int>((sizes.out[2] + kTileW - 1) / kTileW);
  const std::int64_t tiles = sizes.batch * p.tiles_h * p.tiles_w;
  constexpr std::int64_t kLimit = 0x7fffffff;
  if (sizes.batch * sizes.out[1] * sizes.out[2] > kLimit || tiles > kLimit ||
      sizes.in[1] * sizes.in[2] * sizes.channels > kLimit)
    return unsupported("images or outputs beyond 2^31");
  p.tiles = static_cast<int>(tiles);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], 2));
  if (!layout.vectors) return unsupported("an epilogue operand that pairs of channels cannot read");
  set_epilogue(layout, p);
  PlannedLaunch launch = PlannedLaunch::of("first_conv", p);
  launch.dependent = true;
  launch.shared_bytes = static_cast<unsigned>(shared_bytes(problem, tile));
  launch.block = {static_cast<unsigned>(tile.warps() * 32), 1, 1};
  // As many as run at once; each takes tile after tile.
  const std::int64_t by_memory = (220 << 10) / (shared_bytes(problem, tile) + 1024);
  const std::int64_t resident = std::clamp<std::int64_t>(std::min(by_memory, 16 / tile.warps()), 1, 8);
  launch.grid = {static_cast<unsigned>(std::min<std::int64_t>(tiles, args.multiprocessors * resident)), 1, 1};
  launch.point(offsetof(FirstConvParams, x), Place::kInput, 0).point(offsetof(FirstConvParams, w), Place::kWeights, 0);
  if (problem.has_input(2)) launch.point(offsetof(FirstConvParams, bias), Place::kInput, 2);
  launch.point(offsetof(FirstConvParams, y), Place::kOutput, 0);
  point_epilogue<FirstConvParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& first_conv_tactic() {
  static const CudaTactic tactic({"cuda.first_conv", 1, {"Conv", "ImageConv"}, supports, sources, plan, configs, pack});
  return tactic;
}

}  // namespace ingot::cuda
