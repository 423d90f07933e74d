// SPDX-License-Identifier: Apache-2.0
#include "tensor/host_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/tensor_text.h"

namespace ingot {
namespace {

constexpr DType kNumeric[] = {DType::f32,        DType::f64,    DType::f16,        DType::bf16,   DType::f8e4m3fn,
                              DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz, DType::f4e2m1, DType::i8,
                              DType::i16,        DType::i32,    DType::i64,        DType::u8,     DType::u16,
                              DType::u32,        DType::u64,    DType::i4,         DType::u4,     DType::i2,
                              DType::u2,         DType::c64,    DType::c128};

TEST(HostTensor, StoresAndLoadsEveryType) {
  for (const DType dtype : kNumeric) {
    auto tensor = HostTensor::create(dtype, {7});
    ASSERT_TRUE(tensor.is_ok());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor->bytes().data()) % 64, 0U);
    for (std::int64_t i = 0; i < 7; ++i) EXPECT_EQ(tensor->as_double(i), 0);
    for (std::int64_t i = 0; i < 7; ++i) tensor->set_int(i, i % 2);
    tensor->set_double(3, 1.0);
    for (std::int64_t i = 0; i < 7; ++i) {
      EXPECT_EQ(tensor->as_int(i), i % 2) << to_string(dtype);
      EXPECT_EQ(tensor->as_double(i), static_cast<double>(i % 2)) << to_string(dtype);
    }
    const bool is_signed = kind_of(dtype) != 'u';
    tensor->set_int(2, -1);
    EXPECT_EQ(tensor->as_int(2) == -1, is_signed || dtype == DType::u64) << to_string(dtype);
    EXPECT_EQ(tensor->as_int(1), 1);
    EXPECT_EQ(tensor->as_int(3), 1);
  }
}

TEST(HostTensor, RoundsAndWraps) {
  auto bytes = HostTensor::create(DType::i8, {2}).value();
  bytes.set_int(0, 300);
  bytes.set_double(1, -2.9);
  EXPECT_EQ(bytes.as_int(0), 44);
  EXPECT_EQ(bytes.as_int(1), -2);
  auto wide = HostTensor::create(DType::u64, {1}).value();
  wide.set_double(0, 0x1p63);
  EXPECT_EQ(wide.as_double(0), 0x1p63);
  const HostTensor huge = HostTensor::scalar(DType::f64, 1e300);
  EXPECT_EQ(huge.as_int(0), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(HostTensor::scalar(DType::f32, std::nan("")).as_int(0), 0);
  EXPECT_EQ(HostTensor::scalar(DType::f8e4m3fn, 1e9).as_double(0), 448);
  EXPECT_EQ(HostTensor::scalar(DType::boolean, 0.25).as_int(0), 1);
}

TEST(HostTensor, RefusesImpossibleShapes) {
  EXPECT_FALSE(HostTensor::create(DType::f32, {-1}).is_ok());
  EXPECT_FALSE(HostTensor::create(DType::f32, {std::int64_t{1} << 61, 4}).is_ok());
  EXPECT_EQ(HostTensor::create(DType::u8, {std::int64_t{1} << 59}).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(HostTensor::create(DType::string, {std::int64_t{1} << 60}).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(HostTensor::create(DType::f32, {std::int64_t{1} << 62, 0}).is_ok());
}

TEST(HostTensor, Views) {
  auto memory = std::make_shared<std::vector<std::byte>>(64);
  const std::span<const std::byte> bytes(*memory);
  EXPECT_FALSE(HostTensor::view(DType::f32, {17}, bytes, memory).is_ok());
  EXPECT_FALSE(HostTensor::view(DType::string, {1}, bytes, memory).is_ok());
  const HostTensor view = HostTensor::view(DType::f32, {4, 4}, bytes, memory).value();
  EXPECT_EQ(view.bytes().data(), bytes.data());
  EXPECT_EQ(memory.use_count(), 2);
  const HostTensor copy = HostTensor::view(DType::f32, {2}, bytes.subspan(1), memory).value();
  EXPECT_NE(copy.bytes().data(), bytes.data() + 1);
  EXPECT_EQ(view.reshaped({16})->bytes().data(), bytes.data());
  EXPECT_FALSE(view.reshaped({15}).is_ok());
}

TEST(TensorText, RoundTrips) {
  for (const DType dtype : kNumeric) {
    HostTensor tensor = HostTensor::create(dtype, {3, 5}).value();
    for (std::int64_t i = 0; i < tensor.elements(); ++i) tensor.set_double(i, static_cast<double>(i) / 3 - 2);
    const std::string text = tensor_text(tensor);
    TextScanner scanner(text);
    auto back = parse_tensor(scanner);
    ASSERT_TRUE(back.is_ok()) << text;
    EXPECT_TRUE(same_content(tensor, *back)) << text;
    if (kind_of(dtype) == 'c') continue;
    HostTensor elements = HostTensor::create(dtype, {3, 5}).value();
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
      const std::string element = element_text(tensor, i);
      TextScanner one(element);
      ASSERT_TRUE(parse_element(one, elements, i).is_ok()) << element;
    }
    EXPECT_TRUE(same_content(tensor, elements)) << to_string(dtype);
  }
  EXPECT_EQ(tensor_text(HostTensor::of_ints(std::vector<std::int64_t>{1})), "<i64[1] 0x0100000000000000>");
  HostTensor strings = HostTensor::create(DType::string, {2}).value();
  strings.strings() = {"a\"b", "\xff"};
  const std::string text = tensor_text(strings);
  TextScanner scanner(text);
  EXPECT_TRUE(same_content(strings, parse_tensor(scanner).value()));
}

TEST(TensorText, RefusesHostileText) {
  for (const char* text :
       {"", "<", "<f32", "<f32[2] 0x00>", "<f32[1] 0x000000zz>", "<f32[1000000000000] 0x00>", "<f32[-1] 0x>",
        "<what[1] 0x00>", "<u8[1] 0x0000>", "<string[2] \"a\">", "<string[1000000000000] >", "<f32[1] 0x00000000"}) {
    TextScanner scanner(text);
    EXPECT_FALSE(parse_tensor(scanner).is_ok()) << text;
  }
}

}  // namespace
}  // namespace ingot
