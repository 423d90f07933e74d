// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/requantise_form.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels/int8_tile.h"

namespace ingot::cpu {
namespace {

constexpr double kLargestRounded = 1 << 20;

// What an operand of the program is: constants per column, the value that comes from the sums, or a linear function of
// another operand of the output's shape.
struct Value {
  enum class Kind : std::uint8_t { other, known, current, residual } kind = Kind::other;
  std::vector<double> known;
  int input = -1;
  double zero = 0, scale = 1;  // of a residual: (x - zero) * scale
  bool scaled = false;
};

std::vector<double> combine(const std::vector<double>& a, const std::vector<double>& b, auto op) {
  std::vector<double> out(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = op(a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]);
  return out;
}
std::vector<double> times(const std::vector<double>& a, const std::vector<double>& b) {
  return combine(a, b, [](double x, double y) { return x * y; });
}
std::vector<double> plus(const std::vector<double>& a, const std::vector<double>& b) {
  return combine(a, b, [](double x, double y) { return x + y; });
}
bool all_finite(const std::vector<double>& a) {
  return std::all_of(a.begin(), a.end(), [](double x) { return std::isfinite(x); });
}

class Recogniser {
 public:
  Recogniser(const Problem& problem, const Expr& expr, std::int64_t columns)
      : problem_(problem), expr_(expr), columns_(columns) {}

  std::optional<RequantiseForm> run() {
    if (expr_.input_types().empty() || expr_.input_types()[0] != DType::i32) return std::nullopt;
    for (std::size_t i = 0; i < expr_.input_types().size(); ++i) inputs_.push_back(input_value(i));
    current_ = expr_input(0);
    for (std::size_t i = 0; i < expr_.instrs().size(); ++i) {
      values_.push_back(add(expr_.instrs()[i]));
      if (values_.back().kind == Value::Kind::other) return std::nullopt;
      if (values_.back().kind == Value::Kind::current) current_ = static_cast<ExprArg>(i);
    }
    if (current_ != static_cast<ExprArg>(expr_.instrs().size()) - 1) return std::nullopt;
    return finish();
  }

 private:
  enum class Phase : std::uint8_t { integer, linear, rounded, shifted, bounded, byte };
  // Of a stage, in the order of its operations.
  enum class Step : std::uint8_t { none, moved, scaled, shifted, added, limited, divided };

  Value input_value(std::size_t index) {
    Value value;
    if (index == 0) {
      value.kind = Value::Kind::current;
      return value;
    }
    const std::size_t input = problem_.own_inputs() + index - 1;
    const Operand& operand = problem_.inputs[input];
    const std::int64_t count = element_count(operand.shape).value_or(0);
    const bool per_column = count == columns_ && !operand.shape.empty() && operand.shape.back() == columns_;
    if (operand.constant && operand.value != nullptr && (count == 1 || per_column)) {
      value.kind = Value::Kind::known;
      for (std::int64_t i = 0; i < count; ++i) value.known.push_back(operand.value->as_double(i));
    } else if (operand.shape == problem_.outputs[0].shape && (operand.dtype == DType::f32 || is_byte(operand.dtype))) {
      value.kind = Value::Kind::residual;
      value.input = static_cast<int>(input);
    }
    return value;
  }

  [[nodiscard]] const Value& value_of(ExprArg arg) const {
    return arg < 0 ? inputs_[static_cast<std::size_t>(-arg - 1)] : values_[static_cast<std::size_t>(arg)];
  }
  // Only the newest form of the sums may be used.
  [[nodiscard]] bool is_current(ExprArg arg) const { return arg == current_; }

  RequantiseStage& stage() { return form_.stages.back(); }
  void next_stage() {
    form_.stages.emplace_back();
    phase_ = Phase::linear;
    step_ = Step::none;
  }

  Value current(bool ok) {
    Value value;
    if (ok) value.kind = Value::Kind::current;
    return value;
  }
  static Value known(std::vector<double> numbers, DType type) {
    Value value;
    if (type == DType::f32)
      for (double& x : numbers) x = static_cast<float>(x);
    if (!all_finite(numbers)) return value;
    value.kind = Value::Kind::known;
    value.known = std::move(numbers);
    return value;
  }

