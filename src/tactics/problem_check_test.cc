// SPDX-License-Identifier: Apache-2.0
#include "tactics/problem_check.h"

#include <gtest/gtest.h>

namespace ingot {
namespace {

Status check(std::string_view text) {
  auto problem = Problem::parse(text);
  return problem.is_ok() ? check_sizes(*problem) : problem.status();
}

TEST(CheckSizes, AcceptsWhatNetworksHave) {
  EXPECT_TRUE(check("Add(f32[1048576,1048576], f32[]) -> (f32[1048576,1048576])").is_ok());
  EXPECT_TRUE(check("MaxPool(f32[1,0,5]) -> (f32[1,0,5]) {kernel_shape=[4194304], pads=[-3, 9], strides=[1]}").is_ok());
}

TEST(CheckSizes, NamesWhatIsBeyondTheLimits) {
  EXPECT_NE(check("Add(f32[1048576,1048577], f32[]) -> (f32[2])").message().find("input 0"), std::string::npos);
  // Empty, but with strides that would overflow.
  EXPECT_NE(check("Relu(f32[1]) -> (f32[0,4294967296,4294967296])").message().find("output 0"), std::string::npos);
  for (const std::string_view attribute : {"kernel_shape", "strides", "dilations", "pads"}) {
    for (const std::string_view number : {"9223372036854775807", "-9223372036854775808"}) {
      const Status status = check(fmt::format("MaxPool(f32[1,1,5]) -> (f32[1,1,5]) {{{}=[1, {}]}}", attribute, number));
      EXPECT_EQ(status.code(), StatusCode::kUnsupported);
      EXPECT_NE(status.message().find(attribute), std::string::npos) << status.message();
    }
  }
  EXPECT_FALSE(check("DepthToSpace(f32[1,4,1,1]) -> (f32[1,1,2,2]) {blocksize=4194305}").is_ok());
}

}  // namespace
}  // namespace ingot
