// SPDX-License-Identifier: Apache-2.0
// Whether a plan for a GPU should need cuBLASLt. The library costs hundreds of MiB of device memory and a hundred
// milliseconds of loading, whether one step uses it or fifty: a decision about the whole plan, after each step has its
// fastest candidate.
#pragma once

#include "builder/emit.h"

namespace ingot::builder {

// The part of the network's time that the library's steps must save together to stay.
inline constexpr double kLibraryMustSave = 0.05;

// Gives the library's steps their fastest candidate without it, unless they save enough or one of them has none that
// was timed.
void weigh_library(Choices& choices);

}  // namespace ingot::builder
