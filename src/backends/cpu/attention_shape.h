// SPDX-License-Identifier: Apache-2.0
// The sizes of an Attention problem: operands as stacks of heads, the mask's strides, and what no tactic of any backend
// takes but the general ones.
#pragma once

#include <array>

#include "tactics/tactic.h"

namespace ingot::cpu {

// Q, K, V or Y as heads in place: element (b, h, s, e) at first + b * batch + h * head + s * row + e.
struct HeadView {
  std::int64_t batches = 0, heads = 0, length = 0, size = 0;
  std::int64_t batch = 0, head = 0, row = 0;
  std::int64_t first = 0;
};
// Of [batch, heads, length, size]; with `bshd` of [batch, length, heads, size]; of [batch, length, heads * size].
Result<HeadView> head_view(const Shape& shape, bool bshd, std::int64_t heads);
// Operand 0 to 2 (Q, K, V) of an Attention with these attributes.
Result<HeadView> attention_operand(const Attrs& attrs, std::size_t operand, const Shape& shape);

struct AttentionShape {
  HeadView q, k, v, y;
  std::array<std::int64_t, 4> mask_strides{};  // of a batch, head, query and key; 0 where the mask broadcasts
  std::int64_t mask_batches = 1;               // entry b of the batch reads the mask of b % mask_batches
  double scale = 1;
};
// kUnsupported where a mask covers part of the keys only.
Result<AttentionShape> attention_shape(const Attrs& attrs, std::span<const Operand> inputs, const Operand& output);

bool has_mask(std::span<const Operand> inputs);

// Refuses a cache of earlier keys, further outputs, softcap, windows, an epilogue, and operands that do not fit.
Support attention_support(const Problem& problem);

}  // namespace ingot::cpu
