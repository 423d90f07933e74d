// SPDX-License-Identifier: Apache-2.0
// Weights of a few bits with a scale for each block. The bytes already are those of our sub-byte types: the constant is
// seen as one of these, and an ordinary blocked DequantizeLinear follows.
#include "onnx/contrib.h"

namespace ingot::onnx {
namespace {

Result<DType> unsigned_type(std::int64_t bits) {
  if (bits == 2) return DType::u2;
  if (bits == 4) return DType::u4;
  if (bits == 8) return DType::u8;
  return beyond(Limit::kBits, fmt::format("{} bits", bits));
}

// The constant u8 behind an input as elements of `bits` bits in the given shape.
Result<ir::ValueId> repacked(NodeDraft& draft, std::size_t index, std::string_view name, std::int64_t bits,
                             const Shape& shape) {
  INGOT_ASSIGN_OR_RETURN(const DType type, unsigned_type(bits));
  const HostTensor* bytes = draft.input_constant(index);
  if (bytes == nullptr || bytes->dtype() != DType::u8)
    return beyond(Limit::kPackedConstant, fmt::format("input {} ({})", index, name));
  INGOT_ASSIGN_OR_RETURN(HostTensor values, HostTensor::create(type, shape));
  if (values.bytes().size() != bytes->bytes().size())
    return invalid_argument("input {} ({}) has {} bytes, but {} are needed", index, name, bytes->bytes().size(),
                            values.bytes().size());
  std::ranges::copy(bytes->bytes(), values.mutable_bytes().begin());
  return draft.add_constant(name, std::move(values));
}

// The middle of an unsigned type, where weights without zero points have it.
ir::ValueId middle_points(NodeDraft& draft, DType type, const Shape& shape) {
  HostTensor points = HostTensor::create(type, shape).value();
  for (std::int64_t i = 0; i < points.elements(); ++i) points.set_int(i, std::int64_t{1} << (bits_of(type) - 1));
  return draft.add_constant("zero_points", std::move(points));
}

// The weights where input 4 (g_idx) says for each column which scale and zero point of a row it has.
Result<ir::ValueId> dequantized_by_index(NodeDraft& draft, ir::ValueId weights, ir::ValueId scales, ir::ValueId zeros) {
  const DType real = draft.type(scales).dtype;
  const Attrs columns{{"axis", std::int64_t{1}}};
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scale, draft.emit("Gather", {scales, draft.inputs[4]}, columns));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId zero, draft.emit("Cast", {zeros}, {{"to", real}}));
  INGOT_ASSIGN_OR_RETURN(zero, draft.emit("Gather", {zero, draft.inputs[4]}, columns));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId dense, draft.emit("Cast", {weights}, {{"to", real}}));
  // The index may end with the columns that count.
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId count, dim_of(draft, draft.inputs[4], 0));
  INGOT_ASSIGN_OR_RETURN(dense,
                         draft.emit("Slice", {dense, draft.add_ints("from", {0}), count, draft.add_ints("axis", {1})}));
  INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Sub", {dense, zero}));
  return draft.emit("Mul", {dense, scale});
}

}  // namespace

