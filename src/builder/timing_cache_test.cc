// SPDX-License-Identifier: Apache-2.0
#include "builder/timing_cache.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace ingot::builder {
namespace {

using Entry = TimingCache::Entry;

std::string temporary(const std::string& name) { return (std::filesystem::path(testing::TempDir()) / name).string(); }

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(TimingCache, MissingFileIsEmpty) { EXPECT_EQ(TimingCache::load(temporary("no-such-cache")).value().size(), 0U); }

TEST(TimingCache, RoundTripsExactly) {
  TimingCache cache;
  cache.insert({"cpu avx2", "Conv(f32[1]) -> (f32[1])", "cpu.conv@1", "f4"}, {12.345});
  cache.insert({"cpu avx2", "Conv(f32[1]) -> (f32[1])", "cpu.conv@1", ""}, {0, true, 2.5});
  cache.insert({"cuda", "Conv(f32[1]) -> (f32[1])", "cuda.gemm@1", ""}, {0, false, 60});
  const std::string path = temporary("cache.txt");
  ASSERT_TRUE(cache.save(path).is_ok());
  const TimingCache loaded = TimingCache::load(path).value();
  EXPECT_EQ(loaded.find({"cpu avx2", "Conv(f32[1]) -> (f32[1])", "cpu.conv@1", "f4"}), Entry{12.345});
  EXPECT_EQ(loaded.find({"cpu avx2", "Conv(f32[1]) -> (f32[1])", "cpu.conv@1", ""}), (Entry{0, true, 2.5}));
  EXPECT_EQ(loaded.find({"cpu sse", "Conv(f32[1]) -> (f32[1])", "cpu.conv@1", ""}), std::nullopt);
  EXPECT_EQ(loaded.find({"cuda", "Conv(f32[1]) -> (f32[1])", "cuda.gemm@1", ""}), (Entry{0, false, 60}));
  const std::string again = temporary("again.txt");
  ASSERT_TRUE(loaded.save(again).is_ok());
  EXPECT_EQ(read_text(path), read_text(again));
}

TEST(TimingCache, DamageIsReportedWithItsLine) {
  const std::string path = temporary("bad.txt");
  const std::string first = "ingot timing cache 2\n";
  for (const std::string& text : {std::string(), std::string("hello\n"), first + "a\tb\n", first + "a\tb\tc\td\t-2\n",
                                  first + "a\tb\tc\td\t0\n", first + "a\tb\tc\td\t1x\n", first + "a\tb\tc\td\tnan\n",
                                  first + "a\tb\tc\td\tnot timed in \n", first + "a\tb\tc\td\tno code in -1\n"}) {
    std::ofstream(path) << text;
    EXPECT_EQ(TimingCache::load(path).status().code(), StatusCode::kCorrupt) << text;
  }
}

TEST(TimingCache, AnotherFormatIsEmpty) {
  const std::string path = temporary("old.txt");
  std::ofstream(path) << "ingot timing cache 1\na\tb\tc\td\t0\n";
  EXPECT_EQ(TimingCache::load(path).value().size(), 0U);
}

TEST(TimingCache, UnwritablePlaceIsAnError) {
  EXPECT_EQ(TimingCache().save("/no/such/folder/cache").code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace ingot::builder
