// SPDX-License-Identifier: Apache-2.0
// The expressions of the pointwise operators: valid, and right at a few points.
#include <cmath>

#include <gtest/gtest.h>

#include "ops/op_def.h"

namespace ingot::ops {
namespace {

double at(std::string_view op, const Attrs& attrs, const std::vector<double>& values) {
  const std::vector<DType> inputs(values.size(), DType::f32);
  const DType output = DType::f32;
  const auto expr = find_op(op)->expression(attrs, inputs, std::span<const DType>(&output, 1));
  std::vector<Expr::Scalar> scalars;
  for (const double value : values) scalars.push_back({value, 0});
  return expr->evaluate(scalars).f;
}

TEST(Expressions, AllAreValidForTheirTypes) {
  for (const OpDef& def : all_ops()) {
    if (def.expression == nullptr || def.name == "Pointwise") continue;
    SCOPED_TRACE(def.name);
    std::vector<DType> inputs;
    bool logical = false;
    for (const OperandSpec& spec : def.inputs) {
      const char kind = spec.type.empty() ? 'T' : spec.type.front();
      inputs.push_back(kind == 'b' ? DType::boolean : kind == 'Q' ? DType::i32 : DType::f32);
      logical = kind == 'b' && def.name != "Where";
    }
    for (const std::string_view name :
         {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsNaN", "IsInf"}) {
      logical = logical || def.name == name;
    }
    const DType output = logical ? DType::boolean : def.name == "Where" ? DType::f32 : inputs[0];
    Attrs attrs;
    if (def.name == "BitShift") attrs.set("direction", std::string("LEFT"));
    const auto expr = def.expression(attrs, inputs, std::span<const DType>(&output, 1));
    ASSERT_TRUE(expr.has_value());
    EXPECT_TRUE(expr->validate().is_ok()) << expr->to_string() << " " << expr->validate().message();
    EXPECT_EQ(expr->result_type(), output) << expr->to_string();
    EXPECT_EQ(expr->input_types(), inputs);
  }
}

TEST(Expressions, Values) {
  const double x = -0.7;
  EXPECT_NEAR(at("HardSigmoid", {}, {x}), 0.2 * x + 0.5, 1e-6);
  EXPECT_NEAR(at("HardSigmoid", {{"alpha", 1.0 / 6}}, {x}), x / 6 + 0.5, 1e-6);
  EXPECT_NEAR(at("Elu", {{"alpha", 2.0}}, {x}), 2 * std::expm1(x), 1e-6);
  EXPECT_NEAR(at("Selu", {}, {x}), 1.0507009873 * 1.6732632423 * std::expm1(x), 1e-6);
  EXPECT_NEAR(at("Celu", {{"alpha", 2.0}}, {x}), 2 * std::expm1(x / 2), 1e-6);
  EXPECT_NEAR(at("Celu", {{"alpha", 2.0}}, {1.5}), 1.5, 1e-6);
  EXPECT_NEAR(at("LeakyRelu", {}, {x}), 0.01 * x, 1e-6);
  EXPECT_NEAR(at("Mish", {}, {x}), x * std::tanh(std::log1p(std::exp(x))), 1e-6);
  EXPECT_NEAR(at("Swish", {{"alpha", 2.0}}, {x}), x / (1 + std::exp(-2 * x)), 1e-6);
  EXPECT_NEAR(at("Softsign", {}, {x}), x / 1.7, 1e-6);
  EXPECT_NEAR(at("ThresholdedRelu", {{"alpha", 0.5}}, {0.6}), 0.6, 1e-6);
  EXPECT_NEAR(at("Shrink", {{"bias", 0.1}}, {x}), x + 0.1, 1e-6);
  EXPECT_NEAR(at("Mean", {}, {1, 2, 6}), 3, 1e-6);
  EXPECT_NEAR(at("Clip", {}, {5, -1, 2}), 2, 1e-6);
  EXPECT_NEAR(at("Gelu", {}, {x}), 0.5 * x * std::erfc(-x / std::sqrt(2.0)), 1e-6);
  EXPECT_NEAR(at("Mod", {{"fmod", std::int64_t{1}}}, {-5, 3}), -2, 1e-6);
}

TEST(Expressions, AbsentOperandsAreLeftOut) {
  const DType output = DType::f32;
  const std::vector<DType> inputs{DType::f32, DType::undefined, DType::f32};
  const auto expr = find_op("Clip")->expression({}, inputs, std::span<const DType>(&output, 1));
  ASSERT_TRUE(expr.has_value());
  EXPECT_EQ(expr->to_string(), "(x0:f32, x1:f32) { t0 = min(x0, x1) }");
}

TEST(Expressions, StringsAndSubByteTypesHaveNone) {
  const DType output = DType::i4;
  const std::vector<DType> inputs{DType::f32};
  EXPECT_FALSE(find_op("Cast")->expression({}, inputs, std::span<const DType>(&output, 1)).has_value());
}

}  // namespace
}  // namespace ingot::ops
