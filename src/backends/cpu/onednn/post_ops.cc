// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn/post_ops.h"

#include <algorithm>
#include <limits>

namespace ingot::cpu::onednn {
namespace {

struct Activation {
  ExprOp op;
  dnnl_alg_kind_t eltwise;
  float alpha;
};
constexpr Activation kActivations[] = {
    {ExprOp::k_gelu, dnnl_eltwise_gelu_erf, 0},       {ExprOp::k_gelu_tanh, dnnl_eltwise_gelu_tanh, 0},
    {ExprOp::k_hardswish, dnnl_eltwise_hardswish, 0}, {ExprOp::k_sigmoid, dnnl_eltwise_logistic, 0},
    {ExprOp::k_silu, dnnl_eltwise_swish, 1},          {ExprOp::k_tanh, dnnl_eltwise_tanh, 0},
};

}  // namespace

std::optional<PostOps> PostOps::of(const EpilogueForm& form, const Expr& expr) {
  PostOps ops;
  if (form.is_identity()) return ops;
  if (expr.instrs().size() == 1 && expr.instrs()[0].args[0] == expr_input(0)) {
    for (const Activation& activation : kActivations) {
      if (activation.op != expr.instrs()[0].op) continue;
      ops.eltwise = activation.eltwise;
      ops.alpha = activation.alpha;
      return ops;
    }
  }
  if (!form.is_simple()) return std::nullopt;
  using Limits = std::numeric_limits<float>;
  ops.added = form.added_input();
  const bool above = form.clamp_min() != -Limits::infinity();
  const bool below = form.clamp_max() != Limits::infinity();
  if (above && !below && form.clamp_min() == 0) {
    ops.eltwise = dnnl_eltwise_relu;
  } else if (above || below) {
    ops.eltwise = dnnl_eltwise_clip;
    ops.alpha = std::max(form.clamp_min(), Limits::lowest());
    ops.beta = std::min(form.clamp_max(), Limits::max());
  }
  return ops;
}

}  // namespace ingot::cpu::onednn
