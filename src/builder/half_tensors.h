// SPDX-License-Identifier: Apache-2.0
// Which tensors of a program may be stored as halves and which steps may compute on them. Single precision stays what
//   - a step without a form for halves touches,
//   - would overflow or vanish: what constants and integers are known to make large or small (known_size.h),
//   - decides something: coordinates that are sampled at, scores that are ordered or compared, numbers that are rounded
//     to integers, back to the product or normalisation that made them, which yields fp32 then, since there one more
//     rounding changes the choice and not only its last bits; and on to what is a function of these alone,
//   - has one element: a scale, a count.
#pragma once

#include <vector>

#include "builder/known_size.h"
#include "builder/lower.h"

namespace ingot::builder {

// The largest finite number of the type.
double most_of(DType half);

// Whether a half keeps what the constant says: nothing that overflows, nothing of which only few bits would be left.
// Scales of quantised values are as small as 1e-5.
bool survives(const HostTensor& constant, DType half);

// Operators whose results are elements of their operands, or lie between these.
bool passes_on(std::string_view kind);

struct HalfTensors {
  std::vector<bool> half;        // by tensor id
  std::vector<bool> steps;       // whether the step's float operands may be half; its sums are fp32 in every kernel
  std::vector<KnownSize> sizes;  // by tensor id
};
HalfTensors half_tensors(const LoweredProgram& program, DType half);

// The storage that a tensor's bytes are in.
std::size_t root_of(const LoweredProgram& program, std::int32_t id);

}  // namespace ingot::builder
