// SPDX-License-Identifier: Apache-2.0
// An epilogue as oneDNN's post-operations, where it is one of those that the library fuses.
//
// One difference stays: the library's relu turns NaN into 0, where min and max of an expression keep it.
#pragma once

#include <optional>

#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/onednn/library.h"

namespace ingot::cpu::onednn {

struct PostOps {
  int added = -1;  // input index of an added operand, which must have the output's shape
  dnnl_alg_kind_t eltwise = dnnl_alg_kind_undef;
  float alpha = 0, beta = 0;

  static std::optional<PostOps> of(const EpilogueForm& form, const Expr& expr);
};

}  // namespace ingot::cpu::onednn
