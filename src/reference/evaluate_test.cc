// SPDX-License-Identifier: Apache-2.0
// Small hand-checked values, and what ONNX's own node tests do not cover: our attributes, layouts and errors.
#include "reference/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reference/numbers.h"

namespace ingot::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HostTensor numbers(DType dtype, Shape shape, const std::vector<double>& values) {
  return from_numbers(dtype, std::move(shape), values).value();
}
HostTensor floats(Shape shape, const std::vector<double>& values) {
  return numbers(DType::f32, std::move(shape), values);
}
HostTensor ints(const std::vector<std::int64_t>& values) { return HostTensor::of_ints(values); }

Result<std::vector<HostTensor>> call(std::string_view op, const Attrs& attrs, const std::vector<HostTensor>& inputs,
                                     const std::vector<DType>& types) {
  std::vector<const HostTensor*> pointers;
  for (const HostTensor& input : inputs) pointers.push_back(input.dtype() == DType::undefined ? nullptr : &input);
  return evaluate({op, &attrs, pointers, types.size(), types});
}

HostTensor one(std::string_view op, const Attrs& attrs, const std::vector<HostTensor>& inputs,
               DType type = DType::f32) {
  return call(op, attrs, inputs, {type}).value().at(0);
}
std::vector<double> values(const HostTensor& tensor) { return to_numbers<double>(tensor); }
std::string error(std::string_view op, const Attrs& attrs, const std::vector<HostTensor>& inputs) {
  const auto result = call(op, attrs, inputs, {DType::f32});
  return result.is_ok() ? "ok" : result.status().to_string();
}

const HostTensor kAbsent;

TEST(Reference, KnowsItsOperators) {
  EXPECT_TRUE(supports("Conv"));
  EXPECT_TRUE(supports("Pointwise"));
  EXPECT_FALSE(supports("NoSuchOperator"));
  EXPECT_THAT(error("NoSuchOperator", {}, {}), HasSubstr("unsupported"));
}

TEST(Reference, BroadcastsAndKeepsIntegersExact) {
  EXPECT_THAT(values(one("Add", {}, {floats({2, 1}, {1, 2}), floats({3}, {10, 20, 30})})),
              ElementsAre(11, 21, 31, 12, 22, 32));
  const std::int64_t big = (std::int64_t{1} << 62) + 1;
  EXPECT_EQ(one("Sub", {}, {ints({big}), ints({1})}, DType::i64).as_int(0), big - 1);
  const HostTensor most = from_numbers(DType::u64, {1}, std::vector<std::uint64_t>{~std::uint64_t{0}}).value();
  EXPECT_EQ(one("Greater", {}, {most, numbers(DType::u64, {1}, {1})}, DType::boolean).as_int(0), 1);
  EXPECT_EQ(one("Div", {}, {ints({-7}), ints({0})}, DType::i64).as_int(0), 0);
}

TEST(Reference, PointwiseExpression) {
  const Attrs attrs{
      {"expr", std::string("(x0:f32, x1:f32) { t0 = add(x0, x1); t1 = const<f32>(0.5); t2 = mul(t0, t1) }")}};
  EXPECT_THAT(values(one("Pointwise", attrs, {floats({2, 1}, {1, 2}), floats({2}, {3, 5})})),
              ElementsAre(2, 3, 2.5, 3.5));
}

TEST(Reference, ConvolutionInBothLayoutsWithAnEpilogue) {
  // One image of 2 channels and 3 columns, a 1x2 kernel.
  const HostTensor x = floats({1, 2, 1, 3}, {1, 2, 3, 10, 20, 30});
  const HostTensor x_last = floats({1, 1, 3, 2}, {1, 10, 2, 20, 3, 30});
  const HostTensor w = floats({2, 2, 1, 2}, {1, 1, 1, 0, 0, 1, 0, 1});
  EXPECT_THAT(values(one("Conv", {}, {x, w, floats({2}, {0, 100})})), ElementsAre(13, 25, 122, 133));
  const HostTensor y = one("Conv", {{"channels_last", 1}}, {x_last, w});
  EXPECT_EQ(y.shape(), (Shape{1, 1, 2, 2}));
  EXPECT_THAT(values(y), ElementsAre(13, 22, 25, 33));
  const Attrs fused{
      {"channels_last", 1}, {"epilogue", std::string("(x0:f32, x1:f32) { t0 = mul(x0, x1) }")}, {"epilogue_inputs", 1}};
  EXPECT_THAT(values(one("Conv", fused, {x_last, w, kAbsent, floats({2}, {1, -1})})), ElementsAre(13, -22, 25, -33));
}

