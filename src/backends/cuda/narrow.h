// SPDX-License-Identifier: Apache-2.0
// Loads and stores of any element type in kernels, the packed and the narrow ones too (kernels/narrow.cuh).
#pragma once

#include <string>
#include <string_view>

#include "tensor/attrs.h"
#include "tensor/dtype.h"

namespace ingot::cuda {

// Whether kernels can hold such elements at all.
bool loadable(DType type);
// `double|long long <name>(const void* from, long long at)`.
std::string define_load(std::string_view name, DType type);
// `unsigned <name>(double or long long value)`: the bits of a narrow type. Attributes: saturate, round_mode.
std::string define_encode(std::string_view name, DType type, const Attrs& attrs);
// `float|int round_<type>(float or int value)`: the value as the type holds it, saturating. Empty for other types than
// the narrow ones.
std::string define_round(DType type);
// 1 for types of whole bytes, otherwise how many elements share one.
int elements_per_byte(DType type);

}  // namespace ingot::cuda
