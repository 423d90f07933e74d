// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "onnx/contrib.h"

namespace ingot::onnx {
namespace {

constexpr OpRow row(std::string_view op, UpgradeFn upgrade, std::string_view canonical) {
  return {.op = op, .canonical = canonical, .upgrade = upgrade, .domain = "com.microsoft"};
}

// The canonical name decides which attributes are element types.
constexpr auto kRows = std::to_array<OpRow>({
    row("Attention", lower_attention, "Attention"),
    row("BiasAdd", lower_bias_add, "Add"),
    row("BiasGelu", lower_bias_gelu, "Gelu"),
    row("BiasSoftmax", lower_bias_softmax, "Softmax"),
    row("CDist", lower_cdist, "Sub"),
    row("DequantizeLinear", nullptr, "DequantizeLinear"),
    row("DynamicQuantizeLSTM", lower_dynamic_quantize_lstm, "LSTM"),
    row("DynamicQuantizeMatMul", lower_dynamic_quantize_matmul, "MatMulInteger"),
    row("EmbedLayerNormalization", lower_embed_layer_norm, "LayerNormalization"),
    row("ExpandDims", lower_expand_dims, "Unsqueeze"),
    row("FastGelu", lower_fast_gelu, "Gelu"),
    row("FusedConv", lower_fused_conv, "Conv"),
    row("FusedGemm", lower_fused_gemm, "MatMul"),
    row("FusedMatMul", lower_fused_matmul, "MatMul"),
    row("FusedMatMulActivation", lower_fused_matmul, "MatMul"),
    row("GatherBlockQuantized", lower_gather_block_quantized, "Gather"),
    row("GatherND", nullptr, "GatherND"),
    row("Gelu", nullptr, "Gelu"),
    row("GroupQueryAttention", lower_group_query_attention, "Attention"),
    row("MatMulBnb4", lower_matmul_bnb4, "MatMul"),
    row("MatMulInteger16", lower_matmul_integer16, "MatMul"),
    row("MatMulIntegerToFloat", lower_matmul_integer_to_float, "MatMulInteger"),
    row("MatMulNBits", lower_matmul_nbits, "MatMul"),
    row("MultiHeadAttention", lower_multi_head_attention, "Attention"),
    row("NhwcConv", lower_nhwc_conv, "Conv"),
    row("NhwcFusedConv", lower_nhwc_conv, "Conv"),
    row("NhwcMaxPool", lower_nhwc_max_pool, "MaxPool"),
    row("Pad", nullptr, "Pad"),
    row("QAttention", lower_qattention, "Attention"),
    row("QEmbedLayerNormalization", lower_embed_layer_norm, "LayerNormalization"),
    row("QGemm", lower_qgemm, "MatMulInteger"),
    row("QLinearAdd", lower_qlinear_binary, "Add"),
    row("QLinearAveragePool", lower_qlinear_pool, "AveragePool"),
    row("QLinearConcat", lower_qlinear_concat, "Concat"),
    row("QLinearConv", lower_qlinear_conv, "QLinearConv"),
    row("QLinearGlobalAveragePool", lower_qlinear_pool, "GlobalAveragePool"),
    row("QLinearLeakyRelu", lower_qlinear_unary, "LeakyRelu"),
    row("QLinearMul", lower_qlinear_binary, "Mul"),
    row("QLinearReduceMean", lower_qlinear_unary, "ReduceMean"),
    row("QLinearSigmoid", lower_qlinear_unary, "Sigmoid"),
    row("QLinearSoftmax", lower_qlinear_softmax, "Softmax"),
    row("QLinearWhere", lower_qlinear_where, "Where"),
    row("QuantizeLinear", lower_quantize, "QuantizeLinear"),
    row("QuickGelu", lower_quick_gelu, "Swish"),
    row("Range", nullptr, "Range"),
    row("RotaryEmbedding", lower_rotary_embedding, "RotaryEmbedding"),
    row("SkipLayerNormalization", lower_skip_layer_norm, "LayerNormalization"),
    row("SkipSimplifiedLayerNormalization", lower_skip_simplified_layer_norm, "RMSNormalization"),
    row("TransposeMatMul", lower_fused_matmul, "MatMul"),
    row("Trilu", nullptr, "Trilu"),
});

}  // namespace

std::span<const OpRow> contrib_rows() { return kRows; }

}  // namespace ingot::onnx
