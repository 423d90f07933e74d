// SPDX-License-Identifier: Apache-2.0
// Which steps become a squeeze-and-excite block, and that the program computes what it did.
#include "builder/squeeze_excite.h"

#include <gtest/gtest.h>

#include <cmath>

#include "builder/half.h"
#include "builder/program_testing.h"
#include "ir/text.h"

namespace ingot::builder {
namespace {

using Worth = std::function<bool(const Problem&)>;

const Worth kAlways = [](const Problem&) { return true; };

std::string pool(std::string_view map = "%x") {
  return fmt::format("%p: f32[2, 1, 1, 4] = GlobalAveragePool({}) {{channels_last=1}}\n", map);
}
std::string dense(std::string_view to, std::string_view from, std::string_view weights, int count,
                  std::string_view function, std::string_view attributes = "") {
  return fmt::format(
      "%{}: f32[2, 1, 1, {}] = Conv(%{}, {}) {{channels_last=1, kernel_shape=[1, 1], epilogue=\"(x0:f32) {{ t0 = "
      "{}(x0) }}\", epilogue_inputs=0{}}}\n",
      to, count, from, weights, function, attributes);
}
std::string products() { return dense("f", "p", "%w1, %b1", 2, "silu") + dense("s", "f", "%w2, %b2", 4, "sigmoid"); }
std::string multiply(std::string_view inputs = "%s, %x",
                     std::string_view expr = "(x0:f32, x1:f32) { t0 = mul(x0, x1) }") {
  return fmt::format("%y: f32[2, 6, 5, 4] = Pointwise({}) {{expr=\"{}\"}}\n", inputs, expr);
}

Lowered lowered_of(const std::string& body, const std::string& outputs = "%y") {
  const std::string text = "graph \"g\" (%x: f32[2, 6, 5, 4], %r: f32[2, 6, 5, 4], %v: f32[4, 2, 1, 1]) -> (" +
                           outputs + R"() {
    const %w1: f32[2, 4, 1, 1] = [0.5, -1.0, 0.25, 2.0, -0.5, 1.5, 1.0, -0.25]
    const %b1: f32[2] = [0.125, -0.5]
    const %w2: f32[4, 2, 1, 1] = [1.0, -0.5, 0.5, 0.75, -1.5, 0.25, 2.0, 1.0]
    const %b2: f32[4] = [0.5, 0.25, -1.0, 0.0]
    const %m1: f32[2, 4] = [0.5, -1.0, 0.25, 2.0, -0.5, 1.5, 1.0, -0.25]
    const %m2: f32[4, 2] = [1.0, -0.5, 0.5, 0.75, -1.5, 0.25, 2.0, 1.0]
    const %flat: i64[2] = [2, 4]
    const %pixel: i64[4] = [2, 1, 1, 4]
    const %axes: i64[2] = [1, 2]
)" + body + "}";
  return lower_text(text);
}

std::string kinds(const LoweredProgram& program) {
  std::string text;
  for (const LoweredStep& step : program.steps) {
    text += step.problem.kind;
    if (step.problem.kind == "SqueezeExcite" && step.problem.attrs.get_int("scales_only", 0) != 0) text += "(scales)";
    text += " ";
  }
  return text;
}

// The kinds of the steps that are left; the outputs must not change.
std::string fused(Lowered lowered, const Worth& worth = kAlways, double tolerance = 1e-5) {
  const std::vector<double> before = run_by_reference(lowered);
  fuse_squeeze_excite(lowered, worth);
  const std::vector<double> after = run_by_reference(lowered);
  EXPECT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    EXPECT_NEAR(before[i], after[i], tolerance * (1 + std::abs(before[i]))) << i;
  return kinds(lowered);
}

TEST(SqueezeExcite, IsOneStep) {
  EXPECT_EQ(fused(lowered_of(pool() + products() + multiply())), "SqueezeExcite ");
  EXPECT_EQ(fused(lowered_of(pool() + products() + multiply("%x, %s"))), "SqueezeExcite ");
  EXPECT_EQ(fused(lowered_of("%p: f32[2, 1, 1, 4] = ReduceMean(%x, %axes) {keepdims=1}\n" + products() + multiply())),
            "SqueezeExcite ");
}

