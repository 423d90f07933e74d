// SPDX-License-Identifier: Apache-2.0
// Operators that carry a state from call to call: LinearAttention and CausalConvWithState.
#include <cmath>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// [batch, steps, heads * size]
struct Packed {
  std::int64_t batch = 0, steps = 0, heads = 0, size = 0;
  std::vector<double> values;
  [[nodiscard]] const double* at(std::int64_t b, std::int64_t t, std::int64_t h) const {
    return values.data() + ((b * steps + t) * heads + h) * size;
  }
};

Result<Packed> read_packed(const Call& call, std::size_t index, std::string_view name, std::int64_t heads) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, numeric_operand(call, index, name, 3));
  const Shape& shape = operand->shape();
  if (shape.size() != 3 || heads < 1 || shape[2] % heads != 0)
    return invalid_argument("operand {} ({}) of shape {} does not split into {} heads", index, name, to_string(shape),
                            heads);
  return Packed{shape[0], shape[1], heads, shape[2] / heads, to_numbers<double>(*operand)};
}

// One head of one batch entry: the state [keys, values] before and after a step.
//   S = exp(decay) S + k (x) (v, or with a delta rule beta (v - exp(decay) S^T k))
void advance(double* state, const double* k, const double* v, std::int64_t keys, std::int64_t values,
             const double* decay, bool decay_per_key, const double* beta) {
  if (decay != nullptr)
    for (std::int64_t i = 0; i < keys * values; ++i) state[i] *= std::exp(decay[decay_per_key ? i / values : 0]);
  for (std::int64_t j = 0; j < values; ++j) {
    double update = v[j];
    if (beta != nullptr) {
      for (std::int64_t i = 0; i < keys; ++i) update -= state[i * values + j] * k[i];
      update *= *beta;
    }
    for (std::int64_t i = 0; i < keys; ++i) state[i * values + j] += k[i] * update;
  }
}

Result<Outputs> evaluate_linear_attention(const Call& call) {
  const std::int64_t q_heads = call.attrs->get_int("q_num_heads", 0);
  const std::int64_t kv_heads = call.attrs->get_int("kv_num_heads", 0);
  const std::string rule = call.attrs->get_string("update_rule", "gated_delta");
  INGOT_ASSIGN_OR_RETURN(const Packed q, read_packed(call, 0, "query", q_heads));
  INGOT_ASSIGN_OR_RETURN(const Packed k, read_packed(call, 1, "key", kv_heads));
  INGOT_ASSIGN_OR_RETURN(const Packed v, read_packed(call, 2, "value", kv_heads));
  if (q_heads % kv_heads != 0 || k.size != q.size || k.batch != q.batch || v.batch != q.batch || k.steps != q.steps ||
      v.steps != q.steps)
    return invalid_argument("operands of shapes {}, {} and {} do not fit", to_string(call.inputs[0]->shape()),
                            to_string(call.inputs[1]->shape()), to_string(call.inputs[2]->shape()));
  std::optional<Packed> decay, beta;
  if (rule == "gated" || rule == "gated_delta") {
    INGOT_ASSIGN_OR_RETURN(decay, read_packed(call, 4, "decay", kv_heads));
    if ((decay->size != 1 && decay->size != q.size) || decay->batch != q.batch || decay->steps != q.steps)
      return invalid_argument("operand 4 (decay) has shape {}", to_string(call.inputs[4]->shape()));
  }
  if (rule == "delta" || rule == "gated_delta") {
    INGOT_ASSIGN_OR_RETURN(beta, read_packed(call, 5, "beta", 1));
    if ((beta->size != 1 && beta->size != kv_heads) || beta->batch != q.batch || beta->steps != q.steps)
      return invalid_argument("operand 5 (beta) has shape {}", to_string(call.inputs[5]->shape()));
  }
  const Shape state_shape{q.batch, kv_heads, k.size, v.size};
  const std::optional<std::int64_t> state_size = element_count(state_shape);
  const Shape shape{q.batch, q.steps, q_heads * v.size};
  const std::optional<std::int64_t> output_size = element_count(shape);
  if (!state_size || !output_size) return invalid_argument("a state of {} is too large", to_string(state_shape));
  std::vector<double> state(to_size(*state_size), 0);
  DType state_type = call.inputs[0]->dtype();
  if (const HostTensor* past = optional_operand(call, 3); past != nullptr) {
    if (past->shape() != state_shape)
      return invalid_argument("operand 3 (past_state) has shape {}; {} is needed", to_string(past->shape()),
                              to_string(state_shape));
    state = to_numbers<double>(*past);
    state_type = past->dtype();
  }
  double scale = call.attrs->get_float("scale", 0);
  if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(q.size));
  std::vector<double> y(to_size(*output_size));
  for (std::int64_t b = 0; b < q.batch; ++b) {
    for (std::int64_t t = 0; t < q.steps; ++t) {
      for (std::int64_t h = 0; h < kv_heads; ++h) {
        double* own = state.data() + (b * kv_heads + h) * k.size * v.size;
        advance(own, k.at(b, t, h), v.at(b, t, h), k.size, v.size, decay ? decay->at(b, t, h) : nullptr,
                decay && decay->size > 1, beta ? beta->at(b, t, 0) + (beta->size == 1 ? 0 : h) : nullptr);
        const std::int64_t group = q_heads / kv_heads;
        for (std::int64_t head = h * group; head < (h + 1) * group; ++head) {
          double* to = y.data() + ((b * q.steps + t) * q_heads + head) * v.size;
          for (std::int64_t i = 0; i < q.size; ++i)
            for (std::int64_t j = 0; j < v.size; ++j) to[j] += scale * q.at(b, t, head)[i] * own[i * v.size + j];
        }
      }
    }
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, from_numbers(output_type(call, 0, call.inputs[0]->dtype()), shape, y));
  INGOT_ASSIGN_OR_RETURN(HostTensor present, from_numbers(output_type(call, 1, state_type), state_shape, state));
  return outputs_of(std::move(out), std::move(present));
}

