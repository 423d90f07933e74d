// SPDX-License-Identifier: Apache-2.0
// What the rules for decomposed normalisations share: the many ways to write a / sqrt(v + epsilon), mean and square,
// and the patches that end them.
#pragma once

#include <optional>

#include "passes/patches.h"

namespace ingot::passes {

struct DividedByRoot {
  ValueId numerator = kNoValue;
  ValueId variance = kNoValue;
  double epsilon = 0;
};
// Div(a, Sqrt(Add(v, eps))), Mul(a, Reciprocal(Sqrt(..))), Mul(a, Div(1, Sqrt(..))), Mul(a, Pow(Add(v, eps), -0.5)).
std::optional<DividedByRoot> divided_by_root(const Graph& graph, const Node& root);

// The operand of a mean over the trailing axes, keeping them: ReduceMean(x, axes), and how many axes.
struct TrailingMean {
  ValueId of = kNoValue;
  int axes = 0;
};
std::optional<TrailingMean> trailing_mean(const Graph& graph, ValueId value);

// x of Pow(x, 2) or Mul(x, x), else kNoValue.
ValueId squared(const Graph& graph, ValueId value);

// Ends the rule of that name: `root` becomes the normalisation `op` of x, the mean's operand, with a scale of ones. No
// match where the axes have no constant extents.
Match normalise(const Graph& graph, const Node& root, std::string_view rule, std::string_view op, TrailingMean x,
                double epsilon);

// For Mul or Add of a normalisation (operator `norm`, alone using it) and a constant or other operand that broadcasts
// over exactly the normalised axes: the norm and that operand, reshaped to their extents.
struct Affine {
  const Node* norm = nullptr;
  ValueId operand = kNoValue;
  Shape extents;
};
std::optional<Affine> affine_of(const Graph& graph, const Node& root, std::string_view norm);

// Ends a rule: a Mul of such a normalisation by a factor becomes its scale, when that is still ones and no bias
// follows.
Match draw_in_scale(const Graph& graph, const Node& root, std::string_view rule, std::string_view norm);

}  // namespace ingot::passes
