// SPDX-License-Identifier: Apache-2.0
// cuda.pool: MaxPool and AveragePool; cuda.depthwise: convolutions with one input channel per group, channels last.
#include <algorithm>
#include <cstddef>

#include "backends/cpu/window_attrs.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::DepthwiseParams;
using ingot_cuda::PoolParams;

bool plain_float(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

int vector_of(const Problem& problem) {
  return std::min(8, 128 / std::max(bits_of(problem.inputs[0].dtype), bits_of(problem.outputs[0].dtype)));
}

Support pool_support(const Problem& problem) {
  if (!plain_float(problem.inputs[0].dtype)) return Support::no(Refusal::kDType);
  if (problem.outputs.size() > 1 && problem.outputs[1].present()) return Support::no(Refusal::kAttribute, "Indices");
  const auto sizes = cpu::window_sizes(problem.attrs, problem.inputs[0].shape,
                                       problem.attrs.get_ints("kernel_shape", {}), problem.outputs[0].shape);
  if (!sizes.is_ok()) return Support::no(Refusal::kShape, sizes.status().message());
  return epilogue_support(problem);
}

Result<std::vector<std::string>> pool_sources(const Problem& problem, const std::string&) {
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  text += fmt::format("using T = {};\n", cuda_type(problem.inputs[0].dtype));
  text += define("AVERAGE", problem.kind == "AveragePool" ? 1 : 0) + define("VECTOR", vector_of(problem));
  return std::vector<std::string>{assemble(text, "pool.cu")};
}

Result<LaunchPlan> pool_plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const cpu::WindowSizes sizes,
                         cpu::window_sizes(problem.attrs, args.inputs[0].shape,
                                           problem.attrs.get_ints("kernel_shape", {}), args.outputs[0].shape));
  PoolParams p{};
  p.channels_last = problem.attrs.get_int("channels_last", 0) != 0 ? 1 : 0;
  p.batch = static_cast<int>(sizes.batch);
  p.channels = static_cast<int>(sizes.channels);
  for (std::size_t d = 0; d < 3; ++d) {
    p.in[d] = static_cast<int>(sizes.in[d]);
    p.out[d] = static_cast<int>(sizes.out[d]);
    p.kernel[d] = static_cast<int>(sizes.kernel[d]);
    p.stride[d] = static_cast<int>(sizes.stride[d]);
    p.dilation[d] = static_cast<int>(sizes.dilation[d]);
    p.pad[d] = static_cast<int>(sizes.pad_begin[d]);
    p.pad_end[d] = static_cast<int>(sizes.pad_end[d]);
  }
  p.include_pad = problem.attrs.get_int("count_include_pad", 0) != 0 ? 1 : 0;
  p.columns = static_cast<int>(args.outputs[0].shape.back());
  const int vector = vector_of(problem);
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  set_epilogue(layout, p);
  const bool vectors = p.channels_last != 0 && p.channels % vector == 0 && layout.vectors;
  p.units = elements_of(args.outputs[0]) / (vectors ? vector : 1);
  PlannedLaunch launch = PlannedLaunch::of(vectors ? "pool_vector" : "pool_any", p);
  launch.dependent = true;
  launch.cover(p.units, std::int64_t{args.multiprocessors} * 64);
  launch.point(offsetof(PoolParams, x), Place::kInput, 0).point(offsetof(PoolParams, y), Place::kOutput, 0);
  point_epilogue<PoolParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
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
  if (!plain_float(problem.inputs[0].dtype)) return Support::no(Refusal::kDType);
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

Result<LaunchPlan> depthwise_plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const DepthwiseTile tile, depthwise_tile(problem, args.config));
  const int columns = tile.columns, vector = tile.vector;
  const Shape& w = problem.inputs[1].shape;
  INGOT_ASSIGN_OR_RETURN(
      const cpu::WindowSizes sizes,
      cpu::window_sizes(problem.attrs, args.inputs[0].shape, Ints(w.begin() + 2, w.end()), args.outputs[0].shape));
  DepthwiseParams p{};
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
  INGOT_ASSIGN_OR_RETURN(const EpilogueLayout layout,
                         epilogue_layout(args.inputs, problem.own_inputs(), args.outputs[0], vector));
  if (!layout.vectors) return unsupported("an epilogue operand that vectors of {} channels cannot read", vector);
  set_epilogue(layout, p);
  p.units = static_cast<int>(sizes.batch * p.out_h * ((p.out_w + columns - 1) / columns) * (p.channels / vector));
  PlannedLaunch launch = PlannedLaunch::of("depthwise", p);
  launch.dependent = true;
  launch.block = {128, 1, 1};
  launch.grid = {static_cast<unsigned>((p.units + 127) / 128), 1, 1};
  launch.point(offsetof(DepthwiseParams, x), Place::kInput, 0).point(offsetof(DepthwiseParams, w), Place::kWeights, 0);
  if (problem.has_input(2)) launch.point(offsetof(DepthwiseParams, bias), Place::kInput, 2);
  launch.point(offsetof(DepthwiseParams, y), Place::kOutput, 0);
  point_epilogue<DepthwiseParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& pool_tactic() {
  static const CudaTactic tactic({"cuda.pool", 1, {"MaxPool", "AveragePool"}, pool_support, pool_sources, pool_plan});
  return tactic;
}

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

}  // namespace ingot::cuda
