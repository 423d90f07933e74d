// SPDX-License-Identifier: Apache-2.0
// A blob of weights in oneDNN's layout: a header that says which library chose it and what it is, then the values.
#pragma once

#include <span>

#include "backends/cpu/onednn/work.h"

namespace ingot::cpu::onednn {

// The blob for weights of that layout, still empty, and where its values begin.
Result<std::vector<std::byte>> make_blob(const dnnl_memory_desc_t& layout);
std::byte* values_of(std::span<std::byte> blob);

struct PackedWeights {
  dnnl_memory_desc_t layout{};
  const std::byte* values = nullptr;
};

// Checks the blob for weights of those dimensions: kCorrupt when it cannot be such, kIncompatible when another version
// of the library made it. What it returns is dense and fits the blob exactly.
Result<PackedWeights> read_blob(std::span<const std::byte> blob, const dnnl_memory_desc_t& plain);

}  // namespace ingot::cpu::onednn
