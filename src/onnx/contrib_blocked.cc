// SPDX-License-Identifier: Apache-2.0
// Weights of a few bits with a scale for each block. The bytes already are those of our sub-byte types: the constant is
// seen as one of these, and an ordinary blocked DequantizeLinear follows.
#include <array>

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

struct BlockedSizes {
  std::int64_t k = 0, n = 0, block = 0;
};

Result<BlockedSizes> read_sizes(const NodeDraft& draft, std::int64_t least_block) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  BlockedSizes sizes;
  INGOT_ASSIGN_OR_RETURN(sizes.k, draft.read_or<std::int64_t>("K", 0));
  INGOT_ASSIGN_OR_RETURN(sizes.n, draft.read_or<std::int64_t>("N", 0));
  INGOT_ASSIGN_OR_RETURN(sizes.block, draft.read_or<std::int64_t>("block_size", 0));
  if (sizes.k < 1 || sizes.n < 1 || sizes.block < least_block || sizes.k > kMost || sizes.n > kMost ||
      sizes.block > kMost)
    return invalid_argument(
        "K is {}, N is {} and block_size is {}, but they must lie between 1 (block_size: {}) and {}", sizes.k, sizes.n,
        sizes.block, least_block, kMost);
  return sizes;
}

}  // namespace

// A * dequantised(B)^T.
Status lower_matmul_nbits(NodeDraft& draft) {
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_RETURN_IF_ERROR(refuse(draft, {{"weight_prepacked", Limit::kPrepacked}}));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t bits, draft.read_or<std::int64_t>("bits", 4));
  INGOT_ASSIGN_OR_RETURN(const auto sizes, read_sizes(draft, 8));
  const auto [k, n, block] = sizes;
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

// A * (values of a table of 16 * the greatest magnitude of their block)^T. Bytes hold two numbers of the table, the
// first in the upper half; blocks run on from row to row.
Status lower_matmul_bnb4(NodeDraft& draft) {
  // Dettmers et al., "8-bit Optimizers via Block-wise Quantization", 2021, and "QLoRA: Efficient Finetuning of
  // Quantized LLMs", 2023, appendix E.
  constexpr std::array kFloats{0.0, 0.005208333333, 2.0 / 3, 1.0, 1.0 / 3, 0.5, 1.0 / 6, 0.25};
  constexpr std::array kNormalFloats{-1.0,
                                     -0.6961928009986877,
                                     -0.5250730514526367,
                                     -0.39491748809814453,
                                     -0.28444138169288635,
                                     -0.18477343022823334,
                                     -0.09105003625154495,
                                     0.0,
                                     0.07958029955625534,
                                     0.16093020141124725,
                                     0.24611230194568634,
                                     0.33791524171829224,
                                     0.44070982933044434,
                                     0.5626170039176941,
                                     0.7229568362236023,
                                     1.0};
  for (std::size_t i = 0; i < 3; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const auto sizes, read_sizes(draft, 1));
  const auto [k, n, block] = sizes;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t type, draft.read_or<std::int64_t>("quant_type", 1));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t transposed, draft.read_or<std::int64_t>("transB", 1));
  if (type != 0 && type != 1) return invalid_argument("quant_type is {}, but must be 0 (FP4) or 1 (NF4)", type);
  if (transposed != 1) return beyond(Limit::kBnb4Layout);
  const HostTensor* bytes = draft.input_constant(1);
  if (bytes == nullptr || bytes->dtype() != DType::u8) return beyond(Limit::kPackedConstant, "input 1 (B)");
  const std::int64_t blocks = (n * k + block - 1) / block;
  if (bytes->elements() != (n * k + 1) / 2)
    return invalid_argument("input 1 (B) has {} bytes, but {} are needed", bytes->elements(), (n * k + 1) / 2);
  const DType real = draft.input_type(2).dtype;
  INGOT_ASSIGN_OR_RETURN(HostTensor values, HostTensor::create(real, {blocks, block}));
  for (std::int64_t i = 0; i < n * k; ++i) {
    const std::int64_t pair = bytes->as_int(i / 2), number = i % 2 == 0 ? pair >> 4 : pair & 15;
    const auto at = static_cast<std::size_t>(number);
    values.set_double(i, type == 1 ? kNormalFloats.at(at) : number < 8 ? kFloats.at(at) : -kFloats.at(at - 8));
  }
  const ir::ValueId units = draft.add_constant("values", std::move(values));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId scales,
                         draft.emit("Reshape", {draft.inputs[2], draft.add_ints("per_block", {blocks, 1})}));
  INGOT_ASSIGN_OR_RETURN(ir::ValueId dense, draft.emit("Mul", {units, scales}));
  if (blocks * block != n * k) {
    INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Reshape", {dense, draft.add_ints("flat", {blocks * block})}));
    INGOT_ASSIGN_OR_RETURN(dense, slice_axis(draft, dense, 0, 0, n * k));
  }
  INGOT_ASSIGN_OR_RETURN(dense, draft.emit("Reshape", {dense, draft.add_ints("rows", {n, k})}));
  become(draft, "MatMul", {draft.inputs[0], dense}, {{"transB", std::int64_t{1}}});
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