  Value add(const ExprInstr& instr) {
    if (instr.op == ExprOp::kConst)
      return known({instr.type == DType::f32 ? instr.imm : static_cast<double>(instr.imm_int)}, instr.type);
    const Value& a = value_of(instr.args[0]);
    const bool a_current = is_current(instr.args[0]);
    if (a.kind == Value::Kind::current && !a_current) return {};
    if (instr.op == ExprOp::kCast) return cast(instr, a, a_current);
    if (instr.op == ExprOp::k_round) return current(a_current && instr.type == DType::f32 && round());
    if (instr.op == ExprOp::k_clamp) {
      const Value& low = value_of(instr.args[1]);
      const Value& high = value_of(instr.args[2]);
      return current(a_current && is_number(low) && is_number(high) && limit(low.known[0], high.known[0]));
    }
    if (arity_of(instr.op) != 2) return {};
    const Value& b = value_of(instr.args[1]);
    const bool b_current = is_current(instr.args[1]);
    if ((b.kind == Value::Kind::current && !b_current) || (a_current && b_current)) return {};
    if (!a_current && !b_current) return off_path(instr, a, b);
    return current(on_path(instr.op, instr.type, a_current ? b : a, a_current));
  }

  static bool is_number(const Value& value) { return value.kind == Value::Kind::known && value.known.size() == 1; }

  Value cast(const ExprInstr& instr, const Value& a, bool a_current) {
    if (a.kind == Value::Kind::known) return known(a.known, instr.type);
    if (a.kind == Value::Kind::residual) return instr.type == DType::f32 ? a : Value{};
    if (!a_current) return {};
    if (instr.type == DType::f32) {
      if (phase_ != Phase::integer && phase_ != Phase::byte) return {};
      next_stage();
      return current(true);
    }
    // To a byte that holds all that is left.
    const double lowest = instr.type == DType::u8 ? 0 : -128;
    const double highest = instr.type == DType::u8 ? 255 : 127;
    const bool fits =
        phase_ == Phase::bounded && is_byte(instr.type) && stage().q_low >= lowest && stage().q_high <= highest;
    if (fits) phase_ = Phase::byte;
    return current(fits);
  }

  // Arithmetic on constants and residuals.
  Value off_path(const ExprInstr& instr, const Value& a, const Value& b) const {
    using Kind = Value::Kind;
    if (instr.type != DType::f32) return {};
    if (a.kind == Kind::known && b.kind == Kind::known) {
      switch (instr.op) {
        case ExprOp::k_add: return known(plus(a.known, b.known), instr.type);
        case ExprOp::k_sub: return known(plus(a.known, times(b.known, {-1.0})), instr.type);
        case ExprOp::k_mul: return known(times(a.known, b.known), instr.type);
        case ExprOp::k_div:
          return known(combine(a.known, b.known, [](double x, double y) { return x / y; }), instr.type);
        default: return {};
      }
    }
    const bool a_residual = a.kind == Kind::residual;
    const Value& number = a_residual ? b : a;
    Value value = a_residual ? a : b;
    if (value.kind != Kind::residual || !is_number(number)) return {};
    const double x = number.known[0];
    if (instr.op == ExprOp::k_sub && a_residual && value.zero == 0 && !value.scaled) {
      value.zero = x;
      return value;
    }
    if (instr.op != ExprOp::k_mul || value.scaled) return {};
    value.scale = x;
    value.scaled = true;
    return value;
  }

