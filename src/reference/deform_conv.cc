// SPDX-License-Identifier: Apache-2.0
// DeformConv: a convolution whose taps are moved by learned offsets, hence read by multilinear interpolation.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/window.h"

namespace ingot::reference {

namespace {

// The value of a plane at a fractional position; elements outside the plane are 0.
double interpolate(const double* plane, const Shape& shape, const Shape& strides, const std::vector<double>& at) {
  const std::size_t rank = shape.size();
  double sum = 0;
  for (std::size_t corner = 0; corner < (std::size_t{1} << rank); ++corner) {
    double weight = 1;
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (!(at[axis] > -1 && at[axis] < static_cast<double>(shape[axis]))) return 0;
      const double low = std::floor(at[axis]);
      const bool upper = (corner >> axis & 1) != 0;
      const std::int64_t index = static_cast<std::int64_t>(low) + (upper ? 1 : 0);
      weight *= upper ? at[axis] - low : 1 - (at[axis] - low);
      if (index < 0 || index >= shape[axis]) weight = 0;
      offset += index * strides[axis];
    }
    if (weight != 0) sum += weight * plane[offset];
  }
  return sum;
}

Result<Outputs> evaluate_channels_first(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x_tensor, numeric_operand(call, 0, "X", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* w_tensor, numeric_operand(call, 1, "W", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* offset_tensor, numeric_operand(call, 2, "offset", 3));
  const Shape& xs = x_tensor->shape();
  const Shape& ws = w_tensor->shape();
  const std::int64_t groups = call.attrs->get_int("group", 1);
  const std::int64_t offset_groups = call.attrs->get_int("offset_group", 1);
  if (groups < 1 || offset_groups < 1 || ws.size() != xs.size() || ws[1] * groups != xs[1] || ws[0] % groups != 0 ||
      xs[1] % offset_groups != 0)
    return invalid_argument("operands X {} and W {} do not fit {} groups and {} offset groups", to_string(xs),
                            to_string(ws), groups, offset_groups);
  INGOT_ASSIGN_OR_RETURN(Window window, read_window(*call.attrs, spatial_of(ws)));
  const Shape fine = spatial_of(xs);
  INGOT_ASSIGN_OR_RETURN(const Shape coarse, resolve_coarse(*call.attrs, fine, window));
  const auto rank = to_signed(window.rank());
  const std::int64_t taps = product(window.kernel);
  const std::int64_t in_plane = product(fine);
  const std::int64_t out_plane = product(coarse);
  Shape offset_shape{xs[0], offset_groups * taps * rank};
  offset_shape.insert(offset_shape.end(), coarse.begin(), coarse.end());
  if (offset_tensor->shape() != offset_shape)
    return invalid_argument("operand 2 (offset) has shape {}; {} is needed", to_string(offset_tensor->shape()),
                            to_string(offset_shape));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> bias, vector_operand(call, 3, "B", ws[0]));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> mask,
                         vector_operand(call, 4, "mask", xs[0] * offset_groups * taps * out_plane));
  const std::vector<double> x = to_numbers<double>(*x_tensor);
  const std::vector<double> w = to_numbers<double>(*w_tensor);
  const std::vector<double> offsets = to_numbers<double>(*offset_tensor);
  std::vector<double> y(to_size(xs[0] * ws[0] * out_plane), 0);
  const Shape strides = strides_of(fine);
  const std::int64_t group_in = xs[1] / groups;
  const std::int64_t group_out = ws[0] / groups;
  std::vector<double> at(to_size(rank));
  for (std::int64_t n = 0; n < xs[0]; ++n) {
    for (std::int64_t c = 0; c < xs[1]; ++c) {
      const double* plane = x.data() + (n * xs[1] + c) * in_plane;
      const std::int64_t moved = n * offset_groups + c / (xs[1] / offset_groups);
      Shape tap(window.rank(), 0);
      for (std::int64_t t = 0; t < taps; ++t, next_index(tap, window.kernel)) {
        Shape out(window.rank(), 0);
        for (std::int64_t o = 0; o < out_plane; ++o, next_index(out, coarse)) {
          for (std::size_t axis = 0; axis < at.size(); ++axis) {
            const std::int64_t still =
                out[axis] * window.strides[axis] - window.pads_begin[axis] + tap[axis] * window.dilations[axis];
            const std::int64_t from = ((moved * taps + t) * rank + to_signed(axis)) * out_plane + o;
            at[axis] = static_cast<double>(still) + offsets[to_size(from)];
          }
          double value = interpolate(plane, fine, strides, at);
          if (!mask.empty()) value *= mask[to_size((moved * taps + t) * out_plane + o)];
          for (std::int64_t oc = c / group_in * group_out; oc < (c / group_in + 1) * group_out; ++oc)
            y[to_size((n * ws[0] + oc) * out_plane + o)] +=
                value * w[to_size((oc * group_in + c % group_in) * taps + t)];
        }
      }
    }
  }
  if (!bias.empty())
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += bias[i / to_size(out_plane) % to_size(ws[0])];
  Shape shape{xs[0], ws[0]};
  shape.insert(shape.end(), coarse.begin(), coarse.end());
  return single_output(output_type(call, 0, x_tensor->dtype()), std::move(shape), y);
}

// offset_channels_last: offset and mask are [N, spatial..., channels].
Result<Outputs> evaluate_deform_conv(const Call& call) {
  if (call.attrs->get_int("offset_channels_last", 0) == 0) return evaluate_channels_first(call);
  std::vector<const HostTensor*> inputs(call.inputs.begin(), call.inputs.end());
  std::vector<HostTensor> turned;
  turned.reserve(2);
  for (const std::size_t at : {std::size_t{2}, std::size_t{4}}) {
    if (at >= inputs.size() || inputs[at] == nullptr) continue;
    INGOT_ASSIGN_OR_RETURN(const HostTensor* tensor, numeric_operand(call, at, at == 2 ? "offset" : "mask", 3));
    std::vector<std::size_t> perm(tensor->shape().size());
    std::iota(perm.begin(), perm.end(), std::size_t{0});
    std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
    INGOT_ASSIGN_OR_RETURN(HostTensor first, transpose(*tensor, perm));
    turned.push_back(std::move(first));
    inputs[at] = &turned.back();
  }
  Call inner = call;
  inner.inputs = inputs;
  return evaluate_channels_first(inner);
}

constexpr Row kRows[] = {{"DeformConv", evaluate_deform_conv}};

}  // namespace

std::span<const Row> deform_conv_rows() { return kRows; }

}  // namespace ingot::reference
