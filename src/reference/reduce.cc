// SPDX-License-Identifier: Apache-2.0
// Reductions over axes, and ArgMax and ArgMin.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "reference/families.h"
#include "reference/indexing.h"
#include "reference/wrapping.h"

namespace ingot::reference {

namespace {

// fold(accumulator, x) for every element, then finish(accumulator, count). No fold for integers: computed in double.
template <typename T>
struct Fold {
  T (*fold)(T sum, T x) = nullptr;
  T (*finish)(T sum, T count) = nullptr;
};

enum class Start { kZero, kOne, kLowest, kHighest };

struct Reducer {
  std::string_view op;
  Start start;
  Fold<double> f;
  Fold<std::int64_t> i;
  Fold<std::uint64_t> u;
};

template <typename T>
T absolute(T x) {
  return x < 0 ? subtract<T>(0, x) : x;
}
template <typename T>
T keep(T sum, T) {
  return sum;
}
template <typename T>
T divide(T sum, T count) {
  if (std::is_integral_v<T> && count == 0) return 0;
  return sum / count;
}

using I = std::int64_t;
using U = std::uint64_t;

#define ALL(op, start, expression, finish)                                                \
  {                                                                                       \
    op, start, {[](double s, double x) -> double { return expression; }, finish<double>}, \
        {[](I s, I x) -> I { return expression; }, finish<I>}, {                          \
      [](U s, U x) -> U { return expression; }, finish<U>                                 \
    }                                                                                     \
  }
#define FLOAT(op, expression, finish)                                                 \
  {                                                                                   \
    op, Start::kZero, {[](double s, double x) { return expression; }, finish}, {}, {} \
  }

constexpr Reducer kReducers[] = {
    ALL("ReduceSum", Start::kZero, add(s, x), keep),
    ALL("ReduceMean", Start::kZero, add(s, x), divide),
    ALL("ReduceProd", Start::kOne, multiply(s, x), keep),
    ALL("ReduceMax", Start::kLowest, (x > s || x != x ? x : s), keep),
    ALL("ReduceMin", Start::kHighest, (x < s || x != x ? x : s), keep),
    ALL("ReduceL1", Start::kZero, add(s, absolute(x)), keep),
    ALL("ReduceSumSquare", Start::kZero, add(s, multiply(x, x)), keep),
    FLOAT("ReduceL2", s + x * x, [](double s, double) { return std::sqrt(s); }),
    FLOAT("ReduceLogSum", s + x, [](double s, double) { return std::log(s); }),
};

#undef ALL
#undef FLOAT

template <typename T>
Fold<T> fold_of(const Reducer& reducer) {
  if constexpr (std::is_same_v<T, double>) return reducer.f;
  if constexpr (std::is_same_v<T, I>) return reducer.i;
  if constexpr (std::is_same_v<T, U>) return reducer.u;
}

template <typename T>
T start_of(Start start, DType dtype) {
  const Limits limits = limits_of(dtype);
  switch (start) {
    case Start::kOne: return 1;
    case Start::kLowest: return is_float(dtype) ? static_cast<T>(limits.lowest_float) : static_cast<T>(limits.lowest);
    case Start::kHighest:
      return is_float(dtype) ? static_cast<T>(limits.highest_float) : static_cast<T>(limits.highest);
    case Start::kZero: break;
  }
  return 0;
}

// Which axes go, the result's shape, and the strides that lead from an element to its accumulator.
struct Plan {
  const HostTensor* data = nullptr;
  bool nothing = false;  // noop_with_empty_axes: every element is its own group, with what else the reduction does
  Shape shape;
  Shape strides;
  std::int64_t results = 1;
  std::int64_t count = 1;  // elements per result
};

Result<Plan> read_plan(const Call& call) {
  Plan plan;
  INGOT_ASSIGN_OR_RETURN(plan.data, numeric_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(Ints listed, ints_operand(call, 1, "axes", {}));
  const Shape& shape = plan.data->shape();
  plan.nothing = listed.empty() && call.attrs->get_int("noop_with_empty_axes", 0) != 0;
  if (listed.empty() && !plan.nothing)
    for (std::int64_t axis = 0; axis < plan.data->rank(); ++axis) listed.push_back(axis);
  INGOT_ASSIGN_OR_RETURN(const auto axes, normalize_axes(listed, shape.size(), "operand 1 (axes): axis"));
  Shape kept = shape;
  for (std::size_t axis : axes) {
    kept[axis] = 1;
    plan.count *= shape[axis];
  }
  plan.results = product(kept);
  plan.strides = strides_of(kept);
  const bool keep_dims = call.attrs->get_int("keepdims", 1) != 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (reduced) plan.strides[axis] = 0;
    if (!reduced || keep_dims) plan.shape.push_back(kept[axis]);
  }
  return plan;
}

// body(group, element) for all elements in row-major order.
template <typename Body>
void for_each_member(const Plan& plan, Body&& body) {
  std::size_t element = 0;
  for_each_run(plan.data->shape(), {plan.strides}, [&](const auto& offsets, const auto& steps, std::int64_t run) {
    for (std::int64_t i = 0; i < run; ++i) body(to_size(offsets[0] + i * steps[0]), element++);
  });
}

template <typename T>
Result<Outputs> reduce(const Call& call, const Plan& plan, const Reducer& reducer) {
  const DType dtype = plan.data->dtype();
  const std::vector<T> x = to_numbers<T>(*plan.data);
  const Fold<T> fold = fold_of<T>(reducer);
  std::vector<T> sums(to_size(plan.results), start_of<T>(reducer.start, dtype));
  for_each_member(plan, [&](std::size_t group, std::size_t i) {
    T& sum = sums[group];
    // A NaN stays: no comparison with it is true.
    if (sum == sum) sum = fold.fold(sum, x[i]);
  });
  for (T& sum : sums) sum = fold.finish(sum, static_cast<T>(plan.count));
  return single_output(output_type(call, 0, dtype), plan.shape, sums);
}

Result<Outputs> evaluate_reduce(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Plan plan, read_plan(call));
  const auto* reducer =
      std::find_if(std::begin(kReducers), std::end(kReducers), [&](const Reducer& r) { return r.op == call.op; });
  INGOT_CHECK(reducer != std::end(kReducers), "{} is not in the table of reductions", call.op);
  const DType dtype = reducer->i.fold == nullptr ? DType::f64 : plan.data->dtype();
  return with_number_type(dtype, [&](auto zero) { return reduce<decltype(zero)>(call, plan, *reducer); });
}

// log(sum(exp(x))), with the group's maximum taken out so that exp() stays in range.
Result<Outputs> evaluate_log_sum_exp(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Plan plan, read_plan(call));
  const std::vector<double> x = to_numbers<double>(*plan.data);
  const DType dtype = output_type(call, 0, plan.data->dtype());
  if (plan.nothing) return single_output(dtype, plan.shape, x);
  std::vector<double> shifts(to_size(plan.results), limits_of(DType::f64).lowest_float);
  for_each_member(plan, [&](std::size_t group, std::size_t i) { shifts[group] = std::max(shifts[group], x[i]); });
  for (double& shift : shifts)
    if (!std::isfinite(shift)) shift = 0;
  std::vector<double> sums(shifts.size(), 0);
  for_each_member(plan, [&](std::size_t group, std::size_t i) { sums[group] += std::exp(x[i] - shifts[group]); });
  for (std::size_t group = 0; group < sums.size(); ++group) sums[group] = std::log(sums[group]) + shifts[group];
  return single_output(dtype, plan.shape, sums);
}

