// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/staging.h"

#include <gtest/gtest.h>

#include <numeric>

#include "backends/cuda/fake_driver_testing.h"
#include "base/thread_pool.h"

namespace ingot::cuda {
namespace {

constexpr std::size_t kPiece = Staging::kPieceBytes;

std::vector<unsigned char> pattern(std::size_t bytes, unsigned char first) {
  std::vector<unsigned char> out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<unsigned char>(first + i * 7 + i / 251);
  return out;
}

class StagingTest : public testing::Test {
 protected:
  // Through device memory of that size, which is compared as soon as a stream that does everything late allows.
  void round_trip(Staging& staging, const std::vector<std::size_t>& sizes) {
    staging.begin();
    std::vector<std::vector<unsigned char>> given, wanted, found;
    std::vector<DeviceMemory> memory;
    for (const std::size_t bytes : sizes) {
      given.push_back(pattern(bytes, static_cast<unsigned char>(given.size())));
      wanted.push_back(given.back());
      found.emplace_back(bytes);
      memory.push_back(DeviceMemory::allocate(gpu_.device(), bytes).value());
      ASSERT_TRUE(staging.to_device(memory.back().data(), given.back().data(), bytes).is_ok());
      std::ranges::fill(given.back(), 0xee);  // the caller's again
    }
    for (std::size_t i = 0; i < sizes.size(); ++i)
      ASSERT_TRUE(staging.to_host(found[i].data(), memory[i].data(), sizes[i]).is_ok());
    ASSERT_TRUE(staging.finish().is_ok());
    for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(found[i], wanted[i]) << "tensor " << i;
  }

  FakeGpu gpu_;
  std::unique_ptr<Stream> stream_ = Stream::create(gpu_.device()).value();
};

TEST_F(StagingTest, CopiesTensorsOfAllSizes) {
  ThreadPool pool(3);
  for (Parallel* parallel : {static_cast<Parallel*>(nullptr), static_cast<Parallel*>(&pool)}) {
    Staging staging(gpu_.device(), *stream_, parallel);
    for (int round = 0; round < 3; ++round) {
      round_trip(staging, {1, 300, kPiece - 1, kPiece, kPiece + 1, 3 * kPiece + 77});
      round_trip(staging, {11 * kPiece + 5, 0, 9 * kPiece});  // more than there is
      if (round == 1) staging.stream_is_idle();
    }
  }
}

TEST_F(StagingTest, GoesOnWithoutPageLockedMemory) {
  for (const std::size_t pieces : {0, 1, 3}) {
    gpu_.most_pinned_bytes = gpu_.pinned_bytes + pieces * kPiece;
    Staging staging(gpu_.device(), *stream_, nullptr);
    for (int round = 0; round < 3; ++round) round_trip(staging, {1, kPiece - 1, 5 * kPiece + 77, 3});
    EXPECT_EQ(staging.pinned_bytes(), pieces * kPiece);
  }
}

TEST_F(StagingTest, HoldsNoMoreThanItsPieces) {
  Staging staging(gpu_.device(), *stream_, nullptr);
  EXPECT_EQ(staging.pinned_bytes(), 0U);
  round_trip(staging, {1000, 2000});
  EXPECT_EQ(staging.pinned_bytes(), kPiece);
  for (int i = 0; i < 3; ++i) round_trip(staging, {20 * kPiece, 20 * kPiece});
  EXPECT_EQ(staging.pinned_bytes(), Staging::kPieces * kPiece);
  EXPECT_EQ(gpu_.pinned_bytes, Staging::kPieces * kPiece);
}

// The point of it: as long as there are pieces, nobody waits.
TEST_F(StagingTest, WaitsOnlyForAPieceThatIsNeededAgain) {
  Staging staging(gpu_.device(), *stream_, nullptr);
  const std::vector<unsigned char> host = pattern(Staging::kPieces * kPiece, 3);
  const DeviceMemory memory = DeviceMemory::allocate(gpu_.device(), host.size()).value();
  gpu_.waits = 0;
  ASSERT_TRUE(staging.to_device(memory.data(), host.data(), host.size()).is_ok());
  EXPECT_EQ(gpu_.waits, 0);
  ASSERT_TRUE(staging.to_device(memory.data(), host.data(), 1).is_ok());
  EXPECT_EQ(gpu_.waits, 1);
  // After the stream was waited for, small copies stay within the first piece.
  ASSERT_TRUE(stream_->synchronize().is_ok());
  staging.stream_is_idle();
  gpu_.waits = 0;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(staging.to_device(memory.data(), host.data(), kPiece / 4).is_ok());
  EXPECT_EQ(gpu_.waits, 0);
}

TEST_F(StagingTest, ForgetsWhatAFailedRunLeft) {
  Staging staging(gpu_.device(), *stream_, nullptr);
  const DeviceMemory memory = DeviceMemory::allocate(gpu_.device(), 64).value();
  std::vector<unsigned char> gone(64, 9);
  ASSERT_TRUE(staging.to_host(gone.data(), memory.data(), gone.size()).is_ok());
  staging.begin();
  ASSERT_TRUE(staging.finish().is_ok());
  EXPECT_EQ(gone, std::vector<unsigned char>(64, 9));
}

}  // namespace
}  // namespace ingot::cuda
