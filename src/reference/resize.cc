// SPDX-License-Identifier: Apache-2.0
// Resize: axis by axis, as resize_plan.h says.
#include <algorithm>
#include <cmath>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"
#include "reference/resize_plan.h"

namespace ingot::reference {

namespace {

std::vector<double> interpolate_axis(const std::vector<double>& values, Shape& shape, std::size_t d,
                                     const ResizeAxis& axis, const std::vector<ResizeTaps>& taps) {
  const std::int64_t inner = product(shape, d + 1, shape.size());
  const std::int64_t outer = product(shape, 0, d);
  std::vector<double> result(to_size(outer * axis.out * inner), 0);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < axis.out; ++i) {
      const ResizeTaps& tap = taps[to_size(i)];
      double* to = result.data() + (o * axis.out + i) * inner;
      for (std::size_t t = 0; t < tap.positions.size(); ++t) {
        const double* from = values.data() + (o * axis.in + tap.positions[t]) * inner;
        for (std::int64_t e = 0; e < inner; ++e) to[e] += tap.weights[t] * from[e];
      }
    }
  }
  shape[d] = axis.out;
  return result;
}

Result<Outputs> evaluate_resize(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X"));
  INGOT_ASSIGN_OR_RETURN(const ResizePlan plan, plan_resize(call, x->shape()));
  const auto& axes = plan.axes;
  const auto& taps = plan.taps;
  const Shape shape = plan.out_shape();
  if (plan.nearest && !plan.any_outside) {
    std::vector<Ints> maps(axes.size());
    for (std::size_t d = 0; d < axes.size(); ++d)
      for (const ResizeTaps& tap : taps[d]) maps[d].push_back(tap.positions[0]);
    INGOT_ASSIGN_OR_RETURN(HostTensor y, gather_by_axis(*x, maps, nullptr));
    return outputs_of(std::move(y));
  }
  std::vector<double> values = to_numbers<double>(*x);
  Shape current = x->shape();
  for (std::size_t d = 0; d < axes.size(); ++d)
    if (!axes[d].untouched()) values = interpolate_axis(values, current, d, axes[d], taps[d]);
  if (plan.any_outside && !values.empty()) {
    Shape index(shape.size(), 0);
    std::size_t i = 0;
    do {
      for (std::size_t d = 0; d < shape.size(); ++d)
        if (taps[d][to_size(index[d])].outside) values[i] = plan.extrapolation;
      ++i;
    } while (next_index(index, shape));
  }
  if (!is_float(x->dtype())) {
    // As ONNX Runtime does it where it does: linear interpolation cuts fractions off, the others round.
    const bool cut = call.attrs->get_string("mode", "nearest") == "linear" && call.attrs->get_int("antialias", 0) == 0;
    const Limits limits = limits_of(x->dtype());
    for (double& value : values)
      value = std::clamp(cut ? value : std::nearbyint(value), limits.lowest_float, limits.highest_float);
  }
  return single_output(output_type(call, 0, x->dtype()), shape, values);
}

constexpr Row kRows[] = {{"Resize", evaluate_resize}};

}  // namespace

std::span<const Row> resize_rows() { return kRows; }

}  // namespace ingot::reference
