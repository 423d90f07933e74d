// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/broadcast.h"

#include <algorithm>

#include "base/status.h"

namespace ingot::cpu {
namespace {

// Strides of a dense operand over the dimensions of the output; 0 where it broadcasts.
std::vector<std::int64_t> aligned_strides(const Shape& out, const Shape& operand) {
  INGOT_CHECK(operand.size() <= out.size(), "operand rank {} above output rank {}", operand.size(), out.size());
  std::vector<std::int64_t> strides(out.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t i = 1; i <= operand.size(); ++i) {
    const std::int64_t size = operand[operand.size() - i];
    INGOT_CHECK(size == 1 || size == out[out.size() - i], "{} does not broadcast to {}", to_string(operand),
                to_string(out));
    if (size != 1) strides[out.size() - i] = stride;
    stride *= size;
  }
  return strides;
}

}  // namespace

BroadcastPlan BroadcastPlan::make(const Shape& out, std::span<const Shape> operands) {
  BroadcastPlan plan;
  plan.strides.resize(operands.size());
  for (const std::int64_t size : out) plan.elements *= size;
  if (plan.elements == 0) return plan;
  std::vector<std::vector<std::int64_t>> full;
  for (const Shape& shape : operands) full.push_back(aligned_strides(out, shape));
  // From the innermost outwards, built reversed.
  for (std::size_t i = out.size(); i-- > 0;) {
    if (out[i] == 1) continue;
    bool merges = !plan.dims.empty();
    for (std::size_t k = 0; merges && k < full.size(); ++k)
      merges = full[k][i] == plan.strides[k].back() * plan.dims.back();
    if (merges) {
      plan.dims.back() *= out[i];
      continue;
    }
    plan.dims.push_back(out[i]);
    for (std::size_t k = 0; k < full.size(); ++k) plan.strides[k].push_back(full[k][i]);
  }
  std::reverse(plan.dims.begin(), plan.dims.end());
  for (auto& strides : plan.strides) std::reverse(strides.begin(), strides.end());
  return plan;
}

std::int64_t BroadcastPlan::outer() const {
  std::int64_t count = 1;
  for (std::size_t i = 0; i + 2 < dims.size(); ++i) count *= dims[i];
  return count;
}

std::int64_t BroadcastPlan::outer_offset(std::size_t operand, std::int64_t index) const {
  std::int64_t offset = 0;
  for (std::size_t i = dims.size() < 2 ? 0 : dims.size() - 2; i-- > 0;) {
    offset += index % dims[i] * strides[operand][i];
    index /= dims[i];
  }
  return offset;
}

}  // namespace ingot::cpu
