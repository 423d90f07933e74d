// SPDX-License-Identifier: Apache-2.0
// The operators that ONNX Runtime's optimiser and quantiser write, in its own domain. Each becomes canonical operators
// at import, one file for each family.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "onnx/limits.h"
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

// The permutation that brings the channels of a feature map of that rank from the last axis to the second, or back.
Ints channel_order(int rank, bool to_front);
Result<ir::ValueId> move_channels(NodeDraft& draft, ir::ValueId value, int rank, bool to_front);
Result<ir::ValueId> unsqueezed(NodeDraft& draft, ir::ValueId value, const Ints& axes);
// The size of an axis, a vector of one.
Result<ir::ValueId> dim_of(NodeDraft& draft, ir::ValueId value, std::int64_t axis);
// 0, 1, ... up to a length, which is a vector of one.
Result<ir::ValueId> count_up(NodeDraft& draft, ir::ValueId length);
// The i32 product as floats: times both scales and `alpha`, plus the bias where there is one.
Result<ir::ValueId> scaled_product(NodeDraft& draft, ir::ValueId product, ir::ValueId a_scale, ir::ValueId b_scale,
                                   double alpha, ir::ValueId bias);
ir::ValueId input_or_none(const NodeDraft& draft, std::size_t index);
void drop_absent(std::vector<ir::ValueId>& operands);  // at the end
std::optional<std::int64_t> last_dim(const NodeDraft& draft, ir::ValueId value);
// Fails when one of these attributes is not 0.
Status refuse(const NodeDraft& draft, std::initializer_list<std::pair<std::string_view, Limit>> attributes);

// contrib_quantized.cc
Status lower_qlinear_binary(NodeDraft& draft);  // QLinearAdd, QLinearMul
Status lower_qlinear_unary(NodeDraft& draft);   // operators of one quantised operand and the same attributes
Status lower_qlinear_pool(NodeDraft& draft);
Status lower_qlinear_conv(NodeDraft& draft);
Status lower_qlinear_softmax(NodeDraft& draft);
Status lower_qlinear_concat(NodeDraft& draft);
Status lower_qlinear_where(NodeDraft& draft);
Status lower_qgemm(NodeDraft& draft);
Status lower_matmul_integer_to_float(NodeDraft& draft);
Status lower_dynamic_quantize_matmul(NodeDraft& draft);
Status lower_dynamic_quantize_lstm(NodeDraft& draft);
Status lower_quantize(NodeDraft& draft);

// contrib_blocked.cc: weights in blocks of few bits
Status lower_matmul_nbits(NodeDraft& draft);
Status lower_matmul_bnb4(NodeDraft& draft);
Status lower_gather_block_quantized(NodeDraft& draft);

// contrib_fused.cc
Status lower_bias_gelu(NodeDraft& draft);  // FastGelu and BiasGelu: an addend before the activation
Status lower_fast_gelu(NodeDraft& draft);
Status lower_quick_gelu(NodeDraft& draft);
Status lower_fused_conv(NodeDraft& draft);
Status lower_fused_gemm(NodeDraft& draft);
Status lower_fused_matmul(NodeDraft& draft);
Status lower_nhwc_conv(NodeDraft& draft);
Status lower_bias_softmax(NodeDraft& draft);
Status lower_bias_add(NodeDraft& draft);

// contrib_plain.cc: what is an operator of ONNX but for its name or its types
Status lower_cdist(NodeDraft& draft);
Status lower_expand_dims(NodeDraft& draft);
Status lower_matmul_integer16(NodeDraft& draft);
Status lower_nhwc_max_pool(NodeDraft& draft);

// contrib_normalization.cc
Status lower_simplified_layer_norm(NodeDraft& draft);
Status lower_skip_layer_norm(NodeDraft& draft);
Status lower_skip_simplified_layer_norm(NodeDraft& draft);
Status lower_embed_layer_norm(NodeDraft& draft);  // QEmbedLayerNormalization too

// contrib_attention.cc
Status lower_attention(NodeDraft& draft);
Status lower_qattention(NodeDraft& draft);
Status lower_multi_head_attention(NodeDraft& draft);
Status lower_rotary_embedding(NodeDraft& draft);

// contrib_grouped_attention.cc
Status lower_group_query_attention(NodeDraft& draft);

}  // namespace ingot::onnx
