// SPDX-License-Identifier: Apache-2.0
#include "ops/einsum.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "ops/rules.h"

namespace ingot::ops {
namespace {

// The implicit result: the ellipsis, then the letters that occur once, in alphabetical order.
std::string implicit_result(const std::vector<std::string>& terms) {
  std::map<char, int> counts;
  for (const std::string& term : terms) {
    for (const char c : term) ++counts[c];
  }
  std::string result = counts.contains('.') ? "." : "";
  for (const auto& [letter, count] : counts) {
    if (letter != '.' && count == 1) result += letter;
  }
  return result;
}

Status infer_einsum(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_ASSIGN_OR_RETURN(const EinsumEquation equation, parse_einsum(ctx.attrs().get_string("equation", "")));
  if (equation.terms.size() != ctx.input_count()) {
    return invalid_argument("attribute equation has {} terms, but {} inputs are given", equation.terms.size(),
                            ctx.input_count());
  }
  std::map<char, Dim> sizes;
  SymShape ellipsis;
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    if (!ctx.shape(i)) return Status::ok();
    const SymShape& shape = *ctx.shape(i);
    const std::string& term = equation.terms[i];
    const bool open = term.find('.') != std::string::npos;
    const std::size_t letters = term.size() - (open ? 1 : 0);
    INGOT_RETURN_IF_ERROR(expect_rank(ctx, i, letters, open ? 1000 : letters));
    const std::size_t extra = shape.size() - letters;
    std::size_t dim = 0;
    for (const char c : term) {
      if (c == '.') {
        const auto first = shape.begin() + static_cast<std::ptrdiff_t>(dim);
        auto joined = broadcast(ellipsis, SymShape(first, first + static_cast<std::ptrdiff_t>(extra)));
        if (!joined)
          return invalid_argument("{} has shape {}, whose \"...\" does not broadcast with the others",
                                  ctx.input_name(i), to_string(shape));
        ellipsis = *std::move(joined);
        dim += extra;
        continue;
      }
      const auto [at, fresh] = sizes.emplace(c, shape[dim]);
      if (!fresh) {
        auto joined = broadcast_dim(at->second, shape[dim]);
        if (!joined) {
          return invalid_argument("{} has shape {}, whose dimension {} ('{}') must be {}", ctx.input_name(i),
                                  to_string(shape), dim, c, at->second.to_string());
        }
        // One letter means one size, so of two symbols either will do.
        if (at->second == Dim(1) || shape[dim].is_constant()) at->second = *std::move(joined);
      }
      ++dim;
    }
  }
  SymShape shape;
  for (const char c : equation.result) {
    if (c == '.') {
      shape.insert(shape.end(), ellipsis.begin(), ellipsis.end());
    } else if (const auto at = sizes.find(c); at != sizes.end()) {
      shape.push_back(at->second);
    } else {
      return invalid_argument("attribute equation has '{}' in its result, but in no input", c);
    }
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

}  // namespace

Result<EinsumEquation> parse_einsum(const std::string& text) {
  EinsumEquation equation;
  bool explicit_result = false;
  equation.terms.emplace_back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& term = explicit_result ? equation.result : equation.terms.back();
    if (c == ' ') continue;
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      term += c;
    } else if (c == ',' && !explicit_result) {
      equation.terms.emplace_back();
    } else if (text.compare(i, 3, "...") == 0 && term.find('.') == std::string::npos) {
      term += '.';
      i += 2;
    } else if (text.compare(i, 2, "->") == 0 && !explicit_result) {
      explicit_result = true;
      ++i;
    } else {
      return invalid_argument("attribute equation is \"{}\", which is not understood at position {}", text, i);
    }
  }
  if (!explicit_result) equation.result = implicit_result(equation.terms);
  return equation;
}

void add_einsum_ops(Table& table) {
  table.push_back(make_op("Einsum", "Inputs*:N", "Output", infer_einsum, {{"equation", AttrKind::text, true}}));
}

}  // namespace ingot::ops
