// SPDX-License-Identifier: Apache-2.0
// Normalisations by mean and variance. Where there are channels, tensors are [N, C, spatial...]; evaluate.cc has turned
// channels_last ones.
#include <cmath>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

constexpr double kEpsilon = 1e-5;

struct Moments {
  double mean = 0;
  double variance = 0;  // biased: divided by the count
};

Moments moments_of(const double* values, std::int64_t count) {
  Moments moments;
  for (std::int64_t i = 0; i < count; ++i) moments.mean += values[i];
  moments.mean /= static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) moments.variance += (values[i] - moments.mean) * (values[i] - moments.mean);
  moments.variance /= static_cast<double>(count);
  return moments;
}

void normalize(double* values, std::int64_t count, double mean, double inverse) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = (values[i] - mean) * inverse;
}

// values[n, c, ...] = values * scale[c] + bias[c].
void scale_channels(std::vector<double>& values, const Shape& shape, const std::vector<double>& scale,
                    const std::vector<double>& bias) {
  const std::int64_t plane = product(shape, 2, shape.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = to_size(to_signed(i) / plane % shape[1]);
    values[i] = values[i] * scale[channel] + bias[channel];
  }
}

Result<std::vector<double>> channel_operand(const Call& call, std::size_t index, std::string_view name,
                                            std::int64_t channels) {
  INGOT_RETURN_IF_ERROR(required_operand(call, index, name).status());
  return vector_operand(call, index, name, channels);
}

Result<Outputs> evaluate_batch(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 1));
  const Shape& shape = x->shape();
  const std::int64_t channels = shape.size() > 1 ? shape[1] : 1;
  const std::int64_t plane = shape.size() > 1 ? product(shape, 2, shape.size()) : 1;
  INGOT_ASSIGN_OR_RETURN(const auto scale, channel_operand(call, 1, "scale", channels));
  INGOT_ASSIGN_OR_RETURN(const auto bias, channel_operand(call, 2, "B", channels));
  INGOT_ASSIGN_OR_RETURN(auto mean, channel_operand(call, 3, "input_mean", channels));
  INGOT_ASSIGN_OR_RETURN(auto variance, channel_operand(call, 4, "input_var", channels));
  const double epsilon = call.attrs->get_float("epsilon", kEpsilon);
  std::vector<double> values = to_numbers<double>(*x);
  std::vector<double> running_mean = mean;
  std::vector<double> running_variance = variance;
  if (call.attrs->get_int("training_mode", 0) != 0) {
    const double momentum = call.attrs->get_float("momentum", 0.9);
    for (std::int64_t c = 0; c < channels; ++c) {
      std::vector<double> members;
      for (std::size_t i = 0; i < values.size(); ++i)
        if (to_signed(i) / plane % channels == c) members.push_back(values[i]);
      const Moments moments = moments_of(members.data(), to_signed(members.size()));
      const std::size_t at = to_size(c);
      running_mean[at] = mean[at] * momentum + moments.mean * (1 - momentum);
      running_variance[at] = variance[at] * momentum + moments.variance * (1 - momentum);
      mean[at] = moments.mean;
      variance[at] = moments.variance;
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = to_size(to_signed(i) / plane % channels);
    values[i] = (values[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
  }
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, single_output(output_type(call, 0, x->dtype()), shape, values));
  const std::vector<double>* running[] = {&running_mean, &running_variance};
  for (std::size_t k = 1; k < call.output_count && k <= 2; ++k) {
    INGOT_ASSIGN_OR_RETURN(HostTensor statistic, from_numbers(output_type(call, k, call.inputs[2 + k]->dtype()),
                                                              {channels}, *running[k - 1]));
    outputs.push_back(std::move(statistic));
  }
  return outputs;
}

// Instance normalisation is group normalisation with one channel per group.
Result<Outputs> evaluate_group(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 2));
  const Shape& shape = x->shape();
  const std::int64_t channels = shape[1];
  const std::int64_t groups = call.op == "InstanceNormalization" ? channels : call.attrs->get_int("num_groups", 0);
  if (groups < 1 || channels % groups != 0)
    return invalid_argument("operand 0 (X) with {} channels is not divisible into {} groups", channels, groups);
  INGOT_ASSIGN_OR_RETURN(const auto scale, channel_operand(call, 1, "scale", channels));
  INGOT_ASSIGN_OR_RETURN(const auto bias, channel_operand(call, 2, "bias", channels));
  const double epsilon = call.attrs->get_float("epsilon", kEpsilon);
  std::vector<double> values = to_numbers<double>(*x);
  const std::int64_t size = channels / groups * product(shape, 2, shape.size());
  for (std::int64_t group = 0; size > 0 && group < shape[0] * groups; ++group) {
    double* first = values.data() + group * size;
    const Moments moments = moments_of(first, size);
    normalize(first, size, moments.mean, 1 / std::sqrt(moments.variance + epsilon));
  }
  scale_channels(values, shape, scale, bias);
  return single_output(output_type(call, 0, x->dtype()), shape, values);
}

// values *= or += an operand that broadcasts to them.
template <typename Apply>
Status apply_broadcast(const Call& call, std::size_t index, std::string_view name, const Shape& shape,
                       std::vector<double>& values, Apply apply) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, numeric_operand(call, index, name));
  INGOT_ASSIGN_OR_RETURN(const Shape strides, broadcast_strides(operand->shape(), shape));
  const std::vector<double> factors = to_numbers<double>(*operand);
  std::size_t i = 0;
  for_each_element(shape, {strides}, [&](const auto& offsets) { apply(values[i++], factors[to_size(offsets[0])]); });
  return Status::ok();
}

