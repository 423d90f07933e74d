// SPDX-License-Identifier: Apache-2.0
// What the operator families share: building table rows, and the vocabulary of shape rules.
// Private to this folder.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "ops/op_def.h"

namespace ingot::ops {

// --- table rows -----------------------------------------------------------------------------------------------------
struct Traits {
  bool epilogue = false;
  bool channels_last = false;
  bool pure = true;
};

// Signatures are space-separated operands: name, then '?' (optional) or '*' (repeated, at least once; "*?": may be
// none), then ":type" (see OperandSpec).
OpDef make_op(std::string_view name, std::string_view inputs, std::string_view outputs, InferFn infer,
              std::vector<AttrSpec> attrs = {}, Traits traits = {});

using Table = std::vector<OpDef>;
void add_attention_ops(Table& table);
void add_control_flow_ops(Table& table);
void add_convolution_ops(Table& table);
void add_einsum_ops(Table& table);
void add_gather_scatter_ops(Table& table);
void add_generator_ops(Table& table);
void add_linear_attention_ops(Table& table);
void add_loss_ops(Table& table);
void add_matmul_ops(Table& table);
void add_movement_ops(Table& table);
void add_normalization_ops(Table& table);
void add_pointwise_ops(Table& table);
void add_pooling_ops(Table& table);
void add_quantize_ops(Table& table);
void add_recurrent_ops(Table& table);
void add_reduce_ops(Table& table);
void add_resize_ops(Table& table);
void add_selection_ops(Table& table);
void add_shape_ops(Table& table);
void add_signal_ops(Table& table);
void add_string_ops(Table& table);
void add_vision_ops(Table& table);

// --- axes and dimensions --------------------------------------------------------------------------------------------
// Negative axes count from the end. Fails when out of range, naming `what`.
Result<std::size_t> normalize_axis(std::int64_t axis, std::size_t rank, std::string_view what = "axis");
// Fails on duplicates too. The axes come back sorted.
Result<std::vector<std::size_t>> normalize_axes(const Ints& axes, std::size_t rank, std::string_view what = "axes");

Dim product(std::span<const Dim> dims);
// False only when the two can never be equal, whatever the symbols.
bool may_equal(const Dim& a, const Dim& b);
// True when the value is positive for all positive symbols; false when not or not known.
bool surely_positive(const Dim& dim);
bool surely_not_negative(const Dim& dim);

// nullopt: constants that cannot broadcast together.
std::optional<Dim> broadcast_dim(const Dim& a, const Dim& b);
std::optional<SymShape> broadcast(const SymShape& a, const SymShape& b);

// --- checks, with messages that name the input ----------------------------------------------------------------------
// All succeed when the shape of the input is not known.
Status expect_rank(const InferContext& ctx, std::size_t input, std::size_t least, std::size_t most = 1000);
Status expect_dim(const InferContext& ctx, std::size_t input, std::size_t dim, const Dim& want, std::string_view why);
Status expect_shape(const InferContext& ctx, std::size_t input, const SymShape& want, std::string_view why);
// The input broadcasts to `target`, in that direction only.
Status expect_broadcasts_to(const InferContext& ctx, std::size_t input, const SymShape& target);
// One of the listed values of a text attribute (or the first when absent).
Result<std::string> text_choice(const InferContext& ctx, std::string_view name,
                                std::initializer_list<std::string_view> choices);

// --- values ---------------------------------------------------------------------------------------------------------
// The elements of a constant integer input.
std::optional<Ints> constant_ints(const InferContext& ctx, std::size_t input);
// The length of a rank-1 input when it is a known constant.
std::optional<std::size_t> vector_length(const InferContext& ctx, std::size_t input);
// A shape of that rank, of which nothing else is known.
SymShape unknown_shape(InferContext& ctx, std::size_t rank);

// --- rules used by several families ---------------------------------------------------------------------------------
// Output 0 has the type of input 0; other outputs must be unused.
Status infer_like_first(InferContext& ctx);
// The broadcast shape of all present inputs.
Result<std::optional<SymShape>> broadcast_inputs(const InferContext& ctx);

// The text of the given numbers, for messages.
std::string quoted_list(std::span<const std::string_view> names);

}  // namespace ingot::ops
