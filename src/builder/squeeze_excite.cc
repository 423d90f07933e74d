// SPDX-License-Identifier: Apache-2.0
#include "builder/squeeze_excite.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "backends/cpu/reduce_shape.h"
#include "builder/half_tensors.h"

namespace ingot::builder {
namespace {

// [N, 1, ..., 1, C].
bool is_one_pixel(const Shape& shape) {
  return shape.size() >= 2 && std::all_of(shape.begin() + 1, shape.end() - 1, [](std::int64_t d) { return d == 1; });
}

// Global average pool of [N, spatial..., C].
bool is_pool(const Problem& problem) {
  if (problem.attrs.has("epilogue") || problem.outputs.size() != 1) return false;
  const Shape& x = problem.inputs[0].shape;
  if (x.size() < 3 || problem.outputs[0].dtype != problem.inputs[0].dtype) return false;
  if (problem.kind == "GlobalAveragePool") return problem.attrs.get_int("channels_last", 0) != 0;
  if (problem.kind != "ReduceMean") return false;
  const Result<std::vector<bool>> reduced = cpu::reduced_axes(problem, problem.inputs);
  if (!reduced.is_ok()) return false;
  for (std::size_t d = 0; d < x.size(); ++d)
    if ((*reduced)[d] != (d > 0 && d + 1 < x.size())) return false;
  return true;
}

// A product of one pixel of each image with a constant matrix [rows, columns].
bool is_dense(const Problem& problem) {
  if (problem.epilogue_inputs() != 0 || problem.attrs.get_int("exact", 0) != 0 || problem.outputs.size() != 1 ||
      problem.inputs.size() < 2 || problem.inputs.size() > 3 || !problem.inputs[1].constant ||
      (problem.has_input(2) && !problem.inputs[2].constant))
    return false;
  const Shape& x = problem.inputs[0].shape;
  const Shape& w = problem.inputs[1].shape;
  if (!is_one_pixel(x) || !is_one_pixel(problem.outputs[0].shape) || w.size() < 2 || w[1] != x.back()) return false;
  if (problem.kind == "MatMul")
    return w.size() == 2 && problem.attrs.get_int("transB", 0) != 0 && problem.attrs.get_int("transA", 0) == 0 &&
           problem.attrs.get_float("alpha", 1) == 1 &&
           (!problem.has_input(2) || problem.inputs[2].shape == Shape{problem.outputs[0].shape.back()});
  return problem.kind == "Conv" && problem.attrs.get_int("channels_last", 0) != 0 &&
         problem.attrs.get_int("group", 1) == 1 && std::all_of(w.begin() + 2, w.end(), [](auto d) { return d == 1; });
}

// `expr` without the product of its inputs `a` and `b`, which stands nowhere else: x0 is the product, of type `type`,
// and the other inputs follow. Nothing when there is no such product.
std::optional<Expr> after_product(const Expr& expr, int a, int b, DType type) {
  const std::vector<ExprInstr>& instrs = expr.instrs();
  std::vector<int> uses(instrs.size(), 0), input_uses(expr.input_types().size(), 0);
  for (const ExprInstr& instr : instrs)
    for (int i = 0; i < arity_of(instr.op); ++i)
      ++(instr.args[i] < 0 ? input_uses[static_cast<std::size_t>(-instr.args[i] - 1)]
                           : uses[static_cast<std::size_t>(instr.args[i])]);
  if (input_uses[static_cast<std::size_t>(a)] != 1 || input_uses[static_cast<std::size_t>(b)] != 1) return std::nullopt;
  // Through widening casts, which nothing else reads.
  std::vector<bool> gone(instrs.size(), false);
  const auto source = [&](ExprArg arg) {
    while (arg >= 0) {
      const auto at = static_cast<std::size_t>(arg);
      if (instrs[at].op != ExprOp::kCast || instrs[at].type != DType::f32 || uses[at] != 1) break;
      gone[at] = true;
      arg = instrs[at].args[0];
    }
    return arg;
  };
  std::size_t product = instrs.size();
  for (std::size_t i = 0; i < instrs.size() && product == instrs.size(); ++i) {
    if (instrs[i].op != ExprOp::k_mul) continue;
    const ExprArg left = source(instrs[i].args[0]), right = source(instrs[i].args[1]);
    if ((left == expr_input(a) && right == expr_input(b)) || (left == expr_input(b) && right == expr_input(a)))
      product = i;
    else
      gone.assign(instrs.size(), false);
  }
  if (product == instrs.size()) return std::nullopt;
  Expr out({type});
  std::vector<ExprArg> inputs, made(instrs.size(), 0);
  for (std::size_t i = 0; i < expr.input_types().size(); ++i) {
    const bool factor = static_cast<int>(i) == a || static_cast<int>(i) == b;
    inputs.push_back(factor ? 0 : expr_input(out.add_input(expr.input_types()[i])));
  }
  bool narrowed_only = true;  // nothing but the cast to the type that the product has
  for (std::size_t i = 0; i < instrs.size(); ++i) {
    if (gone[i]) continue;
    ExprInstr instr = instrs[i];
    if (i == product) {
      made[i] = instr.type == type ? expr_input(0)
                                   : out.add(ExprOp::kCast, instr.type, std::array<ExprArg, 1>{expr_input(0)});
      continue;
    }
    narrowed_only = narrowed_only && instr.op == ExprOp::kCast && instr.type == type;
    for (int j = 0; j < arity_of(instr.op); ++j)
      instr.args[j] = instr.args[j] < 0 ? inputs[static_cast<std::size_t>(-instr.args[j] - 1)]
                                        : made[static_cast<std::size_t>(instr.args[j])];
    made[i] = out.append(instr);
  }
  if (narrowed_only && out.input_types().size() == 1 && expr.result_type() == type) return Expr({type});
  return out;
}

class Fusion {
 public:
  Fusion(LoweredProgram& program, const std::function<bool(const Problem&)>& worth)
      : program_(program), worth_(worth), gone_(program.steps.size(), false) {
    for (const std::int32_t id : program.outputs) uses_[root_of(program, id)].push_back(program.steps.size());
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      for (const std::int32_t id : program.steps[i].inputs)
        if (id >= 0) uses_[root_of(program, id)].push_back(i);
      for (const std::int32_t id : program.steps[i].outputs)
        if (id >= 0) made_by_[root_of(program, id)] = i;
    }
  }

