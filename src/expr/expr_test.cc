// SPDX-License-Identifier: Apache-2.0
#include "expr/expr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ingot {
namespace {

Expr parsed(std::string_view text) {
  auto expr = Expr::parse(text);
  EXPECT_TRUE(expr.is_ok()) << text << ": " << expr.status().to_string();
  return expr.is_ok() ? *expr : Expr();
}

double run(std::string_view text, std::vector<double> inputs = {}) {
  const Expr expr = parsed(text);
  std::vector<Expr::Scalar> scalars;
  for (const double x : inputs) scalars.push_back({x, std::abs(x) < 0x1p63 ? static_cast<std::int64_t>(x) : 0});
  const Expr::Scalar result = expr.evaluate(scalars);
  return is_float(expr.result_type()) ? result.f : static_cast<double>(result.i);
}

// A random valid program over the given types.
Expr random_expr(std::mt19937& random, int steps) {
  Expr expr({DType::f32, DType::i32, DType::boolean, DType::f32});
  const DType types[] = {DType::f32, DType::i32, DType::boolean, DType::f16};
  const auto operand = [&](DType type) {
    std::vector<ExprArg> fitting;
    for (std::size_t i = 0; i < expr.input_types().size(); ++i)
      if (expr.input_types()[i] == type) fitting.push_back(expr_input(static_cast<int>(i)));
    for (std::size_t i = 0; i < expr.instrs().size(); ++i)
      if (expr.instrs()[i].type == type) fitting.push_back(static_cast<ExprArg>(i));
    if (fitting.empty() || random() % 5 == 0) return expr.add_const(type, static_cast<double>(random() % 5) - 2);
    return fitting[random() % fitting.size()];
  };
  for (int step = 0; step < steps; ++step) {
    const auto op = static_cast<ExprOp>(random() % (static_cast<unsigned>(ExprOp::kCast) + 1));
    if (op == ExprOp::kConst) continue;
    const char cls = class_of(op), domain = domain_of(op);
    DType type = types[random() % 4];
    if (cls == 'l') type = DType::boolean;
    if (domain == 'f' && !is_float(type)) type = DType::f32;
    if (domain == 'i') type = DType::i32;
    if (domain == 'n' && type == DType::boolean) type = DType::i32;
    std::vector<ExprArg> args;
    for (int k = 0; k < arity_of(op); ++k) args.push_back(operand(cls == 's' && k == 0 ? DType::boolean : type));
    const DType result = cls == 'x'                               ? types[random() % 4]
                         : cls == 'c' || cls == 't' || cls == 'l' ? DType::boolean
                                                                  : type;
    expr.add(op, result, args);
  }
  return expr;
}

std::vector<Expr::Scalar> random_inputs(std::mt19937& random) {
  const double values[] = {0.0, -0.0, 1.5, -2.25, 1e30, std::numeric_limits<double>::infinity(), std::nan("")};
  return {{values[random() % 7], 0},
          {0, static_cast<std::int64_t>(random() % 9) - 4},
          {0, static_cast<std::int64_t>(random() % 2)},
          {values[random() % 7], 0}};
}

void expect_same(const Expr::Scalar& a, const Expr::Scalar& b, const std::string& text) {
  EXPECT_EQ(a.i, b.i) << text;
  EXPECT_TRUE(a.f == b.f || (std::isnan(a.f) && std::isnan(b.f))) << a.f << " " << b.f << " " << text;
}

TEST(Expr, TextIsTheDocumentedOne) {
  Expr expr({DType::f32, DType::f32});
  const ExprArg sum = expr.add(ExprOp::k_add, DType::f32, std::array{expr_input(0), expr_input(1)});
  const ExprArg half = expr.add_const(DType::f32, 0.5);
  expr.add(ExprOp::k_mul, DType::f32, std::array{sum, half});
  const std::string text = "(x0:f32, x1:f32) { t0 = add(x0, x1); t1 = const<f32>(0.5); t2 = mul(t0, t1) }";
  EXPECT_EQ(expr.to_string(), text);
  EXPECT_EQ(parsed(text), expr);
  EXPECT_EQ(parsed("(x0:f16) { }").to_string(), "(x0:f16) { }");
  EXPECT_EQ(parsed("(x0:f32) { t0 = cast<i64>(x0) }").result_type(), DType::i64);
}

TEST(Expr, RandomProgramsRoundTripAndSimplifyToTheSame) {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    const Expr expr = random_expr(random, 12);
    ASSERT_TRUE(expr.validate().is_ok()) << expr.to_string() << expr.validate().to_string();
    const auto back = Expr::parse(expr.to_string());
    ASSERT_TRUE(back.is_ok()) << expr.to_string() << back.status().to_string();
    EXPECT_EQ(*back, expr) << expr.to_string();
    const Expr simple = expr.simplified();
    ASSERT_TRUE(simple.validate().is_ok()) << simple.to_string();
    EXPECT_LE(simple.instrs().size(), expr.instrs().size());
    EXPECT_EQ(simple.simplified(), simple) << simple.to_string();
    for (int i = 0; i < 8; ++i) {
      const auto inputs = random_inputs(random);
      expect_same(expr.evaluate(inputs), simple.evaluate(inputs), expr.to_string() + " -> " + simple.to_string());
    }
  }
}

