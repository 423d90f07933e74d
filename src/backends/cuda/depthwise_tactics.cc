// SPDX-License-Identifier: Apache-2.0
// Convolutions with one input channel per group, channels last. cuda.depthwise: a row of outputs per thread, sizes as
// parameters; cuda.depthwise_tile: a tile of outputs per thread, weights in shared memory, for one number of channels.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "backends/cpu/window_attrs.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::DepthwiseParams;

int vector_of(const Problem& problem) {
  return std::min(8, 128 / std::max(bits_of(problem.inputs[0].dtype), bits_of(problem.outputs[0].dtype)));
}

// What a thread computes: that many neighbouring outputs of that many channels.
struct DepthwiseTile {
  int columns = 1, vector = 1;
};

// "2x8": two columns of eight channels, of as many as divide the channels.
Result<DepthwiseTile> depthwise_tile(const Problem& problem, const std::string& config) {
  DepthwiseTile tile;
  if (config.size() != 3 || config[1] != 'x' || std::string_view("124").find(config[0]) == std::string_view::npos ||
      std::string_view("248").find(config[2]) == std::string_view::npos)
    return invalid_argument("cuda.depthwise: bad config '{}'", config);
  tile.columns = config[0] - '0';
  tile.vector = std::min(vector_of(problem), config[2] - '0');
  while (problem.inputs[0].shape.back() % tile.vector != 0) tile.vector /= 2;
  return tile;
}

Support depthwise_support(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  if (problem.attrs.get_int("channels_last", 0) == 0) return Support::no(Refusal::kLayout, "channels first");
  const Shape& w = problem.inputs[1].shape;
  if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "weights are not constant");
  if (w.size() != 4 || w[1] != 1 || w[0] != problem.inputs[0].shape.back() || problem.attrs.get_int("group", 1) != w[0])
    return Support::no(Refusal::kShape, "not depthwise over two dimensions");
  if (w[2] > 9 || w[3] > 9) return Support::no(Refusal::kShape, "a window larger than 9");
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != problem.inputs[0].dtype)
      return Support::no(Refusal::kDType);
  return epilogue_support(problem);
}

std::vector<std::string> depthwise_configs(const Problem& problem) {
  // Few outputs: more threads with less to do each.
  if (elements_of(problem.outputs[0]) < (1 << 21)) return {"2x4", "1x8", "2x8", "1x4", "1x2", "2x2", "4x2"};
  return {"2x8", "4x8", "1x8", "4x4", "2x4"};
}

Result<std::vector<std::string>> depthwise_sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const DepthwiseTile tile, depthwise_tile(problem, config));
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  const Shape& w = problem.inputs[1].shape;
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("VECTOR", tile.vector) + define("COLUMNS", tile.columns) + define("KERNEL_H", w[2]) +
          define("KERNEL_W", w[3]);
  text += define("STRIDE_W", problem.attrs.get_ints("strides", {1, 1}).at(1));
  text += define("DILATION_W", problem.attrs.get_ints("dilations", {1, 1}).at(1));
  return std::vector<std::string>{assemble(text, "depthwise.cu")};
}

Result<Packed> depthwise_pack(const Problem& problem) {
  Packed packed;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].constant && i != 1) packed.keep_inputs.push_back(i);
  const TensorPtr& weights = problem.inputs[1].value;
  if (weights == nullptr) return invalid_argument("Conv: the values of the weights are needed");
  const std::size_t size = static_cast<std::size_t>(bits_of(weights->dtype())) / 8;
  const auto channels = static_cast<std::size_t>(problem.inputs[1].shape[0]);
  const std::size_t taps = weights->bytes().size() / size / channels;
  packed.blobs.emplace_back(weights->bytes().size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t t = 0; t < taps; ++t)
      std::memcpy(packed.blobs[0].data() + (t * channels + c) * size, weights->bytes().data() + (c * taps + t) * size,
                  size);
  return packed;
}

