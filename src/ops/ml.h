// SPDX-License-Identifier: Apache-2.0
// Rows of the operators that ai.onnx.ml needs beside ONNX's own.
#pragma once

#include "ops/rules.h"

namespace ingot::ops {

void add_ml_ops(Table& table);

}  // namespace ingot::ops
