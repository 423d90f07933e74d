// SPDX-License-Identifier: Apache-2.0
// The formats that are read here, byte by byte; tests/image_decoder_test.py compares all of them with another library.
#include "images/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ingot::images {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<HostTensor> decode_text(std::string_view file, PixelFormat format = PixelFormat::rgb) {
  return decode(std::as_bytes(std::span(file)), format);
}

std::vector<int> pixels(std::string_view file, PixelFormat format = PixelFormat::rgb) {
  const HostTensor image = decode_text(file, format).value();
  const auto* values = image.data<std::uint8_t>();
  return {values, values + image.elements()};
}

std::string error(std::string_view file) {
  const auto image = decode_text(file);
  return image.is_ok() ? "ok" : image.status().to_string();
}

std::string little(std::int64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text.push_back(static_cast<char>(value & 255));
  return text;
}

// A bitmap with the 40-byte header; `behind` is what stands between header and samples.
std::string bitmap(std::int64_t width, std::int64_t height, int bits, const std::string& samples,
                   const std::string& behind = "", int compression = 0, int colours = 0) {
  return "BM" + little(0, 8) + little(54 + static_cast<std::int64_t>(behind.size()), 4) + little(40, 4) +
         little(width, 4) + little(height, 4) + little(1, 2) + little(bits, 2) + little(compression, 4) +
         little(0, 12) + little(colours, 4) + little(0, 4) + behind + samples;
}

TEST(Images, PlainAnymaps) {
  EXPECT_THAT(pixels("P3 # a comment\n1 2\n10\n1 2 3\n10 0 5\n"), ElementsAre(26, 51, 77, 255, 0, 128));
  EXPECT_THAT(pixels("P2 2 1 255 7 9     ", PixelFormat::grayscale), ElementsAre(7, 9));
  EXPECT_THAT(pixels("P1 3 1 \n 101    ", PixelFormat::grayscale), ElementsAre(0, 255, 0));
  EXPECT_THAT(pixels("P2 1 1 255 7     "), ElementsAre(7, 7, 7));
}

TEST(Images, BinaryAnymaps) {
  EXPECT_THAT(pixels("P6 1 1 255\nABC", PixelFormat::bgr), ElementsAre('C', 'B', 'A'));
  EXPECT_THAT(pixels(std::string("P5 1 1 65535\n\xFF\xFF", 15), PixelFormat::grayscale), ElementsAre(255));
  EXPECT_THAT(pixels("P4 9 1\n\xAA\x80", PixelFormat::grayscale), ElementsAre(0, 255, 0, 255, 0, 255, 0, 255, 0));
}

TEST(Images, Bitmaps) {
  EXPECT_THAT(pixels(bitmap(1, 2, 24, {"abc\0ABC\0", 8})), ElementsAre('C', 'B', 'A', 'c', 'b', 'a'));
  EXPECT_THAT(pixels(bitmap(1, -2, 24, {"abc\0ABC\0", 8})), ElementsAre('c', 'b', 'a', 'C', 'B', 'A'));
  EXPECT_THAT(pixels(bitmap(1, 1, 32, "abcd")), ElementsAre('c', 'b', 'a'));
  // 5 bits a channel: 31 is white.
  EXPECT_THAT(pixels(bitmap(2, 1, 16, little(0x7C00, 2) + little(0x03E1, 2))), ElementsAre(255, 0, 0, 0, 255, 8));
  EXPECT_THAT(pixels(bitmap(1, 1, 32, "abcd", little(0xFF, 4) + little(0xFF00, 4) + little(0xFF0000, 4), 3)),
              ElementsAre('a', 'b', 'c'));
  EXPECT_THAT(pixels(bitmap(3, 1, 4, {"\x10\x10\0\0", 4}, "abc.ABC.", 0, 2)),
              ElementsAre('C', 'B', 'A', 'c', 'b', 'a', 'C', 'B', 'A'));
}

TEST(Images, GreyIsItu601) {
  EXPECT_THAT(pixels(std::string("P6 3 1 255\n\xFF\0\0\0\xFF\0\0\0\xFF", 20), PixelFormat::grayscale),
              ElementsAre(76, 150, 29));
}

TEST(Images, BadFiles) {
  EXPECT_THAT(error(""), HasSubstr("0 bytes"));
  EXPECT_THAT(error("RIFF"), HasSubstr("like no image file"));
  EXPECT_THAT(error("no image at all"), HasSubstr("like no image file"));
  EXPECT_THAT(error("P6 2 1 255\nABCDE"), HasSubstr("truncated: 5 bytes of samples, of 6"));
  EXPECT_THAT(error("P2 2 1 255 1    "), HasSubstr("a number is missing"));
  EXPECT_THAT(error("P2 1 1 7 8      "), HasSubstr("the sample 8 is above 7"));
  EXPECT_THAT(error("P5 99999 99999 255\n"), HasSubstr("99999 x 99999 pixels"));
  EXPECT_THAT(error("P5 99999999999999999999 1 255\n"), HasSubstr("too large"));
  EXPECT_THAT(error("P5 0 5 255\n     "), HasSubstr("0 x 5"));
  EXPECT_THAT(error("P5 1 1 #########"), HasSubstr("a number is missing"));
  EXPECT_THAT(error(bitmap(1, 2, 24, {"abc\0ABC", 7})), HasSubstr("truncated"));
  EXPECT_THAT(error(bitmap(2147483647, -2147483647 - 1, 32, "abcd")), HasSubstr("at most"));
  EXPECT_THAT(error(bitmap(-1, 1, 24, "abcd")), HasSubstr("-1 x 1"));
  EXPECT_THAT(error(bitmap(1, 1, 8, "abcd", "abc.", 0, 1)), HasSubstr("colour 97 of a palette of 1"));
  EXPECT_THAT(error(bitmap(1, 1, 8, "abcd", "", 1)), HasSubstr("compression 1"));
  EXPECT_THAT(error(bitmap(1, 1, 7, "abcd")), HasSubstr("7 bits a pixel"));
  EXPECT_THAT(error(bitmap(1, 1, 16, "abcd", std::string(12, '\0'), 3)), HasSubstr("mask 0 is 0"));
}

// A format whose library is absent says so rather than calling the file damaged.
TEST(Images, EveryFormatWorksOrSaysWhatIsMissing) {
  for (const Format& format : formats()) {
    if (!format.status.is_ok()) {
      EXPECT_EQ(format.status.code(), StatusCode::kUnsupported) << format.name;
    }
  }
  EXPECT_EQ(formats().size(), 7U);
}

}  // namespace
}  // namespace ingot::images
