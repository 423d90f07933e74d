// SPDX-License-Identifier: Apache-2.0
// The equation of Einsum, for shape inference and for the passes.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace ingot::ops {

struct EinsumEquation {
  std::vector<std::string> terms;  // one letter per dimension, one per input; '.' stands for the ellipsis
  std::string result;              // of the implicit form too: the ellipsis, then the letters that occur once, sorted
};

Result<EinsumEquation> parse_einsum(const std::string& text);

}  // namespace ingot::ops
