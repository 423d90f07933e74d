// SPDX-License-Identifier: Apache-2.0
// Half precision: the float steps of a lowered program in fp16 or bf16. Tensors between such steps are stored in that
// type; inputs, outputs and steps that need fp32 get casts around them. Expressions still compute in fp32: they convert
// their operands first and their result last.
#pragma once

#include "builder/lower.h"

namespace ingot::builder {

Status make_half(Lowered& lowered, DType half);

}  // namespace ingot::builder
