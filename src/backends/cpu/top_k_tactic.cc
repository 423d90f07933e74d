// SPDX-License-Identifier: Apache-2.0
// cpu.top_k: TopK by selection. Values become keys that sort ascending, best first, equal ones by position; what is
// worse than the k-th best so far is dropped at sight.
#include <algorithm>
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/ordered_key.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct Candidate {
  std::uint64_t key;
  std::int64_t at;
  bool operator<(const Candidate& other) const { return key != other.key ? key < other.key : at < other.at; }
};

struct TopKState final : KernelState {
  std::int64_t lines = 0, length = 0, inner = 1, k = 0, room = 0;
};

class TopKKernel final : public Kernel {
 public:
  explicit TopKKernel(const Problem& problem)
      : type_(problem.inputs[0].dtype),
        axis_(problem.attrs.get_int("axis", -1)),
        largest_(problem.attrs.get_int("largest", 1) != 0),
        values_(problem.outputs[0].present()),
        indices_(problem.outputs.size() > 1 && problem.outputs[1].present()) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<TopKState>();
    const Shape& x = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, x.size());
    if (!axis) return invalid_argument("TopK: axis {} of {}", axis_, to_string(x));
    Shape expected = (values_ ? args.outputs[0] : args.outputs[1]).shape;
    if (expected.size() != x.size() || expected[*axis] > x[*axis])
      return invalid_argument("TopK: {} of {} along axis {}", to_string(expected), to_string(x), *axis);
    state->k = expected[*axis];
    state->length = x[*axis];
    state->inner = product(x, *axis + 1, x.size());
    state->lines = product(x, 0, *axis) * state->inner;
    expected = x;
    expected[*axis] = state->k;
    if (values_) INGOT_RETURN_IF_ERROR(expect_shape("TopK", "Values", args.outputs[0].shape, expected));
    if (indices_) INGOT_RETURN_IF_ERROR(expect_shape("TopK", "Indices", args.outputs[1].shape, expected));
    state->room = std::min(state->length, 2 * state->k + kSlack);
    state->workspace_bytes =
        static_cast<std::size_t>(args.threads) * static_cast<std::size_t>(state->room) * sizeof(Candidate);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const TopKState&>(*args.state);
    if (s.k == 0) return Status::ok();
    const std::int64_t bytes = bits_of(type_) / 8;
    const TaskSplit split(s.lines, s.lines * s.length * 4, args.parallel->threads());
    with_element_reader(type_, [&](auto read) {
      args.parallel->run(split.tasks(), [&](std::int64_t task, int thread) {
        auto* best = reinterpret_cast<Candidate*>(args.workspace.data()) + thread * s.room;
        for (std::int64_t line = split.begin(task); line < split.end(task); ++line) {
          const std::int64_t from = line / s.inner * s.length * s.inner + line % s.inner;
          const std::int64_t to = line / s.inner * s.k * s.inner + line % s.inner;
          select(
              s, [&](std::int64_t i) { return ordered_key(read(args.inputs[0], from + i * s.inner)); }, best);
          for (std::int64_t i = 0; i < s.k; ++i) {
            if (indices_) static_cast<std::int64_t*>(args.outputs[1])[to + i * s.inner] = best[i].at;
            if (values_)
              std::memcpy(static_cast<std::byte*>(args.outputs[0]) + (to + i * s.inner) * bytes,
                          static_cast<const std::byte*>(args.inputs[0]) + (from + best[i].at * s.inner) * bytes,
                          static_cast<std::size_t>(bytes));
          }
        }
      });
    });
    return Status::ok();
  }

 private:
  static constexpr std::int64_t kSlack = 256;

  // The k first candidates, sorted.
  template <typename Key>
  void select(const TopKState& s, Key key_at, Candidate* best) const {
    const std::uint64_t flip = largest_ ? ~std::uint64_t{0} : 0;
    // Later candidates are never better than an equal one, so that keys alone decide.
    std::uint64_t limit = ~std::uint64_t{0};
    std::int64_t count = 0;
    bool limited = false;
    for (std::int64_t i = 0; i < s.length; ++i) {
      const std::uint64_t key = key_at(i) ^ flip;
      if (limited && key >= limit) continue;
      best[count++] = {key, i};
      if (count < s.room || s.room == s.length) continue;
      std::nth_element(best, best + s.k - 1, best + count);
      limit = best[s.k - 1].key;
      count = s.k;
      limited = true;
    }
    if (count > s.k) std::nth_element(best, best + s.k - 1, best + count);
    std::sort(best, best + s.k);
  }

  DType type_;
  std::int64_t axis_;
  bool largest_, values_, indices_;
};

Support supports(const Problem& problem) {
  if (!problem.has_input(1) || !problem.inputs[1].constant) return Support::no(Refusal::kConstant, "K");
  if (!normal_axis(problem.attrs.get_int("axis", -1), problem.inputs[0].shape.size()))
    return Support::no(Refusal::kShape);
  if (!with_element_reader(problem.inputs[0].dtype, [](auto) {})) return Support::no(Refusal::kDType);
  return Support::yes();
}

}  // namespace

const Tactic& top_k_tactic() {
  static const SimpleTactic tactic("cpu.top_k", {"TopK"}, supports, load_kernel<TopKKernel>);
  return tactic;
}

}  // namespace ingot::cpu
