// SPDX-License-Identifier: Apache-2.0
// Einsum: one loop over all subscripts, written as it is defined.
#include <algorithm>
#include <map>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// Subscripts are letters; the axes of an ellipsis get the labels below kFirstLetter, right-aligned.
using Labels = std::vector<int>;
constexpr int kEllipsis = -1;
constexpr int kFirstLetter = 64;

Result<Labels> parse_term(std::string_view text) {
  Labels labels;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && text.substr(i, 3) == "...") {
      if (std::find(labels.begin(), labels.end(), kEllipsis) != labels.end())
        return invalid_argument("the equation's term \"{}\" has two ellipses", text);
      labels.push_back(kEllipsis);
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
    } else {
      return invalid_argument("the equation's term \"{}\" has the character '{}'", text, c);
    }
  }
  return labels;
}

// Replaces the ellipsis by `count` labels that end with kFirstLetter - 1.
Labels spread(const Labels& labels, std::size_t count) {
  Labels result;
  for (int label : labels) {
    if (label != kEllipsis)
      result.push_back(label);
    else
      for (std::size_t i = 0; i < count; ++i) result.push_back(kFirstLetter - static_cast<int>(count - i));
  }
  return result;
}

struct Equation {
  std::vector<Labels> terms;
  Labels result;
};

Result<Equation> parse_equation(const Call& call) {
  std::string text = call.attrs->get_string("equation", "");
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  Equation equation;
  std::size_t widest = 0;
  for (std::size_t k = 0; k < call.inputs.size(); ++k) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, numeric_operand(call, k, "Inputs"));
    const std::size_t comma = left.find(',');
    if ((comma == std::string_view::npos) != (k + 1 == call.inputs.size()))
      return invalid_argument("the equation \"{}\" is not for {} operands", text, call.inputs.size());
    INGOT_ASSIGN_OR_RETURN(const Labels labels, parse_term(left.substr(0, comma)));
    left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
    const bool open = std::find(labels.begin(), labels.end(), kEllipsis) != labels.end();
    const std::size_t named = labels.size() - (open ? 1 : 0);
    const std::size_t rank = operand->shape().size();
    if (open ? named > rank : named != rank)
      return invalid_argument("operand {} of shape {} does not fit the equation \"{}\"", k, to_string(operand->shape()),
                              text);
    if (rank - named >= kFirstLetter) return unsupported("an ellipsis over {} axes", rank - named);
    widest = std::max(widest, rank - named);
    equation.terms.push_back(spread(labels, rank - named));
  }
  if (arrow != std::string::npos) {
    INGOT_ASSIGN_OR_RETURN(const Labels labels, parse_term(std::string_view(text).substr(arrow + 2)));
    equation.result = spread(labels, widest);
    return equation;
  }
  // Without an arrow: the ellipsis, then every subscript that occurs once, in alphabetical order.
  std::map<int, int> counts;
  for (const Labels& labels : equation.terms)
    for (int label : labels) ++counts[label];
  for (const auto& [label, count] : counts)
    if (label < kFirstLetter || count == 1) equation.result.push_back(label);
  return equation;
}

Result<Outputs> evaluate_einsum(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* first, numeric_operand(call, 0, "Inputs"));
  INGOT_ASSIGN_OR_RETURN(const Equation equation, parse_equation(call));
  std::map<int, std::int64_t> sizes;
  for (std::size_t k = 0; k < equation.terms.size(); ++k) {
    for (std::size_t axis = 0; axis < equation.terms[k].size(); ++axis) {
      const std::int64_t size = call.inputs[k]->shape()[axis];
      std::int64_t& known = sizes.try_emplace(equation.terms[k][axis], size).first->second;
      if (known == 1) known = size;
      if (known != size && size != 1)
        return invalid_argument("operand {} of shape {} disagrees with another one along axis {}", k,
                                to_string(call.inputs[k]->shape()), axis);
    }
  }
  // The result's subscripts lead, the summed ones follow.
  Labels order = equation.result;
  for (int label : equation.result) {
    if (!sizes.contains(label)) return invalid_argument("the equation's result has a subscript that no operand has");
    if (std::count(equation.result.begin(), equation.result.end(), label) > 1)
      return invalid_argument("the equation's result repeats a subscript");
  }
  for (const auto& [label, size] : sizes)
    if (std::find(order.begin(), order.end(), label) == order.end()) order.push_back(label);
  Shape space;
  for (int label : order) space.push_back(sizes[label]);
  const Shape shape(space.begin(), space.begin() + to_signed(equation.result.size()));
  std::vector<Shape> strides;
  for (std::size_t k = 0; k < equation.terms.size(); ++k) {
    const Shape dense = strides_of(call.inputs[k]->shape());
    Shape read(order.size(), 0);
    for (std::size_t axis = 0; axis < equation.terms[k].size(); ++axis) {
      const auto at = std::find(order.begin(), order.end(), equation.terms[k][axis]) - order.begin();
      if (call.inputs[k]->shape()[axis] != 1) read[to_size(at)] += dense[axis];
    }
    strides.push_back(std::move(read));
  }
  Shape write = strides_of(shape);
  write.resize(order.size(), 0);
  strides.push_back(std::move(write));
  INGOT_RETURN_IF_ERROR(HostTensor::create(DType::u8, shape).status());
  return with_number_type(first->dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<std::vector<T>> operands;
    for (const HostTensor* operand : call.inputs) operands.push_back(to_numbers<T>(*operand));
    std::vector<T> y(to_size(product(shape)), T{0});
    for_each_element(space, strides, [&](const auto& at) {
      T term = 1;
      for (std::size_t k = 0; k < operands.size(); ++k) term *= operands[k][to_size(at[k])];
      y[to_size(at.back())] += term;
    });
    return single_output(output_type(call, 0, first->dtype()), shape, y);
  });
}

constexpr Row kRows[] = {{"Einsum", evaluate_einsum}};

}  // namespace

std::span<const Row> einsum_rows() { return kRows; }

}  // namespace ingot::reference
