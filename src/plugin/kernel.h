// SPDX-License-Identifier: Apache-2.0
// A plugin's instance as a Kernel of the engine.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "plugin/infer.h"
#include "plugin/operands.h"
#include "plugin/operator.h"
#include "plugin/target.h"
#include "tactics/tactic.h"

namespace ingot::plugin {

struct KernelOptions {
  Combination combination;
  std::int64_t tactic = 0;
  bool reference = false;  // run the operator's reference instead
};

// `problem` needs the values of constant operands. Converted operands are staged in the workspace. Without a target:
// on the CPU.
Result<std::unique_ptr<Kernel>> make_kernel(const Operator& op, const Problem& problem, KernelOptions options,
                                            std::shared_ptr<const Target> target = nullptr);

// The variants that a plugin offers to time on a device; {0} when it has none.
Result<std::vector<ingot_plugin_tactic>> tactics_of(const Operator& op, const Problem& problem,
                                                    const Combination& combination,
                                                    std::int32_t device = INGOT_PLUGIN_CPU);

// The shape rule on sizes that are numbers; dimensions that only the data decide stay symbols.
Result<std::vector<InferOutput>> infer_numbers(const Operator& op, const Attrs& attrs, std::span<const Operand> inputs,
                                               std::size_t outputs);

// The tactic of all plugin operators on one kind of device: id "plugin". Its config names the library's version and
// file, the formats and the plugin's own tactic: "demo 1.0.0 0123456789abcdef f32,f32->f32 tactic=2". The first three
// make the timing cache tell versions apart; at run time a newer library may serve the plan as long as it still takes
// the formats.
class PluginTactic : public Tactic {
 public:
  explicit PluginTactic(std::int32_t device) : device_(device) {}
  [[nodiscard]] std::string_view id() const override { return "plugin"; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override;
  [[nodiscard]] std::vector<std::string> configs(const Problem& problem, const DeviceInfo& device) const override;
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override;
  [[nodiscard]] bool decides_shapes() const override { return true; }

 protected:
  static Result<KernelOptions> parse_config(const std::string& config);
  // Where the kernel runs, given what prepare() packed.
  virtual Result<std::shared_ptr<const Target>> target(std::span<const std::span<const std::byte>> blobs) const {
    (void)blobs;
    return std::shared_ptr<const Target>();
  }

 private:
  std::int32_t device_;
};

const Tactic& cpu_tactic();

}  // namespace ingot::plugin
