// SPDX-License-Identifier: Apache-2.0
// Half precision on a device without kernels for it: every step computes in fp32 on operands widened from halves and
// its results are rounded to halves, which is what make_half() asks of a GPU's kernels. So the numbers of half
// precision can be judged on any machine; nothing becomes faster.
#pragma once

#include "builder/lower.h"

namespace ingot::builder {

// `program`: as make_half() left it.
Status rehearse_half(LoweredProgram& program, DType half);

}  // namespace ingot::builder
