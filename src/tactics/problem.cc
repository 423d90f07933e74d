// SPDX-License-Identifier: Apache-2.0
#include "tactics/problem.h"

#include <charconv>

#include <fmt/ranges.h>

namespace ingot {
namespace {

constexpr std::int64_t kMaxPrintedConstant = 16;
constexpr std::size_t kMaxOperands = 4096;

bool prints_value(const Operand& operand) {
  return operand.constant && operand.value != nullptr && is_integer(operand.dtype) &&
         operand.value->elements() <= kMaxPrintedConstant;
}

std::string print(const Operand& operand) {
  if (!operand.present()) return "_";
  std::string out = fmt::format("{}{}[{}]", operand.constant ? "const " : "", to_string(operand.dtype),
                                fmt::join(operand.shape, ","));
  if (prints_value(operand)) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < operand.value->elements(); ++i) values.push_back(operand.value->as_int(i));
    out += fmt::format("=[{}]", fmt::join(values, ","));
  }
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text) {}

  void skip() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
  }
  bool take(std::string_view token) {
    skip();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::string_view word() {
    skip();
    std::size_t n = 0;
    while (n < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[n])) != 0 || rest_[n] == '_' ||
                                rest_[n] == ':' || rest_[n] == '.'))
      ++n;
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  Status error(std::string_view what) const {
    return invalid_argument("problem text: {} at '{}'", what, rest_.substr(0, 40));
  }
  Result<std::vector<std::int64_t>> ints() {
    std::vector<std::int64_t> out;
    if (!take("[")) return error("expected '['");
    while (!take("]")) {
      if (!out.empty() && !take(",")) return error("expected ',' or ']'");
      skip();
      std::int64_t value = 0;
      const auto [end, failed] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (failed != std::errc()) return error("expected a number");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      out.push_back(value);
      if (out.size() > kMaxOperands) return error("list too long");
    }
    return out;
  }
  Result<Operand> operand() {
    Operand out;
    if (take("_")) return out;
    out.constant = take("const ");
    const std::string_view type_name = word();
    const std::optional<DType> type = dtype_from_string(type_name);
    if (!type) return error(fmt::format("unknown element type '{}'", type_name));
    out.dtype = *type;
    INGOT_ASSIGN_OR_RETURN(out.shape, ints());
    const std::optional<std::int64_t> count = element_count(out.shape);
    if (!count || !bytes_of(out.dtype, *count)) return error(fmt::format("impossible shape {}", to_string(out.shape)));
    if (!take("=")) return out;
    INGOT_ASSIGN_OR_RETURN(const std::vector<std::int64_t> values, ints());
    if (!out.constant || static_cast<std::int64_t>(values.size()) != *count)
      return error("constant and shape disagree");
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(out.dtype, out.shape));
    for (std::size_t i = 0; i < values.size(); ++i) tensor.set_int(static_cast<std::int64_t>(i), values[i]);
    out.value = share(std::move(tensor));
    return out;
  }
  Result<std::vector<Operand>> operands() {
    std::vector<Operand> out;
    if (!take("(")) return error("expected '('");
    while (!take(")")) {
      if (!out.empty() && !take(",")) return error("expected ',' or ')'");
      INGOT_ASSIGN_OR_RETURN(Operand next, operand());
      out.push_back(std::move(next));
      if (out.size() > kMaxOperands) return error("too many operands");
    }
    return out;
  }
  std::string_view& rest() { return rest_; }

 private:
  std::string_view text_, rest_;
};

double elements(const Operand& operand) {
  double n = operand.present() ? 1 : 0;
  for (const std::int64_t dim : operand.shape) n *= static_cast<double>(dim);
  return n;
}

}  // namespace

std::string Problem::to_string() const {
  std::vector<std::string> in;
  std::vector<std::string> out;
  for (const Operand& operand : inputs) in.push_back(print(operand));
  for (const Operand& operand : outputs) out.push_back(print(operand));
  std::string text = fmt::format("{}({}) -> ({})", kind, fmt::join(in, ", "), fmt::join(out, ", "));
  if (!attrs.empty()) text += " " + attrs.to_string();
  return text;
}

Result<Problem> Problem::parse(std::string_view text) {
  Reader reader(text);
  Problem problem;
  problem.kind = std::string(reader.word());
  if (problem.kind.empty()) return reader.error("expected an operator name");
  INGOT_ASSIGN_OR_RETURN(problem.inputs, reader.operands());
  if (!reader.take("->")) return reader.error("expected '->'");
  INGOT_ASSIGN_OR_RETURN(problem.outputs, reader.operands());
  reader.skip();
  if (!reader.rest().empty()) {
    INGOT_ASSIGN_OR_RETURN(problem.attrs, Attrs::parse(reader.rest()));
    reader.skip();
    if (!reader.rest().empty()) return reader.error("unexpected text");
  }
  const Attr* extra = problem.attrs.find("epilogue_inputs");
  if (extra != nullptr) {
    const auto* count = std::get_if<std::int64_t>(extra);
    if (count == nullptr || *count < 0 || *count > static_cast<std::int64_t>(problem.inputs.size()))
      return invalid_argument("problem text: epilogue_inputs does not fit {} inputs", problem.inputs.size());
  }
  return problem;
}

std::size_t Problem::epilogue_inputs() const { return static_cast<std::size_t>(attrs.get_int("epilogue_inputs", 0)); }

Result<Expr> Problem::epilogue() const {
  const std::string text = attrs.get_string(kind == "Pointwise" ? "expr" : "epilogue", "");
  if (!text.empty()) return Expr::parse(text);
  return Expr({outputs.empty() ? DType::f32 : outputs[0].dtype});
}

double Problem::flops() const {
  if (outputs.empty() || inputs.size() < 2) return 0;
  const double out = elements(outputs[0]);
  if (kind == "Conv" || kind == "DeformConv") {
    const Operand& weight = inputs[1];
    return weight.shape.empty() || weight.shape[0] == 0
               ? 0
               : 2 * out * elements(weight) / static_cast<double>(weight.shape[0]);
  }
  if ((kind == "MatMul" || kind == "MatMulNBits" || kind == "RowMatMul") && inputs[0].shape.size() >= 2) {
    const Shape& a = inputs[0].shape;
    return 2 * out * static_cast<double>(a[a.size() - (attrs.get_int("transA", 0) != 0 ? 2 : 1)]);
  }
  return 0;
}

}  // namespace ingot
