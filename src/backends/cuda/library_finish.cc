// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/library_finish.h"

#include <array>

#include "backends/cuda/kernels/params.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

constexpr const char* kConfig = "";

// Which inputs of the product the finish reads.
std::vector<std::size_t> operands_of(const Problem& product, std::optional<std::size_t> bias) {
  std::vector<std::size_t> out;
  if (bias) out.push_back(*bias);
  for (std::size_t i = product.own_inputs(); i < product.inputs.size(); ++i) out.push_back(i);
  return out;
}

// The output as it was, then the operands.
std::vector<Operand> gather(std::span<const Operand> inputs, const Operand& output,
                            std::span<const std::size_t> operands) {
  std::vector<Operand> out{output};
  for (const std::size_t operand : operands) out.push_back(inputs[operand]);
  return out;
}

Result<Problem> finish_of(const Problem& product, std::optional<std::size_t> bias) {
  INGOT_ASSIGN_OR_RETURN(Expr expr, product.epilogue());
  const DType sums = product.outputs[0].dtype;
  if (expr.input_types().empty() || expr.input_types()[0] != sums)
    return unsupported("an epilogue that does not take sums of the output's type");
  if (bias) {
    Expr sum({sums, sums});
    const ExprArg both[] = {expr_input(0), expr_input(1)};
    sum.add(ExprOp::k_add, sums, both);
    expr = expr.compose(0, sum);
  }
  Problem out;
  out.kind = "Pointwise";
  out.attrs.set("expr", expr.to_string());
  Operand output = product.outputs[0];
  output.constant = false;
  output.value = nullptr;
  out.inputs = gather(product.inputs, output, operands_of(product, bias));
  out.outputs = {product.outputs[0]};
  return out;
}

}  // namespace

bool LibraryFinish::supports(const Problem& product, const DeviceInfo& device, std::optional<std::size_t> bias) {
  if (!product.attrs.has("epilogue") && !bias) return false;
  const Result<Problem> finish = finish_of(product, bias);
  return finish.is_ok() && pointwise_tactic().supports(*finish, device).ok();
}

Result<std::size_t> LibraryFinish::prepare(const Problem& product, const DeviceInfo& device, Packed& packed,
                                           std::optional<std::size_t> bias) {
  INGOT_ASSIGN_OR_RETURN(const Problem problem, finish_of(product, bias));
  INGOT_ASSIGN_OR_RETURN(Packed finish, pointwise_tactic().prepare(problem, kConfig, device));
  for (std::vector<std::byte>& blob : finish.blobs) packed.blobs.push_back(std::move(blob));
  return finish.blobs.size();
}

Result<std::unique_ptr<LibraryFinish>> LibraryFinish::load(const Problem& product,
                                                           std::span<const std::span<const std::byte>> blobs,
                                                           std::optional<std::size_t> bias) {
  INGOT_ASSIGN_OR_RETURN(const Problem problem, finish_of(product, bias));
  auto out = std::make_unique<LibraryFinish>();
  out->operands_ = operands_of(product, bias);
  INGOT_ASSIGN_OR_RETURN(out->kernel_, pointwise_tactic().load(problem, kConfig, blobs));
  return out;
}

Result<std::unique_ptr<KernelState>> LibraryFinish::configure(const ConfigureArgs& args) const {
  const std::vector<Operand> inputs = gather(args.inputs, args.outputs[0], operands_);
  ConfigureArgs own = args;
  own.inputs = inputs;
  return kernel_->configure(own);
}

Status LibraryFinish::launch(const LaunchArgs& args, KernelState& state, std::span<std::byte> workspace) const {
  std::array<const void*, ingot_cuda::kMaxPointwiseInputs> inputs{args.outputs[0]};
  for (std::size_t i = 0; i < operands_.size(); ++i) inputs[1 + i] = args.inputs[operands_[i]];
  LaunchArgs own = args;
  own.inputs = std::span(inputs).first(1 + operands_.size());
  own.state = &state;
  own.workspace = workspace;
  return kernel_->launch(own);
}

}  // namespace ingot::cuda
