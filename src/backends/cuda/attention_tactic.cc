// SPDX-License-Identifier: Apache-2.0
// cuda.attention: Attention without a past, by tiles on the tensor cores where the head sizes allow, otherwise by rows.
#include <cstddef>

#include "backends/cpu/attention_shape.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::AttentionParams;

// As in kernels/attention.cu: keys in shared memory, two tiles of them, and what a row is longer by there.
constexpr std::int64_t kKeysHeld = 2 * 64, kRowPadding = 8;
constexpr std::int64_t kMostSize = 256;  // elements of a row that the registers of a warp hold

Result<cpu::AttentionShape> shape_of(const Problem& problem, std::span<const Operand> inputs, const Operand& output) {
  INGOT_ASSIGN_OR_RETURN(cpu::AttentionShape shape, cpu::attention_shape(problem.attrs, inputs, output));
  const std::int64_t heads = shape.q.batches * shape.q.heads;
  if (heads > kMaxGridYZ) return unsupported("{} heads in all", heads);
  if (shape.q.size > kMostSize || shape.v.size > kMostSize)
    return unsupported("heads of {} and {}", shape.q.size, shape.v.size);
  return shape;
}

bool tiled(const Problem& problem, const cpu::AttentionShape& shape) {
  return bits_of(problem.inputs[0].dtype) == 16 && shape.q.size % 16 == 0 && shape.v.size % 16 == 0 &&
         shape.q.size <= 128 && shape.v.size <= 128;
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

// Warps of a block, 16 queries each; the kernel by rows has one form only.
std::vector<std::string> configs(const Problem& problem) {
  const auto shape = shape_of(problem, problem.inputs, problem.outputs[0]);
  if (!shape.is_ok() || !tiled(problem, *shape)) return {"4"};
  return {"4", "2", "8"};
}

Result<int> warps_of(const std::string& config) {
  if (config != "2" && config != "4" && config != "8")
    return invalid_argument("cuda.attention: bad config '{}'", config);
  return config[0] - '0';
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const int warps, warps_of(config));
  INGOT_ASSIGN_OR_RETURN(const cpu::AttentionShape shape, shape_of(problem, problem.inputs, problem.outputs[0]));
  const DType type = problem.inputs[0].dtype;
  std::string text = fmt::format("using T = {};\n", cuda_type(type));
  text += define("SIZE", shape.q.size) + define("SIZE_V", shape.v.size);
  const DType mask = cpu::has_mask(problem.inputs) ? problem.inputs[3].dtype : DType::f32;
  text += define("MASK", !cpu::has_mask(problem.inputs) ? 0 : mask == DType::boolean ? 2 : 1);
  text += fmt::format("using MASK_T = {};\n", cuda_type(mask));
  if (tiled(problem, shape)) text += define("TENSOR_CORES", 1) + define("WARPS", warps) + include("warp_matrix.cuh");
  return std::vector<std::string>{assemble(text, "attention.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const cpu::AttentionShape shape, shape_of(problem, args.inputs, args.outputs[0]));
  const auto& [q, k, v, y, mask_strides, mask_batches, scale] = shape;
  AttentionParams p{};
  p.q_batch = q.batch, p.q_head = q.head, p.q_row = q.row;
  p.k_batch = k.batch, p.k_head = k.head, p.k_row = k.row;
  p.v_batch = v.batch, p.v_head = v.head, p.v_row = v.row;
  p.y_batch = y.batch, p.y_head = y.head, p.y_row = y.row;
  p.heads = static_cast<int>(q.heads);
  p.heads_per_kv = static_cast<int>(q.heads / k.heads);
  p.queries = static_cast<int>(q.length);
  p.keys = static_cast<int>(k.length);
  p.causal = problem.attrs.get_int("is_causal", 0) != 0 ? 1 : 0;
  p.scale = static_cast<float>(scale);
  p.mask_batches = static_cast<int>(mask_batches);
  p.mask_batch = mask_strides[0], p.mask_head = mask_strides[1], p.mask_row = mask_strides[2],
  p.mask_column = mask_strides[3];
  const bool tiles = tiled(problem, shape);
  PlannedLaunch launch = PlannedLaunch::of(tiles ? "attention_tiles" : "attention_rows", p);
  launch.dependent = true;
  INGOT_ASSIGN_OR_RETURN(const int warps, warps_of(args.config));
  launch.block = {tiles ? static_cast<unsigned>(warps * 32) : 128U, 1, 1};
  const std::int64_t queries_per_block = tiles ? warps * 16 : 4;
  launch.grid = {static_cast<unsigned>((q.length + queries_per_block - 1) / queries_per_block),
                 static_cast<unsigned>(q.batches * q.heads), 1};
  if (tiles)
    launch.shared_bytes = static_cast<unsigned>(
        ((queries_per_block + kKeysHeld) * (q.size + kRowPadding) + kKeysHeld * (v.size + kRowPadding)) * 2);
  launch.point(offsetof(AttentionParams, q), Place::kInput, 0).point(offsetof(AttentionParams, k), Place::kInput, 1);
  launch.point(offsetof(AttentionParams, v), Place::kInput, 2).point(offsetof(AttentionParams, y), Place::kOutput, 0);
  if (cpu::has_mask(problem.inputs)) launch.point(offsetof(AttentionParams, mask), Place::kInput, 3);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& attention_tactic() {
  static const CudaTactic tactic({"cuda.attention", 3, {"Attention"}, supports, sources, plan, configs});
  return tactic;
}

}  // namespace ingot::cuda
