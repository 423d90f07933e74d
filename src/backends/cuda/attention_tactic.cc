// SPDX-License-Identifier: Apache-2.0
// cuda.attention: Attention without a past, by tiles on the tensor cores where the head sizes allow, otherwise by rows.
#include <cmath>
#include <cstddef>

#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::AttentionParams;

// A stack of heads: sizes, and strides in elements.
struct HeadView {
  std::int64_t batches = 0, heads = 0, length = 0, size = 0;
  long long batch = 0, head = 0, row = 0;
};

Result<HeadView> head_view(const Shape& shape, bool bshd, std::int64_t heads) {
  HeadView view;
  if (shape.size() == 4 && !bshd)
    view = {shape[0], shape[1], shape[2], shape[3], 0, shape[2] * shape[3], shape[3]};
  else if (shape.size() == 4)
    view = {shape[0], shape[2], shape[1], shape[3], 0, shape[3], shape[2] * shape[3]};
  else if (shape.size() == 3 && heads > 0 && shape[2] % heads == 0)
    view = {shape[0], heads, shape[1], shape[2] / heads, 0, shape[2] / heads, shape[2]};
  else
    return unsupported("shape {} is no stack of heads", to_string(shape));
  view.batch = view.heads * view.length * view.size;
  return view;
}

struct Views {
  HeadView q, k, v, y;
};

Result<Views> views_of(const Problem& problem, std::span<const Operand> inputs, const Operand& output) {
  const bool bshd = problem.attrs.get_int("bshd", 0) != 0;
  const std::int64_t q_heads = problem.attrs.get_int("q_num_heads", 0);
  const std::int64_t kv_heads = problem.attrs.get_int("kv_num_heads", 0);
  Views views;
  INGOT_ASSIGN_OR_RETURN(views.q, head_view(inputs[0].shape, bshd, q_heads));
  INGOT_ASSIGN_OR_RETURN(views.k, head_view(inputs[1].shape, bshd, kv_heads));
  INGOT_ASSIGN_OR_RETURN(views.v, head_view(inputs[2].shape, bshd, kv_heads));
  INGOT_ASSIGN_OR_RETURN(views.y, head_view(output.shape, bshd, q_heads));
  const auto& [q, k, v, y] = views;
  if (k.heads < 1 || q.heads % k.heads != 0 || v.heads != k.heads || v.length != k.length || q.size != k.size ||
      y.size != v.size)
    return invalid_argument("Attention: operands do not fit one another");
  if (q.batches * q.heads > 65535) return unsupported("{} heads in all", q.batches * q.heads);
  if (q.size > 256 || v.size > 256) return unsupported("heads of {} and {}", q.size, v.size);
  if (inputs.size() > 3 && inputs[3].present()) {
    const Shape& mask = inputs[3].shape;
    if (mask.empty() || mask.size() > 4 || mask.back() != k.length)
      return unsupported("a mask of shape {} for {} keys", to_string(mask), k.length);
  }
  return views;
}

bool tiled(const Problem& problem, const Views& views) {
  return bits_of(problem.inputs[0].dtype) == 16 && views.q.size % 16 == 0 && views.v.size % 16 == 0 &&
         views.q.size <= 128 && views.v.size <= 128;
}

bool has_mask(const Problem& problem) { return problem.inputs.size() > 3 && problem.inputs[3].present(); }

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return Support::no(Refusal::kDType);
  for (std::size_t i = 1; i < 3; ++i)
    if (problem.inputs[i].dtype != type) return Support::no(Refusal::kDType);
  for (std::size_t i = 4; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].present()) return Support::no(Refusal::kAttribute, "a cache");
  for (std::size_t i = 1; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present()) return Support::no(Refusal::kAttribute, "more than one output");
  if (problem.attrs.get_float("softcap", 0) != 0 || problem.attrs.get_int("left_window_size", -1) >= 0 ||
      problem.attrs.get_int("right_window_size", -1) >= 0)
    return Support::no(Refusal::kAttribute, "softcap or window");
  if (problem.outputs[0].dtype != type || problem.epilogue_inputs() != 0 || problem.attrs.has("epilogue"))
    return Support::no(Refusal::kEpilogue);
  if (has_mask(problem) && problem.inputs[3].dtype != DType::boolean &&
      (!is_float(problem.inputs[3].dtype) || cuda_type(problem.inputs[3].dtype).empty() ||
       problem.inputs[3].dtype == DType::f64))
    return Support::no(Refusal::kDType, "mask");
  const Result<Views> views = views_of(problem, problem.inputs, problem.outputs[0]);
  return views.is_ok() ? Support::yes() : Support::no(Refusal::kShape, views.status().message());
}

