// SPDX-License-Identifier: Apache-2.0
#include "reference/operands.h"

namespace ingot::reference {

const HostTensor* optional_operand(const Call& call, std::size_t index) {
  return index < call.inputs.size() ? call.inputs[index] : nullptr;
}

Result<const HostTensor*> required_operand(const Call& call, std::size_t index, std::string_view name) {
  const HostTensor* operand = optional_operand(call, index);
  if (operand == nullptr) return invalid_argument("operand {} ({}) is missing", index, name);
  return operand;
}

Result<const HostTensor*> numeric_operand(const Call& call, std::size_t index, std::string_view name,
                                          std::size_t min_rank) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, required_operand(call, index, name));
  const char kind = kind_of(operand->dtype());
  if (kind == 's' || kind == 'c')
    return unsupported("operand {} ({}) has type {}; a numeric type is needed", index, name,
                       to_string(operand->dtype()));
  if (operand->shape().size() < min_rank)
    return invalid_argument("operand {} ({}) of shape {} needs at least {} dimensions", index, name,
                            to_string(operand->shape()), min_rank);
  return operand;
}

Result<Ints> ints_operand(const Call& call, std::size_t index, std::string_view name) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, required_operand(call, index, name));
  if (!is_integer(operand->dtype()) || operand->rank() > 1)
    return invalid_argument("operand {} ({}) must hold integers in one dimension, not {}{}", index, name,
                            to_string(operand->dtype()), to_string(operand->shape()));
  return to_numbers<std::int64_t>(*operand);
}

Result<Ints> ints_operand(const Call& call, std::size_t index, std::string_view name, const Ints& otherwise) {
  if (optional_operand(call, index) == nullptr) return otherwise;
  return ints_operand(call, index, name);
}

Result<std::int64_t> int_operand(const Call& call, std::size_t index, std::string_view name) {
  INGOT_ASSIGN_OR_RETURN(const Ints values, ints_operand(call, index, name));
  if (values.size() != 1)
    return invalid_argument("operand {} ({}) must have one element, not {}", index, name, values.size());
  return values[0];
}

Result<std::vector<double>> vector_operand(const Call& call, std::size_t index, std::string_view name,
                                           std::int64_t count) {
  if (optional_operand(call, index) == nullptr) return std::vector<double>{};
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, numeric_operand(call, index, name));
  if (operand->elements() != count)
    return invalid_argument("operand {} ({}) has shape {}; {} elements are needed", index, name,
                            to_string(operand->shape()), count);
  return to_numbers<double>(*operand);
}

DType output_type(const Call& call, std::size_t index, DType otherwise) {
  if (index >= call.output_types.size() || call.output_types[index] == DType::undefined) return otherwise;
  return call.output_types[index];
}

}  // namespace ingot::reference
