// SPDX-License-Identifier: Apache-2.0
// Fourier transforms and mel filter banks. Complex numbers are a last dimension of 2.
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// The one element of an integer input: nullopt when absent, a fresh symbol when only the data decide it.
Result<std::optional<Dim>> one_value(InferContext& ctx, std::size_t input) {
  if (!ctx.present(input)) return std::optional<Dim>();
  const auto value = ctx.symbolic_value(input);
  if (value && value->size() != 1)
    return invalid_argument("{} must hold one element, not {}", ctx.input_name(input), value->size());
  if (value) return std::optional<Dim>(value->front());
  const HostTensor* constant = ctx.constant(input);
  const bool known = constant != nullptr && constant->elements() == 1;
  return std::optional<Dim>(known ? Dim(constant->as_int(0)) : ctx.unknown_dim());
}

Dim half_spectrum(const Dim& length) { return floor_div(length, Dim(2)) + Dim(1); }

Status infer_dft(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 2));
  if (!ctx.shape(0)) return Status::ok();
  SymShape shape = *ctx.shape(0);
  INGOT_ASSIGN_OR_RETURN(const std::optional<Dim> axis_value, one_value(ctx, 2));
  INGOT_ASSIGN_OR_RETURN(const std::optional<Dim> length, one_value(ctx, 1));
  const bool inverse = ctx.attrs().get_int("inverse", 0) != 0;
  const bool onesided = ctx.attrs().get_int("onesided", 0) != 0;
  shape.back() = inverse && onesided ? 1 : 2;
  if (axis_value && !axis_value->is_constant()) {
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) shape[i] = ctx.unknown_dim();
  } else {
    INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                           normalize_axis(axis_value ? axis_value->value() : -2, shape.size(), "input 2 (axis)"));
    if (axis + 1 == shape.size()) return invalid_argument("input 2 (axis) is the dimension of the numbers' parts");
    const Dim given = inverse && onesided ? Dim(2) * (shape[axis] - Dim(1)) : shape[axis];
    const Dim full = length.value_or(given);
    shape[axis] = onesided && !inverse ? half_spectrum(full) : full;
  }
  ctx.set_tensor(0, ctx.dtype(0), std::move(shape));
  return Status::ok();
}

Status infer_stft(InferContext& ctx) {
  ctx.set_tensor(0, ctx.dtype(0), std::nullopt);
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 0, 3, 3));
  INGOT_RETURN_IF_ERROR(expect_rank(ctx, 2, 1, 1));
  INGOT_ASSIGN_OR_RETURN(const std::optional<Dim> step, one_value(ctx, 1));
  INGOT_ASSIGN_OR_RETURN(std::optional<Dim> length, one_value(ctx, 3));
  if (!length && ctx.present(2) && ctx.shape(2)) length = ctx.shape(2)->front();
  if (step->is_constant() && step->value() < 1)
    return invalid_argument("input 1 (frame_step) is {}, but must be positive", step->to_string());
  if (!ctx.shape(0)) return Status::ok();
  const SymShape& signal = *ctx.shape(0);
  if (!length) length = ctx.present(2) ? ctx.unknown_dim() : signal[1];
  // A step that is not known may be zero, as far as the arithmetic of dimensions can tell.
  const Dim frames = step->is_constant() ? floor_div(signal[1] - *length, *step) + Dim(1) : ctx.unknown_dim();
  const bool onesided = ctx.attrs().get_int("onesided", 1) != 0;
  ctx.set_tensor(0, ctx.dtype(0), SymShape{signal[0], frames, onesided ? half_spectrum(*length) : *length, Dim(2)});
  return Status::ok();
}

Status infer_mel_weights(InferContext& ctx) {
  INGOT_ASSIGN_OR_RETURN(const std::optional<Dim> bands, one_value(ctx, 0));
  INGOT_ASSIGN_OR_RETURN(const std::optional<Dim> length, one_value(ctx, 1));
  ctx.set_tensor(0, ctx.attrs().get_dtype("output_datatype", DType::f32), SymShape{half_spectrum(*length), *bands});
  return Status::ok();
}

}  // namespace

void add_signal_ops(Table& table) {
  const AttrSpec onesided{"onesided", AttrKind::integer};
  table.push_back(make_op("DFT", "input:F dft_length?:I axis?:i64", "output", infer_dft,
                          {{"inverse", AttrKind::integer}, onesided}));
  table.push_back(make_op("STFT", "signal:F frame_step:I window?:F frame_length?:I", "output", infer_stft, {onesided}));
  table.push_back(make_op("MelWeightMatrix",
                          "num_mel_bins:I dft_length:I sample_rate:I lower_edge_hertz:F upper_edge_hertz:F", "output",
                          infer_mel_weights, {{"output_datatype", AttrKind::dtype}}));
}

}  // namespace ingot::ops