TEST(Expr, ComposesAsFunctions) {
  std::mt19937 random(13);
  int composed = 0;
  for (int round = 0; round < 300; ++round) {
    const Expr producer = random_expr(random, static_cast<int>(random() % 4)),
               consumer = random_expr(random, static_cast<int>(random() % 4));
    const int place = static_cast<int>(random() % 4);
    if (consumer.input_types()[static_cast<std::size_t>(place)] != producer.result_type()) continue;
    ++composed;
    const Expr both = consumer.compose(place, producer);
    ASSERT_TRUE(both.validate().is_ok()) << both.to_string();
    ASSERT_EQ(both.input_types().size(), 7U);
    const auto outer = random_inputs(random), inner = random_inputs(random);
    std::vector<Expr::Scalar> all(outer.begin(), outer.begin() + place), fed = outer;
    all.insert(all.end(), inner.begin(), inner.end());
    all.insert(all.end(), outer.begin() + place + 1, outer.end());
    fed[static_cast<std::size_t>(place)] = producer.evaluate(inner);
    expect_same(both.evaluate(all), consumer.evaluate(fed), both.to_string());
  }
  EXPECT_GT(composed, 50);
}

TEST(Expr, Simplifies) {
  const auto simple = [](std::string_view text) { return parsed(text).simplified().to_string(); };
  EXPECT_EQ(simple("(x0:f32) { t0 = const<f32>(2.0); t1 = const<f32>(0.5); t2 = mul(t0, t1); t3 = mul(x0, t2) }"),
            "(x0:f32) { }");
  EXPECT_EQ(simple("(x0:f32, x1:f32) { t0 = const<f32>(1.0); t1 = mul(x1, t0) }"),
            "(x0:f32, x1:f32) { t0 = const<f32>(1.0); t1 = mul(x1, t0) }");
  EXPECT_EQ(simple("(x0:f32, x1:f32) { t0 = add(x0, x1); t1 = add(x1, x0); t2 = exp(x0); t3 = mul(t0, t1) }"),
            "(x0:f32, x1:f32) { t0 = add(x0, x1); t1 = mul(t0, t0) }");
  EXPECT_EQ(simple("(x0:f16) { t0 = cast<f16>(x0); t1 = neg(t0) }"), "(x0:f16) { t0 = neg(x0) }");
  EXPECT_EQ(simple("(x0:i32) { t0 = const<boolean>(true); t1 = neg(x0); t2 = select(t0, x0, t1) }"), "(x0:i32) { }");
}

TEST(Expr, EvaluatesFloats) {
  const double nan = std::nan("");
  EXPECT_EQ(run("(x0:f32) { t0 = round(x0) }", {2.5}), 2);
  EXPECT_TRUE(std::isnan(run("(x0:f32, x1:f32) { t0 = max(x0, x1) }", {1, nan})));
  EXPECT_TRUE(std::isnan(run("(x0:f32, x1:f32) { t0 = min(x0, x1) }", {nan, 1})));
  EXPECT_EQ(run("(x0:f32, x1:f32) { t0 = mod(x0, x1) }", {-7, 3}), 2);
  EXPECT_EQ(run("(x0:f32, x1:f32) { t0 = fmod(x0, x1) }", {-7, 3}), -1);
  EXPECT_EQ(run("(x0:f32) { t0 = hardswish(x0) }", {1.5}), 1.125);
  EXPECT_NEAR(run("(x0:f32) { t0 = gelu(x0) }", {1.0}), 0.841345, 1e-6);
  EXPECT_NEAR(run("(x0:f32) { t0 = gelu_tanh(x0) }", {1.0}), 0.841192, 1e-6);
  EXPECT_NEAR(run("(x0:f32) { t0 = softplus(x0) }", {100.0}), 100, 1e-4);
  EXPECT_EQ(run("(x0:f16) { t0 = const<f16>(0.1); t1 = add(x0, t0) }", {0}), 0.0999755859375);
  EXPECT_EQ(run("(x0:f16, x1:f16) { t0 = mul(x0, x1) }", {300, 300}), std::numeric_limits<double>::infinity());
  EXPECT_EQ(run("(x0:f32, x1:f32) { t0 = less(x0, x1); t1 = select(t0, x0, x1) }", {nan, 3}), 3);
  EXPECT_EQ(run("(x0:f32, x1:f32) { t0 = prelu(x0, x1) }", {-2, 0.25}), -0.5);
}

