// SPDX-License-Identifier: Apache-2.0
// cpu.matmul.int8_batched: MatMulInteger of activations: B, or a stack of them, is packed on the fly.
#include <algorithm>
#include <cstring>

#include "backends/cpu/int8_parameters.h"
#include "backends/cpu/kernels/int8_pack.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct BatchedState final : KernelState {
  ConvShape shape;  // of one product
  std::int64_t m = 0, n = 0, k = 0;
  std::vector<std::int64_t> a, b;                                 // for each product the indices of its matrices
  std::size_t zeros = 0, sums = 0, scratch = 0, per_product = 0;  // offsets in the workspace of a product
  bool product_per_thread = false, zero_per_column = false;
  std::optional<RowProgram> program;
};

// The matrix that each product of a stack takes from an operand.
std::vector<std::int64_t> matrix_indices(const Shape& batch, const Shape& own) {
  std::vector<std::int64_t> indices{0};
  for (std::size_t axis = 0; axis < batch.size(); ++axis) {
    std::vector<std::int64_t> next;
    for (const std::int64_t index : indices)
      for (std::int64_t i = 0; i < batch[axis]; ++i) next.push_back(own[axis] == 1 ? index : index * own[axis] + i);
    indices = std::move(next);
  }
  return indices;
}

class BatchedKernel final : public Kernel {
 public:
  BatchedKernel(const Problem& problem, std::unique_ptr<const VectorProgram> program)
      : kernels_(best_int8_kernels()),
        attrs_(problem.attrs),
        first_(problem.own_inputs()),
        has_zero_{problem.has_input(2), problem.has_input(3)},
        is_signed_{problem.inputs[0].dtype == DType::i8, problem.inputs[1].dtype == DType::i8},
        out_type_(problem.outputs[0].dtype),
        program_(std::move(program)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<BatchedState>();
    const Shape& a = args.inputs[0].shape;
    const Shape& b = args.inputs[1].shape;
    const Shape& out = args.outputs[0].shape;
    INGOT_RETURN_IF_ERROR(check_matmul(attrs_, a, b, nullptr, out));
    const MatmulShape sizes = matmul_shape(attrs_, a, b);
    state->m = sizes.m;
    state->n = sizes.n;
    state->k = sizes.k;
    if (has_zero_[0]) INGOT_RETURN_IF_ERROR(expect_elements("MatMulInteger", "the zero point of A", args.inputs[2], 1));
    state->zero_per_column = has_zero_[1] && element_count(args.inputs[3].shape) != 1;
    if (has_zero_[1])
      INGOT_RETURN_IF_ERROR(expect_elements("MatMulInteger", "the zero point of B", args.inputs[3],
                                            state->zero_per_column ? sizes.n : 1));
    INGOT_RETURN_IF_ERROR(expect_broadcast("MatMulInteger", args.inputs, first_, out));
    if (program_ != nullptr) {
      std::vector<Shape> shapes;
      for (std::size_t i = first_; i < args.inputs.size(); ++i) shapes.push_back(args.inputs[i].shape);
      state->program.emplace(*program_, out, shapes);
    }
    if (sizes.b_is_single()) {  // one tall product
      state->m *= sizes.batches();
      state->a = state->b = {0};
    } else {
      state->a = matrix_indices(sizes.batch, sizes.a_batch);
      state->b = matrix_indices(sizes.batch, sizes.b_batch);
    }
    state->shape = int8_matmul_shape(state->m, sizes.n, sizes.k);
    const auto count = static_cast<std::int64_t>(state->a.size());
    state->product_per_thread = args.threads > 1 && (count >= 4 * args.threads || count % args.threads == 0);
    const int inner = state->product_per_thread ? 1 : args.threads;
    const auto columns = static_cast<std::size_t>(int8_padded_columns(sizes.n)) * sizeof(std::int32_t);
    const auto padded = [](std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; };
    state->zeros = padded(int8_conv_packed_bytes(state->shape, kernels_));
    state->sums = state->zeros + padded(columns);
    state->scratch = state->sums + padded(columns);
    state->per_product =
        state->scratch + padded(std::max(int8_pack_scratch_bytes(sizes.k, kernels_),
                                         int8_conv_scratch_bytes(state->shape, kernels_, program_ != nullptr, inner)));
    state->workspace_bytes =
        state->per_product * (state->product_per_thread ? static_cast<std::size_t>(args.threads) : 1);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const BatchedState&>(*args.state);
    const auto count = static_cast<std::int64_t>(state.a.size());
    if (state.m == 0 || state.n == 0) return Status::ok();
    if (!state.product_per_thread) {
      for (std::int64_t i = 0; i < count; ++i) multiply(state, args, i, args.workspace.data(), *args.parallel);
      return Status::ok();
    }
    args.parallel->run(count, [&](std::int64_t i, int thread) {
      Serial serial;
      multiply(state, args, i, args.workspace.data() + static_cast<std::size_t>(thread) * state.per_product, serial);
    });
    return Status::ok();
  }

