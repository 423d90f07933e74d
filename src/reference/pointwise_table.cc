// SPDX-License-Identifier: Apache-2.0
#include "reference/pointwise_table.h"

#include <cmath>
#include <type_traits>

#include "reference/wrapping.h"

namespace ingot::reference {

namespace {

using I = std::int64_t;
using U = std::uint64_t;

// Division by zero is undefined in ONNX; integers give 0.
template <typename T>
T divide(T a, T b) {
  if constexpr (std::is_same_v<T, double>) {
    return a / b;
  } else {
    if (b == 0) return 0;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return subtract<T>(0, a);
    return a / b;
  }
}

// fmod: the sign of the dividend; else the sign of the divisor.
template <typename T>
T modulo(T a, T b, bool fmod) {
  if constexpr (std::is_same_v<T, double>) {
    const double rest = std::fmod(a, b);
    if (!fmod && rest == 0) return std::copysign(rest, b);
    return fmod || (rest < 0) == (b < 0) ? rest : rest + b;
  } else {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
    const T rest = a % b;
    if (fmod || rest == 0 || (rest < 0) == (b < 0)) return rest;
    return rest + b;
  }
}

template <typename T>
T minimum(T a, T b) {
  if (a != a) return a;
  return b < a || b != b ? b : a;
}
template <typename T>
T maximum(T a, T b) {
  if (a != a) return a;
  return a < b || b != b ? b : a;
}

// Shifting by more than the width leaves what sign extension gives: 0, or -1 for a negative number going right.
template <typename T>
T shift(T value, T by, bool left) {
  const bool beyond = by < 0 || by >= 64;
  if (left) return beyond ? 0 : static_cast<T>(static_cast<U>(value) << by);
  return beyond ? (value < 0 ? static_cast<T>(-1) : 0) : value >> by;
}

template <typename T>
T sign(T x) {
  if (x != x) return x;
  return static_cast<T>((x > 0 ? 1 : 0) - (x < 0 ? 1 : 0));
}

I power(I base, I exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  I result = 1;
  for (; exponent > 0; exponent >>= 1, base = multiply(base, base))
    if (exponent & 1) result = multiply(result, base);
  return result;
}

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double gelu(double x, bool tanh_form) {
  constexpr double kSqrt2OverPi = 0.79788456080286535588;
  if (tanh_form) return 0.5 * x * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x)));
  return 0.5 * x * std::erfc(-x * 0.70710678118654752440);
}
double elu(double x, double alpha) { return x < 0 ? alpha * std::expm1(x) : x; }

// Rows. ALL: one formula for every number type; INTEGER: not for double; FLOAT: only for double; TEST: yields booleans.
#define ALL(op, least, most, formula, ...)               \
  {                                                      \
    op, least, most,                                     \
        [](const double* x, const double* p) -> double { \
          using T = double;                              \
          return formula;                                \
        },                                               \
        [](const I* x, const double* p) -> I {           \
          using T = I;                                   \
          return formula;                                \
        },                                               \
        [](const U* x, const double* p) -> U {           \
          using T = U;                                   \
          return formula;                                \
        },                                               \
        nullptr, nullptr, nullptr, {                     \
      { __VA_ARGS__ }                                    \
    }                                                    \
  }
#define INTEGER(op, operands, formula, ...)    \
  {                                            \
    op, operands, operands, nullptr,           \
        [](const I* x, const double* p) -> I { \
          using T = I;                         \
          return formula;                      \
        },                                     \
        [](const U* x, const double* p) -> U { \
          using T = U;                         \
          return formula;                      \
        },                                     \
        nullptr, nullptr, nullptr, {           \
      { __VA_ARGS__ }                          \
    }                                          \
  }
#define FLOAT(op, operands, formula, ...)                                                                         \
  {                                                                                                               \
    op, operands, operands, [](const double* x, const double* p) -> double { return formula; }, nullptr, nullptr, \
        nullptr, nullptr, nullptr, {                                                                              \
      { __VA_ARGS__ }                                                                                             \
    }                                                                                                             \
  }
#define TEST(op, operands, formula, ...)                                  \
  {                                                                       \
    op, operands, operands, nullptr, nullptr, nullptr,                    \
        [](const double* x, const double* p) -> bool { return formula; }, \
        [](const I* x, const double* p) -> bool { return formula; },      \
        [](const U* x, const double* p) -> bool { return formula; }, {    \
      { __VA_ARGS__ }                                                     \
    }                                                                     \
  }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-local-typedefs"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wpedantic"
