// SPDX-License-Identifier: Apache-2.0
// Unique: distinct elements, or distinct slices along an axis, with where they were.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <type_traits>
#include <utility>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// A total order: NaN is above all numbers and equal to itself.
template <typename T>
int compare(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, double>)
    if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  if (a < b) return -1;
  return b < a ? 1 : 0;
}

using Complex = std::complex<double>;

// The imaginary parts decide where the real ones do not.
int compare(const Complex& a, const Complex& b) {
  const int order = compare(a.real(), b.real());
  return order != 0 ? order : compare(a.imag(), b.imag());
}

// Slice k of a tensor seen as [outer, count, inner].
struct Slices {
  std::int64_t outer = 1, count = 0, inner = 1;
  [[nodiscard]] std::int64_t size() const { return outer * inner; }
  [[nodiscard]] std::size_t at(std::int64_t slice, std::int64_t i) const {
    return to_size((i / inner * count + slice) * inner + i % inner);
  }
};

struct Groups {
  std::vector<std::int64_t> first, inverse, counts;
};

// Slices in ascending order, equal ones by position.
template <typename Order>
std::vector<std::int64_t> sorted_slices(const Slices& slices, Order order_of) {
  std::vector<std::int64_t> order(to_size(slices.count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return order_of(a, b) < 0; });
  return order;
}

// The same for slices of one element: values and positions side by side sort faster.
template <typename T>
std::vector<std::int64_t> sorted_elements(const std::vector<T>& values) {
  std::vector<std::pair<T, std::int64_t>> pairs;
  pairs.reserve(values.size());
  for (const T& value : values) pairs.emplace_back(value, to_signed(pairs.size()));
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
  std::vector<std::int64_t> order;
  order.reserve(pairs.size());
  for (const auto& pair : pairs) order.push_back(pair.second);
  return order;
}

template <typename T>
Groups find_groups(const std::vector<T>& values, const Slices& slices, bool sorted) {
  const auto order_of = [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = 0; i < slices.size(); ++i)
      if (const int order = compare(values[slices.at(a, i)], values[slices.at(b, i)]); order != 0) return order;
    return 0;
  };
  const std::vector<std::int64_t> order =
      slices.size() == 1 ? sorted_elements(values) : sorted_slices(slices, order_of);
  // Each run of equal slices begins with its first occurrence, as the sort is stable.
  std::vector<std::int64_t> leader(order.size());
  Groups groups;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool fresh = i == 0 || order_of(order[i - 1], order[i]) != 0;
    if (fresh) groups.first.push_back(order[i]);
    leader[to_size(order[i])] = groups.first.back();
  }
  if (!sorted) std::sort(groups.first.begin(), groups.first.end());
  std::vector<std::int64_t> number(order.size());
  for (std::size_t g = 0; g < groups.first.size(); ++g) number[to_size(groups.first[g])] = to_signed(g);
  groups.counts.assign(groups.first.size(), 0);
  for (const std::int64_t first : leader) {
    groups.inverse.push_back(number[to_size(first)]);
    ++groups.counts[to_size(groups.inverse.back())];
  }
  return groups;
}

template <typename T>
std::vector<T> pick(const std::vector<T>& values, const Slices& slices, const std::vector<std::int64_t>& chosen) {
  const Slices to{slices.outer, to_signed(chosen.size()), slices.inner};
  std::vector<T> result(to_size(to.size() * to.count));
  for (std::size_t k = 0; k < chosen.size(); ++k)
    for (std::int64_t i = 0; i < slices.size(); ++i) result[to.at(to_signed(k), i)] = values[slices.at(chosen[k], i)];
  return result;
}

Result<HostTensor> store(DType dtype, Shape shape, std::vector<std::string> values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  tensor.strings() = std::move(values);
  return tensor;
}

std::vector<Complex> to_complex(const HostTensor& tensor) {
  std::vector<Complex> values;
  const bool single = tensor.dtype() == DType::c64;
  const auto part = [&](std::int64_t i) -> double {
    return single ? static_cast<double>(tensor.data<float>()[i]) : tensor.data<double>()[i];
  };
  for (std::int64_t i = 0; i < tensor.elements(); ++i) values.emplace_back(part(2 * i), part(2 * i + 1));
  return values;
}

Result<HostTensor> store(DType dtype, Shape shape, const std::vector<Complex>& values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  std::size_t i = 0;
  for (const Complex& value : values) {
    for (const double part : {value.real(), value.imag()}) {
      if (dtype == DType::c64) {
        tensor.mutable_data<float>()[i++] = static_cast<float>(part);
      } else {
        tensor.mutable_data<double>()[i++] = part;
      }
    }
  }
  return tensor;
}

template <typename T>
Result<HostTensor> store(DType dtype, Shape shape, const std::vector<T>& values) {
  return from_numbers(dtype, std::move(shape), values);
}

Result<Outputs> evaluate_unique(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, required_operand(call, 0, "X"));
  const bool sorted = call.attrs->get_int("sorted", 1) != 0;
  Slices slices{1, x->elements(), 1};
  Shape shape{0};
  std::size_t axis = 0;
  if (call.attrs->has("axis")) {
    shape = x->shape();
    INGOT_ASSIGN_OR_RETURN(axis, normalize_axis(call.attrs->get_int("axis", 0), shape.size(), "axis"));
    slices = {product(shape, 0, axis), shape[axis], product(shape, axis + 1, shape.size())};
  }
  const auto finish = [&](const auto& values) -> Result<Outputs> {
    const Groups groups = find_groups(values, slices, sorted);
    shape[axis] = to_signed(groups.first.size());
    INGOT_ASSIGN_OR_RETURN(HostTensor y, store(x->dtype(), shape, pick(values, slices, groups.first)));
    const auto vector = [](const std::vector<std::int64_t>& ints) { return HostTensor::of_ints(ints); };
    return outputs_of(std::move(y), vector(groups.first), vector(groups.inverse), vector(groups.counts));
  };
  if (x->dtype() == DType::string) return finish(x->strings());
  if (kind_of(x->dtype()) == 'c') return finish(to_complex(*x));
  return with_number_type(x->dtype(), [&](auto zero) { return finish(to_numbers<decltype(zero)>(*x)); });
}

constexpr Row kRows[] = {
    {"Unique", evaluate_unique},
};

}  // namespace

std::span<const Row> unique_rows() { return kRows; }

}  // namespace ingot::reference
