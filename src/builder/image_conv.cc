// SPDX-License-Identifier: Apache-2.0
#include "builder/image_conv.h"

#include <algorithm>

#include "builder/half_tensors.h"

namespace ingot::builder {
namespace {

// [N, C, H, W] to [N, H, W, C], and no arithmetic but a cast.
bool is_layout_change(const LoweredStep& step) {
  const Problem& problem = step.problem;
  if (step.by_runtime() || step.data_dependent || problem.kind != "Transpose" || step.inputs.size() != 1 ||
      step.inputs[0] < 0 || problem.inputs[0].constant || problem.attrs.get_ints("perm", {}) != Ints{0, 2, 3, 1})
    return false;
  const Result<Expr> expr = problem.epilogue();
  return expr.is_ok() && expr->input_types().size() == 1 && expr->instrs().size() <= 1 &&
         std::ranges::all_of(expr->instrs(), [](const ExprInstr& instr) { return instr.op == ExprOp::kCast; });
}

bool is_image_convolution(const LoweredStep& step) {
  return !step.by_runtime() && !step.data_dependent && step.problem.kind == "Conv" && step.inputs[0] >= 0 &&
         step.problem.attrs.get_int("channels_last", 0) != 0 && step.problem.inputs[0].shape.size() == 4;
}

}  // namespace

void fuse_image_conv(LoweredProgram& program, const std::function<bool(const Problem&)>& solvable) {
  std::vector<int> uses(program.tensors.size(), 0);
  const auto count = [&](std::int32_t id) {
    if (id >= 0) ++uses[root_of(program, id)];
  };
  std::ranges::for_each(program.outputs, count);
  for (const LoweredStep& step : program.steps) std::ranges::for_each(step.inputs, count);
  for (LoweredStep& conv : program.steps) {
    if (!is_image_convolution(conv)) continue;
    const auto change = std::ranges::find_if(program.steps, [&](const LoweredStep& step) {
      return is_layout_change(step) && step.outputs[0] == conv.inputs[0];
    });
    if (change == program.steps.end() || uses[root_of(program, conv.inputs[0])] != 1) continue;
    Problem problem = conv.problem;
    problem.kind = "ImageConv";
    problem.attrs.erase("channels_last");
    problem.inputs[0] = change->problem.inputs[0];
    if (!solvable(problem)) continue;
    conv.name = change->name + " + " + conv.name;
    conv.problem = std::move(problem);
    conv.inputs[0] = change->inputs[0];
    change->outputs.clear();
  }
  std::erase_if(program.steps, [](const LoweredStep& step) { return step.outputs.empty(); });
}

}  // namespace ingot::builder
