// SPDX-License-Identifier: Apache-2.0
#include "builder/library_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

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
  weigh_libraries(choices);
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
  weigh_libraries(choices);
  EXPECT_EQ(choices.main[0].tactic, kLibrary);
  EXPECT_EQ(choices.main[2].tactic, kLibrary);
}

TEST(LibraryChoice, KeepsItWhereNothingElseWasTimed) {
  Choices choices;
  choices.main = {product(99, 100), product(1, 0)};
  weigh_libraries(choices);
  EXPECT_EQ(choices.main[0].tactic, kLibrary);
  EXPECT_EQ(choices.main[1].tactic, kLibrary);
}

// Times of cuDNN, cuBLASLt and a kernel of the engine's own; the least is the choice.
Choice convolution(double cudnn, double cublaslt, double own) {
  Choice choice;
  choice.trials = {{&cuda::cudnn_tactic(), "0", cudnn, ""}, {kLibrary, "0", cublaslt, ""}, {kOwn, "", own, ""}};
  const auto least = std::ranges::min_element(choice.trials, {}, &Trial::microseconds);
  choice.tactic = least->tactic;
  choice.config = least->config;
  choice.microseconds = least->microseconds;
  return choice;
}

TEST(LibraryChoice, WeighsEachLibrary) {
  Choices choices;
  choices.main = {convolution(98, 99, 200), convolution(100, 50, 100)};
  weigh_libraries(choices);
  EXPECT_EQ(choices.main[0].tactic, kLibrary);  // saves little by cuDNN, much by cuBLASLt
  EXPECT_EQ(choices.main[1].tactic, kLibrary);
  choices.main = {convolution(50, 99, 100), convolution(101, 99, 100)};
  weigh_libraries(choices);
  EXPECT_EQ(choices.main[0].tactic, &cuda::cudnn_tactic());
  EXPECT_EQ(choices.main[1].tactic, kOwn);
}

// Neither saves enough: what leaves cuDNN goes to cuBLASLt first, and then on.
TEST(LibraryChoice, LeavesBoth) {
  Choices choices;
  choices.main = {convolution(98, 99, 100), convolution(100, 99, 100)};
  weigh_libraries(choices);
  EXPECT_EQ(choices.main[0].tactic, kOwn);
  EXPECT_EQ(choices.main[1].tactic, kOwn);
}

}  // namespace
}  // namespace ingot::builder