  void run() {
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      if (plain(i) && is_dense(program_.steps[i].problem)) try_at(i);
    std::vector<LoweredStep> left;
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      if (!gone_[i]) left.push_back(std::move(program_.steps[i]));
    program_.steps = std::move(left);
  }

 private:
  [[nodiscard]] bool plain(std::size_t at) const {
    const LoweredStep& step = program_.steps[at];
    return !gone_[at] && !step.by_runtime() && !step.data_dependent && !step.outputs.empty() && step.outputs[0] >= 0;
  }
  // The step that makes the tensor, if step `user` alone reads it.
  [[nodiscard]] std::optional<std::size_t> maker(std::int32_t id, std::size_t user) const {
    const std::size_t root = root_of(program_, id);
    const auto made = made_by_.find(root);
    if (made == made_by_.end() || !plain(made->second) || uses_.at(root) != std::vector<std::size_t>{user})
      return std::nullopt;
    return made->second;
  }

  // What stands before the multiplication: steps, and the map or the pooled values.
  struct Block {
    std::size_t first = 0, second = 0;  // products
    std::optional<std::size_t> pool;
  };

  void try_at(std::size_t second) {
    Block block;
    block.second = second;
    const std::optional<std::size_t> first = maker(program_.steps[second].inputs[0], second);
    if (!first || !is_dense(program_.steps[*first].problem)) return;
    block.first = *first;
    const std::optional<std::size_t> pool = maker(program_.steps[*first].inputs[0], *first);
    if (pool && is_pool(program_.steps[*pool].problem)) block.pool = pool;
    if (block.pool && (fuse_multiplication(block) || fuse_scales(block))) return;
    block.pool.reset();
    fuse_scales(block);
  }