constexpr PointwiseRow kTable[] = {
    ALL("Add", 2, 2, add<T>(x[0], x[1])),
    ALL("Sub", 2, 2, subtract<T>(x[0], x[1])),
    ALL("Mul", 2, 2, multiply<T>(x[0], x[1])),
    ALL("Div", 2, 2, divide<T>(x[0], x[1])),
    ALL("Mod", 2, 2, modulo<T>(x[0], x[1], p[0] != 0), {"fmod", 0}),
    ALL("Sum", 1, -1, add<T>(x[0], x[1])),
    ALL("Min", 1, -1, minimum<T>(x[0], x[1])),
    ALL("Max", 1, -1, maximum<T>(x[0], x[1])),
    ALL("Clip", 3, 3, minimum<T>(maximum<T>(x[0], x[1]), x[2])),
    ALL("Neg", 1, 1, subtract<T>(0, x[0])),
    ALL("Abs", 1, 1, (x[0] < 0 ? subtract<T>(0, x[0]) : x[0])),
    ALL("Sign", 1, 1, sign<T>(x[0])),
    ALL("Relu", 1, 1, (x[0] < 0 ? T{0} : x[0])),
    ALL("PRelu", 2, 2, (x[0] < 0 ? multiply<T>(x[0], x[1]) : x[0])),
    INTEGER("BitwiseAnd", 2, x[0] & x[1]),
    INTEGER("BitwiseOr", 2, x[0] | x[1]),
    INTEGER("BitwiseXor", 2, x[0] ^ x[1]),
    INTEGER("BitwiseNot", 1, ~x[0]),
    INTEGER("BitShift", 2, shift<T>(x[0], x[1], p[0] != 0), {"direction=LEFT", 0}),
    {"Pow", 2, 2, [](const double* x, const double*) { return std::pow(x[0], x[1]); },
     [](const I* x, const double*) { return power(x[0], x[1]); },
     [](const U* x, const double*) { return static_cast<U>(power(static_cast<I>(x[0]), static_cast<I>(x[1]))); }},
    FLOAT("Reciprocal", 1, 1 / x[0]),
    FLOAT("Sqrt", 1, std::sqrt(x[0])),
    FLOAT("Exp", 1, std::exp(x[0])),
    FLOAT("Log", 1, std::log(x[0])),
    FLOAT("Sin", 1, std::sin(x[0])),
    FLOAT("Cos", 1, std::cos(x[0])),
    FLOAT("Tan", 1, std::tan(x[0])),
    FLOAT("Asin", 1, std::asin(x[0])),
    FLOAT("Acos", 1, std::acos(x[0])),
    FLOAT("Atan", 1, std::atan(x[0])),
    FLOAT("Sinh", 1, std::sinh(x[0])),
    FLOAT("Cosh", 1, std::cosh(x[0])),
    FLOAT("Tanh", 1, std::tanh(x[0])),
    FLOAT("Asinh", 1, std::asinh(x[0])),
    FLOAT("Acosh", 1, std::acosh(x[0])),
    FLOAT("Atanh", 1, std::atanh(x[0])),
    FLOAT("Erf", 1, std::erf(x[0])),
    FLOAT("Floor", 1, std::floor(x[0])),
    FLOAT("Ceil", 1, std::ceil(x[0])),
    FLOAT("Round", 1, std::nearbyint(x[0])),
    FLOAT("Sigmoid", 1, sigmoid(x[0])),
    FLOAT("Softplus", 1, softplus(x[0])),
    FLOAT("Softsign", 1, x[0] / (1 + std::abs(x[0]))),
    FLOAT("Gelu", 1, gelu(x[0], p[0] != 0), {"approximate=tanh", 0}),
    FLOAT("Swish", 1, x[0] * sigmoid(p[0] * x[0]), {"alpha", 1}),
    FLOAT("SwiGLU", 2, x[0] * sigmoid(p[0] * x[0]) * x[1], {"alpha", 1}),
    FLOAT("Mish", 1, x[0] * std::tanh(softplus(x[0]))),
    FLOAT("Elu", 1, elu(x[0], p[0]), {"alpha", 1}),
    FLOAT("Celu", 1, std::max(0.0, x[0]) + std::min(0.0, p[0] * std::expm1(x[0] / p[0])), {"alpha", 1}),
    FLOAT("Selu", 1, p[1] * elu(x[0], p[0]), {"alpha", 1.67326319217681884765625},
          {"gamma", 1.05070102214813232421875}),
    FLOAT("LeakyRelu", 1, x[0] < 0 ? p[0] * x[0] : x[0], {"alpha", 0.01F}),
    FLOAT("ThresholdedRelu", 1, x[0] > p[0] ? x[0] : 0, {"alpha", 1}),
    FLOAT("HardSigmoid", 1, std::max(0.0, std::min(1.0, p[0] * x[0] + p[1])), {"alpha", 0.2F}, {"beta", 0.5}),
    FLOAT("HardSwish", 1, x[0] * std::max(0.0, std::min(1.0, x[0] / 6 + 0.5))),
    ALL("Shrink", 1, 1,
        static_cast<T>(static_cast<double>(x[0]) < -p[0]  ? static_cast<double>(x[0]) + p[1]
                       : static_cast<double>(x[0]) > p[0] ? static_cast<double>(x[0]) - p[1]
                                                          : 0.0),
        {"lambd", 0.5}, {"bias", 0}),
    TEST("Equal", 2, x[0] == x[1]),
    TEST("Less", 2, x[0] < x[1]),
    TEST("LessOrEqual", 2, x[0] <= x[1]),
    TEST("Greater", 2, x[0] > x[1]),
    TEST("GreaterOrEqual", 2, x[0] >= x[1]),
    TEST("And", 2, x[0] != 0 && x[1] != 0),
    TEST("Or", 2, x[0] != 0 || x[1] != 0),
    TEST("Xor", 2, (x[0] != 0) != (x[1] != 0)),
    TEST("Not", 1, x[0] == 0),
    TEST("IsNaN", 1, x[0] != x[0]),
    TEST("IsInf", 1, std::isinf(static_cast<double>(x[0])) && (static_cast<double>(x[0]) < 0 ? p[0] : p[1]) != 0,
         {"detect_negative", 1}, {"detect_positive", 1}),
};
#pragma GCC diagnostic pop

#undef ALL
#undef INTEGER
#undef FLOAT
#undef TEST

}  // namespace

std::span<const PointwiseRow> pointwise_table() { return kTable; }

}  // namespace ingot::reference
