// SPDX-License-Identifier: Apache-2.0
// Rows of the operators that ai.onnx.ml needs beside ONNX's own.
#pragma once

#include "reference/families.h"

namespace ingot::reference {

std::span<const Row> label_encoder_rows();
std::span<const Row> pairwise_coupling_rows();
std::span<const Row> tree_ensemble_rows();

}  // namespace ingot::reference
