// SPDX-License-Identifier: Apache-2.0
// Einsum as matrix products, two operands at a time from the left. What is summed in one operand alone is summed first;
// labels of both operands that the rest still needs are batch dimensions, those that it does not are contracted.
// Nothing to contract, or nothing but batch, is a broadcast product. Equations with a repeated label in a term
// (diagonals) stay.
#include <algorithm>
#include <map>

#include "ops/einsum.h"
#include "passes/patches.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Letters, and digits for the dimensions of the ellipsis.
using Labels = std::string;

bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }
template <typename Keep>
Labels filtered(const Labels& labels, Keep keep) {
  Labels result;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(result), keep);
  return result;
}
bool distinct(Labels labels) {
  std::sort(labels.begin(), labels.end());
  return std::adjacent_find(labels.begin(), labels.end()) == labels.end();
}

// The ellipsis as `count` digits that end with the last one of `widest`.
std::optional<Labels> spread(const Labels& term, std::size_t count, std::size_t widest) {
  if (widest > 10 || count > widest) return std::nullopt;
  Labels result;
  for (const char c : term) {
    if (c != '.') result += c;
    for (std::size_t i = widest - count; c == '.' && i < widest; ++i) result += static_cast<char>('0' + i);
  }
  return distinct(result) ? std::optional(result) : std::nullopt;
}

struct Term {
  ValueId value = kNoValue;
  Labels labels;
};

class Lowering {
 public:
  Lowering(const Graph& graph, const Node& root) : graph_(graph), root_(root), patch_(new_patch(graph, "einsum")) {}

  Match run() {
    INGOT_ASSIGN_OR_RETURN(const bool fits, read());
    if (!fits) return no_match();
    for (Term& term : terms_) INGOT_RETURN_IF_ERROR(drop_ones(term));
    Term all = terms_[0];
    for (std::size_t i = 1; i < terms_.size(); ++i) {
      const auto needed = [&](char label) {
        return has(result_, label) || std::any_of(terms_.begin() + static_cast<std::ptrdiff_t>(i) + 1, terms_.end(),
                                                  [&](const Term& term) { return has(term.labels, label); });
      };
      INGOT_ASSIGN_OR_RETURN(all, product(std::move(all), terms_[i], needed));
    }
    INGOT_RETURN_IF_ERROR(sum(all, filtered(all.labels, [&](char label) { return !has(result_, label); })));
    INGOT_RETURN_IF_ERROR(order(all, filtered(result_, [&](char label) { return has(all.labels, label); })));
    INGOT_RETURN_IF_ERROR(to_shape(all.value, dims_of(result_)));
    if (impossible_ || all.value == root_.inputs[0]) return no_match();
    return replace(std::move(patch_), root_.outputs[0], all.value);
  }

 private:
  // Operands and sizes; false when the equation is not for this pass.
  Result<bool> read() {
    if (!is_float(dtype_of(graph_, root_.inputs[0]))) return false;
    auto equation = ops::parse_einsum(root_.attrs.get_string("equation", ""));
    if (!equation.is_ok() || equation->terms.size() != root_.inputs.size()) return false;
    std::vector<std::size_t> open;  // dimensions that the ellipsis covers
    std::size_t widest = 0;
    for (std::size_t i = 0; i < root_.inputs.size(); ++i) {
      const int rank = rank_of(graph_, root_.inputs[i]);
      const Labels& term = equation->terms[i];
      const std::size_t letters = term.size() - (has(term, '.') ? 1 : 0);
      if (rank < static_cast<int>(letters)) return false;
      open.push_back(static_cast<std::size_t>(rank) - letters);
      if (open.back() > 0 && !has(term, '.')) return false;
      widest = std::max(widest, open.back());
    }
    for (std::size_t i = 0; i < root_.inputs.size(); ++i) {
      const std::optional<Labels> labels = spread(equation->terms[i], open[i], widest);
      if (!labels || !take_sizes(*labels, *shape_of(graph_, root_.inputs[i]))) return false;
      terms_.push_back({root_.inputs[i], *labels});
    }
    const std::optional<Labels> labels = spread(equation->result, widest, widest);
    if (!labels) return false;
    result_ = *labels;
    return std::all_of(result_.begin(), result_.end(), [&](char label) { return sizes_.contains(label); });
  }

