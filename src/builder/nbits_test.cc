// SPDX-License-Identifier: Apache-2.0
// Which products keep their small weights.
#include "builder/nbits.h"

#include "backends/cpu/cpu_backend.h"
#include "passes/graph_test_util.h"

namespace ingot::builder {
namespace {

using ir::ValueId;

struct Dequantised : passes::testing::Builder {
  // A constant of zeros.
  ValueId zeros(DType type, const Shape& shape) {
    return graph->add_constant("", share(HostTensor::create(type, shape).value()));
  }
  ValueId matrix(const Shape& shape, const Shape& scales, std::int64_t axis, DType scale = DType::f32) {
    return op("DequantizeLinear", {zeros(DType::u4, shape), zeros(scale, scales), zeros(DType::u4, scales)},
              {{"axis", axis}, {"block_size", std::int64_t{16}}});
  }
  // The kinds of the steps that are left, each with the number of its operands.
  std::string steps() {
    auto lowered = lower(*graph, {}, {});
    EXPECT_TRUE(lowered.is_ok()) << lowered.status().to_string();
    EXPECT_TRUE(join_nbits(*lowered, cpu::backend()).is_ok());
    std::string text;
    for (const LoweredStep& step : lowered->steps)
      text += fmt::format("{}{} ", step.problem.kind, step.problem.inputs.size());
    return text;
  }
};

constexpr std::int64_t kOne = 1;

TEST(Nbits, ProductsTakeTheIntegers) {
  Dequantised b;
  const ValueId x = b.in("x", {3, 40});
  b.out({b.op("MatMul", {x, b.matrix({40, 7}, {3, 7}, 0)}),
         b.op("MatMul", {x, b.matrix({7, 40}, {7, 3}, -1), b.weights({7})}, {{"transB", kOne}})});
  EXPECT_EQ(b.steps(), "MatMulNBits4 MatMulNBits5 ");
}

TEST(Nbits, AlsoBehindACastAndACut) {
  Dequantised b;
  const ValueId x = b.in("x", {3, 40});
  const ValueId w = b.op("Pointwise", {b.matrix({7, 48}, {7, 3}, 1, DType::f16)},
                         {{"expr", std::string("(x0:f16) { t0 = cast<f32>(x0) }")}});
  const ValueId cut = b.op("Slice", {w, b.ints({0}), b.ints({40}), b.ints({1})});
  b.out({b.op("MatMul", {x, cut}, {{"transB", kOne}})});
  EXPECT_EQ(b.steps(), "MatMulNBits4 ");
}

TEST(Nbits, WhatElseReadsTheMatrixStillGetsIt) {
  Dequantised b;
  const ValueId w = b.matrix({40, 7}, {3, 7}, 0);
  b.out({b.op("MatMul", {b.in("x", {3, 40}), w}), b.op("Softmax", {w})});
  EXPECT_EQ(b.steps(), "DequantizeLinear3 MatMulNBits4 Softmax1 ");
}

TEST(Nbits, BlocksAlongColumnsStay) {
  Dequantised b;
  b.out({b.op("MatMul", {b.in("x", {3, 40}), b.matrix({40, 7}, {40, 1}, 1)})});
  EXPECT_EQ(b.steps(), "DequantizeLinear3 MatMul2 ");
}

TEST(Nbits, ACutOfTheBeginningStays) {
  Dequantised b;
  const ValueId cut = b.op("Slice", {b.matrix({48, 7}, {3, 7}, 0), b.ints({8}), b.ints({48}), b.ints({0})});
  b.out({b.op("MatMul", {b.in("x", {3, 40}), cut})});
  EXPECT_EQ(b.steps(), "DequantizeLinear3 Slice4 MatMul2 ");
}

}  // namespace
}  // namespace ingot::builder
