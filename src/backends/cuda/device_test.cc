// SPDX-License-Identifier: Apache-2.0
// Where memory comes from and when it goes, on a device that does everything late.
#include "backends/cuda/device.h"

#include <gtest/gtest.h>

#include "backends/cuda/fake_driver_testing.h"

namespace ingot::cuda {
namespace {

TEST(DeviceMemory, OfARunComesFromThePoolAndGoesInTheOrderOfItsStream) {
  FakeGpu gpu;
  const auto stream = Stream::create(gpu.device()).value();
  const std::vector<std::byte> bytes(100, std::byte{7});
  std::vector<std::byte> found(100);
  {
    const DeviceScope scope(gpu.device(), stream->handle(), DeviceScope::Memory::kRun);
    gpu.waits = 0;
    const DeviceMemory memory = DeviceMemory::upload(gpu.device(), bytes).value();
    const HostMemory host = HostMemory::allocate(gpu.device(), 100).value();
    ASSERT_TRUE(stream->copy_to_host(host.data(), memory.data(), 100).is_ok());
    { const DeviceMemory gone = DeviceMemory::allocate(gpu.device(), 50).value(); }
    EXPECT_EQ(gpu.waits, 0);
    ASSERT_TRUE(stream->synchronize().is_ok());
    std::memcpy(found.data(), host.data(), 100);
  }
  EXPECT_EQ(found, bytes);
  EXPECT_EQ(gpu.pool_allocations, 2);
  EXPECT_EQ(gpu.pool_frees, 2);
  EXPECT_EQ(gpu.plain_allocations + gpu.plain_frees, 0);
}

TEST(DeviceMemory, OutsideOfARunIsPlain) {
  FakeGpu gpu;
  const auto stream = Stream::create(gpu.device()).value();
  DeviceMemory kept;
  {
    const DeviceScope scope(gpu.device(), stream->handle());
    kept = DeviceMemory::allocate(gpu.device(), 50).value();
    const DeviceScope run(gpu.device(), stream->handle(), DeviceScope::Memory::kRun);
    kept = DeviceMemory::allocate(gpu.device(), 50).value();
  }
  EXPECT_EQ(gpu.plain_allocations, 1);
  EXPECT_EQ(gpu.pool_allocations, 1);
  kept = DeviceMemory();
  EXPECT_EQ(gpu.plain_frees, 2);  // the runs are over: what is of the pool goes at once
  EXPECT_EQ(gpu.pool_frees, 0);
}

TEST(DeviceMemory, IsPlainEverywhereOnADeviceWithoutAPool) {
  FakeGpu gpu;
  gpu.has_pool = false;
  const auto stream = Stream::create(gpu.device()).value();
  const DeviceScope scope(gpu.device(), stream->handle(), DeviceScope::Memory::kRun);
  { const DeviceMemory memory = DeviceMemory::allocate(gpu.device(), 50).value(); }
  EXPECT_EQ(gpu.plain_allocations, 1);
  EXPECT_EQ(gpu.plain_frees, 1);
  EXPECT_EQ(gpu.pool_allocations + gpu.pool_frees, 0);
}

}  // namespace
}  // namespace ingot::cuda
