// SPDX-License-Identifier: Apache-2.0
// plugin: the operators of loaded libraries that have CUDA kernels. Blob 0 is the machine code that converts operands,
// where the plugin takes other types or layouts than the model has.
#include "backends/cuda/plugin_target.h"
#include "backends/cuda/tactics.h"
#include "plugin/kernel.h"

namespace ingot::cuda {
namespace {

class CudaPluginTactic final : public plugin::PluginTactic {
 public:
  CudaPluginTactic() : PluginTactic(INGOT_PLUGIN_CUDA) {}

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo& device) const override {
    INGOT_ASSIGN_OR_RETURN(Packed packed, Tactic::prepare(problem, config, device));
    INGOT_ASSIGN_OR_RETURN(const plugin::KernelOptions options, parse_config(config));
    INGOT_ASSIGN_OR_RETURN(std::vector<std::byte> converter, plugin_converter(problem, options.combination, device));
    if (!converter.empty()) packed.blobs.push_back(std::move(converter));
    return packed;
  }

 protected:
  Result<std::shared_ptr<const plugin::Target>> target(
      std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(Device * device, Device::current());
    if (!blobs.empty() && blobs[0].empty()) return corrupt("a plugin step with an empty module");
    return plugin_target(*device, blobs.empty() ? std::span<const std::byte>() : blobs[0]);
  }
};

}  // namespace

const Tactic& plugin_tactic() {
  static const CudaPluginTactic tactic;
  return tactic;
}

}  // namespace ingot::cuda