TEST(SqueezeExcite, ReadsDenseLayers) {
  const std::string body = pool() + R"(%q: f32[2, 4] = Reshape(%p, %flat)
    %f: f32[2, 2] = MatMul(%q, %m1, %b1) {transB=1, epilogue="(x0:f32) { t0 = silu(x0) }", epilogue_inputs=0}
    %g: f32[2, 4] = MatMul(%f, %m2) {transB=1, epilogue="(x0:f32) { t0 = sigmoid(x0) }", epilogue_inputs=0}
    %s: f32[2, 1, 1, 4] = Reshape(%g, %pixel)
)";
  EXPECT_EQ(fused(lowered_of(body + multiply())), "SqueezeExcite ");
  // Transposed weights.
  std::string turned = body;
  turned.replace(turned.find("%m1, %b1) {transB=1"), 19, "%m2, %b1) {transB=0");
  EXPECT_EQ(fused(lowered_of(turned + multiply())), "GlobalAveragePool MatMul MatMul Pointwise ");
}

TEST(SqueezeExcite, TakesWhatFollowsTheMultiplication) {
  EXPECT_EQ(fused(lowered_of(pool() + products() +
                             multiply("%r, %s, %x",
                                      "(x0:f32, x1:f32, x2:f32) { t0 = mul(x2, x1); t1 = add(x0, t0); "
                                      "t2 = tanh(t1) }"))),
            "SqueezeExcite ");
  // The map stands in a second place, or in none with the scales.
  const std::string scales_only = "SqueezeExcite(scales) Pointwise ";
  EXPECT_EQ(fused(lowered_of(pool() + products() +
                             multiply("%s, %x", "(x0:f32, x1:f32) { t0 = mul(x0, x1); t1 = add(t0, x1) }"))),
            scales_only);
  EXPECT_EQ(fused(lowered_of(pool() + products() + multiply("%s, %x", "(x0:f32, x1:f32) { t0 = add(x0, x1) }"))),
            scales_only);
  EXPECT_EQ(fused(lowered_of(pool() + products() + multiply("%s, %r"))), scales_only);
}

TEST(SqueezeExcite, WorksInHalfPrecision) {
  for (const DType half : {DType::f16, DType::bf16}) {
    Lowered lowered = lowered_of("%a: f32[2, 6, 5, 4] = Softmax(%x)\n" + pool("%a") + products() +
                                     multiply("%s, %a, %r",
                                              "(x0:f32, x1:f32, x2:f32) { t0 = mul(x0, x1); t1 = add(t0, x2); "
                                              "t2 = tanh(t1) }") +
                                     "%z: f32[2, 6, 5, 4] = Softmax(%y)\n",
                                 "%z");
    ASSERT_TRUE(make_half(lowered, half).is_ok());
    EXPECT_EQ(fused(lowered, kAlways, half == DType::f16 ? 4e-3 : 3e-2),
              "Pointwise Softmax SqueezeExcite Softmax Pointwise ");
  }
}

TEST(SqueezeExcite, LeavesWhatOthersRead) {
  const std::string whole = pool() + products() + multiply();
  EXPECT_EQ(fused(lowered_of(whole, "%y, %s")), "SqueezeExcite(scales) Pointwise ");
  EXPECT_EQ(fused(lowered_of(whole, "%y, %p")), "GlobalAveragePool SqueezeExcite(scales) Pointwise ");
  EXPECT_EQ(fused(lowered_of(whole, "%y, %f")), "GlobalAveragePool Conv Conv Pointwise ");
}

TEST(SqueezeExcite, IsTheLargestPartThatIsWorthIt) {
  const std::string whole = pool() + products() + multiply();
  const auto when = [&](const Worth& worth) { return fused(lowered_of(whole), worth); };
  EXPECT_EQ(when([](const Problem&) { return false; }), "GlobalAveragePool Conv Conv Pointwise ");
  EXPECT_EQ(when([](const Problem& p) { return p.attrs.has("scales_only"); }), "SqueezeExcite(scales) Pointwise ");
  EXPECT_EQ(when([](const Problem& p) { return p.inputs[0].shape[1] == 1; }),
            "GlobalAveragePool SqueezeExcite(scales) Pointwise ");
}

TEST(SqueezeExcite, NeedsPlainProductsOfConstants) {
  const std::string apart = "GlobalAveragePool Conv Conv Pointwise ";
  EXPECT_EQ(fused(lowered_of(pool() + dense("f", "p", "%w1, %b1", 2, "silu") + dense("s", "f", "%v", 4, "sigmoid") +
                             multiply())),
            apart);
  EXPECT_EQ(fused(lowered_of(pool() + dense("f", "p", "%w1, %b1", 2, "silu", ", exact=1") +
                             dense("s", "f", "%w2, %b2", 4, "sigmoid") + multiply())),
            apart);
}

}  // namespace
}  // namespace ingot::builder
