// SPDX-License-Identifier: Apache-2.0
// `ingot plugin check`: runs an operator in checking mode over random shapes and over every combination of formats and
// tactics that it offers, against its declared reference.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "plugin/kernel.h"
#include "plugin/operator.h"
#include "tactics/problem.h"
#include "tensor/dim.h"

namespace ingot::plugin {

struct OperandPattern {
  DType dtype = DType::undefined;
  SymShape shape;  // symbols get random sizes, one symbol the same size everywhere
};

// "f32[n, c], f32[c], i64[]"
Result<std::vector<OperandPattern>> parse_operand_patterns(std::string_view text);

struct CheckOptions {
  std::uint32_t seed = 0;
  int cases = 50;
  Attrs attrs;                         // over what the schema's defaults and ranges suggest
  std::vector<OperandPattern> inputs;  // empty: random ones, as the operator declares their number
  int outputs = 0;                     // 0: the fewest that the operator declares
  // Where kernels run, and how they do; without it on the CPU. As run_problem().
  std::int32_t device = INGOT_PLUGIN_CPU;
  std::function<Result<std::vector<HostTensor>>(const Operator& op, const Problem& problem,
                                                std::span<const HostTensor* const> inputs, KernelOptions options,
                                                std::byte fill)>
      run;
};

struct CheckReport {
  int cases = 0;               // operands that the shape rule accepted
  int runs = 0;                // launches, combinations and tactics counted
  bool has_reference = false;  // otherwise the combinations and tactics were compared with each other
  std::string failure;         // of the smallest failing case; empty: none failed
  std::string problem;         // that case
  std::string note;            // why nothing could be run
};

CheckReport check_operator(const Operator& op, const CheckOptions& options);

}  // namespace ingot::plugin
