// SPDX-License-Identifier: Apache-2.0
// RNN, GRU, LSTM.
#include <algorithm>

#include "backends/cuda/general.h"

namespace ingot::cuda {
namespace {

struct Activation {
  std::string_view name;
  double alpha = 0, beta = 0;
  int parameters = 0;
};
// In the order of the kernel's numbers.
constexpr Activation kActivations[] = {
    {"Sigmoid"},
    {"Tanh"},
    {"Relu"},
    {"Softsign"},
    {"Softplus"},
    {"LeakyRelu", 0.01, 0, 1},
    {"ThresholdedRelu", 1, 0, 1},
    {"Elu", 1, 0, 1},
    {"Affine", 1, 0, 2},
    {"ScaledTanh", 1, 1, 2},
    {"HardSigmoid", 0.2, 0.5, 2},
};

int gates_of(const Problem& problem) { return problem.kind == "LSTM" ? 4 : problem.kind == "GRU" ? 3 : 1; }
std::string definitions(const Problem& problem) { return define("GATES", gates_of(problem)); }

Floats floats_of(const Attrs& attrs, std::string_view name) {
  const Attr* attr = attrs.find(name);
  const auto* list = attr == nullptr ? nullptr : std::get_if<Floats>(attr);
  return list == nullptr ? Floats{} : *list;
}

Status set_activations(GeneralPlan& plan, std::int64_t directions) {
  const int gates = gates_of(plan.problem());
  const std::size_t functions = gates == 4 ? 3 : gates == 3 ? 2 : 1;
  const Attr* attr = plan.attrs().find("activations");
  const auto* listed = attr == nullptr ? nullptr : std::get_if<Strings>(attr);
  const std::size_t count = functions * static_cast<std::size_t>(directions);
  if (listed != nullptr && listed->size() != count)
    return invalid_argument("{}: {} activations, {} are needed", plan.problem().kind, listed->size(), count);
  const Floats alphas = floats_of(plan.attrs(), "activation_alpha"), betas = floats_of(plan.attrs(), "activation_beta");
  Ints numbers(6, 0);
  Floats parameters(12, 0);
  std::size_t alpha = 0, beta = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t which = k % functions, slot = k / functions * 3 + which;
    const std::string_view name = listed != nullptr          ? std::string_view((*listed)[k])
                                  : gates != 1 && which == 0 ? "Sigmoid"
                                                             : "Tanh";
    const auto* row = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const Activation& a) { return a.name == name; });
    if (row == std::end(kActivations)) return unsupported("{}: the activation '{}'", plan.problem().kind, name);
    numbers[slot] = row - std::begin(kActivations);
    parameters[slot * 2] = row->parameters > 0 && alpha < alphas.size() ? alphas[alpha++] : row->alpha;
    parameters[slot * 2 + 1] = row->parameters > 1 && beta < betas.size() ? betas[beta++] : row->beta;
  }
  plan.set_all("ACTIVATION", numbers);
  plan.append(parameters);
  return Status::ok();
}

Status plan_recurrent(GeneralPlan& plan) {
  const Attrs& attrs = plan.attrs();
  const Shape& x = plan.shape(0);
  const Shape& w = plan.shape(1);
  const Shape& r = plan.shape(2);
  const std::string direction = attrs.get_string("direction", "forward");
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  const bool batch_first = attrs.get_int("layout", 0) != 0;
  if (x.size() != 3 || r.size() != 3 || w != Shape{directions, gates_of(plan.problem()) * r[2], x[2]} ||
      r[0] != directions || r[1] != w[1])
    return invalid_argument("{}: {}, {} and {} do not fit", plan.problem().kind, to_string(x), to_string(w),
                            to_string(r));
  if (const std::int64_t asked = attrs.get_int("hidden_size", 0); asked != 0 && asked != r[2])
    return invalid_argument("{}: attribute hidden_size is {}, R of shape {} has {}", plan.problem().kind, asked,
                            to_string(r), r[2]);
  plan.set("STEPS", x[batch_first ? 1 : 0]);
  plan.set("BATCH", x[batch_first ? 0 : 1]);
  plan.set("INPUT", x[2]);
  plan.set("HIDDEN", r[2]);
  plan.set("DIRECTIONS", directions);
  plan.set("BATCH_FIRST", batch_first ? 1 : 0);
  plan.set("REVERSE", direction == "reverse" ? 1 : 0);
  plan.set("LINEAR_BEFORE_RESET", attrs.get_int("linear_before_reset", 0));
  plan.set("INPUT_FORGET", attrs.get_int("input_forget", 0));
  plan.number("CLIP", attrs.get_float("clip", 0));
  INGOT_RETURN_IF_ERROR(set_activations(plan, directions));
  const std::int64_t blocks = directions * x[batch_first ? 0 : 1];
  plan.workspace = static_cast<std::size_t>(blocks * 4 * r[2]) * 8;
  return plan.add_blocks("recurrent", blocks);
}

Support supports(const Problem& problem) {
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present() && i != 4 && problem.inputs[i].dtype != problem.inputs[0].dtype)
      return Support::no(Refusal::kDType);
  return Support::yes();
}

constexpr std::string_view kSizes =
    "STEPS BATCH INPUT HIDDEN DIRECTIONS BATCH_FIRST REVERSE LINEAR_BEFORE_RESET INPUT_FORGET ACTIVATION*6";
constexpr GeneralOp kOps[] = {
    {"RNN", "general_recurrent.cu", kSizes, "CLIP", plan_recurrent, false, supports, definitions},
    {"GRU", "general_recurrent.cu", kSizes, "CLIP", plan_recurrent, false, supports, definitions},
    {"LSTM", "general_recurrent.cu", kSizes, "CLIP", plan_recurrent, false, supports, definitions},
};

}  // namespace

std::span<const GeneralOp> recurrent_ops() { return kOps; }

}  // namespace ingot::cuda
