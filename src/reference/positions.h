// SPDX-License-Identifier: Apache-2.0
// Index operands of the Gather and Scatter families as checked offsets into the data.
#pragma once

#include <string_view>

#include "reference/operands.h"

namespace ingot::reference {

Result<const HostTensor*> integer_operand(const Call& call, std::size_t index, std::string_view name);

// Indices in [-dim, dim) as ones in [0, dim); operand and name are for errors.
Result<Ints> positions(const HostTensor& indices, std::int64_t dim, std::size_t operand, std::string_view name);

// For every element of indices (as in GatherElements and ScatterElements) the offset into data.
Result<Ints> element_positions(const HostTensor& data, const HostTensor& indices, std::int64_t axis);

// For every row of indices (as in GatherND and ScatterND) where its block of data begins.
struct Blocks {
  Ints offsets;
  std::int64_t elements = 0;  // of one block
  Shape updates_shape;        // that of GatherND's result and of ScatterND's updates
};
Result<Blocks> block_positions(const HostTensor& data, const HostTensor& indices, std::int64_t batch_dims);

}  // namespace ingot::reference
