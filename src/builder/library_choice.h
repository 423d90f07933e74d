// SPDX-License-Identifier: Apache-2.0
// Whether a plan for a GPU should need cuDNN, and cuBLASLt. Each library costs hundreds of MiB of memory and a hundred
// milliseconds of loading and more, whether one step uses it or fifty: a decision about the whole plan, after each step
// has its fastest candidate.
#pragma once

#include "builder/emit.h"

namespace ingot::builder {

// The part of the network's time that a library's steps must save together to stay.
inline constexpr double kLibraryMustSave = 0.05;

// Gives the steps of one library after the other, the largest first, their fastest candidate without it, unless they
// save enough or one of them has none that was timed. No step moves to a library that has gone.
void weigh_libraries(Choices& choices);

}  // namespace ingot::builder