TEST(Reference, EpilogueSeesTheUnroundedResult) {
  // 2048 + 1 is not an f16; doubled after rounding it would be 4096.
  const Attrs attrs{
      {"epilogue", std::string("(x0:f32) { t0 = const<f32>(2.0); t1 = mul(x0, t0); t2 = cast<f16>(t1) }")}};
  const HostTensor a = numbers(DType::f16, {1, 2}, {2048, 1});
  const HostTensor b = numbers(DType::f16, {2, 1}, {1, 1});
  EXPECT_THAT(values(one("MatMul", attrs, {a, b}, DType::f16)), ElementsAre(4098 - 2));
  EXPECT_THAT(
      values(one("MatMul", {{"epilogue", std::string("(x0:f32) { t0 = const<f32>(1.0); t1 = add(x0, t0) }")}}, {a, b})),
      ElementsAre(2050));
}

TEST(Reference, MatMulWithTransposesAlphaAndBias) {
  const HostTensor a = floats({3, 2}, {1, 4, 2, 5, 3, 6});
  const HostTensor b = floats({1, 3}, {1, 0, -1});
  const Attrs attrs{{"transA", 1}, {"transB", 1}, {"alpha", 0.5}};
  EXPECT_THAT(values(one("MatMul", attrs, {a, b, floats({1}, {10})})), ElementsAre(9, 9));
}

TEST(Reference, MovementOfStringsAndNibbles) {
  HostTensor words = HostTensor::create(DType::string, {3}).value();
  words.strings() = {"a", "b", "c"};
  const auto turned =
      call("Slice", {}, {words, ints({-1}), ints({-9}), ints({0}), ints({-1})}, {DType::string}).value();
  EXPECT_THAT(turned[0].strings(), ElementsAre("c", "b", "a"));
  const HostTensor nibbles = numbers(DType::i4, {3, 1}, {-8, 7, 3});
  EXPECT_THAT(values(one("Tile", {}, {nibbles, ints({1, 2})}, DType::i4)), ElementsAre(-8, -8, 7, 7, 3, 3));
  EXPECT_THAT(values(one("Concat", {{"axis", 0}}, {nibbles, nibbles}, DType::i4)), ElementsAre(-8, 7, 3, -8, 7, 3));
}

TEST(Reference, EmptyTensors) {
  EXPECT_THAT(values(one("ReduceSum", {{"keepdims", 0}}, {floats({2, 0}, {}), ints({1})})), ElementsAre(0, 0));
  EXPECT_EQ(one("Softmax", {}, {floats({0, 4}, {})}).shape(), (Shape{0, 4}));
  EXPECT_THAT(values(one("MatMul", {}, {floats({1, 0}, {}), floats({0, 2}, {})})), ElementsAre(0, 0));
  EXPECT_EQ(one("Transpose", {}, {floats({0, 3}, {})}).shape(), (Shape{3, 0}));
}

TEST(Reference, CastsTruncateAndSaturate) {
  EXPECT_THAT(values(one("Cast", {{"to", DType::i32}}, {floats({3}, {-1.9, 1.9, 2.5})}, DType::i32)),
              ElementsAre(-1, 1, 2));
  EXPECT_THAT(values(one("Cast", {{"to", DType::f8e4m3fn}}, {floats({2}, {1000, -1000})}, DType::f8e4m3fn)),
              ElementsAre(448, -448));
}

