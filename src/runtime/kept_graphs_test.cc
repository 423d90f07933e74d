// SPDX-License-Identifier: Apache-2.0
#include "runtime/kept_graphs.h"

#include <gtest/gtest.h>

#include "backends/cuda/fake_driver_testing.h"

namespace ingot {
namespace {

class KeptGraphsTest : public testing::Test {
 protected:
  // Whether it was a replay, of what was captured for the same.
  bool run(std::uint64_t configuration, int address, int nodes = 1) {
    int given = 0;
    graphs_.begin(configuration, moves_);
    graphs_.add_address(&places_[address]);
    const cuda::CapturedGraph* graph = graphs_.find();
    const bool replayed = graph != nullptr;
    if (!replayed) {
      const auto captured = graphs_.capture(gpu_.device(), *stream_, [&] {
        for (int i = 0; i < nodes; ++i)
          INGOT_RETURN_IF_ERROR(stream_->copy_on_device(&found_, &places_[address], sizeof(int)));
        return Status::ok();
      });
      EXPECT_TRUE(captured.is_ok()) << captured.status().to_string();
      graph = *captured;
    }
    places_[address] = given = ++value_;
    EXPECT_TRUE(graph->launch(stream_->handle()).is_ok());
    EXPECT_TRUE(stream_->synchronize().is_ok());
    EXPECT_EQ(found_, given) << "of another address";
    return replayed;
  }

  static constexpr int kMost = 3;
  cuda::FakeGpu gpu_;
  std::unique_ptr<cuda::Stream> stream_ = cuda::Stream::create(gpu_.device()).value();
  KeptGraphs graphs_{kMost};
  std::uint64_t moves_ = 0;
  int places_[16] = {}, found_ = 0, value_ = 0;
};

TEST_F(KeptGraphsTest, ReplaysWhatComesBack) {
  EXPECT_FALSE(run(1, 0));
  EXPECT_FALSE(run(1, 1));
  EXPECT_FALSE(run(2, 0));
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(run(1, 0));
    EXPECT_TRUE(run(1, 1));
    EXPECT_TRUE(run(2, 0));
  }
  EXPECT_EQ(graphs_.counts().captured, 3);
  EXPECT_EQ(graphs_.counts().kept, 3);
  EXPECT_EQ(gpu_.instantiated, 3);
}

TEST_F(KeptGraphsTest, BringsTheOldestOfTheSameShapesUpToDate) {
  for (int address = 0; address < 10; ++address) EXPECT_FALSE(run(1, address));
  EXPECT_EQ(gpu_.instantiated, kMost);
  EXPECT_EQ(graphs_.counts().updated, 10 - kMost);
  EXPECT_EQ(graphs_.counts().kept, kMost);
  EXPECT_TRUE(run(1, 8));  // among the latest
  EXPECT_FALSE(run(1, 2));
}

TEST_F(KeptGraphsTest, MakesAGraphAnewWhereItCannotBeUpdated) {
  for (int address = 0; address < kMost; ++address) run(1, address);
  EXPECT_FALSE(run(1, 5, 2));  // other nodes
  EXPECT_EQ(gpu_.instantiated, kMost + 1);
  EXPECT_EQ(graphs_.counts().updated, 0);
  EXPECT_TRUE(run(1, 5));
}

TEST_F(KeptGraphsTest, ShapesThatAreUsedStay) {
  run(1, 0), run(2, 0), run(3, 0);
  EXPECT_TRUE(run(1, 0));
  EXPECT_FALSE(run(4, 0));  // in the place of 2
  EXPECT_TRUE(run(1, 0));
  EXPECT_TRUE(run(3, 0));
  EXPECT_FALSE(run(2, 0));
}

TEST_F(KeptGraphsTest, DropsWhatPointsToMemoryThatIsGone) {
  run(1, 0), run(2, 0), run(2, 1);
  graphs_.drop(2);
  EXPECT_EQ(graphs_.counts().kept, 1);
  EXPECT_TRUE(run(1, 0));
  EXPECT_FALSE(run(2, 0));
  ++moves_;
  EXPECT_FALSE(run(1, 0));
  EXPECT_FALSE(run(2, 0));
  EXPECT_EQ(graphs_.counts().kept, 2);
}

TEST_F(KeptGraphsTest, AFailedCaptureLeavesNoGraph) {
  for (int address = 0; address < kMost; ++address) run(1, address);
  graphs_.begin(1, moves_);
  graphs_.add_address(&places_[7]);
  const auto failed =
      graphs_.capture(gpu_.device(), *stream_, [] { return failed_precondition("step 'a' is not ready"); });
  ASSERT_FALSE(failed.is_ok());
  EXPECT_NE(failed.status().message().find("step 'a' is not ready"), std::string::npos);
  EXPECT_EQ(graphs_.find(), nullptr);
  EXPECT_EQ(graphs_.counts().kept, kMost - 1);
  EXPECT_FALSE(run(1, 7));
}

}  // namespace
}  // namespace ingot
