// SPDX-License-Identifier: Apache-2.0
// cuda.pool: MaxPool and AveragePool. A config is "ACROSSxDOWN": the outputs that a thread makes of windows that share
// inputs; with none it makes one.
#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "backends/cpu/window_attrs.h"
#include "backends/cuda/broadcast.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

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

struct Outputs {
  int across = 0, down = 0;
};

Result<Outputs> parse_outputs(const std::string& config) {
  Outputs out;
  if (config.empty()) return out;
  if (std::sscanf(config.c_str(), "%1dx%1d", &out.across, &out.down) != 2 || out.across < 1 || out.across > 4 ||
      out.down < 1 || out.down > 4)
    return invalid_argument("cuda.pool: bad config '{}'", config);
  return out;
}

bool has_window_kernel(const Problem& problem) {
  constexpr std::int64_t kMostSide = 5, kMostStride = 3;
  const Ints kernel = problem.attrs.get_ints("kernel_shape", {});
  const Ints strides = problem.attrs.get_ints("strides", {1, 1});
  const auto between = [](const Ints& list, std::int64_t most) {
    return list.size() == 2 && std::all_of(list.begin(), list.end(), [&](auto n) { return n >= 1 && n <= most; });
  };
  return problem.attrs.get_int("channels_last", 0) != 0 && problem.inputs[0].shape.size() == 4 &&
         problem.inputs[0].shape[3] % vector_of(problem) == 0 && between(kernel, kMostSide) &&
         between(strides, kMostStride) && between(problem.attrs.get_ints("dilations", {1, 1}), 1);
}

std::vector<std::string> pool_configs(const Problem& problem) {
  if (!has_window_kernel(problem)) return {""};
  // Where windows share most of their inputs, or outputs fill the device anyway, a thread makes several.
  constexpr std::int64_t kMany = 4 << 20;
  const Ints kernel = problem.attrs.get_ints("kernel_shape", {});
  const Ints strides = problem.attrs.get_ints("strides", {1, 1});
  if (kernel[0] > 2 * strides[0] || elements_of(problem.outputs[0]) > kMany) return {"2x2", "1x1", ""};
  return {"1x1", "2x2", ""};
}

Result<std::vector<std::string>> pool_sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(std::string text, print_epilogue(problem));
  INGOT_ASSIGN_OR_RETURN(const Outputs outputs, parse_outputs(config));
  const DType type = problem.inputs[0].dtype;
  text += fmt::format("using T = {};\n", cuda_type(type));
  text += define("AVERAGE", problem.kind == "AveragePool" ? 1 : 0) + define("VECTOR", vector_of(problem));
  if (outputs.across == 0) return std::vector<std::string>{assemble(text, "pool.cu")};
  const Ints kernel = problem.attrs.get_ints("kernel_shape", {});
  const Ints strides = problem.attrs.get_ints("strides", {1, 1});
  text += define("KERNEL_H", kernel.at(0)) + define("KERNEL_W", kernel.at(1)) + define("STRIDE_H", strides.at(0)) +
          define("STRIDE_W", strides.at(1)) + define("ACROSS", outputs.across) + define("DOWN", outputs.down);
  text += define("MINUS_INFINITY", type == DType::f32   ? "0xff800000u"
                                   : type == DType::f16 ? "0xfc00fc00u"
                                                        : "0xff80ff80u");
  return std::vector<std::string>{assemble(text, "pool.cu") + include("pool_window.cu")};
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
  INGOT_ASSIGN_OR_RETURN(const Outputs outputs, parse_outputs(args.config));
  const bool windows = vectors && outputs.across != 0;
  if (windows)
    p.units = sizes.batch * ((sizes.out[1] + outputs.down - 1) / outputs.down) *
              ((sizes.out[2] + outputs.across - 1) / outputs.across) * (sizes.channels / vector);
  else
    p.units = elements_of(args.outputs[0]) / (vectors ? vector : 1);
  PlannedLaunch launch = PlannedLaunch::of(windows ? "pool_window" : vectors ? "pool_vector" : "pool_any", p);
  launch.dependent = true;
  if (windows) {
    launch.block = {128, 1, 1};
    launch.grid = {static_cast<unsigned>((p.units + 127) / 128), 1, 1};
  } else {
    launch.cover(p.units, std::int64_t{args.multiprocessors} * 64);
  }
  launch.point(offsetof(PoolParams, x), Place::kInput, 0).point(offsetof(PoolParams, y), Place::kOutput, 0);
  point_epilogue<PoolParams>(layout, problem.own_inputs(), launch);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& pool_tactic() {
  static const CudaTactic tactic(
      {"cuda.pool", 1, {"MaxPool", "AveragePool"}, pool_support, pool_sources, pool_plan, pool_configs});
  return tactic;
}

}  // namespace ingot::cuda