// Warps of a block, 16 queries each; the kernel by rows has one form only.
std::vector<std::string> configs(const Problem& problem) {
  const Result<Views> views = views_of(problem, problem.inputs, problem.outputs[0]);
  if (!views.is_ok() || !tiled(problem, *views)) return {"4"};
  return {"4", "2", "8"};
}

Result<int> warps_of(const std::string& config) {
  if (config != "2" && config != "4" && config != "8")
    return invalid_argument("cuda.attention: bad config '{}'", config);
  return config[0] - '0';
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string& config) {
  INGOT_ASSIGN_OR_RETURN(const int warps, warps_of(config));
  INGOT_ASSIGN_OR_RETURN(const Views views, views_of(problem, problem.inputs, problem.outputs[0]));
  const DType type = problem.inputs[0].dtype;
  std::string text = fmt::format("using T = {};\n", cuda_type(type));
  text += define("SIZE", views.q.size) + define("SIZE_V", views.v.size);
  const DType mask = has_mask(problem) ? problem.inputs[3].dtype : DType::f32;
  text += define("MASK", !has_mask(problem) ? 0 : mask == DType::boolean ? 2 : 1);
  text += fmt::format("using MASK_T = {};\n", cuda_type(mask));
  if (tiled(problem, views)) text += define("TENSOR_CORES", 1) + define("WARPS", warps);
  text += define("MMA_TYPE", type == DType::bf16 ? "\"bf16\"" : "\"f16\"");
  return std::vector<std::string>{assemble(text, "attention.cu")};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const Problem& problem = args.problem;
  INGOT_ASSIGN_OR_RETURN(const Views views, views_of(problem, args.inputs, args.outputs[0]));
  const auto& [q, k, v, y] = views;
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
  p.scale = static_cast<float>(problem.attrs.get_float("scale", 1 / std::sqrt(static_cast<double>(q.size))));
  if (has_mask(problem)) {
    const Shape& mask = args.inputs[3].shape;
    long long strides[4] = {0, 0, 0, 0};
    std::int64_t stride = 1;
    for (std::size_t i = 1; i <= mask.size(); ++i) {
      const std::int64_t size = mask[mask.size() - i];
      strides[4 - i] = size == 1 ? 0 : stride;
      stride *= size;
    }
    p.mask_batch = strides[0], p.mask_head = strides[1], p.mask_row = strides[2], p.mask_column = strides[3];
  }
  const bool tiles = tiled(problem, views);
  PlannedLaunch launch = PlannedLaunch::of(tiles ? "attention_tiles" : "attention_rows", p);
  launch.dependent = true;
  INGOT_ASSIGN_OR_RETURN(const int warps, warps_of(args.config));
  launch.block = {tiles ? static_cast<unsigned>(warps * 32) : 128U, 1, 1};
  const std::int64_t queries_per_block = tiles ? warps * 16 : 4;
  launch.grid = {static_cast<unsigned>((q.length + queries_per_block - 1) / queries_per_block),
                 static_cast<unsigned>(q.batches * q.heads), 1};
  if (tiles)
    launch.shared_bytes = static_cast<unsigned>(((queries_per_block + 128) * (q.size + 8) + 128 * (v.size + 8)) * 2);
  launch.point(offsetof(AttentionParams, q), Place::kInput, 0).point(offsetof(AttentionParams, k), Place::kInput, 1);
  launch.point(offsetof(AttentionParams, v), Place::kInput, 2).point(offsetof(AttentionParams, y), Place::kOutput, 0);
  if (has_mask(problem)) launch.point(offsetof(AttentionParams, mask), Place::kInput, 3);
  LaunchPlan out;
  out.launches.push_back(std::move(launch));
  return out;
}

}  // namespace

const Tactic& attention_tactic() {
  static const CudaTactic tactic({"cuda.attention", 2, {"Attention"}, supports, sources, plan, configs});
  return tactic;
}

}  // namespace ingot::cuda
