// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "onnx/contrib.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

constexpr OpRow row(std::string_view op, UpgradeFn upgrade, std::string_view canonical) {
  return {.op = op, .canonical = canonical, .upgrade = upgrade, .domain = "com.microsoft"};
}

// The canonical name decides which attributes are element types.
constexpr auto kRows = std::to_array<OpRow>({
    row("Attention", lower_attention, "Attention"),
    row("BiasGelu", lower_bias_gelu, "Gelu"),
    row("BiasSoftmax", lower_bias_softmax, "Softmax"),
    row("DequantizeLinear", nullptr, "DequantizeLinear"),
    row("DynamicQuantizeMatMul", lower_dynamic_quantize_matmul, "MatMulInteger"),
    row("EmbedLayerNormalization", lower_embed_layer_norm, "LayerNormalization"),
    row("FastGelu", lower_fast_gelu, "Gelu"),
    row("FusedConv", lower_fused_conv, "Conv"),
    row("FusedGemm", lower_fused_gemm, "MatMul"),
    row("FusedMatMul", lower_fused_matmul, "MatMul"),
    row("FusedMatMulActivation", lower_fused_matmul, "MatMul"),
    row("Gelu", nullptr, "Gelu"),
    row("MatMulIntegerToFloat", lower_matmul_integer_to_float, "MatMulInteger"),
    row("MultiHeadAttention", lower_multi_head_attention, "Attention"),
    row("NhwcConv", lower_nhwc_conv, "Conv"),
    row("QGemm", lower_qgemm, "MatMulInteger"),
    row("QLinearAdd", lower_qlinear_binary, "Add"),
    row("QLinearAveragePool", lower_qlinear_pool, "AveragePool"),
    row("QLinearConcat", lower_qlinear_concat, "Concat"),
    row("QLinearGlobalAveragePool", lower_qlinear_pool, "GlobalAveragePool"),
    row("QLinearLeakyRelu", lower_qlinear_unary, "LeakyRelu"),
    row("QLinearMul", lower_qlinear_binary, "Mul"),
    row("QLinearReduceMean", lower_qlinear_unary, "ReduceMean"),
    row("QLinearSigmoid", lower_qlinear_unary, "Sigmoid"),
    row("QLinearSoftmax", lower_qlinear_softmax, "Softmax"),
    row("QLinearWhere", lower_qlinear_where, "Where"),
    row("QuantizeLinear", nullptr, "QuantizeLinear"),
    row("QuickGelu", lower_quick_gelu, "Swish"),
    row("RotaryEmbedding", lower_rotary_embedding, "RotaryEmbedding"),
    row("SkipLayerNormalization", lower_skip_layer_norm, "LayerNormalization"),
    row("SkipSimplifiedLayerNormalization", lower_skip_simplified_layer_norm, "RMSNormalization"),
    row("TransposeMatMul", lower_fused_matmul, "MatMul"),
});

}  // namespace

std::span<const OpRow> contrib_rows() { return kRows; }

void become(NodeDraft& draft, std::string_view op, std::vector<ir::ValueId> inputs, Attrs attrs) {
  draft.op = op;
  draft.inputs = std::move(inputs);
  draft.attrs = std::move(attrs);
  draft.outputs.resize(1);
}

Result<ir::ValueId> pack_heads(NodeDraft& draft, ir::ValueId value, bool heads_first) {
  if (heads_first) {
    INGOT_ASSIGN_OR_RETURN(value, draft.emit("Transpose", {value}, {{"perm", Ints{0, 2, 1, 3}}}));
  }
  return draft.emit("Reshape", {value, draft.add_ints("packed", {0, 0, -1})});
}

Result<ir::ValueId> slice_axis(NodeDraft& draft, ir::ValueId value, std::int64_t axis, std::int64_t begin,
                               std::int64_t end) {
  return draft.emit(
      "Slice", {value, draft.add_ints("begin", {begin}), draft.add_ints("end", {end}), draft.add_ints("axis", {axis})});
}

}  // namespace ingot::onnx