struct BadCall {
  std::string op;
  Attrs attrs;
  std::vector<HostTensor> inputs;
  std::string message;
};

TEST(Reference, BadOperandsAreNamed) {
  const HostTensor x = floats({1, 2, 2, 2}, std::vector<double>(8, 1));
  const std::vector<BadCall> calls = {
      {"Conv", {}, {x}, "operand 1 (W) is missing"},
      {"Conv", {}, {x, floats({1, 3, 1, 1}, {1, 1, 1})}, "operand 1 (W)"},
      {"Conv", {}, {x, floats({1, 2, 4, 4}, std::vector<double>(32, 1))}, "smaller than the window"},
      {"Conv", {{"strides", Ints{0, 1}}}, {x, floats({1, 2, 1, 1}, {1, 1})}, "strides"},
      {"MaxPool", {{"kernel_shape", Ints{2}}}, {x}, "kernel_shape"},
      {"Add", {}, {floats({2}, {1, 2}), floats({3}, {1, 2, 3})}, "does not broadcast"},
      {"Gather", {}, {x, ints({1})}, "index 1"},
      {"Gather", {{"axis", 9}}, {x, ints({0})}, "axis 9"},
      {"Gather", {}, {x, floats({1}, {0})}, "integer type"},
      {"GatherND", {}, {x, ints({0, 0, 0, 5})}, "index 5"},
      {"ScatterND", {}, {x, ints({0}), floats({1}, {1})}, "operand 2 (updates)"},
      {"ScatterElements", {}, {floats({2}, {1, 2}), ints({-3}), floats({1}, {1})}, "index -3"},
      {"Slice", {}, {x, ints({0}), ints({1}), ints({0}), ints({0})}, "operand 4 (steps)"},
      {"Split", {{"axis", 1}}, {x, ints({3})}, "operand 1 (split)"},
      {"Reshape", {}, {x, ints({3, -1})}, "does not divide"},
      {"Expand", {}, {x, ints({3})}, "does not broadcast"},
      {"Tile", {}, {x, ints({1, 1, 1, -1})}, "operand 1 (repeats)"},
      {"Pad", {}, {x, ints({0, 0, 0, 0, 0, 0, -3, 0})}, "operand 1 (pads)"},
      {"TopK", {}, {x, ints({3})}, "operand 1 (K)"},
      {"Range",
       {},
       {HostTensor::scalar(DType::i64, 0), HostTensor::scalar(DType::i64, 5), HostTensor::scalar(DType::i64, 0)},
       "delta"},
      {"ConstantOfShape", {}, {ints({std::int64_t{1} << 40, std::int64_t{1} << 40})}, "not possible"},
      {"Attention", {}, {floats({1, 2, 4}, std::vector<double>(8, 1)), x, x}, "operand 0 (Q)"},
      {"Resize", {}, {x}, "scales"},
      {"Col2Im", {}, {floats({1, 1, 1}, {1}), ints({}), ints({})}, "operand 1 (image_shape)"},
      {"Einsum", {{"equation", std::string("ij,jk->ik")}}, {x, x}, "equation"},
      {"BatchNormalization", {}, {x, floats({2}, {1, 1})}, "operand 2 (B) is missing"},
      {"DequantizeLinear", {}, {numbers(DType::i8, {2, 2}, {1, 2, 3, 4}), floats({3}, {1, 1, 1})}, "operand 1 (scale)"},
      {"LSTM",
       Attrs{{"hidden_size", std::int64_t{2}}},
       {floats({1, 1, 1}, {1}), floats({1, 4, 1}, {1, 1, 1, 1}), floats({1, 4, 1}, {1, 1, 1, 1})},
       "hidden_size is 2, operand 2 (R) of shape [1, 4, 1] has 1"},
  };
  for (const BadCall& bad : calls) EXPECT_THAT(error(bad.op, bad.attrs, bad.inputs), HasSubstr(bad.message)) << bad.op;
}

}  // namespace
}  // namespace ingot::reference