  // One size per label, where 1 gives way; false for sizes that may differ, and for empty ones.
  bool take_sizes(const Labels& labels, const SymShape& shape) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (shape[i] == Dim(0)) return false;
      Dim& known = sizes_.try_emplace(labels[i], shape[i]).first->second;
      if (known == Dim(1)) known = shape[i];
      if (!(known == shape[i]) && !(shape[i] == Dim(1))) return false;
    }
    return true;
  }

  SymShape dims_of(const Labels& labels) const {
    SymShape dims;
    for (const char label : labels) dims.push_back(sizes_.at(label));
    return dims;
  }
  Dim size_of(const Labels& labels) const {
    Dim size(1);
    for (const char label : labels) size = size * sizes_.at(label);
    return size;
  }

  Status to_shape(ValueId& value, const SymShape& shape) {
    if (!is_reshape_target(graph_, shape)) {
      impossible_ = true;
      return Status::ok();
    }
    INGOT_ASSIGN_OR_RETURN(value, reshape(patch_, value, shape, root_.id));
    return Status::ok();
  }

  // Dimensions of 1 mean nothing, or broadcast; they come back with the result.
  Status drop_ones(Term& term) {
    const SymShape& shape = *shape_of(graph_, term.value);
    Labels kept;
    for (std::size_t i = 0; i < term.labels.size(); ++i)
      if (!(shape[i] == Dim(1))) kept += term.labels[i];
    term.labels = kept;
    return to_shape(term.value, dims_of(kept));
  }

  Status sum(Term& term, const Labels& gone) {
    if (gone.empty()) return Status::ok();
    Ints axes;
    for (const char label : gone) axes.push_back(static_cast<std::int64_t>(term.labels.find(label)));
    INGOT_ASSIGN_OR_RETURN(term.value, patch_.add("ReduceSum", {term.value, int_constant(patch_, axes)},
                                                  Attrs{{"keepdims", std::int64_t{0}}}, root_.id));
    term.labels = filtered(term.labels, [&](char label) { return !has(gone, label); });
    return Status::ok();
  }

  Status order(Term& term, const Labels& labels) {
    Ints perm;
    for (const char label : labels) perm.push_back(static_cast<std::int64_t>(term.labels.find(label)));
    INGOT_ASSIGN_OR_RETURN(term.value, transpose(patch_, term.value, perm, root_.id));
    term.labels = labels;
    return Status::ok();
  }

  template <typename Needed>
  Result<Term> product(Term a, Term b, Needed needed) {
    for (auto [term, other] : {std::pair(&a, &b), std::pair(&b, &a)})
      INGOT_RETURN_IF_ERROR(sum(*term, filtered(term->labels, [&, o = other](char label) {
        return !has(o->labels, label) && !needed(label);
      })));
    const auto in_b = [&](char label) { return has(b.labels, label); };
    const Labels batch = filtered(a.labels, [&](char label) { return in_b(label) && needed(label); });
    const Labels gone = filtered(a.labels, [&](char label) { return in_b(label) && !needed(label); });
    const Labels rows = filtered(a.labels, [&](char label) { return !in_b(label); });
    const Labels columns = filtered(b.labels, [&](char label) { return !has(a.labels, label); });
    if (gone.empty() || (rows.empty() && columns.empty())) {
      INGOT_ASSIGN_OR_RETURN(Term both, multiply(a, b, batch + gone, rows, columns));
      INGOT_RETURN_IF_ERROR(sum(both, gone));
      return both;
    }
    if (batch.empty() && !rows.empty()) {
      // The rows are as many dimensions as they are: the product takes them for its batch.
      INGOT_RETURN_IF_ERROR(order(a, rows + gone));
      SymShape shape = dims_of(rows);
      shape.push_back(size_of(gone));
      INGOT_RETURN_IF_ERROR(to_shape(a.value, shape));
    } else {
      INGOT_RETURN_IF_ERROR(matrix(a, batch, rows, gone));
    }
    INGOT_RETURN_IF_ERROR(matrix(b, batch, gone, columns));
    INGOT_ASSIGN_OR_RETURN(a.value, patch_.add("MatMul", {a.value, b.value}, {}, root_.id));
    a.labels = batch + rows + columns;
    INGOT_RETURN_IF_ERROR(to_shape(a.value, dims_of(a.labels)));
    return a;
  }

  Result<Term> multiply(Term a, Term b, const Labels& shared, const Labels& rows, const Labels& columns) {
    INGOT_RETURN_IF_ERROR(order(a, shared + rows));
    INGOT_RETURN_IF_ERROR(order(b, shared + columns));
    SymShape wide = dims_of(a.labels);
    wide.insert(wide.end(), columns.size(), Dim(1));
    INGOT_RETURN_IF_ERROR(to_shape(a.value, wide));
    SymShape high = dims_of(shared);
    high.insert(high.end(), rows.size(), Dim(1));
    for (const char label : columns) high.push_back(sizes_.at(label));
    INGOT_RETURN_IF_ERROR(to_shape(b.value, high));
    INGOT_ASSIGN_OR_RETURN(a.value, patch_.add("Mul", {a.value, b.value}, {}, root_.id));
    a.labels = shared + rows + columns;
    return a;
  }

  // [batch..., rows, columns]; a plain swap of the two where that will do, since products take it in.
  Status matrix(Term& term, const Labels& batch, const Labels& rows, const Labels& columns) {
    const bool swapped = term.labels == batch + columns + rows;
    INGOT_RETURN_IF_ERROR(order(term, swapped ? term.labels : batch + rows + columns));
    SymShape shape = dims_of(batch);
    shape.push_back(size_of(swapped ? columns : rows));
    shape.push_back(size_of(swapped ? rows : columns));
    INGOT_RETURN_IF_ERROR(to_shape(term.value, shape));
    if (!swapped) return Status::ok();
    Ints perm;
    for (std::size_t i = 0; i < shape.size(); ++i) perm.push_back(static_cast<std::int64_t>(i));
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    INGOT_ASSIGN_OR_RETURN(term.value, transpose(patch_, term.value, perm, root_.id));
    return Status::ok();
  }

  const Graph& graph_;
  const Node& root_;
  ir::Patch patch_;
  std::vector<Term> terms_;
  Labels result_;
  std::map<char, Dim> sizes_;
  bool impossible_ = false;  // a shape that no node can make
};

Match einsum(const Graph& graph, const Node& root) { return Lowering(graph, root).run(); }

}  // namespace

Rules einsum_rules() { return {{"einsum", {"Einsum"}, einsum}}; }

}  // namespace ingot::passes
