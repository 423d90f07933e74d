// SPDX-License-Identifier: Apache-2.0
// The operators that ONNX Runtime's optimiser and quantiser write, in its own domain. Each becomes canonical operators
// at import, one file for each family.
#pragma once

#include <span>

#include "onnx/op_table.h"

namespace ingot::onnx {

std::span<const OpRow> contrib_rows();

// Makes the draft's last node this one. It has the first output alone.
void become(NodeDraft& draft, std::string_view op, std::vector<ir::ValueId> inputs, Attrs attrs = {});
// [batch, sequence, heads, size], or [batch, heads, sequence, size] with heads_first, as [batch, sequence, heads *
// size].
Result<ir::ValueId> pack_heads(NodeDraft& draft, ir::ValueId value, bool heads_first);
// The part [begin, end) of an axis.
Result<ir::ValueId> slice_axis(NodeDraft& draft, ir::ValueId value, std::int64_t axis, std::int64_t begin,
                               std::int64_t end);

// contrib_quantized.cc
Status lower_qlinear_binary(NodeDraft& draft);  // QLinearAdd, QLinearMul
Status lower_qlinear_unary(NodeDraft& draft);   // operators of one quantised operand and the same attributes
Status lower_qlinear_pool(NodeDraft& draft);
Status lower_qlinear_softmax(NodeDraft& draft);
Status lower_qlinear_concat(NodeDraft& draft);
Status lower_qlinear_where(NodeDraft& draft);
Status lower_qgemm(NodeDraft& draft);
Status lower_matmul_integer_to_float(NodeDraft& draft);
Status lower_dynamic_quantize_matmul(NodeDraft& draft);

// contrib_fused.cc
Status lower_bias_gelu(NodeDraft& draft);  // FastGelu and BiasGelu: an addend before the activation
Status lower_fast_gelu(NodeDraft& draft);
Status lower_quick_gelu(NodeDraft& draft);
Status lower_fused_conv(NodeDraft& draft);
Status lower_fused_gemm(NodeDraft& draft);
Status lower_fused_matmul(NodeDraft& draft);
Status lower_nhwc_conv(NodeDraft& draft);
Status lower_bias_softmax(NodeDraft& draft);

// contrib_normalization.cc
Status lower_simplified_layer_norm(NodeDraft& draft);
Status lower_skip_layer_norm(NodeDraft& draft);
Status lower_skip_simplified_layer_norm(NodeDraft& draft);
Status lower_embed_layer_norm(NodeDraft& draft);

// contrib_attention.cc
Status lower_attention(NodeDraft& draft);
Status lower_multi_head_attention(NodeDraft& draft);
Status lower_rotary_embedding(NodeDraft& draft);

}  // namespace ingot::onnx
