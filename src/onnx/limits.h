// SPDX-License-Identifier: Apache-2.0
// What the importer refuses of operators that it takes otherwise: the one list from which its errors and
// docs/operators.md come. X(id, domain, operators, what is refused and why).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

// clang-format off
#define INGOT_ONNX_LIMITS(X) \
  X(kSparseInitializer, "", "any", "sparse initializers: there are no sparse tensors in the engine") \
  X(kSparseTensor, "", "any", "values that are sparse tensors: there are none in the engine") \
  X(kOpaqueType, "", "any", "values of an opaque type: nothing is known of them") \
  X(kAttributeKind, "", "any", "attributes that hold sparse tensors, or lists of tensors, graphs or types") \
  X(kPassedGraph, "", "any", "a graph passed to a model function: its names would be those of the function's caller") \
  X(kPluginGraph, "", "any", "a graph as the attribute of a plugin, for which the plugin interface has no form") \
  X(kCallDepth, "", "any", "functions that call each other more than 100 deep") \
  X(kBroadcastAxis, "", "Add, Div, Mul, Sub and the like of opsets 1 to 6", "the attribute axis where the rank of an operand is not known") \
  X(kEarlyPRelu, "", "PRelu of opsets 1 to 6", "operands of unknown rank, for which the slope's axis is not known") \
  X(kEarlyForm, "", "Tile, Upsample of opsets 1 to 5", "this form, which nobody writes any more: convert the model to opset 7 or newer") \
  X(kNoNumbers, "", "Col2Im, GridSample, Resize, Upsample", "strings and complex numbers, of which no sums are made") \
  X(kNoReduction, "", "ScatterElements, ScatterND", "a reduction of strings, of complex numbers or of elements below a byte") \
  X(kEarlyTraining, "", "BatchNormalization", "the training mode of opsets before 14: export the model in evaluation mode") \
  X(kTrainingRank, "", "BatchNormalization", "training mode where the rank of input 0 is not known or less than 2") \
  X(kGroupScales, "", "GroupNormalization", "opsets 18 to 20, with a scale for each group, where the channel count is not known or no multiple of num_groups") \
  X(kVarianceRank, "", "SimplifiedLayerNormalization", "the second output where the rank of input 0 is not known") \
  X(kFlexHeads, "ai.onnx.preview", "FlexAttention", "keys and values whose heads are not known, or do not divide those of the queries") \
  X(kFlexSizes, "ai.onnx.preview", "FlexAttention", "queries whose heads or their size are not known") \
  X(kWidths, "ai.onnx.ml", "FeatureVectorizer", "an input of another width than inputdimensions says") \
  X(kNodeMode, "ai.onnx.ml", "TreeEnsembleClassifier, TreeEnsembleRegressor", "node modes beside LEAF and BRANCH_LEQ, LT, GTE, GT, EQ, NEQ") \
  X(kOtherContrib, "com.microsoft", "any other", "operators that are not in the table: most have kernels for one device alone, or stand for a whole decoding loop") \
  X(kPrivateLayout, "com.microsoft.nchwc", "any", "ONNX Runtime's own layout for one machine: save the model at a lower optimisation level") \
  X(kActivation, "com.microsoft", "FusedConv, NhwcFusedConv, FusedGemm, FusedMatMulActivation", "activations that ONNX Runtime does not fuse itself") \
  X(kChannelRank, "com.microsoft", "NhwcConv, NhwcFusedConv, NhwcMaxPool, QLinearConv", "channels last where the rank of input 0 is not known") \
  X(kSoftmaxAxis, "com.microsoft", "BiasSoftmax", "another axis than the last") \
  X(kSoftmaxBias, "com.microsoft", "BiasSoftmax", "a bias of another rank than the data") \
  X(kMetric, "com.microsoft", "CDist", "metrics beside sqeuclidean and euclidean") \
  X(kExpandAxis, "com.microsoft", "ExpandDims", "an axis that is not one constant: the result's rank would be open") \
  X(kStatistics, "com.microsoft", "SkipSimplifiedLayerNormalization", "the statistics as outputs") \
  X(kMaskEnds, "com.microsoft", "Attention, MultiHeadAttention, QAttention", "a mask of rank 1 beside one end, or end and start, for each row of the batch") \
  X(kMaskRank, "com.microsoft", "Attention, MultiHeadAttention, QAttention", "a mask beside [batch], [2 * batch], [batch, keys] and [batch, queries, keys]") \
  X(kProjectionWidth, "com.microsoft", "Attention, QAttention", "weights whose width is not known to be three times that of the heads") \
  X(kRotaryInside, "com.microsoft", "Attention, QAttention", "do_rotary: its angles are not stated in the file") \
  X(kSharedBuffer, "com.microsoft", "Attention, QAttention", "past_present_share_buffer: the engine's outputs are no buffers of its inputs") \
  X(kSharedCache, "com.microsoft", "MultiHeadAttention", "a cache shared by beams (inputs 8 and 9)") \
  X(kScoresOutput, "com.microsoft", "MultiHeadAttention, GroupQueryAttention", "the scores as an output") \
  X(kPackedRank, "com.microsoft", "MultiHeadAttention", "keys without values that are not packed with them in rank 5") \
  X(kBiasWidth, "com.microsoft", "MultiHeadAttention", "a bias for operands whose last dimension is not known") \
  X(kRotaryScale, "com.microsoft", "RotaryEmbedding", "a scale other than 1") \
  X(kRotaryPacked, "com.microsoft", "RotaryEmbedding", "is_packed_batching, sequences without their bounds") \
  X(kRotaryShape, "com.microsoft", "RotaryEmbedding", "input 0 of unknown shape") \
  X(kRotaryHeads, "com.microsoft", "RotaryEmbedding", "num_heads that is not stated and does not follow from the caches") \
  X(kQueryWidth, "com.microsoft", "GroupQueryAttention", "queries whose width is not known to fit the heads") \
  X(kQuantizedCache, "com.microsoft", "GroupQueryAttention", "quantized caches (inputs from 12 on, kv_cache_bit_width)") \
  X(kSlidingCache, "com.microsoft", "GroupQueryAttention", "sliding_window_cache, a cache that forgets") \
  X(kBits, "com.microsoft", "MatMulNBits, GatherBlockQuantized", "weights of other than 2, 4 or 8 bits: the engine has no such types") \
  X(kPackedConstant, "com.microsoft", "MatMulNBits, MatMulBnb4, GatherBlockQuantized", "packed weights or zero points that are no u8 constants: they are unpacked as the model is read") \
  X(kBnb4Layout, "com.microsoft", "MatMulBnb4", "transB other than 1: what the bytes then mean is not stated") \
  X(kPrepacked, "com.microsoft", "MatMulNBits", "weight_prepacked, a layout of one device's kernels") \
  X(kGatherRanks, "com.microsoft", "GatherBlockQuantized", "inputs 0 and 1 of unknown rank") \
  X(kGatherAxis, "com.microsoft", "GatherBlockQuantized", "gather_axis equal to quantize_axis: rows of parts of blocks") \
  X(kGatherScales, "com.microsoft", "GatherBlockQuantized", "scales that are not constant where zero points are left out")
// clang-format on

namespace ingot::onnx {

#define X(id, domain, operators, text) id,
enum class Limit : std::uint8_t { INGOT_ONNX_LIMITS(X) };
#undef X

struct LimitRow {
  std::string_view domain, operators, text;
};
// In the order of the enumeration.
std::span<const LimitRow> limit_rows();

// Unsupported, with the row's text; `detail` says what is at hand.
Status beyond(Limit limit, const std::string& detail = {});

}  // namespace ingot::onnx
