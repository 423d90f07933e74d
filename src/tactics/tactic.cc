// SPDX-License-Identifier: Apache-2.0
#include "tactics/tactic.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace ingot {

std::string_view to_string(Refusal reason) {
  switch (reason) {
    case Refusal::kNone: return "supported";
    case Refusal::kKind: return "solves another kind of problem";
    case Refusal::kDType: return "element type";
    case Refusal::kShape: return "shape";
    case Refusal::kAttribute: return "attribute";
    case Refusal::kLayout: return "layout";
    case Refusal::kEpilogue: return "epilogue";
    case Refusal::kConstant: return "constness of an operand";
    case Refusal::kIsa: return "instruction set";
    case Refusal::kLibrary: return "library absent";
    case Refusal::kWorkspace: return "workspace";
    case Refusal::kDynamic: return "sizes that change";
    case Refusal::kNotWorthIt: return "never fastest here";
  }
  return "unknown";
}

bool DeviceInfo::has(std::string_view feature) const {
  return std::binary_search(features.begin(), features.end(), feature);
}

std::string DeviceInfo::fingerprint() const {
  return fmt::format("{} {} l2={}", kind, fmt::join(features, ","), l2_bytes);
}

Result<Packed> Tactic::prepare(const Problem& problem, const std::string& config, const DeviceInfo& device) const {
  (void)config;
  (void)device;
  Packed packed;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].constant) packed.keep_inputs.push_back(i);
  return packed;
}

const Tactic* Backend::find(std::string_view id) const {
  for (const Tactic* tactic : tactics())
    if (tactic->id() == id) return tactic;
  return nullptr;
}

}  // namespace ingot
