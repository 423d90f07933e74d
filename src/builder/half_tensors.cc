// SPDX-License-Identifier: Apache-2.0
#include "builder/half_tensors.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/moving.h"
#include "plugin/operands.h"

namespace ingot::builder {
namespace {

using plan::Storage;

// Operators whose float operands may all be half.
constexpr std::string_view kKinds[] = {"Conv",
                                       "DeformConv",
                                       "MatMul",
                                       "Pointwise",
                                       "Softmax",
                                       "LogSoftmax",
                                       "Attention",
                                       "LayerNormalization",
                                       "RMSNormalization",
                                       "GroupNormalization",
                                       "InstanceNormalization",
                                       "MaxPool",
                                       "AveragePool",
                                       "GlobalAveragePool",
                                       "GlobalMaxPool",
                                       "ReduceMean",
                                       "ReduceMax",
                                       "ReduceMin",
                                       "Resize"};

// Operators that pass on elements of their first operand, or values between these.
constexpr std::string_view kWithinRange[] = {
    "MaxPool",   "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax",
    "ReduceMin", "Resize",      "GatherElements",    "GatherND",      "TopK"};
// Operands that decide: coordinates, boxes and scores.
constexpr std::pair<std::string_view, std::size_t> kDeciding[] = {{"GridSample", 1},
                                                                  {"RoiAlign", 1},
                                                                  {"RoiAlign", 2},
                                                                  {"MaxRoiPool", 1},
                                                                  {"TopK", 0},
                                                                  {"NonMaxSuppression", 0},
                                                                  {"NonMaxSuppression", 1},
                                                                  {"ArgMax", 0},
                                                                  {"ArgMin", 0},
                                                                  {"Unique", 0},
                                                                  {"NonZero", 0}};

bool among(std::span<const std::string_view> list, std::string_view kind) {
  return std::find(list.begin(), list.end(), kind) != list.end();
}

// An operator of a plugin that offers all of its float operands in half.
bool plugin_takes(const Problem& problem, DType half) {
  if (!problem.is_plugin()) return false;
  Problem halved = problem;
  for (auto* operands : {&halved.inputs, &halved.outputs})
    for (Operand& operand : *operands) {
      if (operand.dtype != DType::f32) continue;
      if (operand.value != nullptr && !survives(*operand.value, half)) return false;
      operand.dtype = half;
      operand.value = nullptr;
    }
  return plugin::takes_types_of(halved, INGOT_PLUGIN_CUDA);
}

// The smallest number that the type holds with all its bits.
double least_of(DType half) { return half == DType::f16 ? 0x1p-14 : 1e-37; }

// Whether there is a form of the step whose float operands are all half.
bool has_half_form(const LoweredStep& step, DType half) {
  if (step.by_runtime() || step.data_dependent) return false;
  // Sums of integers, of which every bit counts.
  if (step.problem.attrs.get_int("exact", 0) != 0) return false;
  return ops::only_moves(step.problem.kind) || among(kKinds, step.problem.kind) || plugin_takes(step.problem, half);
}

// Whether the instruction makes a choice among its operand's values: compares them, or rounds them to integers. With a
// constant beside it, as in a threshold, a rounding moves no order of elements.
bool chooses(const Expr& expr, const ExprInstr& instr) {
  const auto constant = [&](ExprArg arg) {
    return arg >= 0 && expr.instrs()[static_cast<std::size_t>(arg)].op == ExprOp::kConst;
  };
  if (instr.op == ExprOp::kConst || !is_float(expr.type_of(instr.args[0]))) return false;
  if (class_of(instr.op) == 'c') return !constant(instr.args[0]) && !constant(instr.args[1]);
  return instr.op == ExprOp::k_round || instr.op == ExprOp::k_floor || instr.op == ExprOp::k_ceil ||
         (instr.op == ExprOp::kCast && is_integer(instr.type));
}

// The inputs of an expression that its choices depend on.
std::vector<bool> choosing_inputs(const Expr& expr) {
  std::vector<bool> inputs(expr.input_types().size(), false);
  std::vector<bool> wanted(expr.instrs().size(), false);
  for (std::size_t i = expr.instrs().size(); i-- > 0;) {
    const ExprInstr& instr = expr.instrs()[i];
    wanted[i] = wanted[i] || chooses(expr, instr);
    if (!wanted[i]) continue;
    for (int a = 0; a < arity_of(instr.op); ++a) {
      if (instr.args[a] < 0)
        inputs[static_cast<std::size_t>(-instr.args[a] - 1)] = true;
      else
        wanted[static_cast<std::size_t>(instr.args[a])] = true;
    }
  }
  return inputs;
}

bool has_expression(const LoweredStep& step) {
  return step.problem.kind == "Pointwise" || step.problem.attrs.has("epilogue");
}

class Choice {
 public:
  Choice(const LoweredProgram& program, DType half)
      : program_(program), half_(half), sizes_(program.tensors.size()), single_(program.tensors.size(), false) {}

