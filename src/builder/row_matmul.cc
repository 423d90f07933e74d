// SPDX-License-Identifier: Apache-2.0
#include "builder/row_matmul.h"

#include <algorithm>
#include <map>
#include <optional>

#include "builder/half_tensors.h"

namespace ingot::builder {
namespace {

constexpr std::size_t kBias = 2, kRowsTo = 3;  // operands of RowMatMul

// Of rows with a constant matrix.
bool is_product(const LoweredStep& step) {
  const Problem& problem = step.problem;
  if (step.by_runtime() || step.data_dependent || problem.kind != "MatMul" || !problem.inputs[1].constant ||
      problem.inputs[1].shape.size() != 2 || problem.inputs[0].shape.empty() ||
      problem.attrs.get_int("transA", 0) != 0 || problem.attrs.get_int("exact", 0) != 0 ||
      problem.attrs.get_float("alpha", 1) != 1)
    return false;
  return !problem.has_input(kBias) || problem.inputs[kBias].shape == Shape{problem.outputs[0].shape.back()};
}

// Steps that read a root, in order; the program's end as one more.
std::map<std::size_t, std::vector<std::size_t>> users_of_roots(const LoweredProgram& program) {
  std::map<std::size_t, std::vector<std::size_t>> users;
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    for (const std::int32_t id : program.steps[i].inputs)
      if (id >= 0) users[root_of(program, id)].push_back(i);
  for (const std::int32_t id : program.outputs) users[root_of(program, id)].push_back(program.steps.size());
  return users;
}

// Of rows that `gather` takes in another order, where each goes; they repeat from batch to batch. Nothing where rows
// are taken apart, left out or taken twice, or where only a run knows how many there are. `x_shape`: of what it reads.
std::optional<Ints> destinations(const LoweredStep& gather, const SymShape& x_shape) {
  const Problem& problem = gather.problem;
  if (gather.by_runtime() || gather.data_dependent || problem.kind != "Gather" || problem.attrs.has("epilogue") ||
      !problem.inputs[1].constant || problem.inputs[1].value == nullptr || problem.inputs[1].shape.size() != 1)
    return std::nullopt;
  const Shape& x = problem.inputs[0].shape;
  const std::int64_t rank = static_cast<std::int64_t>(x.size()), given = problem.attrs.get_int("axis", 0);
  const std::int64_t axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis + 1 >= rank ||
      !std::all_of(x_shape.begin() + axis, x_shape.end() - 1, [](const Dim& dim) { return dim.is_constant(); }))
    return std::nullopt;
  const std::int64_t count = x[static_cast<std::size_t>(axis)];
  std::int64_t inner = 1;
  for (std::int64_t d = axis + 1; d + 1 < rank; ++d) inner *= x[static_cast<std::size_t>(d)];
  const HostTensor& list = *problem.inputs[1].value;
  if (list.elements() != count) return std::nullopt;
  Ints to(static_cast<std::size_t>(count * inner), -1);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t from = list.as_int(i) < 0 ? list.as_int(i) + count : list.as_int(i);
    if (from < 0 || from >= count || to[static_cast<std::size_t>(from * inner)] >= 0) return std::nullopt;
    for (std::int64_t j = 0; j < inner; ++j) to[static_cast<std::size_t>(from * inner + j)] = i * inner + j;
  }
  return to;
}

std::int32_t add_constant(LoweredProgram& program, const std::string& name, TensorPtr value) {
  plan::Tensor tensor;
  tensor.name = name;
  tensor.dtype = value->dtype();
  tensor.shape = symbolic(value->shape());
  tensor.storage = plan::Storage::constant;
  program.tensors.push_back(std::move(tensor));
  program.constants.push_back(std::move(value));
  return static_cast<std::int32_t>(program.tensors.size() - 1);
}

// The product stores its rows where `gather` would take them to.
bool fuse_order(LoweredProgram& program, LoweredStep& product, const LoweredStep& gather,
                const std::function<bool(const Problem&)>& worth) {
  const auto ordered = static_cast<std::size_t>(gather.outputs[0]);
  if (!is_product(product) || program.tensors[ordered].storage != plan::Storage::activation ||
      root_of(program, gather.inputs[0]) != root_of(program, product.outputs[0]) ||
      gather.problem.inputs[0].shape.back() != product.problem.outputs[0].shape.back())
    return false;
  const std::optional<Ints> to =
      destinations(gather, program.tensors[static_cast<std::size_t>(gather.inputs[0])].shape);
  if (!to) return false;
  HostTensor list = HostTensor::create(DType::i32, {static_cast<std::int64_t>(to->size())}).value();
  for (std::size_t i = 0; i < to->size(); ++i) list.set_int(static_cast<std::int64_t>(i), (*to)[i]);
  const TensorPtr value = share(std::move(list));

  LoweredStep fused = product;
  fused.name = product.name + " + " + gather.name;
  fused.problem.kind = "RowMatMul";
  const auto own = static_cast<std::ptrdiff_t>(fused.problem.own_inputs());
  fused.problem.inputs.insert(fused.problem.inputs.begin() + own, kRowsTo + 1 - static_cast<std::size_t>(own), {});
  fused.inputs.insert(fused.inputs.begin() + own, kRowsTo + 1 - static_cast<std::size_t>(own), -1);
  fused.problem.inputs[kRowsTo] = {value->dtype(), value->shape(), true, value};
  if (!worth(fused.problem)) return false;
  fused.inputs[kRowsTo] = add_constant(program, gather.name + " backwards", value);
  // Nobody else reads what the product made: it keeps its shape, and what the gather made is a view of it.
  program.tensors[ordered].storage = plan::Storage::alias;
  program.tensors[ordered].alias_of = product.outputs[0];
  product = std::move(fused);
  return true;
}

}  // namespace

void fuse_row_orders(LoweredProgram& program, const std::function<bool(const Problem&)>& worth) {
  const auto users = users_of_roots(program);
  for (LoweredStep& product : program.steps) {
    if (product.outputs.empty() || product.outputs[0] < 0) continue;
    const auto of_product = users.find(root_of(program, product.outputs[0]));
    if (of_product == users.end() || of_product->second.size() != 1 || of_product->second[0] >= program.steps.size())
      continue;
    LoweredStep& gather = program.steps[of_product->second[0]];
    if (gather.problem.kind == "Gather" && fuse_order(program, product, gather, worth)) gather.outputs.clear();
  }
  std::erase_if(program.steps,
                [](const LoweredStep& step) { return step.problem.kind == "Gather" && step.outputs.empty(); });
}

}  // namespace ingot::builder
