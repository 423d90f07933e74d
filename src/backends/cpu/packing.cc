// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/packing.h"

namespace ingot::cpu {

std::vector<std::string> panel_configs(std::span<const std::string_view> variants) {
  const std::string isa = isa_name(best_panel());
  if (variants.size() == 0) return {isa};
  std::vector<std::string> configs;
  for (const std::string_view variant : variants) configs.push_back(std::string(variant) + "." + isa);
  return configs;
}

Result<PanelConfig> parse_panel_config(std::string_view config) {
  PanelConfig out;
  std::string_view isa = config;
  if (const std::size_t dot = config.find('.'); dot != std::string_view::npos) {
    out.variant = std::string(config.substr(0, dot));
    isa = config.substr(dot + 1);
  }
  for (const int panel : {8, 16, 32})
    if (isa == isa_name(panel)) out.panel = panel;
  if (out.panel == 0) return corrupt("unknown kernel variant '{}'", config);
  if (!panel_supported(out.panel)) return incompatible("this processor cannot run '{}' kernels", isa);
  return out;
}

Packed make_packed(const Problem& problem, std::size_t packed_input, std::size_t bytes) {
  Packed packed;
  packed.blobs.emplace_back(bytes);
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].constant && i != packed_input) packed.keep_inputs.push_back(i);
  return packed;
}

Result<const float*> packed_floats(std::span<const std::span<const std::byte>> blobs, std::size_t bytes) {
  if (blobs.size() != 1 || blobs[0].size() != bytes)
    return corrupt("packed weights: {} bytes, expected {}", blobs.empty() ? 0 : blobs[0].size(), bytes);
  return reinterpret_cast<const float*>(blobs[0].data());
}

}  // namespace ingot::cpu
