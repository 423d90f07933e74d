// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_test_util.h"
#include "passes/pipeline.h"

namespace ingot::passes {
namespace {

using namespace testing;

// Scales are powers of two: every arithmetic that is right gives the same bytes.
class Quantised : public Builder {
 public:
  ValueId bytes(const Shape& shape, DType type) {
    HostTensor tensor = HostTensor::create(type, shape).value();
    std::mt19937 random(++salt_);
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      tensor.set_int(i, static_cast<std::int64_t>(random() % 256) - (type == DType::i8 ? 128 : 0));
    return graph->add_constant("", share(std::move(tensor)));
  }
  ValueId zero(DType type, std::int64_t value) {
    HostTensor tensor = HostTensor::create(type, {}).value();
    tensor.set_int(0, value);
    return graph->add_constant("", share(std::move(tensor)));
  }
  ValueId quantize(ValueId x, double scale, DType type, std::int64_t point) {
    return op("QuantizeLinear", {x, number(scale), zero(type, point)});
  }
  ValueId dequantize(ValueId x, double scale, DType type, std::int64_t point) {
    return op("DequantizeLinear", {x, number(scale), zero(type, point)});
  }
  // Through bytes and back.
  ValueId through(ValueId x, double scale, DType type, std::int64_t point) {
    return dequantize(quantize(x, scale, type, point), scale, type, point);
  }
  ValueId dequantized_weights(const Shape& shape) { return dequantize(bytes(shape, DType::i8), 0x1p-9, DType::i8, 0); }

 private:
  unsigned salt_ = 0;
};

Options integer_options() {
  Options options;
  options.channels_last = true;
  options.expand_quantized = true;
  options.integer_products = true;
  return options;
}

TEST(IntegerProducts, ANetworkOfQAndDqFlowsInBytes) {
  for (const DType type : {DType::u8, DType::i8}) {
    const std::int64_t point = type == DType::u8 ? 118 : -9;
    Quantised b;
    const ValueId x = b.through(b.in("x", {1, 8, 6, 6}), 0x1p-6, type, point);
    const ValueId first =
        b.op("Relu", {b.op("Conv", {x, b.dequantized_weights({8, 8, 3, 3})}, {{"pads", Ints{1, 1, 1, 1}}})});
    const ValueId half = b.through(first, 0x1p-5, type, point);
    const ValueId second = b.op("Conv", {half, b.dequantized_weights({8, 8, 1, 1})});
    const ValueId sum = b.op("Add", {b.through(second, 0x1p-4, type, point), x});
    const ValueId pooled = b.op("MaxPool", {b.through(b.op("Relu", {sum}), 0x1p-4, type, point)},
                                {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    const ValueId flat = b.op("Flatten", {b.through(pooled, 0x1p-4, type, point)});
    const ValueId last = b.op("Gemm", {flat, b.dequantized_weights({5, 72})}, {{"transB", std::int64_t{1}}});
    b.out({b.through(last, 0x1p-3, type, point)});
    const Options options = integer_options();
    EXPECT_GT(rewrite(*b.graph, standard_pipeline(options), options, 1e-6), 0);
    EXPECT_EQ(count(*b.graph, "ConvInteger"), 2);
    EXPECT_EQ(count(*b.graph, "MatMulInteger"), 1);
    for (const char* gone : {"Conv", "MatMul", "Gemm", "QuantizeLinear", "DequantizeLinear"})
      EXPECT_EQ(count(*b.graph, gone), 0) << gone;
    // All that is left between the products takes and gives bytes.
    for (const ir::NodeId id : b.graph->nodes()) {
      const ir::Node& node = b.graph->node(id);
      if (node.op == "ConvInteger" || node.op == "MaxPool") {
        EXPECT_EQ(dtype_of(*b.graph, node.outputs[0]), type) << node.name;
      }
    }
    EXPECT_LE(count(*b.graph, "Pointwise"), 2);  // at both ends
  }
}

TEST(IntegerProducts, QLinearConvKeepsItsScaleAndBias) {
  Quantised b;
  const ValueId x = b.quantize(b.in("x", {2, 3, 5, 5}), 0x1p-5, DType::u8, 100);
  HostTensor bias = HostTensor::create(DType::i32, {4}).value();
  for (std::int64_t i = 0; i < 4; ++i) bias.set_int(i, 1000 * i - 1500);
  const ValueId y = b.op("QLinearConv", {x, b.number(0x1p-5), b.zero(DType::u8, 100), b.bytes({4, 3, 3, 3}, DType::u8),
                                         b.number(0.013), b.zero(DType::u8, 131), b.number(0.37), b.zero(DType::u8, 90),
                                         b.graph->add_constant("", share(std::move(bias)))});
  b.out({y});
  const Options options = integer_options();
  EXPECT_GT(rewrite(*b.graph, standard_pipeline(options), options, 0), 0);
  const ir::Node* product = first(*b.graph, "ConvInteger");
  ASSERT_NE(product, nullptr);
  EXPECT_EQ(dtype_of(*b.graph, product->outputs[0]), DType::u8);
}

// What no integer kernel takes stays a product of floats: weights that are no constants, blocks of scales.
TEST(IntegerProducts, NearMissesStay) {
  Quantised b;
  const ValueId x = b.dequantize(b.in("x", {4, 8}, DType::u8), 0x1p-5, DType::u8, 3);
  const ValueId w = b.dequantize(b.in("w", {8, 5}, DType::u8), 0x1p-5, DType::u8, 3);
  const ValueId scales = b.weights({4, 5}, 0.01, 0.02);
  const ValueId blocked = b.op("DequantizeLinear", {b.bytes({8, 5}, DType::i8), scales},
                               {{"axis", std::int64_t{0}}, {"block_size", std::int64_t{2}}});
  b.out({b.op("MatMul", {x, w}), b.op("MatMul", {x, blocked})});
  rewrite(*b.graph, integer_product_rules());
  EXPECT_EQ(count(*b.graph, "MatMulInteger"), 0);
  EXPECT_EQ(count(*b.graph, "MatMul"), 2);
}

TEST(IntegerProducts, OnlyTheSameScaleCancels) {
  Quantised b;
  const ValueId x = b.dequantize(b.in("x", {4, 8}, DType::u8), 0x1p-5, DType::u8, 3);
  std::vector<ValueId> results;
  for (const auto& [scale, point] : {std::pair(0x1p-5, 3), {0x1p-5, 4}, {0x1p-4, 3}})
    results.push_back(b.op("Cast", {b.quantize(x, scale, DType::u8, point)}, {{"to", DType::f32}}));
  b.out(results);
  EXPECT_EQ(rewrite(*b.graph, integer_product_rules()), 1);
  EXPECT_EQ(count(*b.graph, "QuantizeLinear"), 2);
}

}  // namespace
}  // namespace ingot::passes
