// SPDX-License-Identifier: Apache-2.0
// cpu.rotary: RotaryEmbedding in fp32.
#include <algorithm>

#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// Lines of X, one for each head and position: of rank 3 the heads of a position follow one another, of rank 4 the
// positions of a head.
struct RotaryState final : KernelState {
  std::int64_t batch = 0, heads = 0, length = 0, size = 0;
  std::int64_t half = 0;       // pairs that are rotated
  std::int64_t positions = 0;  // in the caches
};

class RotaryKernel final : public Kernel {
 public:
  explicit RotaryKernel(const Problem& problem)
      : heads_(problem.attrs.get_int("num_heads", 0)),
        rotated_(problem.attrs.get_int("rotary_embedding_dim", 0)),
        interleaved_(problem.attrs.get_int("interleaved", 0) != 0),
        has_positions_(problem.has_input(3)),
        flat_(problem.inputs[0].shape.size() == 3) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<RotaryState>();
    const Shape& x = args.inputs[0].shape;
    const Shape& cache = args.inputs[1].shape;
    const std::int64_t heads = flat_ ? heads_ : x[1];
    if (flat_ && (heads < 1 || x[2] % heads != 0))
      return invalid_argument("RotaryEmbedding: {} does not split into {} heads", to_string(x), heads);
    state->batch = x[0];
    state->heads = heads;
    state->length = flat_ ? x[1] : x[2];
    state->size = flat_ ? x[2] / heads : x[3];
    const std::int64_t rotated = rotated_ == 0 ? state->size : rotated_;
    if (rotated < 0 || rotated > state->size || rotated % 2 != 0)
      return invalid_argument("RotaryEmbedding: rotary_embedding_dim is {} for heads of {}", rotated, state->size);
    state->half = rotated / 2;
    if (cache.empty() || cache.back() != state->half)
      return invalid_argument("RotaryEmbedding: cos_cache has shape {}; its last dimension must be {}",
                              to_string(cache), state->half);
    INGOT_RETURN_IF_ERROR(expect_shape("RotaryEmbedding", "sin_cache", args.inputs[2].shape, cache));
    INGOT_RETURN_IF_ERROR(expect_shape("RotaryEmbedding", "the output", args.outputs[0].shape, x));
    state->positions = 1;
    for (std::size_t i = 0; i + 1 < cache.size(); ++i) state->positions *= cache[i];
    const std::int64_t lines = state->batch * state->length;
    if (has_positions_) {
      INGOT_RETURN_IF_ERROR(
          expect_shape("RotaryEmbedding", "position_ids", args.inputs[3].shape, {state->batch, state->length}));
    } else if (state->positions < lines) {
      return invalid_argument("RotaryEmbedding: caches of {} positions for {}", state->positions, lines);
    }
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const RotaryState&>(*args.state);
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* cosine = static_cast<const float*>(args.inputs[1]);
    const auto* sine = static_cast<const float*>(args.inputs[2]);
    const auto* ids = has_positions_ ? static_cast<const std::int64_t*>(args.inputs[3]) : nullptr;
    auto* y = static_cast<float*>(args.outputs[0]);
    for (std::int64_t i = 0; ids != nullptr && i < s.batch * s.length; ++i)
      if (ids[i] < 0 || ids[i] >= s.positions)
        return invalid_argument("RotaryEmbedding: operand 3 (position_ids) has the position {} of {}", ids[i],
                                s.positions);
    const std::int64_t lines = s.batch * s.heads * s.length;
    const TaskSplit split(lines, lines * s.size * 2, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
        const std::int64_t place =
            flat_ ? line / s.heads : line / (s.heads * s.length) * s.length + line % s.length;  // among all positions
        const std::int64_t at = (ids == nullptr ? place : ids[place]) * s.half;
        rotate(s, x + line * s.size, cosine + at, sine + at, y + line * s.size);
      }
    });
    return Status::ok();
  }

 private:
  void rotate(const RotaryState& s, const float* x, const float* c, const float* si, float* y) const {
    if (interleaved_) {
      for (std::int64_t i = 0; i < s.half; ++i) {
        y[2 * i] = c[i] * x[2 * i] - si[i] * x[2 * i + 1];
        y[2 * i + 1] = si[i] * x[2 * i] + c[i] * x[2 * i + 1];
      }
    } else {
      const float* other = x + s.half;
      float* second = y + s.half;
      for (std::int64_t i = 0; i < s.half; ++i) y[i] = c[i] * x[i] - si[i] * other[i];
      for (std::int64_t i = 0; i < s.half; ++i) second[i] = si[i] * x[i] + c[i] * other[i];
    }
    std::copy(x + 2 * s.half, x + s.size, y + 2 * s.half);
  }

  std::int64_t heads_, rotated_;
  bool interleaved_, has_positions_, flat_;
};

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < 3; ++i)
    if (problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
  if (problem.has_input(3) && problem.inputs[3].dtype != DType::i64) return Support::no(Refusal::kDType);
  const std::size_t rank = problem.inputs[0].shape.size();
  if (rank != 3 && rank != 4) return Support::no(Refusal::kShape);
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  return Support::yes();
}

}  // namespace

const Tactic& rotary_tactic() {
  static const SimpleTactic tactic("cpu.rotary", {"RotaryEmbedding"}, supports, load_kernel<RotaryKernel>);
  return tactic;
}

}  // namespace ingot::cpu
