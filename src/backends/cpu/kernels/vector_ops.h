// SPDX-License-Identifier: Apache-2.0
// Block operations: one pointwise operation over a short run of elements, the instructions of VectorProgram.
//
// Elements are held in one of six register classes; narrower types live in a wider class and are rounded or wrapped
// after each operation. An operand either has one value per element (step 1) or the same value for all of them (step
// 0); in the second case its data must be a splat: kSplatBytes of that value repeated. The result may lie exactly over
// an operand. No alignment is needed. Stateless.
#pragma once

#include <cstddef>
#include <cstdint>

#include "expr/expr.h"

namespace ingot::cpu {

enum class VecClass : std::uint8_t { none, f32, f64, i32, i64, u64, b8 };

inline constexpr std::size_t kSplatBytes = 64;

struct BlockArg {
  const void* data = nullptr;
  std::int64_t step = 1;  // 1 or 0
};

inline constexpr int kMaxBlockArgs = 5;

// Computes out[0, n) from up to kMaxBlockArgs operands.
using BlockOp = void (*)(std::int64_t n, void* out, const BlockArg* args);

// The class that holds a type; none for types without vector code.
VecClass class_of_type(DType type);
std::size_t bytes_of_class(VecClass cls);

// nullptr where there is no such operation. `operands`: the class of the numeric operands (select: of the last two).
BlockOp find_op(ExprOp op, VecClass operands);
BlockOp find_cast(VecClass from, VecClass to);
// To the i32 class for a narrower type: the low bits of the integer, where a cast to i32 itself would saturate.
BlockOp find_wrapping_cast(VecClass from);
// Rounds or wraps register values to a narrower type; nullptr when the class holds the type exactly.
BlockOp find_rounding(DType type);
// Between memory and registers; nullptr when the memory form is the register form.
BlockOp find_load(DType type);
BlockOp find_store(DType type);

// The part of find_op() with vector code of its own: f32.
BlockOp find_f32_op(ExprOp op);
// The same for f16 and bf16 in memory.
struct HalfOps {
  BlockOp load = nullptr, store = nullptr, round = nullptr;
};
HalfOps find_half_ops(DType type);

// Bytes in memory as the i32 class; storing takes the low bits. And casts that have vector code.
struct ByteOps {
  BlockOp load = nullptr, store = nullptr;
};
ByteOps find_byte_ops(DType type);
// Several instructions at once (expr_fusion.h). dequantize: (byte - a) * b. quantize: the byte in memory of
// clamp(round(x) + zero, low, high), with the limits in the range of the type and NaN giving 0; the last operand of the
// other one divides x first.
struct QuantizeOps {
  BlockOp widen = nullptr, dequantize = nullptr, quantize = nullptr, divide_and_quantize = nullptr;
};
QuantizeOps find_quantize_ops(DType type);
BlockOp find_i32_op(VecClass from, VecClass to);
BlockOp find_i32_wrapping_cast();  // from f32

}  // namespace ingot::cpu
