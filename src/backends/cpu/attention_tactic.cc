// SPDX-License-Identifier: Apache-2.0
// cpu.attention: f32 scaled dot-product attention, one block of queries of one head at a time, so that its scores stay
// in the second-level cache and never make a tensor.
#include <cmath>

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// Q, K, V or Y as heads in place: element (b, h, s, e) at b * batch + h * head + s * row + e.
struct HeadView {
  std::int64_t batches = 0, heads = 0, length = 0, size = 0;
  std::int64_t batch = 0, head = 0, row = 0;
};

// nullopt when the shape is no stack of heads.
std::optional<HeadView> head_view(const Shape& shape, bool bshd, std::int64_t heads) {
  HeadView view;
  if (shape.size() == 4 && !bshd) {
    view = {shape[0], shape[1], shape[2], shape[3], 0, shape[2] * shape[3], shape[3]};
  } else if (shape.size() == 4) {
    view = {shape[0], shape[2], shape[1], shape[3], 0, shape[3], shape[2] * shape[3]};
  } else if (shape.size() == 3 && heads > 0 && shape[2] % heads == 0) {
    view = {shape[0], heads, shape[1], shape[2] / heads, 0, shape[2] / heads, shape[2]};
  } else {
    return std::nullopt;
  }
  view.batch = view.heads * view.length * view.size;
  return view;
}

struct AttentionState final : KernelState {
  HeadView q, k, v, y;
  std::int64_t block = 1, blocks = 1, pitch = 0;  // queries per block, blocks per head, floats from score row to row
  std::int64_t mask_strides[4] = {0, 0, 0, 0};
  float scale = 1;
  std::size_t scores_bytes = 0, thread_bytes = 0;
};