  // The step of the block without a multiplication, with the name of `last`.
  LoweredStep scales(const Block& block) const {
    LoweredStep step;
    const LoweredStep &first = program_.steps[block.first], &second = program_.steps[block.second];
    const LoweredStep& start = block.pool ? program_.steps[*block.pool] : first;
    step.name = block.pool ? start.name + " + " + first.name + " + " + second.name : first.name + " + " + second.name;
    step.problem.kind = "SqueezeExcite";
    const auto add = [&](const LoweredStep& from, std::size_t i) {
      const bool has = from.problem.has_input(i);
      step.problem.inputs.push_back(has ? from.problem.inputs[i] : Operand{});
      step.inputs.push_back(has ? from.inputs[i] : -1);
    };
    add(start, 0);
    for (const LoweredStep* dense : {&first, &second})
      for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) add(*dense, i);
    const auto add_activation = [&](const LoweredStep& from, const char* name) {
      if (from.problem.attrs.has("epilogue"))
        step.problem.attrs.set(name, from.problem.attrs.get_string("epilogue", ""));
    };
    add_activation(first, "squeeze");
    add_activation(second, "excite");
    return step;
  }

  void replace(std::size_t at, LoweredStep step, const Block& block) {
    gone_[block.first] = gone_[block.second] = true;
    if (block.pool) gone_[*block.pool] = true;
    gone_[at] = false;
    program_.steps[at] = std::move(step);
  }

  bool fuse_scales(const Block& block) {
    LoweredStep step = scales(block);
    step.problem.attrs.set("scales_only", std::int64_t{1});
    step.problem.outputs = program_.steps[block.second].problem.outputs;
    step.outputs = program_.steps[block.second].outputs;
    // The map's rank, whatever the products made of it.
    Shape& shape = step.problem.outputs[0].shape;
    if (shape.size() != step.problem.inputs[0].shape.size() || !worth_(step.problem)) return false;
    replace(block.second, std::move(step), block);
    return true;
  }

  bool fuse_multiplication(const Block& block) {
    const LoweredStep& second = program_.steps[block.second];
    const std::vector<std::size_t>& users = uses_[root_of(program_, second.outputs[0])];
    if (users.size() != 1 || users[0] >= program_.steps.size() || !plain(users[0])) return false;
    const LoweredStep& last = program_.steps[users[0]];
    const Result<Expr> expr = last.problem.epilogue();
    if (last.problem.kind != "Pointwise" || !expr.is_ok() || last.outputs.size() != 1) return false;
    LoweredStep step = scales(block);
    const Operand& map = step.problem.inputs[0];
    int scale_at = -1, map_at = -1;
    for (std::size_t i = 0; i < last.inputs.size(); ++i) {
      const std::size_t root = root_of(program_, last.inputs[i]);
      if (root == root_of(program_, second.outputs[0])) {
        const Shape& shape = last.problem.inputs[i].shape;
        if (shape.size() == map.shape.size() && is_one_pixel(shape) && shape.back() == map.shape.back() &&
            shape[0] == map.shape[0])
          scale_at = static_cast<int>(i);
      } else if (root == root_of(program_, step.inputs[0]) && last.problem.inputs[i].shape == map.shape) {
        map_at = static_cast<int>(i);
      }
    }
    if (scale_at < 0 || map_at < 0 || last.problem.outputs[0].shape != map.shape) return false;
    const std::optional<Expr> rest = after_product(*expr, scale_at, map_at, map.dtype);
    if (!rest) return false;
    step.name += " + " + last.name;
    if (!rest->is_identity()) {
      step.problem.attrs.set("epilogue", rest->to_string());
      for (std::size_t i = 0; i < last.inputs.size(); ++i) {
        if (static_cast<int>(i) == scale_at || static_cast<int>(i) == map_at) continue;
        step.problem.inputs.push_back(last.problem.inputs[i]);
        step.inputs.push_back(last.inputs[i]);
      }
      step.problem.attrs.set("epilogue_inputs", static_cast<std::int64_t>(step.inputs.size() - 5));
    }
    step.problem.outputs = last.problem.outputs;
    step.outputs = last.outputs;
    if (!worth_(step.problem)) return false;
    replace(users[0], std::move(step), block);
    return true;
  }

  LoweredProgram& program_;
  const std::function<bool(const Problem&)>& worth_;
  std::vector<bool> gone_;
  std::map<std::size_t, std::vector<std::size_t>> uses_;  // steps that read a root, the program's end as one more
  std::map<std::size_t, std::size_t> made_by_;
};

}  // namespace

void fuse_squeeze_excite(LoweredProgram& program, const std::function<bool(const Problem&)>& worth) {
  Fusion(program, worth).run();
}

}  // namespace ingot::builder
