// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "inspect/inspect.h"

namespace ingot::inspect {
namespace {

// A step, once in the network and once in a body, with the candidates given.
plan::Plan plan_with(std::vector<plan::Candidate> candidates) {
  plan::Step step;
  step.name = "layer";
  step.tactic = "mine";
  step.config = "a";
  step.microseconds = 4;
  plan::Plan plan;
  plan.steps.push_back(step);
  plan.programs.emplace_back().steps.push_back(step);
  plan.candidates = std::move(candidates);
  return plan;
}

int count(const std::string& text, std::string_view part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(PlanView, TellsByHowMuchTheNextTacticLost) {
  const plan::Plan plan = plan_with({{0, "mine", "a", 4, "", -1},
                                     {0, "mine", "b", 4.1F, "", -1},
                                     {0, "library", "2", 9, "", -1},
                                     {0, "library", "1", 5, "", -1},
                                     {0, "other", "", 0, "shape", -1},
                                     {0, "untimed", "", 0, "", -1}});
  const std::string text = show(plan, Format::text, false);
  EXPECT_EQ(count(text, "layer  (library:1 takes 1.25 times as long)\n"), 1) << text;
  EXPECT_EQ(count(text, "layer\n"), 1) << "the body's step has no candidates: " << text;
  const std::string json = show(plan, Format::json, false);
  EXPECT_EQ(count(json, "\"runner_up\""), 1) << json;
  EXPECT_EQ(count(json, "\"ratio\": 1.25"), 1) << json;
}

TEST(PlanView, SaysNothingWhereNothingElseWasTimed) {
  EXPECT_EQ(count(show(plan_with({{0, "mine", "b", 6, "", -1}, {0, "other", "", 0, "shape", -1}}), Format::text, false),
                  "times as long"),
            0);
  plan::Plan untimed = plan_with({{0, "other", "", 3, "", -1}});
  untimed.steps[0].microseconds = 0;
  EXPECT_EQ(count(show(untimed, Format::text, false), "times as long"), 0);
}

}  // namespace
}  // namespace ingot::inspect
