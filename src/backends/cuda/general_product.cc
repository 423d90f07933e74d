// SPDX-License-Identifier: Apache-2.0
// MatMul of every type, MatMulInteger, QLinearMatMul, Einsum.
#include <algorithm>
#include <map>

#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"

namespace ingot::cuda {
namespace {

std::size_t second_input(const Problem& problem) { return problem.kind == "QLinearMatMul" ? 3 : 1; }

std::string product_definitions(const Problem& problem) {
  const bool integer = problem.kind == "MatMulInteger", quantised = problem.kind == "QLinearMatMul";
  std::string text = define("A_INPUT", 0) + define("B_INPUT", static_cast<std::int64_t>(second_input(problem)));
  text += fmt::format("using AT = T0;\nusing BT = T{};\nusing ACC = {};\n", second_input(problem),
                      integer || quantised ? "long long" : "A0");
  if (integer || quantised) text += define("INTEGER", 1);
  if (integer) text += define("A_ZERO", "p.in[2]") + define("B_ZERO", "p.in[3]");
  if (quantised)
    text += define("A_ZERO", "p.in[2]") + define("B_ZERO", "p.in[5]") + define("QUANTISED", 1) +
            define_limits(problem.outputs[0].dtype);
  return text;
}

Support product_support(const Problem& problem) {
  if (problem.inputs[0].shape.empty() || problem.inputs[second_input(problem)].shape.empty())
    return Support::no(Refusal::kShape, "scalars");
  if (problem.kind == "MatMul" && problem.has_input(2) && problem.inputs[2].shape.size() > 1)
    return Support::no(Refusal::kShape, "a bias of many dimensions");
  if (problem.kind != "MatMul") return Support::yes();
  for (std::size_t i = 1; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && problem.inputs[i].dtype != problem.inputs[0].dtype)
      return Support::no(Refusal::kDType);
  return Support::yes();
}

Status plan_product(GeneralPlan& plan) {
  const std::size_t second = second_input(plan.problem());
  Shape a = plan.shape(0), b = plan.shape(second);
  const bool vector_a = a.size() == 1, vector_b = b.size() == 1;
  if (vector_a) a.insert(a.begin(), 1);
  if (vector_b) b.push_back(1);
  const bool turn_a = !vector_a && plan.attrs().get_int("transA", 0) != 0;
  const bool turn_b = !vector_b && plan.attrs().get_int("transB", 0) != 0;
  const std::int64_t a_rows = a[a.size() - 2], a_columns = a.back(), b_rows = b[b.size() - 2], b_columns = b.back();
  const std::int64_t m = turn_a ? a_columns : a_rows, k = turn_a ? a_rows : a_columns;
  const std::int64_t n = turn_b ? b_rows : b_columns;
  if ((turn_b ? b_columns : b_rows) != k)
    return invalid_argument("{}: {} and {}", plan.problem().kind, to_string(a), to_string(b));
  plan.set("M", m);
  plan.set("N", n);
  plan.set("K", k);
  plan.set("A_ROW", turn_a ? 1 : a_columns);
  plan.set("A_K", turn_a ? a_columns : 1);
  plan.set("B_COLUMN", turn_b ? b_columns : 1);
  plan.set("B_K", turn_b ? 1 : b_columns);
  const std::size_t rank = std::max(a.size(), b.size()) - 2;
  const Ints a_dense = cpu::dense_strides(a), b_dense = cpu::dense_strides(b);
  Ints batch(rank, 1), a_batch(rank, 0), b_batch(rank, 0);
  for (std::size_t d = 0; d < rank; ++d) {
    const std::size_t from_a = d + a.size() - 2 - rank, from_b = d + b.size() - 2 - rank;  // wraps where there is none
    const bool in_a = d + a.size() >= 2 + rank, in_b = d + b.size() >= 2 + rank;
    if (in_a && a[from_a] != 1) {
      batch[d] = a[from_a];
      a_batch[d] = a_dense[from_a];
    }
    if (in_b && b[from_b] != 1) {
      batch[d] = b[from_b];
      b_batch[d] = b_dense[from_b];
    }
  }
  plan.set("BATCH_RANK", static_cast<std::int64_t>(rank));
  plan.set_all("BATCH", batch);
  plan.set_all("A_BATCH", a_batch);
  plan.set_all("B_BATCH", b_batch);
  const auto count = [&](std::size_t i) { return plan.has(i) ? elements_of(plan.in(i)) : 1; };
  const bool quantised = second == 3;
  plan.set("A_ZEROS", count(2));
  plan.set("B_ZEROS", count(quantised ? 5 : 3));
  if (quantised) {
    plan.set("A_SCALES", count(1));
    plan.set("B_SCALES", count(4));
  } else if (plan.problem().kind == "MatMul" && plan.has(2)) {
    plan.set("BIAS_COLUMN", elements_of(plan.in(2)) == 1 ? 0 : 1);
    plan.set("BIAS_ROW", 0);
  }
  plan.number("ALPHA", plan.attrs().get_float("alpha", 1));
  return plan.add("product", elements_of(plan.out(0)));
}
constexpr std::string_view kProductSizes =
    "M N K A_ROW A_K B_COLUMN B_K BATCH_RANK BATCH*8 A_BATCH*8 B_BATCH*8 A_ZEROS B_ZEROS A_SCALES B_SCALES BIAS_ROW "
    "BIAS_COLUMN";

// ---- Einsum ----
std::string einsum_definitions(const Problem& problem) {
  return define("EINSUM", 1) + define("INPUTS", static_cast<std::int64_t>(problem.own_inputs()));
}

Support einsum_support(const Problem& problem) {
  if (problem.own_inputs() > 3) return Support::no(Refusal::kShape, "more than three operands");
  for (const Operand& input : problem.inputs)
    if (input.dtype != problem.inputs[0].dtype) return Support::no(Refusal::kDType);
  return Support::yes();
}

// Labels of a term: letters, and for the axes of an ellipsis numbers that count from the right.
std::vector<int> labels_of(std::string_view term, std::size_t rank) {
  std::vector<int> labels;
  const std::size_t dots = term.find("...");
  const std::size_t named = dots == std::string_view::npos ? term.size() : term.size() - 3;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (i != dots) {
      labels.push_back(term[i]);
      continue;
    }
    for (std::size_t k = rank >= named ? rank - named : 0; k > 0; --k) labels.push_back(-static_cast<int>(k));
    i += 2;
  }
  return labels;
}

Status plan_einsum(GeneralPlan& plan) {
  std::string text = plan.attrs().get_string("equation", "");
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  std::vector<std::vector<int>> terms;
  std::map<int, int> occurrences;
  std::map<int, std::int64_t> sizes;
  std::size_t widest = 0;
  for (std::size_t k = 0; k < plan.inputs(); ++k) {
    const std::size_t comma = std::min(left.find(','), left.size());
    const std::string_view term = left.substr(0, comma);
    left.remove_prefix(std::min(comma + 1, left.size()));
    terms.push_back(labels_of(term, plan.shape(k).size()));
    if (terms.back().size() != plan.shape(k).size()) return invalid_argument("Einsum: '{}' for operand {}", text, k);
    for (std::size_t d = 0; d < terms[k].size(); ++d) {
      const int label = terms[k][d];
      if (label < 0) widest = std::max(widest, static_cast<std::size_t>(-label));
      ++occurrences[label];
      std::int64_t& size = sizes.try_emplace(label, 1).first->second;
      if (plan.shape(k)[d] != 1) size = plan.shape(k)[d];
    }
  }
  std::vector<int> result;
  if (arrow != std::string::npos) {
    const std::string_view term = std::string_view(text).substr(arrow + 2);
    const bool open = term.find("...") != std::string_view::npos;
    result = labels_of(term, term.size() - (open ? 3 : 0) + (open ? widest : 0));
  } else {
    for (const auto& [label, count] : occurrences)
      if (label < 0 || count == 1) result.push_back(label);
  }
  std::vector<int> gone_labels;
  for (const auto& [label, size] : sizes)
    if (std::find(result.begin(), result.end(), label) == result.end()) gone_labels.push_back(label);
  if (result.size() > 8 || gone_labels.size() > 4) return unsupported("Einsum: '{}' has too many subscripts", text);
  const auto list = [&](const std::vector<int>& labels) {
    Ints out;
    for (const int label : labels) out.push_back(sizes[label]);
    return out;
  };
  Ints kept_strides(24, 0), gone_strides(12, 0);
  for (std::size_t k = 0; k < terms.size(); ++k) {
    const Ints dense = cpu::dense_strides(plan.shape(k));
    for (std::size_t d = 0; d < terms[k].size(); ++d) {
      if (plan.shape(k)[d] == 1) continue;
      const auto at = std::find(result.begin(), result.end(), terms[k][d]) - result.begin();
      if (static_cast<std::size_t>(at) < result.size()) {
        kept_strides[k * 8 + static_cast<std::size_t>(at)] += dense[d];
      } else {
        const auto gone = std::find(gone_labels.begin(), gone_labels.end(), terms[k][d]) - gone_labels.begin();
        gone_strides[k * 4 + static_cast<std::size_t>(gone)] += dense[d];
      }
    }
  }
  const Ints kept = list(result), gone = list(gone_labels);
  plan.set("KEPT_RANK", static_cast<std::int64_t>(kept.size()));
  plan.set("GONE_RANK", static_cast<std::int64_t>(gone.size()));
  plan.set("COUNT", cpu::product(gone, 0, gone.size()));
  plan.set_all("KEPT", kept);
  plan.set_all("GONE", gone);
  plan.set_all("KEPT_STRIDE", kept_strides);
  plan.set_all("GONE_STRIDE", gone_strides);
  if (cpu::product(kept, 0, kept.size()) != elements_of(plan.out(0)))
    return invalid_argument("Einsum: '{}' does not give {}", text, to_string(plan.out(0).shape));
  return plan.add("einsum", elements_of(plan.out(0)));
}

constexpr std::string_view kFile = "general_product.cu";
constexpr GeneralOp kOps[] = {
    {"MatMul", kFile, kProductSizes, "ALPHA", plan_product, true, product_support, product_definitions},
    {"MatMulInteger", kFile, kProductSizes, "ALPHA", plan_product, false, product_support, product_definitions},
    {"QLinearMatMul", kFile, kProductSizes, "ALPHA", plan_product, false, product_support, product_definitions},
    {"Einsum", kFile, "KEPT_RANK GONE_RANK COUNT KEPT*8 GONE*4 KEPT_STRIDE*24 GONE_STRIDE*12", "", plan_einsum, false,
     einsum_support, einsum_definitions},
};

}  // namespace

std::span<const GeneralOp> product_ops() { return kOps; }

}  // namespace ingot::cuda
