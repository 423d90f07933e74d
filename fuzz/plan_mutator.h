// SPDX-License-Identifier: Apache-2.0
// Changes what a plan says while its file stays well-formed and its hashes right: the mutator of the plan fuzzer.
#pragma once

#include "fuzz_target.h"
#include "plan/plan.h"

namespace ingot::fuzz {

// One random change of a tensor, a step, a problem's text, a profile or the tables of inputs and outputs.
void mutate_plan(plan::Plan& plan, Random& random);

}  // namespace ingot::fuzz
