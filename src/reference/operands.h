// SPDX-License-Identifier: Apache-2.0
// How the families read a call: operands with their names in errors, and the types of results.
#pragma once

#include <string_view>
#include <vector>

#include "reference/evaluate.h"
#include "reference/numbers.h"

namespace ingot::reference {

using Outputs = std::vector<HostTensor>;
using Kernel = Result<Outputs> (*)(const Call& call);

// The operand, or nullptr when it is absent.
const HostTensor* optional_operand(const Call& call, std::size_t index);
Result<const HostTensor*> required_operand(const Call& call, std::size_t index, std::string_view name);
// A required operand of at least min_rank dimensions and of a numeric type.
Result<const HostTensor*> numeric_operand(const Call& call, std::size_t index, std::string_view name,
                                          std::size_t min_rank = 0);
// The elements of a small integer operand; the second form yields `otherwise` when it is absent.
Result<Ints> ints_operand(const Call& call, std::size_t index, std::string_view name);
Result<Ints> ints_operand(const Call& call, std::size_t index, std::string_view name, const Ints& otherwise);
// The one element of an integer operand.
Result<std::int64_t> int_operand(const Call& call, std::size_t index, std::string_view name);
// An optional operand as doubles; empty when absent, an error when it has another number of elements than `count`.
Result<std::vector<double>> vector_operand(const Call& call, std::size_t index, std::string_view name,
                                           std::int64_t count);

// The inferred type of an output, or `otherwise` when the caller gave none.
DType output_type(const Call& call, std::size_t index, DType otherwise);

inline std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }
inline std::int64_t to_signed(std::size_t value) { return static_cast<std::int64_t>(value); }

template <typename... Tensors>
Outputs outputs_of(Tensors&&... tensors) {
  Outputs outputs;
  (outputs.push_back(std::forward<Tensors>(tensors)), ...);
  return outputs;
}

// from_numbers() as the only output of a call.
template <typename T>
Result<Outputs> single_output(DType dtype, Shape shape, const std::vector<T>& values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, from_numbers(dtype, std::move(shape), values));
  return outputs_of(std::move(tensor));
}

}  // namespace ingot::reference
