// SPDX-License-Identifier: Apache-2.0
// Conv and ConvTranspose. Activations are [N, C, spatial...] here; evaluate.cc has turned channels_last ones.
#include <algorithm>
#include <numeric>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/window.h"

namespace ingot::reference {

namespace {

struct Parts {
  const HostTensor* x = nullptr;
  const HostTensor* w = nullptr;
  std::int64_t groups = 1;
  Window window;
};

// What both operators check alike.
Result<Parts> read_parts(const Call& call) {
  Parts parts;
  INGOT_ASSIGN_OR_RETURN(parts.x, numeric_operand(call, 0, "X", 2));
  INGOT_ASSIGN_OR_RETURN(parts.w, numeric_operand(call, 1, "W", 2));
  if (parts.w->rank() != parts.x->rank())
    return invalid_argument("operand 1 (W) has shape {}; rank {} is needed", to_string(parts.w->shape()),
                            parts.x->rank());
  parts.groups = call.attrs->get_int("group", 1);
  if (parts.groups < 1 || parts.x->shape()[1] % parts.groups != 0)
    return invalid_argument("operand 0 (X) with {} channels is not divisible into {} groups", parts.x->shape()[1],
                            parts.groups);
  const Shape kernel = spatial_of(parts.w->shape());
  if (call.attrs->get_ints("kernel_shape", kernel) != kernel)
    return invalid_argument("operand 1 (W) has shape {}, which is not that of kernel_shape",
                            to_string(parts.w->shape()));
  INGOT_ASSIGN_OR_RETURN(parts.window, read_window(*call.attrs, kernel));
  return parts;
}

template <typename T>
std::vector<T> biased(const std::vector<double>& bias, std::int64_t batch, std::int64_t channels, std::int64_t plane) {
  std::vector<T> y(to_size(batch * channels * plane), T{0});
  if (bias.empty()) return y;
  for (std::int64_t nc = 0; nc < batch * channels; ++nc)
    std::fill_n(y.begin() + nc * plane, plane, static_cast<T>(bias[to_size(nc % channels)]));
  return y;
}

template <typename T>
Result<Outputs> convolve(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(Parts parts, read_parts(call));
  const Shape& xs = parts.x->shape();
  const Shape& ws = parts.w->shape();
  const std::int64_t group_in = xs[1] / parts.groups;
  if (ws[1] != group_in || ws[0] % parts.groups != 0)
    return invalid_argument("operand 1 (W) of shape {} does not fit operand 0 (X) of shape {} in {} groups",
                            to_string(ws), to_string(xs), parts.groups);
  const Shape fine = spatial_of(xs);
  INGOT_ASSIGN_OR_RETURN(const Shape coarse, resolve_coarse(*call.attrs, fine, parts.window));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> bias, vector_operand(call, 2, "B", ws[0]));
  const std::vector<T> x = to_numbers<T>(*parts.x);
  const std::vector<T> w = to_numbers<T>(*parts.w);
  const std::int64_t in_plane = product(fine);
  const std::int64_t out_plane = product(coarse);
  const std::int64_t taps = product(parts.window.kernel);
  const std::int64_t group_out = ws[0] / parts.groups;
  std::vector<T> y = biased<T>(bias, xs[0], ws[0], out_plane);
  const std::int64_t step = parts.window.rank() == 0 ? 1 : parts.window.strides.back();
  for (std::int64_t n = 0; n < xs[0]; ++n) {
    for (std::int64_t oc = 0; oc < ws[0]; ++oc) {
      T* to = y.data() + (n * ws[0] + oc) * out_plane;
      for (std::int64_t ic = 0; ic < group_in; ++ic) {
        const T* from = x.data() + (n * xs[1] + oc / group_out * group_in + ic) * in_plane;
        const T* weights = w.data() + (oc * group_in + ic) * taps;
        Shape tap(parts.window.rank(), 0);
        do {
          const T weight = *weights++;
          for_each_tap_run(parts.window, tap, coarse, fine, [&](std::int64_t o, std::int64_t i, std::int64_t count) {
            for (std::int64_t k = 0; k < count; ++k) to[o + k] += weight * from[i + k * step];
          });
        } while (next_index(tap, parts.window.kernel));
      }
    }
  }
  Shape shape{xs[0], ws[0]};
  shape.insert(shape.end(), coarse.begin(), coarse.end());
  return single_output(output_type(call, 0, parts.x->dtype()), std::move(shape), y);
}

// The fine (output) shape of a transposed convolution; resolves output_shape and auto_pad into pads.
Result<Shape> resolve_fine(const Attrs& attrs, const Shape& coarse, Window& window) {
  const std::size_t rank = coarse.size();
  const Ints extra = attrs.get_ints("output_padding", Ints(rank, 0));
  const Ints wanted = attrs.get_ints("output_shape", {});
  const std::string auto_pad = attrs.get_string("auto_pad", "NOTSET");
  if (extra.size() != rank || (!wanted.empty() && wanted.size() != rank))
    return invalid_argument("output_padding and output_shape need {} elements each", rank);
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  Shape fine(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t full = (coarse[axis] - 1) * window.strides[axis] + window.reach(axis) + extra[axis];
    if (wanted.empty() && !same) {
      if (auto_pad == "VALID") window.pads_begin[axis] = window.pads_end[axis] = 0;
      fine[axis] = full - window.pads_begin[axis] - window.pads_end[axis];
    } else {
      fine[axis] = wanted.empty() ? coarse[axis] * window.strides[axis] : wanted[axis];
      const std::int64_t total = std::max(std::int64_t{0}, full - fine[axis]);
      // The odd element goes to the end for SAME_UPPER, to the beginning otherwise.
      window.pads_begin[axis] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      window.pads_end[axis] = total - window.pads_begin[axis];
    }
    if (fine[axis] < 0) return invalid_argument("pads leave {} elements along spatial axis {}", fine[axis], axis);
  }
  return fine;
}

template <typename T>
Result<Outputs> convolve_transposed(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(Parts parts, read_parts(call));
  const Shape& xs = parts.x->shape();
  const Shape& ws = parts.w->shape();
  if (ws[0] != xs[1])
    return invalid_argument("operand 1 (W) of shape {} does not fit operand 0 (X) of shape {}", to_string(ws),
                            to_string(xs));
  const Shape coarse = spatial_of(xs);
  INGOT_ASSIGN_OR_RETURN(const Shape fine, resolve_fine(*call.attrs, coarse, parts.window));
  const std::int64_t group_in = xs[1] / parts.groups;
  const std::int64_t group_out = ws[1];
  const std::int64_t channels = group_out * parts.groups;
  Shape shape{xs[0], channels};
  shape.insert(shape.end(), fine.begin(), fine.end());
  INGOT_RETURN_IF_ERROR(HostTensor::create(DType::u8, shape).status());
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> bias, vector_operand(call, 2, "B", channels));
  const std::vector<T> x = to_numbers<T>(*parts.x);
  const std::vector<T> w = to_numbers<T>(*parts.w);
  const std::int64_t in_plane = product(coarse);
  const std::int64_t out_plane = product(fine);
  const std::int64_t taps = product(parts.window.kernel);
  std::vector<T> y = biased<T>(bias, xs[0], channels, out_plane);
  const std::int64_t step = parts.window.rank() == 0 ? 1 : parts.window.strides.back();
  for (std::int64_t n = 0; n < xs[0]; ++n) {
    for (std::int64_t ic = 0; ic < xs[1]; ++ic) {
      const T* from = x.data() + (n * xs[1] + ic) * in_plane;
      for (std::int64_t oc = 0; oc < group_out; ++oc) {
        T* to = y.data() + (n * channels + ic / group_in * group_out + oc) * out_plane;
        const T* weights = w.data() + (ic * group_out + oc) * taps;
        Shape tap(parts.window.rank(), 0);
        do {
          const T weight = *weights++;
          for_each_tap_run(parts.window, tap, coarse, fine, [&](std::int64_t i, std::int64_t o, std::int64_t count) {
            for (std::int64_t k = 0; k < count; ++k) to[o + k * step] += weight * from[i + k];
          });
        } while (next_index(tap, parts.window.kernel));
      }
    }
  }
  return single_output(output_type(call, 0, parts.x->dtype()), std::move(shape), y);
}

