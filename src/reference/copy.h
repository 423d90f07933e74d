// SPDX-License-Identifier: Apache-2.0
// Moving elements as bytes. Elements are whole bytes here: evaluate.cc widens sub-byte types first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::reference {

// One side of a strided copy: where element (0, ..., 0) lies and the strides, in elements (may be negative or 0).
struct Side {
  std::int64_t offset = 0;
  Shape strides;
};

// to[index] = from[index] for every index of shape. The caller has checked that all of it lies within the tensors.
void copy_strided(const Shape& shape, HostTensor& to, Side to_side, const HostTensor& from, Side from_side);

// out[i, j, ...] = in[maps[0][i], maps[1][j], ...]; where a map says -1 the element is *fill (or zero without one).
Result<HostTensor> gather_by_axis(const HostTensor& in, const std::vector<std::vector<std::int64_t>>& maps,
                                  const std::byte* fill);

// The axes in another order: out's axis i is in's axis perm[i].
Result<HostTensor> transpose(const HostTensor& in, std::span<const std::size_t> perm);

std::int64_t element_bytes(const HostTensor& tensor);

}  // namespace ingot::reference
