// SPDX-License-Identifier: Apache-2.0
// Operators that write elements at positions given by an operand.
#include <algorithm>
#include <cstring>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"
#include "reference/positions.h"

namespace ingot::reference {

namespace {

enum class Reduction { kNone, kAdd, kMul, kMin, kMax };

Result<Reduction> read_reduction(const Call& call) {
  const std::string name = call.attrs->get_string("reduction", "none");
  if (name == "none") return Reduction::kNone;
  if (name == "add") return Reduction::kAdd;
  if (name == "mul") return Reduction::kMul;
  if (name == "min") return Reduction::kMin;
  if (name == "max") return Reduction::kMax;
  return invalid_argument("reduction \"{}\" is none of none, add, mul, min, max", name);
}

template <typename T>
T combine(Reduction reduction, T a, T b) {
  switch (reduction) {
    case Reduction::kAdd: return a + b;
    case Reduction::kMul: return a * b;
    case Reduction::kMin: return std::min(a, b);
    case Reduction::kMax: return std::max(a, b);
    case Reduction::kNone: break;
  }
  return b;
}

// Blocks of `elements` go from updates, in order, to the offsets in a copy of data.
Result<Outputs> scatter(const HostTensor& data, const HostTensor& updates, const Ints& offsets, std::int64_t elements,
                        Reduction reduction) {
  if (updates.dtype() != data.dtype())
    return invalid_argument("operand 2 (updates) has type {}, operand 0 (data) {}", to_string(updates.dtype()),
                            to_string(data.dtype()));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(data.dtype(), data.shape()));
  if (out.elements() == 0) return outputs_of(std::move(out));
  if (reduction == Reduction::kNone) {
    const std::int64_t bytes = element_bytes(data);
    std::memcpy(out.mutable_data<std::byte>(), data.data<std::byte>(), data.bytes().size());
    if (elements == 0) return outputs_of(std::move(out));
    for (std::size_t i = 0; i < offsets.size(); ++i)
      std::memcpy(out.mutable_data<std::byte>() + offsets[i] * bytes,
                  updates.data<std::byte>() + to_signed(i) * elements * bytes, to_size(elements * bytes));
    return outputs_of(std::move(out));
  }
  if (kind_of(data.dtype()) == 'c') return unsupported("a reduction of {}", to_string(data.dtype()));
  return with_number_type(data.dtype(), [&](auto zero) -> Result<Outputs> {
    using T = decltype(zero);
    std::vector<T> values = to_numbers<T>(data);
    const std::vector<T> source = to_numbers<T>(updates);
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      for (std::int64_t e = 0; e < elements; ++e) {
        T& value = values[to_size(offsets[i] + e)];
        value = combine(reduction, value, source[to_size(to_signed(i) * elements + e)]);
      }
    }
    return single_output(data.dtype(), data.shape(), values);
  });
}

Result<Outputs> evaluate_scatter_elements(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* data, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, integer_operand(call, 1, "indices"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* updates, required_operand(call, 2, "updates"));
  INGOT_ASSIGN_OR_RETURN(const Reduction reduction, read_reduction(call));
  if (updates->shape() != indices->shape())
    return invalid_argument("operand 2 (updates) has shape {}, operand 1 (indices) {}", to_string(updates->shape()),
                            to_string(indices->shape()));
  INGOT_ASSIGN_OR_RETURN(const Ints offsets, element_positions(*data, *indices, call.attrs->get_int("axis", 0)));
  return scatter(*data, *updates, offsets, 1, reduction);
}

Result<Outputs> evaluate_scatter_nd(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* data, required_operand(call, 0, "data"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, integer_operand(call, 1, "indices"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* updates, required_operand(call, 2, "updates"));
  INGOT_ASSIGN_OR_RETURN(const Reduction reduction, read_reduction(call));
  INGOT_ASSIGN_OR_RETURN(const Blocks blocks, block_positions(*data, *indices, 0));
  if (updates->shape() != blocks.updates_shape)
    return invalid_argument("operand 2 (updates) has shape {}; {} is needed", to_string(updates->shape()),
                            to_string(blocks.updates_shape));
  return scatter(*data, *updates, blocks.offsets, blocks.elements, reduction);
}

constexpr Row kRows[] = {
    {"ScatterElements", evaluate_scatter_elements, 0},
    {"ScatterND", evaluate_scatter_nd, 0},
};

}  // namespace

std::span<const Row> scatter_rows() { return kRows; }

}  // namespace ingot::reference
