// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/library_finish.h"

#include <algorithm>
#include <array>

#include "backends/cuda/kernels/params.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

constexpr const char* kConfig = "";

// The output as it was, then the operands of the epilogue.
std::vector<Operand> operands(std::span<const Operand> inputs, const Operand& output, std::size_t first) {
  std::vector<Operand> out{output};
  out.insert(out.end(), inputs.begin() + static_cast<std::ptrdiff_t>(first), inputs.end());
  return out;
}

Problem finish_of(const Problem& product) {
  Problem out;
  out.kind = "Pointwise";
  out.attrs.set("expr", product.attrs.get_string("epilogue", ""));
  Operand sums = product.outputs[0];
  sums.constant = false;
  sums.value = nullptr;
  out.inputs = operands(product.inputs, sums, product.own_inputs());
  out.outputs = {product.outputs[0]};
  return out;
}

}  // namespace

bool LibraryFinish::supports(const Problem& product, const DeviceInfo& device) {
  const Result<Expr> expr = product.epilogue();
  return product.attrs.has("epilogue") && expr.is_ok() && !expr->input_types().empty() &&
         expr->input_types()[0] == product.outputs[0].dtype &&
         pointwise_tactic().supports(finish_of(product), device).ok();
}

Result<std::size_t> LibraryFinish::prepare(const Problem& product, const DeviceInfo& device, Packed& packed) {
  INGOT_ASSIGN_OR_RETURN(Packed finish, pointwise_tactic().prepare(finish_of(product), kConfig, device));
  for (std::vector<std::byte>& blob : finish.blobs) packed.blobs.push_back(std::move(blob));
  return finish.blobs.size();
}

Result<std::unique_ptr<LibraryFinish>> LibraryFinish::load(const Problem& product,
                                                           std::span<const std::span<const std::byte>> blobs) {
  auto out = std::make_unique<LibraryFinish>();
  out->first_operand_ = product.own_inputs();
  INGOT_ASSIGN_OR_RETURN(out->kernel_, pointwise_tactic().load(finish_of(product), kConfig, blobs));
  return out;
}

Result<std::unique_ptr<KernelState>> LibraryFinish::configure(const ConfigureArgs& args) const {
  const std::vector<Operand> inputs = operands(args.inputs, args.outputs[0], first_operand_);
  ConfigureArgs own = args;
  own.inputs = inputs;
  return kernel_->configure(own);
}

Status LibraryFinish::launch(const LaunchArgs& args, KernelState& state, std::span<std::byte> workspace) const {
  std::array<const void*, ingot_cuda::kMaxPointwiseInputs> inputs{args.outputs[0]};
  const std::span<const void* const> added = args.inputs.subspan(first_operand_);
  std::copy(added.begin(), added.end(), inputs.begin() + 1);
  LaunchArgs own = args;
  own.inputs = std::span(inputs).first(1 + added.size());
  own.state = &state;
  own.workspace = workspace;
  return kernel_->launch(own);
}

}  // namespace ingot::cuda