  HalfTensors run() {
    for (std::size_t id = 0; id < program_.tensors.size(); ++id) {
      const plan::Tensor& tensor = program_.tensors[id];
      sizes_[id] = program_.constants[id] != nullptr && !tensor.is_object() && is_float(tensor.dtype)
                       ? KnownSize::of_constant(*program_.constants[id])
                       : KnownSize::of_type(tensor.dtype);
      if (tensor.storage != Storage::activation || tensor.dtype != DType::f32 || tensor.is_object() ||
          (concrete(tensor.shape) && element_count(*concrete(tensor.shape)).value_or(0) == 1))
        single_[id] = true;
    }
    for (const std::int32_t id : program_.outputs) keep(id);
    for (const LoweredStep& step : program_.steps) forward(step);
    for (std::size_t i = program_.steps.size(); i-- > 0;) backward(program_.steps[i]);
    for (const LoweredStep& step : program_.steps) inherit(step);
    HalfTensors out;
    out.steps = std::move(steps_);
    out.half.resize(program_.tensors.size());
    for (std::size_t id = 0; id < program_.tensors.size(); ++id) {
      const std::size_t root = root_of(program_, static_cast<std::int32_t>(id));
      out.half[id] = !single_[root] && program_.tensors[id].dtype == DType::f32;
      out.sizes.push_back(sizes_[root]);
    }
    return out;
  }

 private:
  [[nodiscard]] KnownSize size(std::int32_t id) const { return id < 0 ? KnownSize{} : sizes_[root_of(program_, id)]; }
  void keep(std::int32_t id) {
    if (id >= 0) single_[root_of(program_, id)] = true;
  }
  [[nodiscard]] bool kept(std::int32_t id) const { return id >= 0 && single_[root_of(program_, id)]; }

  // Of integers times a scale the steps, 2^-8 of the whole, must be worth something in a half too.
  [[nodiscard]] bool fits(const KnownSize& size) const {
    return size.most <= most_of(half_) && !(size.integer && size.most < least_of(half_));
  }

  // A factor whose values a half does not hold.
  [[nodiscard]] bool spoils_factor(const LoweredStep& step) const {
    if (step.problem.kind == "Pointwise" || passes_on(step.problem.kind)) return false;
    for (std::size_t i = 0; i < std::min<std::size_t>(step.problem.own_inputs(), 2); ++i) {
      const KnownSize factor = size(step.inputs[i]);
      if (step.problem.inputs[i].dtype == DType::f32 && factor.integer && factor.most != 0 &&
          (factor.most < least_of(half_) || (factor.constant && factor.most > most_of(half_))))
        return true;
    }
    return false;
  }

  // A filter for peaks: a pool whose epilogue compares.
  static bool passes_on_choices(const LoweredStep& step) {
    if (!passes_on(step.problem.kind) || !step.problem.attrs.has("epilogue")) return false;
    const Result<Expr> expr = step.problem.epilogue();
    return expr.is_ok() && std::ranges::any_of(choosing_inputs(*expr), [](bool chosen) { return chosen; });
  }

