// SPDX-License-Identifier: Apache-2.0
// The parameters of kernels, read by the compiler of the engine and by NVRTC alike: plain types only, no includes.
// Every kernel takes one such structure by value. Pointers are filled in at launch.
#pragma once

namespace ingot_cuda {

constexpr int kMaxDims = 8;
constexpr int kMaxPointwiseInputs = 16;
constexpr int kMaxEpilogueInputs = 6;

// An epilogue operand over an output of rows x columns. Simple: element (row, column) lies at row * row_stride +
// column * column_stride. Otherwise rows fall into up to four dimensions (d0 innermost) with strides s0 to s3.
struct EpilogueOperand {
  const void* data;
  int simple;
  int row_stride, column_stride;
  int d0, d1, d2;
  int s0, s1, s2, s3;
};

struct PointwiseParams {
  const void* in[kMaxPointwiseInputs];
  void* out;
  long long units;  // vectors to compute
  int rank;
  int dims[kMaxDims];                          // outermost first; the last one counted in vectors
  int strides[kMaxPointwiseInputs][kMaxDims];  // in elements, of the last dimension: 0 or 1
};

struct CopyParams {
  const void* in;
  void* out;
  long long in_offset, out_offset;  // all in units of the kernel's element
  long long units;
  int rank;
  int dims[kMaxDims];  // outermost first
  long long in_strides[kMaxDims], out_strides[kMaxDims];
};

// Transposes: dims[rank - 2] is the dimension whose neighbours lie side by side in the input, dims[rank - 1] that of
// the output.
struct TransposeParams {
  const void* in;
  void* out;
  long long units;  // transpose_blocks, transpose_lines, transpose_any: what the threads share
  int rank;
  int dims[kMaxDims];  // outermost first
  long long in_strides[kMaxDims], out_strides[kMaxDims];
  int lanes_shift;               // transpose_blocks: log2 of the lanes side by side along the split dimension
  int split_rows;                // transpose_blocks: that is the last one
  int tile_rows, tile_shift;     // of a tile; log2 of its columns, transpose_spread: of its rows
  int tiles_down, tiles_across;  // tiles along dims[rank - 1] and dims[rank - 2]
};

struct FillParams {
  void* out;
  long long units;
  unsigned long long value;
};

// What the driver's encoder of tensor maps fills in (CUtensorMap).
struct alignas(64) TensorMap {
  unsigned long long words[16];
};

// Matrix products and convolutions: C[m, n] = alpha * sum over k of A[m, k] * B[k, n] + bias[n], then the epilogue.
struct GemmParams {
  const void* a;
  const void* b;
  const void* bias;  // null: none
  void* c;
  float* partial;  // splits > 1: [batch, tile, split, tile elements]
  int* counters;   // splits > 1: one per tile, zero before and after
  int m, n, k;
  int lda, ldb, ldc;
  int tiles_m, tiles_n;
  int splits, tiles_per_split;  // of the k loop
  int k_tiles;                  // hopper_gemm
  int part_rows;                // hopper_gemm: rows of a tile that each part of k finishes
  float alpha;
  int vector_epilogue;  // ldc and every operand allow vectors of columns
  // Batches: the index in up to three levels (d0 innermost). Groups of a convolution are batches too.
  int batch_d0, batch_d1;
  long long a_s0, a_s1, a_s2, b_s0, b_s1, b_s2;
  // Batch z has rows from z * row_batch and columns from z * column_batch of the output.
  int row_batch, column_batch;
  // Windows, channels last.
  int in_h, in_w, in_c, group_c, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
  // Deformable: offset (y, x per offset group and tap) and mask, by strides in elements.
  const void* offset;
  const void* mask;  // null: none
  int offset_groups;
  int patches;  // hopper_gemm: a tile's rows are a patch of 8 columns of an image, see TileRows
  long long offset_n, offset_pixel, offset_channel, mask_n, mask_pixel, mask_channel;
  EpilogueOperand operands[kMaxEpilogueInputs];
  const int* rows_to;  // hopper_gemm with ROWS_TO: where each row of the output goes, rows_to_length by rows_to_length
  int rows_to_length;
  TensorMap a_map;  // hopper_gemm: how A is read
};

// Softmax and normalisations along one axis: element i of row r lies at (r / inner) * length * inner + r % inner +
// i * inner.
struct RowsParams {
  const void* x;
  const void* scale;  // null: none
  const void* bias;   // null: none
  void* y;
  int rows, length, inner;
  int columns;  // of the output as the epilogue sees it
  float epsilon;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

// The middle of [outer][length][inner] is combined.
struct ReduceParams {
  const void* x;
  void* y;
  void* partial;  // parts > 1: by block and part
  int* counters;  // parts > 1: one per block, zero before and after
  int outer, length, inner, parts;
  int columns;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

struct PoolParams {
  const void* x;
  void* y;
  long long units;  // outputs, or vectors of them
  int channels_last, batch, channels;
  int in[3], out[3], kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  int include_pad;
  int columns;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

struct DepthwiseParams {
  const void* x;
  const void* w;     // [taps][channels]
  const void* bias;  // null: none
  void* y;
  int units;  // vectors of outputs, or tiles of them
  int batch, channels, in_h, in_w, out_h, out_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

// Convolutions of few channels. Weights: [column][tap][4 channels], rows of the kernel's pitch.
struct FirstConvParams {
  const void* x;
  const void* w;
  const void* bias;  // null: none
  void* y;
  int tiles, tiles_h, tiles_w;
  int in_h, in_w, out_h, out_w, pad_h, pad_w;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

// out[outer][index][inner] = in[outer][list[index]][inner], in units of the kernel's element.
struct GatherParams {
  const void* in;
  const void* list;
  void* out;
  long long units;
  int axis, inner, indices;
  int wide;  // the list is i64, otherwise i32
};

struct GroupNormParams {
  const void* x;
  const void* scale;
  const void* bias;
  void* y;
  float* partial;  // parts > 1: mean and sum of squared differences by image, group, part
  int channels, pixels, groups, parts;
  int channels_last;
  int columns;
  float epsilon;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

struct ResizePoint {
  int low, high;
  float weight;  // of high
};

// [outer][h][w][inner]; the points of all output rows, then of all output columns.
struct ResizeParams {
  const void* x;
  void* y;
  const ResizePoint* points;
  long long units;
  int in_h, in_w, out_h, out_w, inner;
  int columns;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

// Strides in elements: of a batch, a head and a position; the last dimension is dense.
struct AttentionParams {
  const void* q;
  const void* k;
  const void* v;
  const void* mask;  // null: none
  void* y;
  long long q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row, y_batch, y_head, y_row;
  long long mask_batch, mask_head, mask_row, mask_column;
  int mask_batches;  // entry b of the batch reads the mask of b % mask_batches
  int mask_pairs;    // attention_tiles: two keys' values at once, every row begins at an even element
  int heads, heads_per_kv, queries, keys;
  int causal;
  float scale;
  // attention_decode: the keys fall into that many parts. With several, by row of the output and part the sums of
  // weighted values, and the largest score with the sum of weights.
  int parts;
  float* part_sums;
  float* part_totals;
};

// Between a row-major tensor [batch, channels, spatial] and a plugin's format of `block` channels side by side: blocks
// before the spatial dimensions, or, channels_last, behind. Types are ONNX's numbers.
struct PluginFormatParams {
  const void* in;
  void* out;
  long long units;  // elements of the output
  long long channels, padded_channels, spatial;
  int block, channels_last;
  int in_type, out_type;
  int into;  // from row-major
};

struct MoveParams {
  const void* in;
  const int* table;
  const void* fill;  // null: zero
  void* out;
  long long first, units;  // of the table: this output's part
};

// Squeeze-and-excite over [image][pixel][channel]. A cluster of PIXEL_PARTS x CHANNEL_PARTS blocks is an image; a block
// has part of the pixels of part of the channels.
struct SqueezeExciteParams {
  const void* x;
  const void* w1;     // [squeezed][channel_pitch], zeros behind the channels
  const void* w2;     // [channels][squeezed_pitch], zeros behind the squeezed values
  const float* bias;  // squeezed_pitch for the first product, channel_pitch for the second
  void* y;
  int pixels, channels, squeezed;
  int channel_pitch, squeezed_pitch;              // multiples of 16 bytes of weights
  int part_pixels, part_channels, part_squeezed;  // of a block; channels like the pitch
  int lanes1, lanes2;                             // threads for a row of weights: a power of two, at most 32
  float one_over_pixels;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

// What the general kernels take (kernels/general.cuh): operands by index, sizes and numbers by names that the host
// gives.
constexpr int kMaxGeneralInputs = 10;
constexpr int kMaxGeneralOutputs = 4;
constexpr int kMaxGeneralSizes = 64;
constexpr int kMaxGeneralNumbers = 8;
struct GeneralParams {
  const void* in[kMaxGeneralInputs];
  void* out[kMaxGeneralOutputs];
  void* work;
  const void* table;
  long long units;
  long long n[kMaxGeneralSizes];
  double f[kMaxGeneralNumbers];
  int columns;
  EpilogueOperand operands[kMaxEpilogueInputs];
};

}  // namespace ingot_cuda