Result<DepthwiseParams> depthwise_params(const PlanArgs& args) {
  const Problem& problem = args.problem;
  const Shape& w = problem.inputs[1].shape;
  INGOT_ASSIGN_OR_RETURN(
      const cpu::WindowSizes sizes,
      cpu::window_sizes(problem.attrs, args.inputs[0].shape, Ints(w.begin() + 2, w.end()), args.outputs[0].shape));
  DepthwiseParams p{};
  p.batch = static_cast<int>(sizes.batch);
  p.channels = static_cast<int>(sizes.channels);
  p.in_h = static_cast<int>(sizes.in[1]);
  p.in_w = static_cast<int>(sizes.in[2]);
  p.out_h = static_cast<int>(sizes.out[1]);
  p.out_w = static_cast<int>(sizes.out[2]);
  p.stride_h = static_cast<int>(sizes.stride[1]);
  p.stride_w = static_cast<int>(sizes.stride[2]);
  p.dilation_h = static_cast<int>(sizes.dilation[1]);
  p.dilation_w = static_cast<int>(sizes.dilation[2]);
  p.pad_h = static_cast<int>(sizes.pad_begin[1]);
  p.pad_w = static_cast<int>(sizes.pad_begin[2]);
  return p;
}

// The launch, but for its grid and block.
Result<LaunchPlan> depthwise_launch(const PlanArgs& args, DepthwiseParams p, std::string entry, int vector) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  if (!layout.vectors) return unsupported("an epilogue operand that vectors of {} channels cannot read", vector);
  set_epilogue(layout, p);
  PlannedLaunch launch = PlannedLaunch::of(std::move(entry), p);
  launch.dependent = true;
  launch.point(offsetof(DepthwiseParams, x), Place::kInput, 0).point(offsetof(DepthwiseParams, w), Place::kWeights, 0);
  if (problem.has_input(2)) launch.point(offsetof(DepthwiseParams, bias), Place::kInput, 2);
  launch.point(offsetof(DepthwiseParams, y), Place::kOutput, 0);
  point_epilogue<DepthwiseParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

Result<LaunchPlan> depthwise_plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const DepthwiseTile tile, depthwise_tile(args.problem, args.config));
  INGOT_ASSIGN_OR_RETURN(DepthwiseParams p, depthwise_params(args));
  p.units = p.batch * p.out_h * ((p.out_w + tile.columns - 1) / tile.columns) * (p.channels / tile.vector);
  INGOT_ASSIGN_OR_RETURN(LaunchPlan plan, depthwise_launch(args, p, "depthwise", tile.vector));
  plan.launches[0].block = {128, 1, 1};
  plan.launches[0].grid = {static_cast<unsigned>((p.units + 127) / 128), 1, 1};
  return plan;
}

// "2x8x4": two rows and eight columns of four channels.
struct RegisterTile {
  int rows = 1, columns = 1, vector = 1;
  int threads_x = 1, threads_y = 1;
};

Result<RegisterTile> register_tile(const Problem& problem, const std::string& config) {
  RegisterTile tile;
  if (std::sscanf(config.c_str(), "%1dx%1dx%1d", &tile.rows, &tile.columns, &tile.vector) != 3 || config.size() != 5 ||
      tile.rows < 1 || tile.rows > 4 || tile.columns < 1 || tile.columns > 8 ||
      (tile.vector != 2 && tile.vector != 4) || problem.inputs[0].shape.back() % tile.vector != 0)
    return invalid_argument("cuda.depthwise_tile: bad config '{}'", config);
  // Threads that are all of use, where the channels fall into such parts.
  const int groups = static_cast<int>(problem.inputs[0].shape.back()) / tile.vector;
  tile.threads_x = std::min(groups, 32);
  for (int width = 12; width <= 32; ++width)
    if (groups % width == 0) tile.threads_x = width;
  // Neighbouring tiles share rows and columns by way of the first-level cache.
  tile.threads_y = std::max(1, 256 / tile.threads_x);
  return tile;
}

Support register_tile_support(const Problem& problem) {
  if (Support support = depthwise_support(problem); !support.ok()) return support;
  if (problem.inputs[0].shape.back() % 2 != 0) return Support::no(Refusal::kShape, "an odd number of channels");
  return Support::yes();
}

