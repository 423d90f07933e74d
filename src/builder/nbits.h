// SPDX-License-Identifier: Apache-2.0
// Products with constant matrices of a few bits, as quantisers of language models write them: DequantizeLinear in
// blocks, perhaps a cast and the cut of padding, MatMul. Where a tactic of the backend multiplies the integers as they
// are, the steps become one, MatMulNBits (ops/own_ops.md), and the matrix stays small.
#pragma once

#include "builder/lower.h"

namespace ingot::builder {

Status join_nbits(Lowered& lowered, const Backend& backend);

}  // namespace ingot::builder
