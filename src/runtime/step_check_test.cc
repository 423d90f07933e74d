// SPDX-License-Identifier: Apache-2.0
// Steps of a plan that contradict their problem are refused before anything runs.
#include "runtime/step_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/cpu/cpu_backend.h"

namespace ingot {
namespace {

using testing::HasSubstr;

class StepCheck : public testing::Test {
 protected:
  // `change` is applied to a step that is right; the message of what is then refused.
  template <typename Change>
  std::string refusal(Change&& change) {
    plan::Step step{"sum", "cpu.plain", 1, "", "", {0, 1}, {2}, {}, false, 0};
    std::vector<plan::Tensor> tensors = {{"x", DType::f32, {2, 3}, plan::Storage::input},
                                         {"w", DType::f32, {3}, plan::Storage::constant},
                                         {"y", DType::f32, {2, 3}, plan::Storage::output}};
    change(step, tensors);
    const Problem problem = Problem::parse("Add(f32[2,3], const f32[3]) -> (f32[2,3])").value();
    const Backend& cpu = cpu::backend();
    return check_step(step, problem, tensors, *cpu.find("cpu.plain"), cpu.device()).to_string();
  }
};

TEST_F(StepCheck, TakesWhatFits) {
  EXPECT_EQ(refusal([](auto&, auto&) {}), Status::ok().to_string());
}

TEST_F(StepCheck, MissingOperands) {
  EXPECT_THAT(refusal([](plan::Step& step, auto&) { step.inputs[0] = -1; }), HasSubstr("'sum': input 0 is missing"));
  EXPECT_THAT(refusal([](plan::Step& step, auto&) { step.outputs[0] = -1; }), HasSubstr("'sum': output 0 is missing"));
  EXPECT_THAT(refusal([](plan::Step& step, auto&) { step.outputs.clear(); }),
              HasSubstr("0 outputs for a problem of 1"));
  // A tactic may have packed a constant, and then it left a blob.
  EXPECT_THAT(refusal([](plan::Step& step, auto&) { step.inputs[1] = -1; }), HasSubstr("'sum': input 1 is missing"));
  EXPECT_EQ(refusal([](plan::Step& step, auto&) { step.inputs[1] = -1, step.blobs = {0}; }), Status::ok().to_string());
}

TEST_F(StepCheck, OperandsOfAnotherKind) {
  EXPECT_THAT(refusal([](auto&, auto& tensors) { tensors[0].dtype = DType::i32; }), HasSubstr("input 0 is i32[2, 3]"));
  EXPECT_THAT(refusal([](auto&, auto& tensors) { tensors[2].shape = {3, 2}; }), HasSubstr("output 0 is f32[3, 2]"));
  EXPECT_THAT(refusal([](auto&, auto& tensors) { tensors[2].shape = {6}; }), HasSubstr("output 0 is f32[6]"));
}

}  // namespace
}  // namespace ingot
