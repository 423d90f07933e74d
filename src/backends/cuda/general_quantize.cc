// SPDX-License-Identifier: Apache-2.0
// Quantisation and casts of every element type.
#include "backends/cpu/axes.h"
#include "backends/cuda/general.h"
#include "backends/cuda/limits.h"
#include "backends/cuda/narrow.h"

namespace ingot::cuda {
namespace {

bool whole_bytes(DType type) { return !cuda_type(type).empty(); }

std::string result_definitions(DType type) {
  if (whole_bytes(type)) return define("WIDE_RESULT", 1);
  return define("PER_BYTE", elements_per_byte(type)) + define("OUT_BITS", bits_of(type));
}

std::int64_t units_of(const Operand& output) {
  const int per = elements_per_byte(output.dtype);
  return (elements_of(output) + per - 1) / per;
}

// ---- casts ----
Support cast_support(const Problem& problem) {
  if (problem.kind == "Cast") return Support::yes();
  // Of expressions only those that convert, from or to a type that other kernels do not hold.
  const Result<Expr> expr = problem.epilogue();
  if (!expr.is_ok() || problem.inputs.size() != 1 || expr->instrs().size() != 1 ||
      expr->instrs()[0].op != ExprOp::kCast || problem.inputs[0].shape != problem.outputs[0].shape)
    return Support::no(Refusal::kKind);
  if (whole_bytes(problem.inputs[0].dtype) && whole_bytes(problem.outputs[0].dtype)) return Support::no(Refusal::kKind);
  return Support::yes();
}
std::string cast_definitions(const Problem& problem) { return result_definitions(problem.outputs[0].dtype); }
std::string cast_functions(const Problem& problem) {
  std::string text = define_load("load", problem.inputs[0].dtype);
  if (!whole_bytes(problem.outputs[0].dtype)) text += define_encode("encode", problem.outputs[0].dtype, problem.attrs);
  return text;
}
Status plan_cast(GeneralPlan& plan) {
  plan.set("ELEMENTS", elements_of(plan.out(0)));
  return plan.add("convert", units_of(plan.out(0)));
}

// ---- quantisation ----
Support quantize_support(const Problem& problem) {
  const bool forward = problem.kind == "QuantizeLinear";
  if (!whole_bytes(problem.inputs[1].dtype) || (forward && !whole_bytes(problem.inputs[0].dtype)) ||
      (!forward && !whole_bytes(problem.outputs[0].dtype)))
    return Support::no(Refusal::kDType);
  return Support::yes();
}
std::string quantize_definitions(const Problem& problem) {
  const DType to = problem.outputs[0].dtype;
  if (problem.kind == "DequantizeLinear") return "";
  const DType precision = problem.attrs.get_dtype("precision", problem.inputs[1].dtype);
  std::string text = result_definitions(to) + define_limits(to) + define("QUANTISE", 1);
  text += define("ROUND_QUOTIENT(v)",
                 precision == DType::f64
                     ? "(v)"
                     : fmt::format("static_cast<double>(load_value(store_value<{}>(static_cast<float>(v))))",
                                   cuda_type(precision)));
  if (is_float(to)) text += define("FLOAT_RESULT", 1);
  return text;
}
std::string quantize_functions(const Problem& problem) {
  std::string text;
  if (problem.has_input(2)) text += define_load("load_zero", problem.inputs[2].dtype);
  if (problem.kind == "DequantizeLinear") return text + define_load("load", problem.inputs[0].dtype);
  if (!whole_bytes(problem.outputs[0].dtype)) text += define_encode("encode", problem.outputs[0].dtype, problem.attrs);
  return text;
}
Status plan_quantize(GeneralPlan& plan) {
  const Shape& x = plan.shape(0);
  const Shape& scale = plan.shape(1);
  const std::int64_t scales = elements_of(plan.in(1));
  plan.set("SCALES", scales == 1 && scale.size() <= 1 ? 1 : 2);
  plan.set("INNER", 1);
  plan.set("LENGTH", 1);
  plan.set("ELEMENTS", elements_of(plan.out(0)));
  if (scales != 1 || scale.size() > 1) {
    INGOT_ASSIGN_OR_RETURN(const std::size_t axis, plan.axis(plan.attrs().get_int("axis", 1), x.size()));
    const std::int64_t block = plan.attrs().get_int("block_size", 0);
    Shape wanted{x[axis]};
    if (block > 0) {
      wanted = x;
      wanted[axis] = (x[axis] + block - 1) / block;
    }
    if (block < 0 || scale != wanted)
      return invalid_argument("{}: scales {} for {}", plan.problem().kind, to_string(scale), to_string(x));
    plan.set("LENGTH", x[axis]);
    plan.set("INNER", cpu::product(x, axis + 1, x.size()));
    plan.set("BLOCK", block);
  }
  const bool forward = plan.problem().kind == "QuantizeLinear";
  return plan.add(forward ? "quantize" : "dequantize", units_of(plan.out(0)));
}

Support dynamic_support(const Problem& problem) {
  return problem.inputs[0].dtype == DType::f32 ? Support::yes() : Support::no(Refusal::kDType);
}
std::string dynamic_definitions(const Problem&) { return define("DYNAMIC", 1); }
Status plan_dynamic(GeneralPlan& plan) {
  plan.set("ELEMENTS", elements_of(plan.in(0)));
  return plan.add_blocks("dynamic_quantize", 1);
}

constexpr std::string_view kQuantizeFile = "general_quantize.cu";
constexpr GeneralOp kOps[] = {
    {"Cast", "general_convert.cu", "ELEMENTS", "", plan_cast, false, cast_support, cast_definitions, 0, nullptr,
     nullptr, true, cast_functions},
    {"Pointwise", "general_convert.cu", "ELEMENTS", "", plan_cast, false, cast_support, cast_definitions, 0, nullptr,
     nullptr, true, cast_functions},
    {"QuantizeLinear", kQuantizeFile, "SCALES INNER LENGTH BLOCK ELEMENTS", "", plan_quantize, false, quantize_support,
     quantize_definitions, 0, nullptr, nullptr, true, quantize_functions},
    {"DequantizeLinear", kQuantizeFile, "SCALES INNER LENGTH BLOCK ELEMENTS", "", plan_quantize, false,
     quantize_support, quantize_definitions, 0, nullptr, nullptr, true, quantize_functions},
    {"DynamicQuantizeLinear", kQuantizeFile, "ELEMENTS", "", plan_dynamic, false, dynamic_support, dynamic_definitions},
};

}  // namespace

std::span<const GeneralOp> quantize_ops() { return kOps; }

}  // namespace ingot::cuda