  // current op other, or other op current.
  bool on_path(ExprOp op, DType type, const Value& other, bool current_first) {
    if (phase_ == Phase::integer) {
      if (op != ExprOp::k_add || other.kind != Value::Kind::known || type != DType::i32) return false;
      form_.bias = form_.bias.empty() ? other.known : plus(form_.bias, other.known);
      return true;
    }
    if (type != DType::f32 || phase_ == Phase::byte) return false;
    switch (op) {
      case ExprOp::k_add: return other.kind == Value::Kind::residual ? add_residual(other) : add_known(other, 1);
      case ExprOp::k_sub: return current_first && other.kind == Value::Kind::known && add_known(other, -1);
      case ExprOp::k_mul: return other.kind == Value::Kind::known && scale(other.known);
      case ExprOp::k_div: return current_first && is_number(other) && divide(other.known[0]);
      case ExprOp::k_max: return is_number(other) && limit(other.known[0], std::numeric_limits<double>::infinity());
      case ExprOp::k_min: return is_number(other) && limit(-std::numeric_limits<double>::infinity(), other.known[0]);
      default: return false;
    }
  }

  // Goes to a step of the stage, or of a new one when this stage is beyond it.
  bool at(Step step, bool again = false) {
    if (phase_ != Phase::linear) return false;
    if (step_ > step || (step_ == step && !again)) next_stage();
    step_ = step;
    return true;
  }

  bool scale(const std::vector<double>& by) {
    if (!all_finite(by) || !at(Step::scaled)) return false;
    stage().scale = by;
    return true;
  }

  bool divide(double by) {
    if (!std::isfinite(by) || by == 0 || !at(Step::divided)) return false;
    stage().divisor = by;
    return true;
  }

  bool add_known(const Value& other, double sign) {
    if (other.kind != Value::Kind::known) return false;
    if (phase_ == Phase::rounded) {
      const double zero = sign * other.known[0];
      if (other.known.size() != 1 || zero != std::nearbyint(zero) || std::abs(zero) > 255) return false;
      stage().zero = zero;
      phase_ = Phase::shifted;
      return true;
    }
    if (other.known.size() == 1 && phase_ == Phase::linear && step_ == Step::none) {
      step_ = Step::moved;
      stage().before = -sign * other.known[0];
      return true;
    }
    if (!at(Step::shifted)) return false;
    stage().shift = times(other.known, {sign});
    return true;
  }

  bool add_residual(const Value& other) {
    if (!at(Step::added)) return false;
    stage().residual = other.input;
    stage().residual_zero = other.zero;
    stage().residual_scale = other.scale;
    return true;
  }

  bool limit(double low, double high) {
    if (!(low <= high)) return false;
    switch (phase_) {
      case Phase::linear: {
        at(Step::limited, true);
        RequantiseStage& to = stage();
        to.low = std::max(to.low, low);
        to.high = std::min(std::max(to.high, low), high);
        return to.low <= to.high;
      }
      case Phase::rounded:
      case Phase::shifted:
        if (std::abs(low) > kLargestRounded || std::abs(high) > kLargestRounded || low != std::nearbyint(low) ||
            high != std::nearbyint(high))
          return false;
        stage().q_low = low;
        stage().q_high = high;
        phase_ = Phase::bounded;
        return true;
      default: return false;
    }
  }
  bool round() {
    if (phase_ != Phase::linear) return false;
    stage().rounds = true;
    phase_ = Phase::rounded;
    return true;
  }

  std::optional<RequantiseForm> finish() {
    const DType type = problem_.outputs[0].dtype;
    const bool ends = phase_ == Phase::byte      ? is_byte(type)
                      : phase_ == Phase::integer ? type == DType::i32
                                                 : type == DType::f32 && phase_ == Phase::linear;
    if (!ends || form_.stages.size() > static_cast<std::size_t>(kMaxInt8Stages)) return std::nullopt;
    for (const RequantiseStage& each : form_.stages)
      if (!all_finite(each.scale) || !all_finite(each.shift) || !std::isfinite(each.residual_scale))
        return std::nullopt;
    return std::move(form_);
  }

  const Problem& problem_;
  const Expr& expr_;
  std::int64_t columns_;
  std::vector<Value> inputs_, values_;
  ExprArg current_ = 0;
  Phase phase_ = Phase::integer;
  Step step_ = Step::none;
  RequantiseForm form_;
};

}  // namespace

std::optional<RequantiseForm> recognise_requantise(const Problem& problem, const Expr& expr, std::int64_t columns) {
  return Recogniser(problem, expr, columns).run();
}

}  // namespace ingot::cpu
