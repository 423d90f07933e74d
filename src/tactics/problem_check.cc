// SPDX-License-Identifier: Apache-2.0
#include "tactics/problem_check.h"

#include <algorithm>
#include <span>

namespace ingot {

namespace {

struct Limit {
  std::string_view attribute;
  std::int64_t most;
};
constexpr Limit kLimits[] = {
    {"blocksize", kMostStep},      {"dilations", kMostStep}, {"kernel_shape", kMostStep},
    {"output_padding", kMostStep}, {"pads", kMostPad},       {"strides", kMostStep},
};

Status check_operands(std::string_view what, const std::vector<Operand>& operands) {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    std::int64_t elements = 1;
    for (const std::int64_t dim : operands[i].shape) {
      if (dim < 0 || dim > kMostElements / elements)
        return unsupported("{} {} has shape {}; at most 2^40 elements are possible", what, i,
                           ingot::to_string(operands[i].shape));
      elements *= std::max<std::int64_t>(dim, 1);
    }
  }
  return Status::ok();
}

}  // namespace

Status check_sizes(const Problem& problem) {
  INGOT_RETURN_IF_ERROR(check_operands("input", problem.inputs));
  INGOT_RETURN_IF_ERROR(check_operands("output", problem.outputs));
  for (const auto& [attribute, most] : kLimits) {
    const Attr* attr = problem.attrs.find(attribute);
    if (attr == nullptr) continue;
    const auto* one = std::get_if<std::int64_t>(attr);
    const auto* list = std::get_if<Ints>(attr);
    const std::span<const std::int64_t> numbers = one    ? std::span(one, 1)
                                                  : list ? std::span<const std::int64_t>(*list)
                                                         : std::span<const std::int64_t>();
    for (const std::int64_t number : numbers)
      if (number > most || number < -most)
        return unsupported("attribute {} holds {}; at most {} is possible", attribute, number, most);
  }
  return Status::ok();
}

}  // namespace ingot