// A * dequantised(B)^T.
Status lower_matmul_nbits(NodeDraft& draft) {
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_RETURN_IF_ERROR(refuse(draft, {{"weight_prepacked", Limit::kPrepacked}}));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t bits, draft.read_or<std::int64_t>("bits", 4));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t k, draft.read_or<std::int64_t>("K", 0));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t n, draft.read_or<std::int64_t>("N", 0));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t block, draft.read_or<std::int64_t>("block_size", 0));
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (k < 1 || n < 1 || block < 8 || k > kMost || n > kMost || block > kMost)
    return invalid_argument("K is {}, N is {} and block_size is {}, but they must be positive", k, n, block);
  const std::int64_t blocks = (k + block - 1) / block;
  INGOT_ASSIGN_OR_RETURN(const DType type, unsigned_type(bits));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId weights, repacked(draft, 1, "B", bits, {n, blocks * block}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scales,
                         draft.emit("Reshape", {draft.inputs[2], draft.add_ints("per_block", {n, blocks})}));
  ir::ValueId zeros = ir::kNoValue, float_zeros = ir::kNoValue;
  if (!draft.has_input(3)) {
    zeros = middle_points(draft, type, {n, blocks});
  } else if (draft.input_type(3).dtype == DType::u8) {
    // Rows begin at bytes, so an odd number of blocks has one in excess.
    const std::int64_t per_byte = 8 / bits, padded = (blocks + per_byte - 1) / per_byte * per_byte;
    INGOT_ASSIGN_OR_RETURN(zeros, repacked(draft, 3, "zero_points", bits, {n, padded}));
    if (padded != blocks) {
      INGOT_ASSIGN_OR_RETURN(zeros, slice_axis(draft, zeros, 1, 0, blocks));
    }
  } else {
    INGOT_ASSIGN_OR_RETURN(float_zeros,
                           draft.emit("Reshape", {draft.inputs[3], draft.add_ints("per_block", {n, blocks, 1})}));
  }
  ir::ValueId dense = ir::kNoValue;
  if (draft.has_input(4)) {
    if (float_zeros != ir::kNoValue) {
      INGOT_ASSIGN_OR_RETURN(zeros, draft.emit("Reshape", {draft.inputs[3], draft.add_ints("per_group", {n, blocks})}));
    }
    INGOT_ASSIGN_OR_RETURN(dense, dequantized_by_index(draft, weights, scales, zeros));
  } else if (float_zeros == ir::kNoValue) {
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("DequantizeLinear", {weights, scales, zeros},
                                             {{"axis", std::int64_t{1}}, {"block_size", block}}));
  } else {
    const DType real = draft.input_type(2).dtype;
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Cast", {weights}, {{"to", real}}));
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Reshape", {dense, draft.add_ints("blocks", {n, blocks, block})}));
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Sub", {dense, float_zeros}));
    INGOT_ASSIGN_OR_RETURN(const ir::ValueId wide, unsqueezed(draft, scales, {2}));
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Mul", {dense, wide}));
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Reshape", {dense, draft.add_ints("rows", {n, blocks * block})}));
  }
  if (blocks * block != k) {
    INGOT_ASSIGN_OR_RETURN(dense, slice_axis(draft, dense, 1, 0, k));
  }
  std::vector<ir::ValueId> operands{draft.inputs[0], dense, input_or_none(draft, 5)};
  drop_absent(operands);
  become(draft, "MatMul", std::move(operands), {{"transB", std::int64_t{1}}});
  return Status::ok();
}

Status lower_gather_block_quantized(NodeDraft& draft) {
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  const ir::Type& data = draft.input_type(0);
  const int rank = data.rank();
  if (rank < 1 || draft.input_type(1).rank() < 0) return beyond(Limit::kGatherRanks);
  INGOT_ASSIGN_OR_RETURN(std::int64_t axis, draft.read_or<std::int64_t>("gather_axis", 0));
  INGOT_ASSIGN_OR_RETURN(std::int64_t blocked, draft.read_or<std::int64_t>("quantize_axis", 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t block, draft.read_or<std::int64_t>("block_size", 128));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t bits, draft.read_or<std::int64_t>("bits", 4));
  axis += axis < 0 ? rank : 0;
  blocked += blocked < 0 ? rank : 0;
  if (axis == blocked) return beyond(Limit::kGatherAxis, fmt::format("axis {}", axis));
  std::vector<ir::ValueId> operands{draft.inputs[0], draft.inputs[2], input_or_none(draft, 3)};
  DType type = data.dtype;
  if (type == DType::u8) {
    INGOT_ASSIGN_OR_RETURN(type, unsigned_type(bits));
    for (const std::size_t i : {std::size_t{0}, std::size_t{3}}) {
      if (!draft.has_input(i)) continue;
      const HostTensor* bytes = draft.input_constant(i);
      if (bytes == nullptr || bytes->rank() != rank) return beyond(Limit::kPackedConstant, fmt::format("input {}", i));
      Shape shape = bytes->shape();
      shape.back() *= 8 / bits;
      INGOT_ASSIGN_OR_RETURN(operands[i == 0 ? 0 : 2],
                             repacked(draft, i, i == 0 ? "data" : "zero_points", bits, shape));
    }
    const HostTensor* scales = draft.input_constant(2);
    if (operands[2] == ir::kNoValue) {
      if (scales == nullptr) return beyond(Limit::kGatherScales);
      operands[2] = middle_points(draft, type, scales->shape());
    }
  }
  for (ir::ValueId& operand : operands) {
    if (operand == ir::kNoValue) continue;
    INGOT_ASSIGN_OR_RETURN(operand, draft.emit("Gather", {operand, draft.inputs[1]}, {{"axis", axis}}));
  }
  if (blocked > axis) blocked += draft.input_type(1).rank() - 1;
  drop_absent(operands);
  become(draft, "DequantizeLinear", std::move(operands), {{"axis", blocked}, {"block_size", block}});
  return Status::ok();
}

}  // namespace ingot::onnx
