// SPDX-License-Identifier: Apache-2.0
#include "verify/compare.h"

#include <cmath>

namespace ingot::verify {

Result<Comparison> compare(const HostTensor& result, const HostTensor& reference) {
  if (result.shape() != reference.shape())
    return invalid_argument("shape {} against {}", to_string(result.shape()), to_string(reference.shape()));
  if (is_float(result.dtype()) != is_float(reference.dtype()))
    return invalid_argument("element type {} against {}", to_string(result.dtype()), to_string(reference.dtype()));
  Comparison out;
  double squares = 0;
  double result_squares = 0;
  double products = 0;
  for (std::int64_t i = 0; i < result.elements(); ++i) {
    const double a = result.as_double(i);
    const double b = reference.as_double(i);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      if (!(a == b || (std::isnan(a) && std::isnan(b)))) ++out.nan_mismatches;
      continue;
    }
    squares += b * b;
    result_squares += a * a;
    products += a * b;
    if (std::abs(a - b) > out.max_error) {
      out.max_error = std::abs(a - b);
      out.worst_index = i;
    }
  }
  const double rms = result.elements() == 0 ? 0 : std::sqrt(squares / static_cast<double>(result.elements()));
  out.relative_error = rms > 0 ? out.max_error / rms : out.max_error;
  if (squares > 0 && result_squares > 0) out.cosine = products / std::sqrt(squares * result_squares);
  return out;
}

}  // namespace ingot::verify