Result<Outputs> evaluate_arg(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* data, numeric_operand(call, 0, "data", 1));
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                         normalize_axis(call.attrs->get_int("axis", 0), data->shape().size(), "axis"));
  const bool last = call.attrs->get_int("select_last_index", 0) != 0;
  const bool greatest = call.op == "ArgMax";
  const std::int64_t dim = data->shape()[axis];
  const std::int64_t inner = product(data->shape(), axis + 1, data->shape().size());
  const std::int64_t lines = product(data->shape(), 0, axis) * inner;
  if (dim == 0 && lines > 0) return invalid_argument("operand 0 (data) is empty along axis {}", axis);
  Shape shape = data->shape();
  shape[axis] = 1;
  if (call.attrs->get_int("keepdims", 1) == 0) shape.erase(shape.begin() + to_signed(axis));
  return with_number_type(data->dtype(), [&](auto zero) -> Result<Outputs> {
    const auto x = to_numbers<decltype(zero)>(*data);
    std::vector<std::int64_t> best(to_size(lines), 0);
    for (std::int64_t line = 0; line < lines; ++line) {
      const auto value = [&](std::int64_t i) { return x[to_size((line / inner * dim + i) * inner + line % inner)]; };
      std::int64_t& at = best[to_size(line)];
      for (std::int64_t i = 1; i < dim; ++i) {
        const bool better = greatest ? value(i) > value(at) : value(i) < value(at);
        const bool nan = value(i) != value(i) && value(at) == value(at);
        if (better || nan || (last && value(i) == value(at))) at = i;
      }
    }
    return single_output(DType::i64, shape, best);
  });
}

}  // namespace

std::span<const Row> reduce_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> list{
        {"ReduceLogSumExp", evaluate_log_sum_exp}, {"ArgMax", evaluate_arg}, {"ArgMin", evaluate_arg}};
    for (const Reducer& reducer : kReducers) list.push_back({reducer.op, evaluate_reduce});
    return list;
  }();
  return rows;
}

}  // namespace ingot::reference
