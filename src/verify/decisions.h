// SPDX-License-Identifier: Apache-2.0
// Decisions: comparisons, choices of the largest, roundings. They turn the last bit of a number into another answer, so
// an engine that is right within its arithmetic may differ from the reference in single elements as far as it likes.
//
// Such a difference is excused by a witness, not by a tolerance. The reference is evaluated again, and each number that
// a decision is taken on is replaced by the engine's own, a tensor that the engine really computed and that lies within
// the tolerance of the reference. What the decisions make of it must then agree with the engine's outputs like anything
// else. An engine that passes thus computes exactly what the model says of numbers that are right; one that decides
// wrongly, or computes wrong numbers, still differs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "verify/compare.h"
#include "verify/run_graph.h"

namespace ingot::verify {

struct Witness {
  std::string value;   // of the graph: what was decided on
  std::string tensor;  // of the engine: what took its place
  double relative_error = 0;
};

using NamedTensor = std::pair<std::string, HostTensor>;

// For run_graph(): puts the engine's numbers in the place of those that the graph takes decisions on. `computed` are
// tensors that the engine computed on the same inputs, in whatever order of dimensions; those of no use are ignored.
// Graph, tensors and `witnesses` must outlive it.
Revise with_own_numbers(const ir::Graph& graph, const std::vector<NamedTensor>& computed, double tolerance,
                        std::vector<Witness>& witnesses);

}  // namespace ingot::verify
