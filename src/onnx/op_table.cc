// SPDX-License-Identifier: Apache-2.0
// One row for each ONNX operator, in alphabetical order. `since` is the oldest opset that has it, where that is one
// that is supported at all; a row without an upgrade is the same in all of them. An operator whose canonical form ops/
// does not have is reported as not implemented, so rows need not wait for it.
#include "onnx/op_table.h"

#include <array>
#include <vector>

#include "onnx/contrib.h"
#include "onnx/ml.h"
#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// clang-format off
constexpr auto kRows = std::to_array<OpRow>({
    {.op = "Abs"}, {.op = "Acos"}, {.op = "Acosh", .since = 9}, {.op = "Add"}, {.op = "AffineGrid", .since = 20},
    {.op = "And"}, {.op = "ArgMax"}, {.op = "ArgMin"}, {.op = "Asin"}, {.op = "Asinh", .since = 9}, {.op = "Atan"},
    {.op = "Atanh", .since = 9}, {.op = "Attention", .since = 23}, {.op = "AveragePool", .upgrade = upgrade_pool},
    {.op = "BatchNormalization", .upgrade = upgrade_batch_normalization}, {.op = "Bernoulli", .since = 15},
    {.op = "BitCast", .since = 26}, {.op = "BitShift", .since = 11}, {.op = "BitwiseAnd", .since = 18},
    {.op = "BitwiseNot", .since = 18}, {.op = "BitwiseOr", .since = 18}, {.op = "BitwiseXor", .since = 18},
    {.op = "BlackmanWindow", .since = 17}, {.op = "Cast"},
    {.op = "CastLike", .since = 15, .canonical = "Cast", .upgrade = upgrade_cast_like},
    {.op = "CausalConvWithState", .since = 27}, {.op = "Ceil"}, {.op = "Celu", .since = 12},
    {.op = "CenterCropPad", .since = 18}, {.op = "Clip", .upgrade = upgrade_clip}, {.op = "Col2Im", .since = 18, .upgrade = upgrade_col2im},
    {.op = "Compress", .since = 9}, {.op = "Concat"}, {.op = "ConcatFromSequence", .since = 11}, {.op = "Constant"},
    {.op = "ConstantOfShape", .since = 9}, {.op = "Conv", .upgrade = upgrade_conv},
    {.op = "ConvInteger", .since = 10, .upgrade = upgrade_conv},
    {.op = "ConvTranspose", .upgrade = upgrade_conv_transpose}, {.op = "Cos"}, {.op = "Cosh", .since = 9},
    {.op = "CumProd", .since = 26}, {.op = "CumSum", .since = 11}, {.op = "DFT", .since = 17, .upgrade = upgrade_dft},
    {.op = "DeformConv", .since = 19, .upgrade = upgrade_deform_conv}, {.op = "DepthToSpace"},
    {.op = "DequantizeLinear", .since = 10}, {.op = "Det", .since = 11}, {.op = "Div"}, {.op = "Dropout", .canonical = "Identity", .upgrade = upgrade_dropout},
    {.op = "DynamicQuantizeLinear", .since = 11}, {.op = "Einsum", .since = 12}, {.op = "Elu"}, {.op = "Equal"},
    {.op = "Erf", .since = 9}, {.op = "Exp"}, {.op = "Expand", .since = 8}, {.op = "EyeLike", .since = 9},
    {.op = "Flatten"}, {.op = "Floor"}, {.op = "GRU"}, {.op = "Gather"}, {.op = "GatherElements", .since = 11},
    {.op = "GatherND", .since = 11}, {.op = "Gelu", .since = 20},
    {.op = "Gemm", .canonical = "MatMul", .upgrade = upgrade_gemm}, {.op = "GlobalAveragePool"},
    {.op = "GlobalLpPool"}, {.op = "GlobalMaxPool"}, {.op = "Greater"}, {.op = "GreaterOrEqual", .since = 12},
    {.op = "GridSample", .since = 16, .upgrade = upgrade_grid_sample},
    {.op = "GroupNormalization", .since = 18, .upgrade = upgrade_group_normalization},
    {.op = "HammingWindow", .since = 17}, {.op = "HannWindow", .since = 17}, {.op = "HardSigmoid"},
    {.op = "HardSwish", .since = 14}, {.op = "Hardmax", .upgrade = upgrade_softmax}, {.op = "Identity"}, {.op = "If"},
    {.op = "ImageDecoder", .since = 20}, {.op = "InstanceNormalization"}, {.op = "IsInf", .since = 10}, {.op = "IsNaN", .since = 9}, {.op = "LRN"}, {.op = "LSTM"}, {.op = "LayerNormalization", .since = 17},
    {.op = "LeakyRelu"}, {.op = "Less"}, {.op = "LessOrEqual", .since = 12}, {.op = "LinearAttention", .since = 27},
    {.op = "Log"}, {.op = "LogSoftmax", .upgrade = upgrade_softmax}, {.op = "Loop"}, {.op = "LpNormalization"},
    {.op = "LpPool", .upgrade = upgrade_pool}, {.op = "MatMul"}, {.op = "MatMulInteger", .since = 10}, {.op = "Max"},
    {.op = "MaxPool", .upgrade = upgrade_pool}, {.op = "MaxRoiPool"}, {.op = "MaxUnpool", .since = 9}, {.op = "Mean"},
    {.op = "MeanVarianceNormalization", .since = 9}, {.op = "MelWeightMatrix", .since = 17}, {.op = "Min"},
    {.op = "Mish", .since = 18}, {.op = "Mod", .since = 10}, {.op = "Mul"}, {.op = "Multinomial"}, {.op = "Neg"},
    {.op = "NegativeLogLikelihoodLoss", .since = 12}, {.op = "NonMaxSuppression", .since = 10},
    {.op = "NonZero", .since = 9}, {.op = "Not"}, {.op = "OneHot", .since = 9}, {.op = "Optional", .since = 15},
    {.op = "OptionalGetElement", .since = 15}, {.op = "OptionalHasElement", .since = 15}, {.op = "Or"},
    {.op = "PRelu"}, {.op = "Pad", .upgrade = upgrade_pad}, {.op = "Pow"},
    {.op = "QLinearConv", .since = 10, .upgrade = upgrade_qlinear_conv}, {.op = "QLinearMatMul", .since = 10},
    {.op = "QuantizeLinear", .since = 10}, {.op = "RMSNormalization", .since = 23}, {.op = "RNN"},
    {.op = "RandomNormal"}, {.op = "RandomNormalLike"}, {.op = "RandomUniform"}, {.op = "RandomUniformLike"},
    {.op = "Range", .since = 11}, {.op = "Reciprocal"}, {.op = "ReduceL1", .upgrade = upgrade_axes},
    {.op = "ReduceL2", .upgrade = upgrade_axes}, {.op = "ReduceLogSum", .upgrade = upgrade_axes},
    {.op = "ReduceLogSumExp", .upgrade = upgrade_axes}, {.op = "ReduceMax", .upgrade = upgrade_axes},
    {.op = "ReduceMean", .upgrade = upgrade_axes}, {.op = "ReduceMin", .upgrade = upgrade_axes},
    {.op = "ReduceProd", .upgrade = upgrade_axes}, {.op = "ReduceSum", .upgrade = upgrade_axes},
    {.op = "ReduceSumSquare", .upgrade = upgrade_axes}, {.op = "RegexFullMatch", .since = 20}, {.op = "Relu"},
    {.op = "Reshape"}, {.op = "Resize", .since = 10, .upgrade = upgrade_resize},
    {.op = "ReverseSequence", .since = 10}, {.op = "RoiAlign", .since = 10, .upgrade = upgrade_roi_align},
    {.op = "RotaryEmbedding", .since = 23}, {.op = "Round", .since = 11}, {.op = "STFT", .since = 17, .upgrade = upgrade_stft},
    {.op = "Scan", .since = 8}, {.op = "Scatter", .since = 9, .until = 10, .canonical = "ScatterElements"},
    {.op = "ScatterElements", .since = 11, .upgrade = upgrade_scatter},
    {.op = "ScatterND", .since = 11, .upgrade = upgrade_scatter}, {.op = "Selu"},
    {.op = "SequenceAt", .since = 11}, {.op = "SequenceConstruct", .since = 11}, {.op = "SequenceEmpty", .since = 11},
    {.op = "SequenceErase", .since = 11}, {.op = "SequenceInsert", .since = 11},
    {.op = "SequenceLength", .since = 11}, {.op = "SequenceMap", .since = 17}, {.op = "Shape"},
    {.op = "Shrink", .since = 9}, {.op = "Sigmoid"}, {.op = "Sign", .since = 9},
    // ONNX Runtime writes it without a domain of its own.
    {.op = "SimplifiedLayerNormalization", .canonical = "RMSNormalization", .upgrade = lower_simplified_layer_norm},
    {.op = "Sin"},
    {.op = "Sinh", .since = 9}, {.op = "Size"}, {.op = "Slice", .upgrade = upgrade_slice},
    {.op = "Softmax", .upgrade = upgrade_softmax}, {.op = "SoftmaxCrossEntropyLoss", .since = 12}, {.op = "Softplus"},
    {.op = "Softsign"}, {.op = "SpaceToDepth"}, {.op = "Split", .upgrade = upgrade_split},
    {.op = "SplitToSequence", .since = 11}, {.op = "Sqrt"}, {.op = "Squeeze", .upgrade = upgrade_axes},
    {.op = "StringConcat", .since = 20}, {.op = "StringNormalizer", .since = 10}, {.op = "StringSplit", .since = 20},
    {.op = "Sub"}, {.op = "Sum"}, {.op = "SwiGLU", .since = 28}, {.op = "Swish", .since = 24}, {.op = "Tan"},
    {.op = "Tanh"}, {.op = "TensorScatter", .since = 24}, {.op = "TfIdfVectorizer", .since = 9},
    {.op = "ThresholdedRelu", .since = 10}, {.op = "Tile"}, {.op = "TopK", .upgrade = upgrade_top_k},
    {.op = "Transpose"}, {.op = "Trilu", .since = 14}, {.op = "Unique", .since = 11},
    {.op = "Unsqueeze", .upgrade = upgrade_axes},
    {.op = "Upsample", .until = 9, .canonical = "Resize", .upgrade = upgrade_upsample}, {.op = "Where", .since = 9},
    {.op = "Xor"},
});
// clang-format on

}  // namespace

std::span<const OpRow> op_rows() {
  static const std::vector<OpRow> rows = [] {
    std::vector<OpRow> all(kRows.begin(), kRows.end());
    // Attention over rank 4, with graphs that change scores and probabilities (flex_attention.h).
    all.push_back({.op = "FlexAttention", .canonical = "Attention", .domain = "ai.onnx.preview"});
    all.insert(all.end(), contrib_rows().begin(), contrib_rows().end());
    all.insert(all.end(), ml_rows().begin(), ml_rows().end());
    return all;
  }();
  return rows;
}

const OpRow* find_row(std::string_view domain, std::string_view op, std::int64_t opset) {
  const OpRow* found = nullptr;
  for (const OpRow& row : op_rows()) {
    if (row.op != op || row.domain != domain) continue;
    found = &row;
    if (row.since <= opset && opset <= row.until) break;
  }
  return found;
}

}  // namespace ingot::onnx
