// SPDX-License-Identifier: Apache-2.0
// cpu.arg: ArgMax, ArgMin and Hardmax, which is 1 where ArgMax points and 0 elsewhere. Several lines advance together,
// side by side where they lie so; a single line is dealt to lanes that are compared at the end.
#include <algorithm>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kLanes = 64;

struct ArgState final : KernelState {
  std::int64_t outer = 1, length = 0, inner = 1;
};

// Where lines [column, column + count) of `outer` have what was looked for: their indices themselves, or the lines of a
// Hardmax.
template <typename T, bool kHard, typename Index>
void put(const ArgState& s, void* out, std::int64_t outer, std::int64_t column, std::int64_t count, const Index* at) {
  if constexpr (kHard) {
    T* const to = static_cast<T*>(out) + outer * s.length * s.inner + column;
    for (std::int64_t i = 0; i < s.length; ++i) std::fill_n(to + i * s.inner, count, T{0});
    for (std::int64_t i = 0; i < count; ++i) to[at[i] * s.inner + i] = T{1};
  } else {
    std::copy_n(at, count, static_cast<std::int64_t*>(out) + outer * s.inner + column);
  }
}

// The first NaN wins; of equal values the first, or the last.
template <typename T, bool kGreatest, bool kLast>
struct Lanes {
  T best[kLanes];
  std::int32_t at[kLanes];

  static bool better(T value, T than) {
    if constexpr (kLast)
      return (kGreatest ? value >= than : value <= than) || (value != value && than == than);
    else
      return (kGreatest ? value > than : value < than) || (value != value && than == than);
  }
  void start(const T* row, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      best[i] = row[i];
      at[i] = 0;
    }
  }
  void take(const T* row, std::int32_t number, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const bool swap = better(row[i], best[i]);
      best[i] = swap ? row[i] : best[i];
      at[i] = swap ? number : at[i];
    }
  }
};

template <typename T, bool kGreatest, bool kLast>
std::int64_t arg_of_line(const T* x, std::int64_t n) {
  using L = Lanes<T, kGreatest, kLast>;
  const std::int64_t width = std::min(n, kLanes);
  L lanes;
  lanes.start(x, width);
  std::int64_t row = 1;
  for (; (row + 1) * width <= n; ++row) {
    if (width == kLanes)
      lanes.take(x + row * width, static_cast<std::int32_t>(row), kLanes);
    else
      lanes.take(x + row * width, static_cast<std::int32_t>(row), width);
  }
  const auto place = [&](std::int64_t lane) { return lanes.at[lane] * width + lane; };
  T best = lanes.best[0];
  std::int64_t at = place(0);
  for (std::int64_t lane = 1; lane < width; ++lane) {
    const T value = lanes.best[lane];
    const bool same = value == best || (value != value && best != best);
    const bool earlier = place(lane) < at;
    // Of NaN the first counts whatever select_last_index says.
    if (same ? (kLast && value == value ? !earlier : earlier) : L::better(value, best)) {
      best = value;
      at = place(lane);
    }
  }
  for (std::int64_t i = row * width; i < n; ++i)
    if (L::better(x[i], best)) {
      best = x[i];
      at = i;
    }
  return at;
}

template <typename T, bool kGreatest, bool kLast, bool kHard = false>
void arg_of(const ArgState& s, const LaunchArgs& args) {
  const auto* x = static_cast<const T*>(args.inputs[0]);
  const std::int64_t chunks = ceil_div(s.inner, kLanes);
  const TaskSplit split(s.outer * chunks, s.outer * s.length * s.inner, args.parallel->threads());
  args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
    for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
      const std::int64_t outer = unit / chunks;
      const std::int64_t column = unit % chunks * kLanes;
      const T* from = x + outer * s.length * s.inner + column;
      if (s.inner == 1) {
        const std::int64_t at = arg_of_line<T, kGreatest, kLast>(from, s.length);
        put<T, kHard>(s, args.outputs[0], outer, 0, 1, &at);
        continue;
      }
      const std::int64_t count = std::min(kLanes, s.inner - column);
      Lanes<T, kGreatest, kLast> lanes;
      lanes.start(from, count);
      for (std::int64_t i = 1; i < s.length; ++i) {
        if (count == kLanes)
          lanes.take(from + i * s.inner, static_cast<std::int32_t>(i), kLanes);
        else
          lanes.take(from + i * s.inner, static_cast<std::int32_t>(i), count);
      }
      put<T, kHard>(s, args.outputs[0], outer, column, count, lanes.at);
    }
  });
}

using ArgFn = void (*)(const ArgState&, const LaunchArgs&);

template <typename T>
ArgFn choose(bool greatest, bool last) {
  if (greatest) return last ? &arg_of<T, true, true> : &arg_of<T, true, false>;
  return last ? &arg_of<T, false, true> : &arg_of<T, false, false>;
}

ArgFn find_arg(const Problem& problem) {
  if (problem.kind == "Hardmax")
    return problem.inputs[0].dtype == DType::f32   ? &arg_of<float, true, false, true>
           : problem.inputs[0].dtype == DType::f64 ? &arg_of<double, true, false, true>
                                                   : nullptr;
  const bool greatest = problem.kind == "ArgMax";
  const bool last = problem.attrs.get_int("select_last_index", 0) != 0;
  switch (problem.inputs[0].dtype) {
    case DType::f32: return choose<float>(greatest, last);
    case DType::f64: return choose<double>(greatest, last);
    case DType::i32: return choose<std::int32_t>(greatest, last);
    case DType::i64: return choose<std::int64_t>(greatest, last);
    case DType::i8: return choose<std::int8_t>(greatest, last);
    case DType::u8: return choose<std::uint8_t>(greatest, last);
    default: return nullptr;
  }
}

std::int64_t axis_of(const Problem& problem) {
  return problem.attrs.get_int("axis", problem.kind == "Hardmax" ? -1 : 0);
}

class ArgKernel final : public Kernel {
 public:
  explicit ArgKernel(const Problem& problem)
      : run_(find_arg(problem)), axis_(axis_of(problem)), hard_(problem.kind == "Hardmax") {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ArgState>();
    const Shape& x = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, x.size());
    if (!axis) return invalid_argument("ArgMax: axis {} of {}", axis_, to_string(x));
    state->outer = product(x, 0, *axis);
    state->length = x[*axis];
    state->inner = product(x, *axis + 1, x.size());
    if (state->length > INT32_MAX) return unsupported("ArgMax over {} elements", state->length);
    if (state->length == 0 && state->outer * state->inner > 0)
      return invalid_argument("ArgMax: {} is empty along axis {}", to_string(x), *axis);
    INGOT_RETURN_IF_ERROR(expect_elements("ArgMax", "the output", args.outputs[0],
                                          state->outer * state->inner * (hard_ ? state->length : 1)));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    run_(static_cast<const ArgState&>(*args.state), args);
    return Status::ok();
  }

 private:
  ArgFn run_;
  std::int64_t axis_;
  bool hard_;
};

Support supports(const Problem& problem) {
  if (find_arg(problem) == nullptr) return Support::no(Refusal::kDType);
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  if (!normal_axis(axis_of(problem), problem.inputs[0].shape.size())) return Support::no(Refusal::kShape);
  return Support::yes();
}

}  // namespace

const Tactic& arg_reduce_tactic() {
  static const SimpleTactic tactic("cpu.arg", {"ArgMax", "ArgMin", "Hardmax"}, supports, load_kernel<ArgKernel>);
  return tactic;
}

}  // namespace ingot::cpu
