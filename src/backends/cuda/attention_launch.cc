// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/attention_launch.h"

#include <algorithm>
#include <cstddef>

#include "backends/cuda/kernels/params.h"
#include "backends/cuda/source.h"

namespace ingot::cuda {

using cpu::AttentionShape;
using ingot_cuda::AttentionParams;

namespace {

constexpr std::int64_t kMostSize = 256;  // elements of a row that the registers of a warp hold

}  // namespace

AttentionParams attention_params(const Problem& problem, const AttentionShape& shape) {
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
  p.mask_batch = mask_strides[0], p.mask_head = mask_strides[1], p.mask_row = mask_strides[2],
  p.mask_column = mask_strides[3];
  p.mask_batches = static_cast<int>(mask_batches);
  const bool odd =
      std::any_of(mask_strides.begin(), mask_strides.begin() + 3, [](std::int64_t s) { return s % 2 != 0; });
  p.mask_pairs = cpu::has_mask(problem.inputs) && !odd && k.length % 2 == 0 ? 1 : 0;
  p.parts = 1;
  return p;
}

Support attention_launch_support(const Problem& problem) {
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
  const auto shape = attention_problem(problem, problem.inputs, problem.outputs[0]);
  return shape.is_ok() ? Support::yes() : Support::no(Refusal::kShape, shape.status().message());
}

Result<AttentionShape> attention_problem(const Problem& problem, std::span<const Operand> inputs,
                                         const Operand& output) {
  INGOT_ASSIGN_OR_RETURN(AttentionShape shape, cpu::attention_shape(problem.attrs, inputs, output));
  if (shape.q.batches > kMaxGridYZ || shape.q.heads > kMaxGridYZ)
    return unsupported("{} heads of {}", shape.q.heads, shape.q.batches);
  if (shape.q.size > kMostSize || shape.v.size > kMostSize)
    return unsupported("heads of {} and {}", shape.q.size, shape.v.size);
  return shape;
}

bool attention_in_pieces(const Problem& problem, const AttentionShape& shape) {
  if (bits_of(problem.inputs[0].dtype) != 16) return false;
  for (const cpu::HeadView* view : {&shape.q, &shape.k, &shape.v, &shape.y})
    for (const std::int64_t elements : {view->size, view->batch, view->head, view->row, view->first})
      if (elements % 8 != 0) return false;
  return true;
}

std::string attention_definitions(const Problem& problem, const AttentionShape& shape) {
  const bool mask = cpu::has_mask(problem.inputs);
  const DType mask_type = mask ? problem.inputs[3].dtype : DType::f32;
  return fmt::format("using T = {};\nusing MASK_T = {};\n", cuda_type(problem.inputs[0].dtype), cuda_type(mask_type)) +
         define("SIZE", shape.q.size) + define("SIZE_V", shape.v.size) +
         define("MASK", !mask                         ? 0
                        : mask_type == DType::boolean ? 2
                                                      : 1) +
         define("RAW_SCORES", !mask && shape.scale > 0 ? 1 : 0);
}

PlannedLaunch attention_launch(const Problem& problem, const AttentionShape& shape, std::string entry,
                               const AttentionParams& params) {
  PlannedLaunch launch = PlannedLaunch::of(std::move(entry), params);
  launch.dependent = true;
  const auto bytes = [&](const cpu::HeadView& view) {
    return static_cast<std::size_t>(view.first * bits_of(problem.inputs[0].dtype) / 8);
  };
  launch.point(offsetof(AttentionParams, q), Place::kInput, 0, bytes(shape.q));
  launch.point(offsetof(AttentionParams, k), Place::kInput, 1, bytes(shape.k));
  launch.point(offsetof(AttentionParams, v), Place::kInput, 2, bytes(shape.v));
  launch.point(offsetof(AttentionParams, y), Place::kOutput, 0);
  if (cpu::has_mask(problem.inputs)) launch.point(offsetof(AttentionParams, mask), Place::kInput, 3);
  return launch;
}

PlannedLaunch attention_launch(const Problem& problem, const AttentionShape& shape, std::string entry,
                               std::int64_t queries_per_block) {
  PlannedLaunch launch = attention_launch(problem, shape, std::move(entry), attention_params(problem, shape));
  launch.grid = {static_cast<unsigned>((shape.q.length + queries_per_block - 1) / queries_per_block),
                 static_cast<unsigned>(shape.q.heads), static_cast<unsigned>(shape.q.batches)};
  return launch;
}

}  // namespace ingot::cuda
