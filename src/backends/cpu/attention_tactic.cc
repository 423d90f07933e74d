// SPDX-License-Identifier: Apache-2.0
// cpu.attention: f32 scaled dot-product attention, one block of queries of one head at a time, so that its scores stay
// in the second-level cache and never make a tensor.
#include "backends/cpu/attention_shape.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct AttentionState final : KernelState {
  AttentionShape shape;
  std::int64_t block = 1, blocks = 1, pitch = 0;  // queries per block, blocks per head, floats from score row to row
  std::size_t scores_bytes = 0, thread_bytes = 0;
};

class AttentionKernel final : public Kernel {
 public:
  explicit AttentionKernel(const Problem& problem)
      : attrs_(problem.attrs), panel_(best_panel()), causal_(problem.attrs.get_int("is_causal", 0) != 0) {
    if (has_mask(problem.inputs)) mask_ = problem.inputs[3].dtype;
  }

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<AttentionState>();
    INGOT_ASSIGN_OR_RETURN(state->shape, attention_shape(attrs_, args.inputs, args.outputs[0]));
    const HeadView& q = state->shape.q;
    const std::int64_t keys = state->shape.k.length;
    const std::int64_t most = std::clamp<std::int64_t>(kScoreFloats / std::max<std::int64_t>(keys, 1), 16, 192);
    state->blocks = ceil_div(q.length, most);
    state->block = state->blocks == 0 ? 0 : ceil_div(q.length, state->blocks);
    state->pitch = round_up(keys, 16) + 16;
    state->scores_bytes = static_cast<std::size_t>(round_up(state->block * state->pitch * 4, kAlignment));
    std::size_t scratch = 0;
    for (const std::int64_t rows : {state->block, q.length - (state->blocks - 1) * state->block})
      for (const BatchGemmShape& shape : {scores_shape(*state, rows), values_shape(*state, rows)})
        scratch = std::max(scratch, batch_gemm_scratch_bytes(shape, panel_, 1));
    state->thread_bytes = state->scores_bytes + scratch;
    state->workspace_bytes = state->thread_bytes * static_cast<std::size_t>(args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const AttentionState&>(*args.state);
    args.parallel->run(state.shape.q.batches * state.shape.q.heads * state.blocks, [&](std::int64_t task, int thread) {
      const std::int64_t part = task % state.blocks;
      const std::int64_t head = task / state.blocks % state.shape.q.heads;
      const std::int64_t batch = task / state.blocks / state.shape.q.heads;
      run_block(state, args, batch, head, part,
                args.workspace.data() + static_cast<std::size_t>(thread) * state.thread_bytes);
    });
    return Status::ok();
  }

 private:
  static constexpr std::int64_t kScoreFloats = 96 << 10;  // of a block: less than half of a common second-level cache

  static BatchGemmShape scores_shape(const AttentionState& state, std::int64_t rows) {
    return {{1, 1}, rows, state.shape.k.length, state.shape.q.size, true};
  }
  static BatchGemmShape values_shape(const AttentionState& state, std::int64_t rows) {
    return {{1, 1}, rows, state.shape.v.size, state.shape.k.length, false};
  }

  void run_block(const AttentionState& state, const LaunchArgs& args, std::int64_t batch, std::int64_t head,
                 std::int64_t part, std::byte* memory) const {
    const auto data = [&](std::size_t input, const HeadView& view, std::int64_t h) {
      return static_cast<const float*>(args.inputs[input]) + view.first + batch * view.batch + h * view.head;
    };
    const std::int64_t first = part * state.block;
    const std::int64_t rows = std::min(state.block, state.shape.q.length - first);
    const std::int64_t kv_head = head / (state.shape.q.heads / state.shape.k.heads);
    auto* scores = reinterpret_cast<float*>(memory);
    std::byte* scratch = memory + state.scores_bytes;
    Serial serial;
    batch_gemm(scores_shape(state, rows),
               {data(0, state.shape.q, head) + first * state.shape.q.row, state.shape.q.row, {0, 0}},
               {data(1, state.shape.k, kv_head), state.shape.k.row, {0, 0}}, {scores, state.pitch, {0, 0}}, panel_, {},
               scratch, serial);
    for (std::int64_t i = 0; i < rows; ++i) finish_row(state, args, batch, head, first + i, scores + i * state.pitch);
    float* y = static_cast<float*>(args.outputs[0]) + batch * state.shape.y.batch + head * state.shape.y.head +
               first * state.shape.y.row;
    batch_gemm(values_shape(state, rows), {scores, state.pitch, {0, 0}},
               {data(2, state.shape.v, kv_head), state.shape.v.row, {0, 0}}, {y, state.shape.y.row, {0, 0}}, panel_, {},
               scratch, serial);
  }

  void finish_row(const AttentionState& state, const LaunchArgs& args, std::int64_t batch, std::int64_t head,
                  std::int64_t query, float* row) const {
    const std::int64_t offset = batch % state.shape.mask_batches * state.shape.mask_strides[0] +
                                head * state.shape.mask_strides[1] + query * state.shape.mask_strides[2];
    const float* mask = mask_ == DType::f32 ? static_cast<const float*>(args.inputs[3]) + offset : nullptr;
    const std::uint8_t* keep =
        mask_ == DType::boolean ? static_cast<const std::uint8_t*>(args.inputs[3]) + offset : nullptr;
    const std::int64_t seen = causal_ ? std::min(state.shape.k.length, query + 1) : state.shape.k.length;
    attention_row(row, seen, static_cast<float>(state.shape.scale), mask, keep);
    std::fill(row + seen, row + state.shape.k.length, 0.0F);
  }

  Attrs attrs_;
  int panel_;
  bool causal_;
  DType mask_ = DType::undefined;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < 3; ++i)
    if (problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (has_mask(problem.inputs) && problem.inputs[3].dtype != DType::f32 && problem.inputs[3].dtype != DType::boolean)
    return Support::no(Refusal::kDType, "mask");
  return attention_support(problem);
}

}  // namespace

const Tactic& attention_tactic() {
  static const SimpleTactic tactic("cpu.attention", {"Attention"}, supports, load_kernel<AttentionKernel>);
  return tactic;
}

}  // namespace ingot::cpu