class AttentionKernel final : public Kernel {
 public:
  explicit AttentionKernel(const Problem& problem)
      : attrs_(problem.attrs), panel_(best_panel()), causal_(problem.attrs.get_int("is_causal", 0) != 0) {
    if (problem.inputs.size() > 3 && problem.inputs[3].present()) mask_ = problem.inputs[3].dtype;
  }

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<AttentionState>();
    INGOT_RETURN_IF_ERROR(set_views(args, *state));
    const HeadView& q = state->q;
    const std::int64_t keys = state->k.length;
    state->scale = static_cast<float>(attrs_.get_float("scale", 1 / std::sqrt(static_cast<double>(q.size))));
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
    args.parallel->run(state.q.batches * state.q.heads * state.blocks, [&](std::int64_t task, int thread) {
      const std::int64_t part = task % state.blocks;
      const std::int64_t head = task / state.blocks % state.q.heads;
      const std::int64_t batch = task / state.blocks / state.q.heads;
      run_block(state, args, batch, head, part,
                args.workspace.data() + static_cast<std::size_t>(thread) * state.thread_bytes);
    });
    return Status::ok();
  }

 private:
  static constexpr std::int64_t kScoreFloats = 96 << 10;  // of a block: less than half of a common second-level cache

  static BatchGemmShape scores_shape(const AttentionState& state, std::int64_t rows) {
    return {{1, 1}, rows, state.k.length, state.q.size, true};
  }
  static BatchGemmShape values_shape(const AttentionState& state, std::int64_t rows) {
    return {{1, 1}, rows, state.v.size, state.k.length, false};
  }

  Status set_views(const ConfigureArgs& args, AttentionState& state) const {
    const bool bshd = attrs_.get_int("bshd", 0) != 0;
    const std::int64_t q_heads = attrs_.get_int("q_num_heads", 0);
    const std::int64_t kv_heads = attrs_.get_int("kv_num_heads", 0);
    const auto q = head_view(args.inputs[0].shape, bshd, q_heads);
    const auto k = head_view(args.inputs[1].shape, bshd, kv_heads);
    const auto v = head_view(args.inputs[2].shape, bshd, kv_heads);
    const auto y = head_view(args.outputs[0].shape, bshd, q_heads);
    if (!q || !k || !v || !y || k->heads < 1 || q->heads % k->heads != 0 || v->heads != k->heads ||
        v->length != k->length || q->size != k->size || k->batches != q->batches || v->batches != q->batches ||
        y->batches != q->batches || y->heads != q->heads || y->length != q->length || y->size != v->size)
      return invalid_argument("Attention: operands do not fit one another");
    state.q = *q;
    state.k = *k;
    state.v = *v;
    state.y = *y;
    if (mask_ == DType::undefined) return Status::ok();
    const Shape& mask = args.inputs[3].shape;
    if (mask.empty() || mask.size() > 4 || mask.back() != k->length)
      return unsupported("Attention: a mask of shape {} for {} keys", to_string(mask), k->length);
    const std::int64_t full[] = {q->batches, q->heads, q->length, k->length};
    std::int64_t stride = 1;
    for (std::size_t i = 1; i <= mask.size(); ++i) {
      const std::int64_t size = mask[mask.size() - i];
      if (size != 1 && size != full[4 - i])
        return invalid_argument("Attention: a mask of shape {} for {} queries and {} keys", to_string(mask), q->length,
                                k->length);
      state.mask_strides[4 - i] = size == 1 ? 0 : stride;
      stride *= size;
    }
    return Status::ok();
  }

  void run_block(const AttentionState& state, const LaunchArgs& args, std::int64_t batch, std::int64_t head,
                 std::int64_t part, std::byte* memory) const {
    const auto data = [&](std::size_t input, const HeadView& view, std::int64_t h) {
      return static_cast<const float*>(args.inputs[input]) + batch * view.batch + h * view.head;
    };
    const std::int64_t first = part * state.block;
    const std::int64_t rows = std::min(state.block, state.q.length - first);
    const std::int64_t kv_head = head / (state.q.heads / state.k.heads);
    auto* scores = reinterpret_cast<float*>(memory);
    std::byte* scratch = memory + state.scores_bytes;
    Serial serial;
    batch_gemm(scores_shape(state, rows), {data(0, state.q, head) + first * state.q.row, state.q.row, {0, 0}},
               {data(1, state.k, kv_head), state.k.row, {0, 0}}, {scores, state.pitch, {0, 0}}, panel_, {}, scratch,
               serial);
    for (std::int64_t i = 0; i < rows; ++i) finish_row(state, args, batch, head, first + i, scores + i * state.pitch);
    float* y = static_cast<float*>(args.outputs[0]) + batch * state.y.batch + head * state.y.head + first * state.y.row;
    batch_gemm(values_shape(state, rows), {scores, state.pitch, {0, 0}},
               {data(2, state.v, kv_head), state.v.row, {0, 0}}, {y, state.y.row, {0, 0}}, panel_, {}, scratch, serial);
  }

  void finish_row(const AttentionState& state, const LaunchArgs& args, std::int64_t batch, std::int64_t head,
                  std::int64_t query, float* row) const {
    const std::int64_t offset =
        batch * state.mask_strides[0] + head * state.mask_strides[1] + query * state.mask_strides[2];
    const float* mask = mask_ == DType::f32 ? static_cast<const float*>(args.inputs[3]) + offset : nullptr;
    const std::uint8_t* keep =
        mask_ == DType::boolean ? static_cast<const std::uint8_t*>(args.inputs[3]) + offset : nullptr;
    const std::int64_t seen = causal_ ? std::min(state.k.length, query + 1) : state.k.length;
    attention_row(row, seen, state.scale, mask, keep);
    std::fill(row + seen, row + state.k.length, 0.0F);
  }

  Attrs attrs_;
  int panel_;
  bool causal_;
  DType mask_ = DType::undefined;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < 3; ++i)
    if (problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  for (std::size_t i = 4; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].present()) return Support::no(Refusal::kAttribute, "a cache");
  for (std::size_t i = 1; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present()) return Support::no(Refusal::kAttribute, "more than one output");
  if (problem.attrs.get_float("softcap", 0) != 0 || problem.attrs.get_int("left_window_size", -1) >= 0 ||
      problem.attrs.get_int("right_window_size", -1) >= 0)
    return Support::no(Refusal::kAttribute, "softcap or window");
  const bool bshd = problem.attrs.get_int("bshd", 0) != 0;
  const auto q = head_view(problem.inputs[0].shape, bshd, problem.attrs.get_int("q_num_heads", 0));
  const auto k = head_view(problem.inputs[1].shape, bshd, problem.attrs.get_int("kv_num_heads", 0));
  if (!q || !k) return Support::no(Refusal::kShape);
  if (problem.inputs.size() > 3 && problem.inputs[3].present()) {
    const Operand& mask = problem.inputs[3];
    if (mask.dtype != DType::f32 && mask.dtype != DType::boolean) return Support::no(Refusal::kDType, "mask");
    if (mask.shape.empty() || mask.shape.size() > 4 || mask.shape.back() != k->length)
      return Support::no(Refusal::kShape, "mask of another length");
  }
  return Support::yes();
}

}  // namespace

const Tactic& attention_tactic() {
  static const SimpleTactic tactic("cpu.attention", {"Attention"}, supports,
                                   [](const Problem& problem) -> Result<std::unique_ptr<Kernel>> {
                                     return std::unique_ptr<Kernel>(std::make_unique<AttentionKernel>(problem));
                                   });
  return tactic;
}

}  // namespace ingot::cpu
