// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/operand_checks.h"

namespace ingot::cpu {

Status expect_shape(std::string_view kind, std::string_view what, const Shape& shape, const Shape& expected) {
  if (shape == expected) return Status::ok();
  return invalid_argument("{}: {} has shape {}, {} expected", kind, what, to_string(shape), to_string(expected));
}

Status expect_elements(std::string_view kind, std::string_view what, const Operand& operand, std::int64_t expected) {
  if (operand.present() && element_count(operand.shape) == expected) return Status::ok();
  if (!operand.present()) return invalid_argument("{}: {} is missing", kind, what);
  return invalid_argument("{}: {} has shape {}, {} elements expected", kind, what, to_string(operand.shape), expected);
}

Status expect_broadcast(std::string_view kind, std::span<const Operand> operands, std::size_t first, const Shape& out) {
  for (std::size_t k = first; k < operands.size(); ++k) {
    const Shape& shape = operands[k].shape;
    bool fits = operands[k].present() && shape.size() <= out.size();
    for (std::size_t i = 1; fits && i <= shape.size(); ++i)
      fits = shape[shape.size() - i] == 1 || shape[shape.size() - i] == out[out.size() - i];
    if (!fits)
      return invalid_argument("{}: operand {} of shape {} does not broadcast to {}", kind, k, to_string(shape),
                              to_string(out));
  }
  return Status::ok();
}

}  // namespace ingot::cpu
