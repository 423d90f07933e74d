// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cudnn_epilogue.h"

#include <algorithm>

namespace ingot::cuda {
namespace {

constexpr std::size_t kBiasInput = 2;
constexpr std::size_t kLongestChain = 4;

bool computes_in_float(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

// Whether an operand that the library reads now is one that it reads at all sizes which the problem may have later: a
// dimension of 1 may be one that happens to be 1 here, a batch say.
bool reads_at_all_sizes(const Operand& operand, const Shape& result) {
  if (!computes_in_float(operand.dtype) || !cudnn_reads(operand.shape, result)) return false;
  if (operand.shape.size() <= 1) return true;
  const bool one_a_channel =
      std::all_of(operand.shape.begin(), operand.shape.end() - 1, [](auto dim) { return dim == 1; });
  if (one_a_channel && operand.constant) return true;
  const std::size_t skipped = result.size() - operand.shape.size();
  return std::all_of(result.begin() + static_cast<std::ptrdiff_t>(skipped), result.end() - 1,
                     [](std::int64_t dim) { return dim > 1; });
}

// Follows a program from its result to x0.
class Chain {
 public:
  Chain(const Problem& conv, const Expr& expr) : conv_(conv), expr_(expr) {}

  std::optional<std::vector<CudnnPointwise>> follow() {
    const std::span<const ExprInstr> instrs = expr_.instrs();
    if (!std::ranges::all_of(instrs, [](const ExprInstr& instr) { return computes_in_float(instr.type); }))
      return std::nullopt;
    ExprArg at = strip(instrs.empty() ? expr_input(0) : static_cast<ExprArg>(instrs.size()) - 1);
    while (at != expr_input(0)) {
      if (at < 0 || steps_.size() == kLongestChain || !step(instr(at), at)) return std::nullopt;
      at = strip(at);
    }
    std::ranges::reverse(steps_);
    return steps_;
  }

 private:
  [[nodiscard]] const ExprInstr& instr(ExprArg at) const { return expr_.instrs()[static_cast<std::size_t>(at)]; }
  // Values stay in fp32, so that casts between floating types are nothing.
  [[nodiscard]] ExprArg strip(ExprArg at) const {
    while (at >= 0 && instr(at).op == ExprOp::kCast) at = instr(at).args[0];
    return at;
  }
  [[nodiscard]] std::optional<double> constant(ExprArg at) const {
    at = strip(at);
    if (at < 0 || instr(at).op != ExprOp::kConst) return std::nullopt;
    return instr(at).imm;
  }

  // One instruction, whose operand on the way to x0 becomes `at`.
  bool step(const ExprInstr& instr, ExprArg& at) {
    switch (instr.op) {
      case ExprOp::k_add: return with_operand(instr, CUDNN_POINTWISE_ADD, at);
      case ExprOp::k_mul: return with_operand(instr, CUDNN_POINTWISE_MUL, at);
      case ExprOp::k_max: return limit_below(instr, at);
      case ExprOp::k_min: return limit_above(instr, at);
      case ExprOp::k_clamp: return clamp(instr, at);
      case ExprOp::k_prelu: return leaky(instr, at);
      case ExprOp::k_sigmoid: return function(instr, CUDNN_POINTWISE_SIGMOID_FWD, at);
      case ExprOp::k_tanh: return function(instr, CUDNN_POINTWISE_TANH_FWD, at);
      case ExprOp::k_silu: return function(instr, CUDNN_POINTWISE_SWISH_FWD, at);
      case ExprOp::k_gelu: return function(instr, CUDNN_POINTWISE_GELU_FWD, at);
      case ExprOp::k_gelu_tanh: return function(instr, CUDNN_POINTWISE_GELU_APPROX_TANH_FWD, at);
      default: return false;
    }
  }

  bool function(const ExprInstr& instr, CudnnPointwiseMode mode, ExprArg& at) {
    steps_.push_back({.mode = mode});
    at = instr.args[0];
    return true;
  }

  bool with_operand(const ExprInstr& instr, CudnnPointwiseMode mode, ExprArg& at) {
    ExprArg chain = strip(instr.args[0]), other = strip(instr.args[1]);
    const auto is_operand = [](ExprArg arg) { return arg < 0 && arg != expr_input(0); };
    if (!is_operand(other)) std::swap(chain, other);
    if (!is_operand(other) || is_operand(chain)) return false;
    const std::size_t input = conv_.own_inputs() + static_cast<std::size_t>(-other) - 2;
    if (input >= conv_.inputs.size() || !reads_at_all_sizes(conv_.inputs[input], conv_.outputs[0].shape)) return false;
    // A tensor occurs once in a graph.
    if (std::ranges::any_of(steps_, [&](const CudnnPointwise& s) { return s.operand == static_cast<int>(input); }))
      return false;
    steps_.push_back({.mode = mode, .operand = static_cast<int>(input)});
    at = chain;
    return true;
  }

  // The operand of a min or max whose other one is a constant.
  [[nodiscard]] std::optional<std::pair<ExprArg, double>> limited(const ExprInstr& instr) const {
    if (const std::optional<double> value = constant(instr.args[1])) return std::pair(instr.args[0], *value);
    if (const std::optional<double> value = constant(instr.args[0])) return std::pair(instr.args[1], *value);
    return std::nullopt;
  }

  bool limit_below(const ExprInstr& instr, ExprArg& at) {
    const auto limit = limited(instr);
    if (!limit) return false;
    steps_.push_back({.mode = CUDNN_POINTWISE_RELU_FWD, .lower = limit->second});
    at = limit->first;
    return true;
  }

  bool limit_above(const ExprInstr& instr, ExprArg& at) {
    const auto limit = limited(instr);
    if (!limit) return false;
    at = limit->first;
    // min(max(x, lower), upper) is one operation.
    const ExprArg below = strip(at);
    if (below >= 0 && this->instr(below).op == ExprOp::k_max) {
      if (!limit_below(this->instr(below), at) || steps_.back().lower > limit->second) return false;
      steps_.back().upper = limit->second;
      return true;
    }
    // Below 0 values go on as they are.
    if (limit->second < 0) return false;
    steps_.push_back({.mode = CUDNN_POINTWISE_RELU_FWD, .slope = 1, .upper = limit->second});
    return true;
  }

  bool clamp(const ExprInstr& instr, ExprArg& at) {
    const std::optional<double> lower = constant(instr.args[1]), upper = constant(instr.args[2]);
    if (!lower || !upper || *lower > *upper) return false;
    steps_.push_back({.mode = CUDNN_POINTWISE_RELU_FWD, .lower = *lower, .upper = *upper});
    at = instr.args[0];
    return true;
  }

  bool leaky(const ExprInstr& instr, ExprArg& at) {
    const std::optional<double> slope = constant(instr.args[1]);
    if (!slope) return false;
    steps_.push_back({.mode = CUDNN_POINTWISE_RELU_FWD, .slope = *slope});
    at = instr.args[0];
    return true;
  }

  const Problem& conv_;
  const Expr& expr_;
  std::vector<CudnnPointwise> steps_;
};

}  // namespace

bool cudnn_reads(const Shape& operand, const Shape& result) {
  if (operand.size() > result.size()) return false;
  return operand == result || operand.empty() ||
         std::all_of(operand.begin(), operand.end() - 1, [](std::int64_t dim) { return dim == 1; });
}

std::vector<CudnnPointwise> cudnn_bias(const Problem& conv) {
  if (!conv.has_input(kBiasInput)) return {};
  return {{.mode = CUDNN_POINTWISE_ADD, .operand = static_cast<int>(kBiasInput)}};
}

std::optional<std::vector<CudnnPointwise>> cudnn_chain(const Problem& conv) {
  const Result<Expr> expr = conv.epilogue();
  if (!expr.is_ok()) return std::nullopt;
  std::optional<std::vector<CudnnPointwise>> chain = Chain(conv, *expr).follow();
  if (!chain) return std::nullopt;
  const std::vector<CudnnPointwise> bias = cudnn_bias(conv);
  // The library has kernels of its own for a residual, then a bias, then a function.
  const bool residual_first = !chain->empty() && chain->front().mode == CUDNN_POINTWISE_ADD;
  chain->insert(chain->begin() + (residual_first ? 1 : 0), bias.begin(), bias.end());
  return chain;
}

}  // namespace ingot::cuda
