// SPDX-License-Identifier: Apache-2.0
#include "builder/transpose_epilogues.h"

#include <algorithm>

namespace ingot::builder {
namespace {

class Fuser {
 public:
  Fuser(LoweredProgram& program, const std::function<bool(const Problem&)>& solvable)
      : program_(program), solvable_(solvable), maker_(program.tensors.size(), -1), uses_(program.tensors.size(), 0) {
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      for (const std::int32_t id : program_.steps[s].outputs)
        if (id >= 0) maker_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(s);
      count(program_.steps[s].inputs);
    }
    count(program_.outputs);
    for (const plan::Tensor& tensor : program_.tensors) count({&tensor.alias_of, 1});
  }

  Status run() {
    for (std::size_t s = 0; s < program_.steps.size(); ++s) {
      LoweredStep& step = program_.steps[s];
      if (!is_plain(step)) continue;
      LoweredStep* const before = maker_of(step.inputs[0]);
      if (before == nullptr || !is_plain(*before)) continue;
      if (step.problem.kind == "Transpose" && before->problem.kind == "Pointwise") {
        INGOT_RETURN_IF_ERROR(fuse(*before, step, true));
      } else if (step.problem.kind == "Pointwise" && before->problem.kind == "Transpose") {
        INGOT_RETURN_IF_ERROR(fuse(*before, step, false));
      }
    }
    std::erase_if(program_.steps, [](const LoweredStep& step) { return step.outputs.empty(); });
    return Status::ok();
  }

 private:
  void count(std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids)
      if (id >= 0) ++uses_[static_cast<std::size_t>(id)];
  }

  static bool is_plain(const LoweredStep& step) {
    return !step.by_runtime() && !step.data_dependent && step.inputs.size() == 1 && step.inputs[0] >= 0 &&
           step.outputs.size() == 1 && !step.problem.inputs[0].constant;
  }

  // The step whose only reader has this operand; null where there is none.
  LoweredStep* maker_of(std::int32_t id) {
    const auto at = static_cast<std::size_t>(id);
    const plan::Tensor& tensor = program_.tensors[at];
    if (uses_[at] != 1 || maker_[at] < 0 || tensor.storage != plan::Storage::activation) return nullptr;
    return &program_.steps[static_cast<std::size_t>(maker_[at])];
  }

  // Makes one step of two, the later one, and takes the outputs of the other.
  Status fuse(LoweredStep& first, LoweredStep& second, bool expression_first) {
    LoweredStep& pointwise = expression_first ? first : second;
    LoweredStep& transpose = expression_first ? second : first;
    INGOT_ASSIGN_OR_RETURN(const Expr expr, pointwise.problem.epilogue());
    INGOT_ASSIGN_OR_RETURN(const Expr earlier, transpose.problem.epilogue());
    if (expr.input_types().size() != 1 || earlier.input_types().size() != 1) return Status::ok();
    Problem problem = transpose.problem;
    problem.inputs[0] = first.problem.inputs[0];
    problem.outputs[0] = second.problem.outputs[0];
    const Expr both = expression_first ? earlier.compose(0, expr) : expr.compose(0, earlier);
    problem.attrs.set("epilogue", both.simplified().to_string());
    if (pointwise.problem.inputs[0].shape != pointwise.problem.outputs[0].shape || !solvable_(problem))
      return Status::ok();
    second.name = first.name + " + " + second.name;
    second.problem = std::move(problem);
    second.inputs = first.inputs;
    first.outputs.clear();
    return Status::ok();
  }

  LoweredProgram& program_;
  const std::function<bool(const Problem&)>& solvable_;
  std::vector<std::int32_t> maker_;  // of each tensor: its step
  std::vector<int> uses_;
};

}  // namespace

Status fuse_transpose_epilogues(LoweredProgram& program, const std::function<bool(const Problem&)>& solvable) {
  return Fuser(program, solvable).run();
}

}  // namespace ingot::builder