Result<Outputs> evaluate_conv(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X"));
  return is_float(x->dtype()) ? convolve<double>(call) : convolve<std::int64_t>(call);
}

Result<Outputs> evaluate_conv_transpose(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X"));
  return is_float(x->dtype()) ? convolve_transposed<double>(call) : convolve_transposed<std::int64_t>(call);
}

// Conv of an image [N, C, spatial...], rounded to the weights' type, to [N, spatial..., C].
Result<Outputs> evaluate_image_conv(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* w, numeric_operand(call, 1, "W", 3));
  INGOT_ASSIGN_OR_RETURN(HostTensor rounded, HostTensor::create(w->dtype(), x->shape()));
  for (std::int64_t i = 0; i < x->elements(); ++i) rounded.set_double(i, x->as_double(i));
  std::vector<const HostTensor*> inputs(call.inputs.begin(), call.inputs.end());
  inputs[0] = &rounded;
  Call inner = call;
  inner.inputs = inputs;
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, convolve<double>(inner));
  std::vector<std::size_t> perm(to_size(x->rank()));
  std::iota(perm.begin(), perm.end(), std::size_t{0});
  std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  INGOT_ASSIGN_OR_RETURN(outputs[0], transpose(outputs[0], perm));
  return outputs;
}

constexpr Row kRows[] = {
    {"Conv", evaluate_conv}, {"ConvTranspose", evaluate_conv_transpose}, {"ImageConv", evaluate_image_conv}};

}  // namespace

std::span<const Row> convolution_rows() { return kRows; }

}  // namespace ingot::reference
