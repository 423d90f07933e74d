// SPDX-License-Identifier: Apache-2.0
// Values: what they hold, and dense inputs and outputs given and fetched as values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "capi/digits_testing.h"

namespace {

using ingot::Value;
using ingot_test::digits;
using ingot_test::image;

std::span<const std::byte> bytes_of(const std::vector<float>& values) { return std::as_bytes(std::span(values)); }

TEST(Value, HoldsTensorsStringsAndSequences) {
  const std::array<std::int64_t, 2> shape{2, 1};
  const std::vector<float> numbers{1, 2};
  const Value tensor = Value::tensor(INGOT_F32, shape, bytes_of(numbers)).value();
  EXPECT_EQ(tensor.kind(), INGOT_VALUE_TENSOR);
  EXPECT_THAT(tensor.tensor().value().shape, testing::ElementsAre(2, 1));
  EXPECT_EQ(std::memcmp(tensor.tensor().value().bytes.data(), numbers.data(), 8), 0);

  const std::vector<std::string> texts{"", std::string("a\0b", 3)};
  const Value strings = Value::strings(shape, texts).value();
  EXPECT_EQ(strings.tensor().value().dtype, INGOT_STRING);
  EXPECT_EQ(strings.string(0, 1).value(), std::string_view("a\0b", 3));

  const std::array<Value, 2> elements{tensor, tensor};
  const Value sequence = Value::sequence(elements).value();
  EXPECT_EQ(sequence.kind(), INGOT_VALUE_SEQUENCE);
  EXPECT_EQ(sequence.count(), 2U);
  EXPECT_EQ(Value::sequence({}).value().count(), 0U);
  EXPECT_EQ(Value::none().value().kind(), INGOT_VALUE_NONE);
}

TEST(Value, MapsAreVectorsInPairs) {
  const std::array<std::int64_t, 1> two{2}, one{1};
  const std::vector<std::string> words{"a", "b"};
  const std::vector<float> numbers{1, 2};
  const Value keys = Value::strings(two, words).value();
  const Value values = Value::tensor(INGOT_F32, two, bytes_of(numbers)).value();
  const Value maps = Value::maps(std::array{keys, values, keys, values}).value();
  EXPECT_EQ(maps.kind(), INGOT_VALUE_MAPS);
  EXPECT_EQ(maps.count(), 4U);
  EXPECT_EQ(maps.string(2, 1).value(), "b");
  const auto refused = [](std::span<const Value> parts) { return Value::maps(parts).status().code(); };
  EXPECT_EQ(refused(std::array{keys}), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(refused(std::array{values, values}), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(refused(std::array{keys, Value::tensor(INGOT_F32, one, bytes_of(numbers)).value()}),
            INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(refused(std::array{keys, maps}), INGOT_INVALID_ARGUMENT);
}

TEST(Value, RefusesWhatDoesNotFit) {
  const std::array<std::int64_t, 1> shape{3};
  const std::vector<float> numbers{1, 2};
  EXPECT_EQ(Value::tensor(INGOT_F32, shape, bytes_of(numbers)).status().code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(Value::tensor(INGOT_STRING, shape, {}).status().code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(Value::tensor(static_cast<ingot_dtype>(99), shape, {}).status().code(), INGOT_INVALID_ARGUMENT);
  const std::array<std::int64_t, 1> huge{std::int64_t{1} << 62};
  EXPECT_FALSE(Value::tensor(INGOT_F32, huge, {}).is_ok());
  const std::array<Value, 1> nested{Value::sequence({}).value()};
  EXPECT_EQ(Value::sequence(nested).status().code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(Value::none().value().tensor().status().code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_value_create_strings(shape.data(), 1, nullptr, nullptr, nullptr), INGOT_INVALID_ARGUMENT);
  ingot_value_destroy(nullptr);
}

TEST(Value, BindsADenseInputToo) {
  const std::vector<float> pixels = image(2);
  ingot::Context plain = digits().create_context({.threads = 1}).value();
  const std::vector<float> expected = ingot_test::scores(plain, pixels, 2);

  const ingot::TensorInfo info = digits().input(0).value();
  EXPECT_EQ(info.type.substr(0, 9), "f32[batch");
  std::vector<std::int64_t> shape(info.shape.begin(), info.shape.end());
  shape[0] = 2;
  ingot::Context context = digits().create_context({.threads = 1}).value();
  EXPECT_EQ(context.output_value(0).status().code(), INGOT_FAILED_PRECONDITION);
  context.bind_value(0, Value::tensor(INGOT_F32, shape, bytes_of(pixels)).value()).check();
  context.run().check();
  const Value output = context.output_value(0).value();
  ASSERT_EQ(output.tensor().value().bytes.size(), expected.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(output.tensor().value().bytes.data(), expected.data(), expected.size() * sizeof(float)), 0);

  EXPECT_EQ(context.bind_value(0, Value::sequence({}).value()).code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(context.bind_value(0, Value::none().value()).code(), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(context.bind_value(9, Value::none().value()).code(), INGOT_INVALID_ARGUMENT);
}

}  // namespace