TEST(Expr, EvaluatesIntegersExactly) {
  EXPECT_EQ(run("(x0:i32, x1:i32) { t0 = div(x0, x1) }", {-7, 2}), -3);
  EXPECT_EQ(run("(x0:i32, x1:i32) { t0 = mod(x0, x1) }", {-7, 2}), 1);
  EXPECT_EQ(run("(x0:i32, x1:i32) { t0 = mod(x0, x1) }", {-7, 0}), 0);
  EXPECT_EQ(run("(x0:i32, x1:i32) { t0 = div(x0, x1) }", {-7, 0}), 0);
  EXPECT_EQ(run("(x0:i8, x1:i8) { t0 = add(x0, x1) }", {127, 1}), -128);
  EXPECT_EQ(run("(x0:u8) { t0 = bit_not(x0) }", {1}), 254);
  EXPECT_EQ(run("(x0:u8, x1:u8) { t0 = shift_left(x0, x1) }", {3, 7}), 128);
  EXPECT_EQ(run("(x0:i32, x1:i32) { t0 = shift_right(x0, x1) }", {-8, 60}), -1);
  EXPECT_EQ(run("(x0:i64, x1:i64) { t0 = pow(x0, x1) }", {-3, 3}), -27);
  EXPECT_EQ(run("(x0:f32) { t0 = cast<u8>(x0) }", {255.9}), 255);
  EXPECT_EQ(run("(x0:i64) { t0 = cast<boolean>(x0) }", {-4}), 1);
  const Expr expr =
      parsed("(x0:u64, x1:u64) { t0 = less(x0, x1); t1 = const<u64>(18446744073709551615); t2 = select(t0, x0, t1) }");
  const Expr::Scalar inputs[] = {{0, 1}, {0, -1}};
  EXPECT_EQ(expr.evaluate(inputs).i, 1);
  EXPECT_EQ(parsed(expr.to_string()), expr);
  const Expr lowest =
      parsed("(x0:i64) { t0 = const<i64>(-9223372036854775808); t1 = const<i64>(-1); t2 = div(t0, t1); t3 = abs(t2) }");
  EXPECT_EQ(lowest.simplified().instrs().size(), 1U);
}

TEST(Expr, RefusesBadText) {
  for (const char* text : {"",
                           "() { }",
                           "(x0:f32)",
                           "(x1:f32) { }",
                           "(x0:what) { }",
                           "(x0:string) { }",
                           "(x0:f32) { t0 = add(x0) }",
                           "(x0:f32) { t0 = add(x0, t0) }",
                           "(x0:f32) { t1 = neg(x0) }",
                           "(x0:f32) { t0 = neg(x1) }",
                           "(x0:f32, x1:f16) { t0 = add(x0, x1) }",
                           "(x0:i32) { t0 = exp(x0) }",
                           "(x0:f32) { t0 = bit_not(x0) }",
                           "(x0:boolean) { t0 = neg(x0) }",
                           "(x0:f32) { t0 = not(x0) }",
                           "(x0:f32) { t0 = select(x0, x0, x0) }",
                           "(x0:f32) { t0 = const<string>(1) }",
                           "(x0:f32) { t0 = cast<c64>(x0) }",
                           "(x0:f32) { t0 = const<i8>(0.5) }",
                           "(x0:f32) { t0 = neg(x99999999999) }",
                           "(x0:f32) { t0 = neg(x0) } x"})
    EXPECT_FALSE(Expr::parse(text).is_ok()) << text;
  EXPECT_THAT(Expr::parse("(x0:f32) { t0 = sigmoit(x0) }").status().message(),
              testing::HasSubstr("did you mean 'sigmoid'"));
}

TEST(Expr, ValidateCatchesDamage) {
  const ExprArg forward[] = {5};
  Expr expr({DType::f32});
  expr.add(ExprOp::k_neg, DType::f32, forward);
  EXPECT_FALSE(expr.validate().is_ok());
  ExprInstr unknown;
  unknown.op = static_cast<ExprOp>(250);
  unknown.type = DType::f32;
  Expr other({DType::f32});
  other.append(unknown);
  EXPECT_FALSE(other.validate().is_ok());
}

}  // namespace
}  // namespace ingot