Result<Outputs> evaluate_causal_conv(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "input", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* weight, numeric_operand(call, 1, "weight", 3));
  const std::int64_t batch = x->shape()[0], channels = x->shape()[1], length = x->shape().back();
  const std::int64_t taps = weight->shape().back();
  if (x->rank() != 3 || weight->shape() != Shape{channels, 1, taps} || taps < 1)
    return invalid_argument("operands of shapes {} and {} do not fit", to_string(x->shape()),
                            to_string(weight->shape()));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> bias, vector_operand(call, 2, "bias", channels));
  const std::int64_t kept = taps - 1;
  const HostTensor* past = optional_operand(call, 3);
  if (past != nullptr && past->shape() != Shape{batch, channels, kept})
    return invalid_argument("operand 3 (past_state) has shape {}; {} is needed", to_string(past->shape()),
                            to_string(Shape{batch, channels, kept}));
  const std::string activation = call.attrs->get_string("activation", "none");
  const std::vector<double> w = to_numbers<double>(*weight);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(output_type(call, 0, x->dtype()), x->shape()));
  INGOT_ASSIGN_OR_RETURN(HostTensor present,
                         HostTensor::create(output_type(call, 1, x->dtype()), {batch, channels, kept}));
  for (std::int64_t row = 0; row < batch * channels; ++row) {
    std::vector<double> line(to_size(kept + length), 0);
    for (std::int64_t i = 0; i < kept && past != nullptr; ++i) line[to_size(i)] = past->as_double(row * kept + i);
    for (std::int64_t i = 0; i < length; ++i) line[to_size(kept + i)] = x->as_double(row * length + i);
    const std::int64_t c = row % channels;
    for (std::int64_t i = 0; i < length; ++i) {
      double sum = bias.empty() ? 0 : bias[to_size(c)];
      for (std::int64_t k = 0; k < taps; ++k) sum += line[to_size(i + k)] * w[to_size(c * taps + k)];
      out.set_double(row * length + i, activation == "none" ? sum : sum / (1 + std::exp(-sum)));
    }
    for (std::int64_t i = 0; i < kept; ++i) present.set_double(row * kept + i, line[to_size(length + i)]);
  }
  return outputs_of(std::move(out), std::move(present));
}

constexpr Row kRows[] = {
    {"LinearAttention", evaluate_linear_attention},
    {"CausalConvWithState", evaluate_causal_conv},
};

}  // namespace

std::span<const Row> linear_attention_rows() { return kRows; }

}  // namespace ingot::reference
