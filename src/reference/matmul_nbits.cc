// SPDX-License-Identifier: Apache-2.0
// MatMulNBits (ops/own_ops.md), spelt out.
#include "reference/families.h"

namespace ingot::reference {

namespace {

Result<HostTensor> run(std::string_view op, const Attrs& attrs, const std::vector<const HostTensor*>& operands,
                       DType type) {
  Call call;
  call.op = op;
  call.attrs = &attrs;
  call.inputs = operands;
  call.output_types = {&type, 1};
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, evaluate(call));
  return std::move(outputs[0]);
}

Result<Outputs> evaluate_matmul_nbits(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* a, numeric_operand(call, 0, "A", 1));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* b, numeric_operand(call, 1, "B", 2));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* scales, numeric_operand(call, 2, "scales", 2));
  const std::int64_t axis = call.attrs->get_int("transB", 0) != 0 ? 1 : 0;
  const std::int64_t k = call.attrs->get_int("K", 0);
  const Attrs blocks{{"axis", axis}, {"block_size", call.attrs->get_int("block_size", 0)}};
  const Attrs product{{"transB", axis}, {"alpha", call.attrs->get_float("alpha", 1)}};
  INGOT_ASSIGN_OR_RETURN(HostTensor dense,
                         run("DequantizeLinear", blocks, {b, scales, optional_operand(call, 3)}, DType::f64));
  if (dense.shape()[to_size(axis)] != k) {
    const HostTensor begin = HostTensor::of_ints(Ints{0}), end = HostTensor::of_ints(Ints{k});
    const HostTensor along = HostTensor::of_ints(Ints{axis});
    INGOT_ASSIGN_OR_RETURN(dense, run("Slice", {}, {&dense, &begin, &end, &along}, DType::f64));
  }
  INGOT_ASSIGN_OR_RETURN(
      HostTensor y, run("MatMul", product, {a, &dense, optional_operand(call, 4)}, output_type(call, 0, a->dtype())));
  return outputs_of(std::move(y));
}

constexpr Row kRows[] = {{"MatMulNBits", evaluate_matmul_nbits}};

}  // namespace

std::span<const Row> matmul_nbits_rows() { return kRows; }

}  // namespace ingot::reference
