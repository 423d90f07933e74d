// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>
#include <thread>

#include "base/checked.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/status.h"
#include "base/text.h"
#include "base/text_scanner.h"

namespace ingot {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return invalid_argument("{} is odd", x);
  return x / 2;
}

Result<int> quarter(int x) {
  INGOT_ASSIGN_OR_RETURN(const int h, half(x));
  return half(h);
}

TEST(Status, CarriesCodeMessageAndContext) {
  EXPECT_TRUE(Status().is_ok());
  EXPECT_EQ(*quarter(8), 2);
  Status status = quarter(6).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(std::move(status).annotate("node 'a'").to_string(), "invalid argument: node 'a': 3 is odd");
  EXPECT_DEATH((void)quarter(6).value(), "3 is odd");
}

TEST(Checked, DetectsOverflow) {
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(checked_add<std::int64_t>(1, 2), 3);
  EXPECT_EQ(checked_add<std::int64_t>(max, 1), std::nullopt);
  EXPECT_EQ(checked_mul<std::size_t>(std::size_t{1} << 40, std::size_t{1} << 40), std::nullopt);
  EXPECT_TRUE((range_fits<std::uint64_t>(4, 4, 8)));
  EXPECT_FALSE((range_fits<std::uint64_t>(4, ~std::uint64_t{0}, 8)));
}

TEST(Hash, IsStable) {
  // Written to files, so a change of these values breaks users' caches.
  EXPECT_EQ(hex_text(hash_text("")), "2d06800538d394c2");
  EXPECT_EQ(hash_text("conv"), hash_bytes(std::as_bytes(std::span<const char>("conv", 4))));
  EXPECT_NE(hash_text("conv"), hash_text("conv", 1));
  EXPECT_EQ(hex_text(0x0123456789abcdefU), "0123456789abcdef");
}

TEST(Text, QuotesRoundTrip) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (unsigned n = random() % 12; n > 0; --n) text += static_cast<char>(random() % 256);
    const std::string quoted = "  " + quote(text) + " rest";
    TextScanner reader(quoted);
    auto back = reader.quoted();
    ASSERT_TRUE(back.is_ok()) << quoted;
    EXPECT_EQ(*back, text);
    EXPECT_TRUE(is_valid_utf8(quote(text)));
  }
  EXPECT_EQ(quote("a\"b\\\n\x01 \xc3\xa9"), "\"a\\\"b\\\\\\n\\x01 \xc3\xa9\"");
}

TEST(Text, FloatsRoundTrip) {
  EXPECT_EQ(float_text(1.0), "1.0");
  EXPECT_EQ(float_text(0.1F), "0.1");
  EXPECT_EQ(float_text(1e300), "1e+300");
  EXPECT_EQ(float_text(-std::numeric_limits<double>::infinity()), "-inf");
  for (const double value : {0.0, -0.0, 1e-310, 0.1, 1.7976931348623157e308, -3.5}) {
    const auto back = parse_real(float_text(value));
    ASSERT_TRUE(back.is_ok()) << float_text(value);
    EXPECT_EQ(*back, value);
    EXPECT_EQ(std::signbit(*back), std::signbit(value));
  }
}

TEST(Text, SuggestsNearNames) {
  const std::string_view names[] = {"strides", "pads", "dilations", "group"};
  EXPECT_EQ(edit_distance("strdies", "strides"), 1U);
  EXPECT_THAT(near_matches("stride", names), testing::ElementsAre("strides"));
  EXPECT_THAT(near_matches("Pads", names), testing::ElementsAre("pads"));
  EXPECT_EQ(suggestion("dilation", names), "; did you mean 'dilations'?");
  EXPECT_EQ(suggestion("epsilon", names), "");
}

TEST(TextScanner, ReadsAndReportsPlaces) {
  TextScanner scanner(" alpha.b # note\n [-12, 1.5e-3] 'x");
  EXPECT_EQ(scanner.word("."), "alpha.b");
  EXPECT_TRUE(scanner.take('['));
  EXPECT_EQ(*scanner.integer(), -12);
  EXPECT_TRUE(scanner.take(','));
  EXPECT_EQ(*scanner.real(), 1.5e-3);
  EXPECT_TRUE(scanner.expect(']').is_ok());
  EXPECT_THAT(scanner.quoted().status().message(), testing::HasSubstr("line 2"));
  EXPECT_EQ(*parse_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(*parse_integer("18446744073709551615"), -1);
  EXPECT_FALSE(parse_integer("18446744073709551616").is_ok());
  EXPECT_FALSE(parse_integer("").is_ok());
  EXPECT_FALSE(TextScanner("\"abc\\").quoted().is_ok());
  EXPECT_FALSE(TextScanner("\"\\x4").quoted().is_ok());
  EXPECT_EQ(TextScanner("f(a, b), c").until(","), "f(a, b)");
}

TEST(MappedFile, MapsWholeFiles) {
  char path[] = "/tmp/ingot_mapped_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  const auto empty = MappedFile::open(path);
  ASSERT_TRUE(empty.is_ok());
  EXPECT_EQ(empty->size(), 0U);
  std::ofstream(path) << "hello";
  auto file = MappedFile::open(path, MappedFile::Access::sequential);
  ASSERT_TRUE(file.is_ok());
  MappedFile moved = std::move(*file);
  ASSERT_EQ(moved.size(), 5U);
  EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 'o');
  moved.advise(1, ~std::size_t{0}, MappedFile::Access::will_need);
  unlink(path);
  EXPECT_EQ(MappedFile::open(path).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::open("/tmp").status().code(), StatusCode::kInvalidArgument);
}

TEST(Log, DeliversByLevelFromManyThreads) {
  std::vector<std::string> seen;
  set_log_sink([&seen](Severity severity, std::string_view message) {
    seen.push_back(fmt::format("{} {}", to_string(severity), message));
  });
  log_warning("w {}", 1);
  log_info("hidden");
  set_log_level(Severity::kInfo);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int k = 0; k < 50; ++k) log_info("i {}", k);
    });
  for (std::thread& thread : threads) thread.join();
  set_log_level(Severity::kWarning);
  set_log_sink({});
  ASSERT_EQ(seen.size(), 201U);
  EXPECT_EQ(seen[0], "warning w 1");
  EXPECT_EQ(seen[1], "info i 0");
}

}  // namespace
}  // namespace ingot
