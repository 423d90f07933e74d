// SPDX-License-Identifier: Apache-2.0
// Comparison of a result with a reference.
#pragma once

#include <string>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::verify {

struct Comparison {
  double max_error = 0;       // max |a - b|
  double relative_error = 0;  // max |a - b| / rms(b); the measure that `verify` judges by
  double cosine = 1;
  std::int64_t worst_index = 0;
  std::int64_t nan_mismatches = 0;  // NaN or infinity on one side only, or of other sign
  [[nodiscard]] bool within(double tolerance) const { return nan_mismatches == 0 && relative_error <= tolerance; }
};

// Fails on differing shapes or element kinds. When the reference is all zero the error is absolute.
Result<Comparison> compare(const HostTensor& result, const HostTensor& reference);

}  // namespace ingot::verify