 private:
  static std::int32_t number(const void* from, std::int64_t i, bool is_signed) {
    const std::uint8_t byte = static_cast<const std::uint8_t*>(from)[i];
    return is_signed ? static_cast<std::int8_t>(byte) : byte;
  }

  // Product `index` of the stack.
  void multiply(const BatchedState& state, const LaunchArgs& args, std::int64_t index, std::byte* memory,
                Parallel& parallel) const {
    const auto at = static_cast<std::size_t>(index);
    auto* zeros = reinterpret_cast<std::int32_t*>(memory + state.zeros);
    Int8ConvArgs in;
    in.x = static_cast<const std::uint8_t*>(args.inputs[0]) + state.a[at] * state.m * state.k;
    in.x_signed = is_signed_[0];
    if (has_zero_[0]) in.x_zero = number(args.inputs[2], 0, is_signed_[0]);
    in.row_index = index * state.m;
    Int8PackArgs b;
    b.b = static_cast<const std::uint8_t*>(args.inputs[1]) + state.b[at] * state.k * state.n;
    b.is_signed = is_signed_[1];
    b.k = state.k;
    b.n = state.n;
    b.packed = reinterpret_cast<std::int8_t*>(memory);
    auto* sums = reinterpret_cast<std::int32_t*>(memory + state.sums);
    // Sums of columns count where rows have a zero point.
    const bool needs_sums = in.x_zero != 0 || (is_signed_[0] && kernels_.signed_offset() != 0);
    if (needs_sums) {
      b.sums = sums;
    } else {
      std::memset(sums, 0, static_cast<std::size_t>(int8_padded_columns(state.n)) * sizeof(*sums));
    }
    int8_pack(b, kernels_, memory + state.scratch, parallel);
    in.packed = b.packed;
    in.sums = sums;
    bool any_zero = false;
    for (std::int64_t col = 0; col < state.n; ++col) {
      const std::int32_t zero =
          has_zero_[1] ? number(args.inputs[3], state.zero_per_column ? col : 0, is_signed_[1]) : 0;
      zeros[col] = int8_stored_zero(zero, is_signed_[1]);
      any_zero = any_zero || zeros[col] != 0;
    }
    if (any_zero) in.zeros = zeros;
    Int8Output out;
    out.ld = state.n;
    out.type = out_type_;
    out.data = static_cast<std::byte*>(args.outputs[0]) +
               in.row_index * state.n * static_cast<std::int64_t>(bits_of(out_type_)) / 8;
    if (state.program) {
      out.program = &*state.program;
      out.operands = args.inputs.data() + first_;
    }
    int8_conv(state.shape, in, kernels_, out, memory + state.scratch, parallel);
  }

  const Int8Kernels& kernels_;
  Attrs attrs_;
  std::size_t first_;
  std::array<bool, 2> has_zero_, is_signed_;  // of A and of B
  DType out_type_;
  std::unique_ptr<const VectorProgram> program_;
};

Support supports(const Problem& problem) {
  const Operand& a = problem.inputs[0];
  const Operand& b = problem.inputs[1];
  if (!is_byte(a.dtype) || !is_byte(b.dtype)) return Support::no(Refusal::kDType);
  if (a.shape.empty() || b.shape.empty()) return Support::no(Refusal::kShape, "a scalar");
  if (b.constant && b.shape.size() == 2) return Support::no(Refusal::kNotWorthIt, "B is constant");
  const std::int64_t columns = matmul_shape(problem.attrs, a.shape, b.shape).n;
  for (const std::size_t i : {2, 3}) {
    if (!problem.has_input(i)) continue;
    const Operand& zero = problem.inputs[i];
    if (zero.dtype != problem.inputs[i - 2].dtype) return Support::no(Refusal::kDType, "zero points");
    const std::int64_t count = element_count(zero.shape).value_or(0);
    const bool per_column = i == 3 && count == columns && !zero.shape.empty() && zero.shape.back() == columns;
    if (count != 1 && !per_column) return Support::no(Refusal::kShape, "zero points of rows");
  }
  // The output then lacks a dimension that the epilogue's operands count on.
  if (b.shape.size() == 1 && problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue, "B is a vector");
  const Result<std::unique_ptr<const VectorProgram>> program = int8_program(problem);
  if (!program.is_ok()) return Support::no(Refusal::kEpilogue, program.status().message());
  return Support::yes();
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(std::unique_ptr<const VectorProgram> program, int8_program(problem));
  if (program == nullptr && problem.outputs[0].dtype != DType::i32) return corrupt("integer sums of another type");
  return std::unique_ptr<Kernel>(std::make_unique<BatchedKernel>(problem, std::move(program)));
}

}  // namespace

const Tactic& int8_batched_tactic() {
  static const SimpleTactic tactic("cpu.matmul.int8_batched", {"MatMulInteger"}, supports, load);
  return tactic;
}

}  // namespace ingot::cpu
