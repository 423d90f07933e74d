// SPDX-License-Identifier: Apache-2.0
// The sizes of a convolution problem, and what its tactics share.
#pragma once

#include "backends/cpu/kernels/conv.h"
#include "tactics/tactic.h"

namespace ingot::cpu {

// Of a Conv with one to three spatial dimensions; `x` and `out` in the layout that channels_last says, w in ONNX order.
Result<ConvShape> conv_shape(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out);

// What every convolution of ours needs: f32, constant weights, channels last, an epilogue that fits.
Support conv_support(const Problem& problem);

}  // namespace ingot::cpu
