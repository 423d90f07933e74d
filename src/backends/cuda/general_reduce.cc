// SPDX-License-Identifier: Apache-2.0
// Reductions of integers, over axes apart, over axes that the data give.
#include <algorithm>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"

namespace ingot::cuda {
namespace {

struct Reduction {
  std::string_view kind, start, take, merge, finish;
};
// `count` is 0 for the mean of nothing in integers too.
constexpr Reduction kReductions[] = {
    {"ReduceSum", "0", "v", "a + b", "sum"},
    {"ReduceMean", "0", "v", "a + b", "divided(sum, count)"},
    {"ReduceProd", "1", "v", "a * b", "sum"},
    {"ReduceMax", "LOWEST_VALUE", "v", "greater(a, b)", "sum"},
    {"ReduceMin", "HIGHEST_VALUE", "v", "lesser(a, b)", "sum"},
    {"ReduceL1", "0", "v < 0 ? 0 - v : v", "a + b", "sum"},
    {"ReduceSumSquare", "0", "v * v", "a + b", "sum"},
    {"ReduceL2", "0", "v * v", "a + b", "x_sqrt(sum)"},
    {"ReduceLogSum", "0", "v", "a + b", "x_log(sum)"},
    {"ReduceLogSumExp", "0", "x_exp(v - shift)", "a + b", "x_log(sum) + shift"},
};

const Reduction& reduction_of(const Problem& problem) {
  return *std::find_if(std::begin(kReductions), std::end(kReductions),
                       [&](const Reduction& r) { return r.kind == problem.kind; });
}

bool in_floats(std::string_view kind) { return kind == "ReduceL2" || kind.starts_with("ReduceLog"); }

std::string definitions(const Problem& problem) {
  const Reduction& r = reduction_of(problem);
  const DType type = problem.inputs[0].dtype;
  std::string text = define_limits(type);
  text += in_floats(problem.kind) && !is_float(type) ? "using ACC = double;\n" : "using ACC = A0;\n";
  text +=
      "INGOT_INLINE float greater(float a, float b) { return x_max(a, b); }\n"
      "INGOT_INLINE double greater(double a, double b) { return x_max(a, b); }\n"
      "INGOT_INLINE float lesser(float a, float b) { return x_min(a, b); }\n"
      "INGOT_INLINE double lesser(double a, double b) { return x_min(a, b); }\n"
      "template <typename I> INGOT_INLINE I greater(I a, I b) { return a < b ? b : a; }\n"
      "template <typename I> INGOT_INLINE I lesser(I a, I b) { return b < a ? b : a; }\n"
      "INGOT_INLINE float divided(float a, float b) { return a / b; }\n"
      "INGOT_INLINE double divided(double a, double b) { return a / b; }\n"
      "template <typename I> INGOT_INLINE I divided(I a, I b) { return b == 0 ? 0 : a / b; }\n";
  // The ends of the type as sums hold it; of 64 bits those of the sum itself.
  if (bits_of(type) == 64 && !is_float(type)) {
    text += type == DType::u64 ? define("LOWEST_VALUE", "0") + define("HIGHEST_VALUE", "~0ULL")
                               : define("LOWEST_VALUE", "(-0x7fffffffffffffffLL - 1)") +
                                     define("HIGHEST_VALUE", "0x7fffffffffffffffLL");
  } else {
    text += define("LOWEST_VALUE", "static_cast<ACC>(LOWEST)") + define("HIGHEST_VALUE", "static_cast<ACC>(HIGHEST)");
  }
  if (problem.kind == "ReduceLogSumExp") text += define("LOG_SUM_EXP", 1);
  return text + define("START", r.start) + define("TAKE", fmt::format("({})", r.take)) +
         define("MERGE", fmt::format("({})", r.merge)) + define("FINISH", fmt::format("({})", r.finish));
}

Support supports(const Problem& problem) {
  if (!is_float(problem.inputs[0].dtype) && problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  return Support::yes();
}

Result<std::vector<bool>> reduced_axes(GeneralPlan& plan) {
  const Shape& shape = plan.shape(0);
  INGOT_ASSIGN_OR_RETURN(const Ints axes, plan.ints(1, {}));
  std::vector<bool> reduced(shape.size(), axes.empty() && plan.attrs().get_int("noop_with_empty_axes", 0) == 0);
  for (const std::int64_t axis : axes) {
    INGOT_ASSIGN_OR_RETURN(const std::size_t at, plan.axis(axis, shape.size()));
    reduced[at] = true;
  }
  return reduced;
}

Status plan_reduce(GeneralPlan& plan) {
  const Shape& shape = plan.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::vector<bool> reduced, reduced_axes(plan));
  const Ints strides = cpu::dense_strides(shape);
  Ints kept, kept_strides, gone, gone_strides;
  std::int64_t results = 1, count = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    (reduced[d] ? count : results) *= shape[d];
    if (shape[d] == 1) continue;
    (reduced[d] ? gone : kept).push_back(shape[d]);
    (reduced[d] ? gone_strides : kept_strides).push_back(strides[d]);
  }
  if (results != elements_of(plan.out(0)))
    return invalid_argument("{}: {} does not become {}", plan.problem().kind, to_string(shape),
                            to_string(plan.out(0).shape));
  plan.set("RESULTS", results);
  plan.set("COUNT", count);
  plan.set("KEPT_RANK", static_cast<std::int64_t>(kept.size()));
  plan.set("GONE_RANK", static_cast<std::int64_t>(gone.size()));
  plan.set_all("KEPT", kept);
  plan.set_all("KEPT_STRIDE", kept_strides);
  plan.set_all("GONE", gone);
  plan.set_all("GONE_STRIDE", gone_strides);
  return plan.add_blocks("reduce_any", std::min<std::int64_t>((results + 7) / 8, 1 << 20));
}

Result<std::vector<Shape>> reduced_shape(const PlanArgs& args) {
  GeneralPlan plan(*find_general("ArgMax"), args);
  INGOT_ASSIGN_OR_RETURN(const std::vector<bool> reduced, reduced_axes(plan));
  Shape out;
  for (std::size_t d = 0; d < reduced.size(); ++d)
    if (!reduced[d])
      out.push_back(args.inputs[0].shape[d]);
    else if (args.problem.attrs.get_int("keepdims", 1) != 0)
      out.push_back(1);
  return std::vector<Shape>{out};
}

std::span<const GeneralOp> rows() {
  static const std::vector<GeneralOp> table = [] {
    std::vector<GeneralOp> out;
    for (const Reduction& r : kReductions)
      out.push_back({r.kind, "general_reduce.cu",
                     "RESULTS COUNT KEPT_RANK GONE_RANK KEPT*12 KEPT_STRIDE*12 GONE*12 GONE_STRIDE*12", "", plan_reduce,
                     true, supports, definitions, host({1}), reduced_shape});
    return out;
  }();
  return table;
}

}  // namespace

std::span<const GeneralOp> reduce_ops() { return rows(); }

}  // namespace ingot::cuda
