// SPDX-License-Identifier: Apache-2.0
#include "builder/library_choice.h"

#include <gtest/gtest.h>

#include "backends/cuda/tactics.h"

namespace ingot::builder {
namespace {

const Tactic* const kLibrary = &cuda::cublaslt_tactic();
const Tactic* const kOwn = &cuda::hopper_gemm_tactic();

// The library's time and that of a kernel of the engine's own; 0: was not timed.
Choice product(double library, double own) {
  Choice choice;
  choice.trials = {{kLibrary, "0", library, ""}, {kOwn, "slow", own * 2, ""}, {kOwn, "fast", own, ""}};
  choice.trials.push_back({kOwn, "refused", 0.1, "too much workspace"});
  const bool by_library = own == 0 || library < own;
  choice.tactic = by_library ? kLibrary : kOwn;
  choice.config = by_library ? "0" : "fast";
  choice.microseconds = by_library ? library : own;
  return choice;
}

TEST(LibraryChoice, LeavesTheLibraryForLittle) {
  Choices choices;
  choices.main = {product(96, 100), product(120, 100), Choice{}};
  choices.programs = {{product(99, 100)}};
  weigh_library(choices);
  EXPECT_EQ(choices.main[0].tactic, kOwn);
  EXPECT_EQ(choices.main[0].config, "fast");
  EXPECT_EQ(choices.main[0].microseconds, 100);
  EXPECT_EQ(choices.main[1].config, "fast");
  EXPECT_EQ(choices.main[2].tactic, nullptr);
  EXPECT_EQ(choices.programs[0][0].tactic, kOwn);
}

TEST(LibraryChoice, KeepsItForMuch) {
  Choices choices;
  choices.main = {product(80, 100), product(120, 100), product(99, 100)};
  weigh_library(choices);
  EXPECT_EQ(choices.main[0].tactic, kLibrary);
  EXPECT_EQ(choices.main[2].tactic, kLibrary);
}

TEST(LibraryChoice, KeepsItWhereNothingElseWasTimed) {
  Choices choices;
  choices.main = {product(99, 100), product(1, 0)};
  weigh_library(choices);
  EXPECT_EQ(choices.main[0].tactic, kLibrary);
  EXPECT_EQ(choices.main[1].tactic, kLibrary);
}

}  // namespace
}  // namespace ingot::builder
