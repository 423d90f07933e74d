// SPDX-License-Identifier: Apache-2.0
// The table of pointwise operators: name -> scalar function for each number type.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace ingot::reference {

// x: the operands of one element; p: the parameters, in the row's order.
template <typename T>
using Scalar = T (*)(const T* x, const double* p);
// Comparisons and tests yield booleans.
template <typename T>
using Test = bool (*)(const T* x, const double* p);

// A numeric attribute with its default, or "name=text", which is 1 when the attribute has that text and else 0.
struct Parameter {
  std::string_view attribute;
  double otherwise = 0;
};

struct PointwiseRow {
  std::string_view op;
  int min_operands = 1;
  int max_operands = 1;  // -1: any number, folded from the left two at a time
  Scalar<double> f = nullptr;
  Scalar<std::int64_t> i = nullptr;
  Scalar<std::uint64_t> u = nullptr;
  Test<double> test_f = nullptr;
  Test<std::int64_t> test_i = nullptr;
  Test<std::uint64_t> test_u = nullptr;
  std::array<Parameter, 2> parameters{};
};

std::span<const PointwiseRow> pointwise_table();

}  // namespace ingot::reference
