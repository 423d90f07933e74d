// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_proto.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ingot::onnx {
namespace {

using ::testing::HasSubstr;

TensorProto proto_of(DType dtype, std::initializer_list<std::int64_t> dims) {
  TensorProto proto;
  proto.set_data_type(static_cast<std::int32_t>(dtype));
  for (const std::int64_t dim : dims) proto.add_dims(dim);
  return proto;
}

TensorPtr convert(const TensorProto& proto) {
  const auto tensor = to_tensor(proto, ExternalData(""), nullptr);
  EXPECT_TRUE(tensor.is_ok()) << tensor.status().to_string();
  return tensor.is_ok() ? *tensor : nullptr;
}

std::string error_of(const TensorProto& proto) {
  const auto tensor = to_tensor(proto, ExternalData(""), nullptr);
  return tensor.is_ok() ? "" : tensor.status().to_string();
}

constexpr DType kAllNumeric[] = {
#define X(name, bits, kind, number) DType::name,
    INGOT_DTYPES(X)
#undef X
};

// The value 1 in every element, as the list that ONNX prescribes for the type.
void add_ones(TensorProto& proto, DType dtype, std::int64_t elements) {
  HostTensor one = HostTensor::scalar(dtype, 1.0);
  std::uint64_t bits = 0;
  std::memcpy(&bits, one.bytes().data(), std::min<std::size_t>(one.bytes().size(), 8));
  for (std::int64_t i = 0; i < elements; ++i) {
    switch (dtype) {
      case DType::f32: proto.add_float_data(1.0F); break;
      case DType::c64:
        proto.add_float_data(1.0F);
        proto.add_float_data(0.0F);
        break;
      case DType::f64: proto.add_double_data(1.0); break;
      case DType::c128:
        proto.add_double_data(1.0);
        proto.add_double_data(0.0);
        break;
      case DType::i64: proto.add_int64_data(1); break;
      case DType::u64:
      case DType::u32: proto.add_uint64_data(1); break;
      default: proto.add_int32_data(static_cast<std::int32_t>(bits)); break;
    }
  }
}

TEST(TensorProto, EveryTypeFromRawAndFromLists) {
  for (const DType dtype : kAllNumeric) {
    if (dtype == DType::string || is_float6(dtype)) continue;
    HostTensor expected = HostTensor::create(dtype, {3}).value();
    for (std::int64_t i = 0; i < 3; ++i) expected.set_double(i, 1.0);
    TensorProto raw = proto_of(dtype, {3});
    raw.set_raw_data(expected.bytes().data(), expected.bytes().size());
    TensorProto listed = proto_of(dtype, {3});
    add_ones(listed, dtype, 3);
    for (const TensorProto& proto : {raw, listed}) {
      const TensorPtr tensor = convert(proto);
      ASSERT_NE(tensor, nullptr) << to_string(dtype);
      EXPECT_EQ(tensor->dtype(), dtype);
      ASSERT_EQ(tensor->bytes().size(), expected.bytes().size());
      EXPECT_EQ(std::memcmp(tensor->bytes().data(), expected.bytes().data(), expected.bytes().size()), 0)
          << to_string(dtype);
    }
  }
}

TEST(TensorProto, PackedSubByteLists) {
  TensorProto proto = proto_of(DType::i4, {3});
  proto.add_int32_data(0x21);
  proto.add_int32_data(0x0f);
  const TensorPtr tensor = convert(proto);
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->as_int(0), 1);
  EXPECT_EQ(tensor->as_int(1), 2);
  EXPECT_EQ(tensor->as_int(2), -1);
}

// x0 | x1 << 6 | x2 << 12 | x3 << 18, and the same again for the fifth element.
TEST(TensorProto, SixBitElements) {
  constexpr std::array<std::uint8_t, 5> kCodes{0x21, 0x3f, 0x0c, 0x10, 0x2a};
  for (const DType dtype : {DType::f6e2m3, DType::f6e3m2}) {
    TensorProto raw = proto_of(dtype, {5});
    constexpr std::array<unsigned char, 4> kPacked{0xe1, 0xcf, 0x40, 0x2a};
    raw.set_raw_data(kPacked.data(), kPacked.size());
    TensorProto listed = proto_of(dtype, {5});
    for (const std::uint8_t code : kCodes) listed.add_int32_data(code);
    for (const TensorProto& proto : {raw, listed}) {
      const TensorPtr tensor = convert(proto);
      ASSERT_NE(tensor, nullptr);
      EXPECT_TRUE(std::ranges::equal(std::span(tensor->data<std::uint8_t>(), 5), kCodes));
    }
    raw.set_raw_data(kPacked.data(), 3);
    EXPECT_THAT(error_of(raw), HasSubstr("takes 4 bytes, raw_data holds 3"));
  }
}

TEST(TensorProto, Strings) {
  TensorProto proto = proto_of(DType::string, {2});
  proto.add_string_data("a");
  proto.add_string_data(std::string("b\0c", 3));
  const TensorPtr tensor = convert(proto);
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->strings()[1], std::string("b\0c", 3));
  proto.add_string_data("too many");
  EXPECT_THAT(error_of(proto), HasSubstr("2 elements"));
}

TEST(TensorProto, LargeRawDataAreShared) {
  auto proto = std::make_shared<TensorProto>(proto_of(DType::f32, {1 << 16}));
  proto->mutable_raw_data()->resize(std::size_t{4} << 16);
  const auto tensor = to_tensor(*proto, ExternalData(""), proto);
  ASSERT_TRUE(tensor.is_ok());
  EXPECT_EQ(static_cast<const void*>((*tensor)->bytes().data()), static_cast<const void*>(proto->raw_data().data()));
  EXPECT_GT(proto.use_count(), 1);
}

TEST(TensorProto, ZeroElements) {
  EXPECT_EQ(convert(proto_of(DType::f32, {0, 4}))->elements(), 0);
  EXPECT_EQ(convert(proto_of(DType::u4, {0}))->elements(), 0);
}

TEST(TensorProto, Errors) {
  EXPECT_THAT(error_of(proto_of(DType::f32, {2})), HasSubstr("holds fewer data"));
  EXPECT_THAT(error_of(proto_of(DType::f32, {-1})), HasSubstr("negative or too large"));
  EXPECT_THAT(error_of(proto_of(DType::f32, {std::int64_t{1} << 40, std::int64_t{1} << 40})), HasSubstr("too large"));
  EXPECT_THAT(error_of(proto_of(DType::u8, {std::int64_t{1} << 50})), HasSubstr("holds fewer data"));
  TensorProto unknown = proto_of(DType::f32, {1});
  unknown.set_data_type(99);
  EXPECT_THAT(error_of(unknown), HasSubstr("99 is not the number of a known element type"));
  TensorProto raw = proto_of(DType::f32, {2});
  raw.set_raw_data("1234567");
  EXPECT_THAT(error_of(raw), HasSubstr("takes 8 bytes, raw_data holds 7"));
  TensorProto many = proto_of(DType::f32, {1});
  many.add_float_data(1.0F);
  many.add_float_data(1.0F);
  EXPECT_THAT(error_of(many), HasSubstr("the shape holds 1 elements, float_data holds 2"));
  TensorProto place = proto_of(DType::f32, {1});
  place.set_data_location(7);
  EXPECT_THAT(error_of(place), HasSubstr("data_location 7"));
}

}  // namespace
}  // namespace ingot::onnx