// LayerNormalization, and RMSNormalization, which neither subtracts the mean nor adds a bias.
Result<Outputs> evaluate_layer(const Call& call) {
  const bool rms = call.op == "RMSNormalization";
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 1));
  const Shape& shape = x->shape();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(call.attrs->get_int("axis", -1), shape.size(), "axis"));
  const double epsilon = call.attrs->get_float("epsilon", kEpsilon);
  const std::int64_t size = product(shape, axis, shape.size());
  const std::int64_t lines = product(shape, 0, axis);
  std::vector<double> values = to_numbers<double>(*x);
  std::vector<double> means(to_size(lines), 0);
  std::vector<double> inverses(to_size(lines), 0);
  for (std::int64_t line = 0; size > 0 && line < lines; ++line) {
    double* first = values.data() + line * size;
    Moments moments;
    if (rms) {
      for (std::int64_t i = 0; i < size; ++i) moments.variance += first[i] * first[i] / static_cast<double>(size);
    } else {
      moments = moments_of(first, size);
    }
    means[to_size(line)] = moments.mean;
    inverses[to_size(line)] = 1 / std::sqrt(moments.variance + epsilon);
    normalize(first, size, moments.mean, inverses[to_size(line)]);
  }
  INGOT_RETURN_IF_ERROR(apply_broadcast(call, 1, "scale", shape, values, [](double& v, double f) { v *= f; }));
  if (optional_operand(call, 2) != nullptr) {
    INGOT_RETURN_IF_ERROR(apply_broadcast(call, 2, "B", shape, values, [](double& v, double f) { v += f; }));
  }
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, single_output(output_type(call, 0, x->dtype()), shape, values));
  Shape kept = shape;
  std::fill(kept.begin() + to_signed(axis), kept.end(), 1);
  const std::vector<double>* statistics[] = {&means, &inverses};
  for (std::size_t k = 1; k < call.output_count && k <= 2; ++k) {
    INGOT_ASSIGN_OR_RETURN(HostTensor statistic,
                           from_numbers(output_type(call, k, DType::f32), kept, *statistics[k - 1]));
    outputs.push_back(std::move(statistic));
  }
  return outputs;
}

// (x - mean) / standard deviation over the given axes.
Result<Outputs> evaluate_mean_variance(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X"));
  const Shape& shape = x->shape();
  INGOT_ASSIGN_OR_RETURN(const auto axes,
                         normalize_axes(call.attrs->get_ints("axes", {0, 2, 3}), shape.size(), "axes: axis"));
  Shape kept = shape;
  for (std::size_t axis : axes) kept[axis] = 1;
  Shape strides = strides_of(kept);
  for (std::size_t axis : axes) strides[axis] = 0;
  std::vector<double> values = to_numbers<double>(*x);
  std::vector<std::vector<double>> groups(to_size(product(kept)));
  std::size_t i = 0;
  for_each_element(shape, {strides}, [&](const auto& at) { groups[to_size(at[0])].push_back(values[i++]); });
  std::vector<Moments> moments;
  for (const auto& group : groups) moments.push_back(moments_of(group.data(), to_signed(group.size())));
  i = 0;
  for_each_element(shape, {strides}, [&](const auto& at) {
    const Moments& group = moments[to_size(at[0])];
    values[i] = (values[i] - group.mean) / (std::sqrt(group.variance) + 1e-9);
    ++i;
  });
  return single_output(output_type(call, 0, x->dtype()), shape, values);
}

// Local response: x / (bias + alpha / size * the squares of the channels around)^beta.
Result<Outputs> evaluate_lrn(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 2));
  const Shape& shape = x->shape();
  const std::int64_t size = call.attrs->get_int("size", 1);
  const double alpha = call.attrs->get_float("alpha", 1e-4);
  const double beta = call.attrs->get_float("beta", 0.75);
  const double bias = call.attrs->get_float("bias", 1);
  if (size < 1) return invalid_argument("size is {}; at least 1 is needed", size);
  const std::int64_t plane = product(shape, 2, shape.size());
  const std::vector<double> values = to_numbers<double>(*x);
  std::vector<double> y(values.size());
  for (std::int64_t i = 0; i < to_signed(values.size()); ++i) {
    const std::int64_t channel = i / plane % shape[1];
    double squares = 0;
    for (std::int64_t c = std::max(std::int64_t{0}, channel - (size - 1) / 2);
         c <= std::min(shape[1] - 1, channel + size / 2); ++c) {
      const double neighbour = values[to_size(i + (c - channel) * plane)];
      squares += neighbour * neighbour;
    }
    y[to_size(i)] = values[to_size(i)] / std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
  }
  return single_output(output_type(call, 0, x->dtype()), shape, y);
}

constexpr Row kRows[] = {
    {"BatchNormalization", evaluate_batch},
    {"InstanceNormalization", evaluate_group},
    {"GroupNormalization", evaluate_group},
    {"LayerNormalization", evaluate_layer},
    {"RMSNormalization", evaluate_layer},
    {"MeanVarianceNormalization", evaluate_mean_variance},
    {"LRN", evaluate_lrn},
};

}  // namespace

std::span<const Row> normalization_rows() { return kRows; }

}  // namespace ingot::reference