  // Sizes of what the step makes. An epilogue's result is clamped where it is large.
  void forward(const LoweredStep& step) {
    KnownSize made;
    if (step.problem.kind == "Pointwise") {
      const Result<Expr> expr = step.problem.epilogue();
      std::vector<KnownSize> inputs;
      for (const std::int32_t id : step.inputs) inputs.push_back(size(id));
      if (expr.is_ok()) made = size_of(*expr, inputs);
    } else if (ops::only_moves(step.problem.kind)) {
      made = size(step.inputs[0]);
      for (std::size_t i = 1; i < step.inputs.size(); ++i)
        if (step.inputs[i] >= 0 && step.problem.inputs[i].dtype == DType::f32) made = made.with(size(step.inputs[i]));
    } else if (among(kWithinRange, step.problem.kind)) {
      made = size(step.inputs[0]);
    }
    const bool single = !has_half_form(step, half_) || spoils_factor(step) || passes_on_choices(step);
    steps_.push_back(!single);
    for (const std::int32_t id : step.outputs) {
      if (id < 0) continue;
      if (program_.tensors[static_cast<std::size_t>(id)].dtype == DType::f32) sizes_[root_of(program_, id)] = made;
      if (single || !fits(size(id))) keep(id);
    }
    if (single)
      for (const std::int32_t id : step.inputs) keep(id);
    if (step.problem.kind == "Resize")
      for (std::size_t i = 1; i < step.inputs.size(); ++i) keep(step.inputs[i]);
  }

  // What decides, from where it is used to where it is made.
  void backward(const LoweredStep& step) {
    const std::string& kind = step.problem.kind;
    for (const auto& [user, operand] : kDeciding)
      if (user == kind && operand < step.inputs.size()) decide(step.inputs[operand]);
    const bool decides = !step.outputs.empty() && step.outputs[0] >= 0 && deciding(step.outputs[0]);
    bool own = decides;
    if (const Result<Expr> expr = step.problem.epilogue(); has_expression(step) && expr.is_ok()) {
      const std::vector<bool> chosen_by = choosing_inputs(*expr);
      const std::size_t first = kind == "Pointwise" ? 0 : 1;  // of the operands; x0 of an epilogue is the step's own
      own = own || (first == 1 && chosen_by[0]);
      for (std::size_t i = first; i < chosen_by.size(); ++i)
        if (decides || chosen_by[i]) decide(step.inputs[step.inputs.size() - chosen_by.size() + i]);
    }
    if (own && passes_on(kind))
      for (std::size_t i = 0; i < step.problem.own_inputs(); ++i) decide(step.inputs[i]);
  }

  // What is passed on of tensors that decide, such as the boxes that were chosen, scaled to the image: they are fp32 as
  // it is, and as halves would only lose bits, of which a coordinate needs all.
  void inherit(const LoweredStep& step) {
    if (step.problem.kind != "Pointwise" && !passes_on(step.problem.kind)) return;
    bool any = false;
    for (std::size_t i = 0; i < step.problem.own_inputs(); ++i) {
      if (step.inputs[i] < 0 || step.problem.inputs[i].dtype != DType::f32) continue;
      if (!kept(step.inputs[i])) return;
      any = any || (!step.problem.inputs[i].constant && deciding(step.inputs[i]));
    }
    if (!any) return;
    for (const std::int32_t id : step.outputs) decide(id);
  }

  void decide(std::int32_t id) {
    if (id < 0 || program_.tensors[static_cast<std::size_t>(id)].dtype != DType::f32) return;
    keep(id);
    deciding_.resize(program_.tensors.size());
    deciding_[root_of(program_, id)] = true;
  }
  [[nodiscard]] bool deciding(std::int32_t id) const { return !deciding_.empty() && deciding_[root_of(program_, id)]; }

  const LoweredProgram& program_;
  DType half_;
  std::vector<KnownSize> sizes_;  // by root
  std::vector<bool> steps_;
  std::vector<bool> single_;    // roots that stay fp32
  std::vector<bool> deciding_;  // roots
};

}  // namespace

double most_of(DType half) { return half == DType::f16 ? 65504 : 3e38; }

bool survives(const HostTensor& constant, DType half) {
  const double least = least_of(half);
  for (std::int64_t i = 0; i < constant.elements(); ++i) {
    const double size = std::abs(constant.as_double(i));
    if (size != 0 && !(size >= least && size <= most_of(half))) return false;
  }
  return true;
}

bool passes_on(std::string_view kind) { return ops::only_moves(kind) || among(kWithinRange, kind); }

std::size_t root_of(const LoweredProgram& program, std::int32_t id) {
  while (program.tensors[static_cast<std::size_t>(id)].storage == Storage::alias)
    id = program.tensors[static_cast<std::size_t>(id)].alias_of;
  return static_cast<std::size_t>(id);
}

HalfTensors half_tensors(const LoweredProgram& program, DType half) { return Choice(program, half).run(); }

}  // namespace ingot::builder