std::vector<std::string> register_tile_configs(const Problem& problem) {
  const bool few = elements_of(problem.outputs[0]) < (1 << 21);
  std::vector<std::string> configs =
      few ? std::vector<std::string>{"1x4x2", "1x2x2", "2x4x2", "1x8x2", "2x2x4", "1x1x4"}
          : std::vector<std::string>{"2x8x2", "4x4x2", "2x4x4", "1x8x4", "1x4x4", "1x8x2"};
  if (problem.inputs[0].shape.back() % 4 != 0)
    std::erase_if(configs, [](const std::string& config) { return config.back() == '4'; });
  return configs;
}

Result<std::vector<std::string>> register_tile_sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const RegisterTile tile, register_tile(problem, config));
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  const Shape& w = problem.inputs[1].shape;
  const Ints strides = problem.attrs.get_ints("strides", {1, 1}),
             dilations = problem.attrs.get_ints("dilations", {1, 1});
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("THREADS_X", tile.threads_x) + define("THREADS_Y", tile.threads_y) + define("ROWS", tile.rows) +
          define("COLUMNS", tile.columns) + define("VECTOR", tile.vector) + define("CHANNELS", w[0]) +
          define("KERNEL_H", w[2]) + define("KERNEL_W", w[3]) + define("STRIDE_H", strides.at(0)) +
          define("STRIDE_W", strides.at(1)) + define("DILATION_H", dilations.at(0)) +
          define("DILATION_W", dilations.at(1));
  // Long code does not stay in the instruction cache.
  const std::int64_t products = w[2] * w[3] * tile.rows * tile.columns * tile.vector;
  text += define("UNROLL_ROWS", products <= 800 ? 64 : 1);
  return std::vector<std::string>{assemble(text, "depthwise_tile.cu")};
}

Result<LaunchPlan> register_tile_plan(const PlanArgs& args) {
  INGOT_ASSIGN_OR_RETURN(const RegisterTile tile, register_tile(args.problem, args.config));
  INGOT_ASSIGN_OR_RETURN(DepthwiseParams p, depthwise_params(args));
  const int across = (p.out_w + tile.columns - 1) / tile.columns, down = (p.out_h + tile.rows - 1) / tile.rows;
  p.units = p.batch * down * across;
  INGOT_ASSIGN_OR_RETURN(LaunchPlan plan, depthwise_launch(args, p, "depthwise_tile", tile.vector));
  PlannedLaunch& launch = plan.launches[0];
  const std::int64_t width = std::int64_t{tile.threads_x} * tile.vector, parts = (p.channels + width - 1) / width;
  const std::int64_t blocks = (std::int64_t{p.units} + tile.threads_y - 1) / tile.threads_y;
  // A block goes on with its weights once the device is full several times.
  const std::int64_t rounds =
      std::clamp<std::int64_t>(blocks * parts / (std::int64_t{args.multiprocessors} * 16), 1, 8);
  launch.block = {static_cast<unsigned>(tile.threads_x), static_cast<unsigned>(tile.threads_y), 1};
  launch.grid = {static_cast<unsigned>((blocks + rounds - 1) / rounds), static_cast<unsigned>(parts), 1};
  return plan;
}

}  // namespace

const Tactic& depthwise_tactic() {
  static const CudaTactic tactic({"cuda.depthwise",
                                  2,
                                  {"Conv"},
                                  depthwise_support,
                                  depthwise_sources,
                                  depthwise_plan,
                                  depthwise_configs,
                                  depthwise_pack});
  return tactic;
}

const Tactic& depthwise_tile_tactic() {
  static const CudaTactic tactic({"cuda.depthwise_tile",
                                  1,
                                  {"Conv"},
                                  register_tile_support,
                                  register_tile_sources,
                                  register_tile_plan,
                                  register_tile_configs,
                                  depthwise_pack});
  return tactic;
}

}  // namespace ingot::cuda
