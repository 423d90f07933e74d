// SPDX-License-Identifier: Apache-2.0
// What tactics with packed weights share: the panel width as their config, and the blobs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/kernels/isa.h"
#include "tactics/tactic.h"

namespace ingot::cpu {

// "avx512", or "f4.avx512" for a variant; the widest that this machine runs.
std::vector<std::string> panel_configs(std::span<const std::string_view> variants);

struct PanelConfig {
  std::string variant;
  int panel = 0;
};
// Fails when this machine cannot run it.
Result<PanelConfig> parse_panel_config(std::string_view config);

// One blob of that many bytes, and all constant inputs but `packed_input` kept.
Packed make_packed(const Problem& problem, std::size_t packed_input, std::size_t bytes);

inline float* floats_of(std::vector<std::byte>& blob) { return reinterpret_cast<float*>(blob.data()); }
// The blob as floats; fails when it is missing or not as long as the shapes say.
Result<const float*> packed_floats(std::span<const std::span<const std::byte>> blobs, std::size_t bytes);

}  // namespace ingot::cpu
