// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "plugin/guarded_call.h"
#include "plugin/instance.h"
#include "plugin/kernel.h"
#include "plugin/registry.h"

namespace ingot::plugin {
namespace {

constexpr std::size_t kMaxTactics = 64;
constexpr std::string_view kTacticMark = " tactic=";

std::string config_text(const Operator& op, const Combination& combination, std::int64_t tactic) {
  std::string version = op.library->version;
  std::ranges::replace(version, ' ', '_');
  return fmt::format("{} {} {} {}{}{}", op.library->name, version.empty() ? "-" : version,
                     op.library->hash.empty() ? "-" : op.library->hash, combination.to_string(), kTacticMark, tactic);
}

// Why an operator cannot run on a device.
std::string no_kernel_text(const Operator& op, std::int32_t device) {
  if (device == INGOT_PLUGIN_CUDA)
    return fmt::format(
        "{} has kernels for the CPU only: build for --device cpu, or give it a CUDA launch (a source written for "
        "TensorRT: compile it with CUDA's headers and without INGOT_TENSORRT_HOST_ENQUEUE)",
        op.describe());
  return fmt::format(
      "{} has kernels for CUDA only: build for --device cuda (a source written for TensorRT whose enqueue is host "
      "code: "
      "compile it with -DINGOT_TENSORRT_HOST_ENQUEUE)",
      op.describe());
}

}  // namespace

Result<KernelOptions> PluginTactic::parse_config(const std::string& config) {
  const std::size_t mark = config.rfind(kTacticMark);
  const std::size_t formats = mark == std::string::npos ? mark : config.rfind(' ', mark - 1);
  KernelOptions out;
  if (formats != std::string::npos) {
    const auto combination = Combination::parse(std::string_view(config).substr(formats + 1, mark - formats - 1));
    const char* begin = config.data() + mark + kTacticMark.size();
    const auto [end, failed] = std::from_chars(begin, config.data() + config.size(), out.tactic);
    if (combination && failed == std::errc() && end == config.data() + config.size()) {
      out.combination = *combination;
      return out;
    }
  }
  return corrupt("config '{}' of a plugin step cannot be read", config);
}

Support PluginTactic::supports(const Problem& problem, const DeviceInfo&) const {
  if (!problem.is_plugin()) return Support::no(Refusal::kKind);
  const Operator* op = find_operator(problem.kind);
  if (op == nullptr)
    return Support::no(Refusal::kLibrary, fmt::format("no loaded plugin library has operator {}", problem.kind));
  if ((op->api.devices & static_cast<std::uint32_t>(device_)) == 0)
    return Support::no(Refusal::kLibrary, no_kernel_text(*op, device_));
  const Result<Values> values = Values::read(*op, problem.attrs);
  if (!values.is_ok()) return Support::no(Refusal::kAttribute, values.status().message());
  const auto combinations = usable_combinations(*op, *values, problem, device_);
  if (!combinations.is_ok()) return Support::no(Refusal::kDType, combinations.status().message());
  return Support::yes();
}

std::vector<std::string> PluginTactic::configs(const Problem& problem, const DeviceInfo&) const {
  std::vector<std::string> out;
  const Operator* op = find_operator(problem.kind);
  const Result<Values> values = Values::read(*op, problem.attrs);
  if (!values.is_ok()) return {""};
  const auto combinations = usable_combinations(*op, *values, problem, device_);
  if (!combinations.is_ok()) return {""};
  for (const Combination& combination : *combinations) {
    const auto tactics = tactics_of(*op, problem, combination, device_);
    if (!tactics.is_ok()) continue;
    for (const ingot_plugin_tactic& tactic : *tactics) out.push_back(config_text(*op, combination, tactic.id));
  }
  // load() says what is wrong with the plugin.
  if (out.empty()) out.push_back(config_text(*op, combinations->front(), 0));
  return out;
}

Result<std::unique_ptr<Kernel>> PluginTactic::load(const Problem& problem, const std::string& config,
                                                   std::span<const std::span<const std::byte>> blobs) const {
  INGOT_ASSIGN_OR_RETURN(KernelOptions options, parse_config(config));
  const Operator* op = find_operator(problem.kind);
  if (op == nullptr)
    return not_found("operator {} comes from a plugin library that is not loaded; it was built with: {}", problem.kind,
                     config.substr(0, config.rfind(kTacticMark)));
  if ((op->api.devices & static_cast<std::uint32_t>(device_)) == 0)
    return incompatible("{}", no_kernel_text(*op, device_));
  INGOT_ASSIGN_OR_RETURN(std::shared_ptr<const Target> where, target(blobs));
  return make_kernel(*op, problem, std::move(options), std::move(where));
}

Result<std::vector<ingot_plugin_tactic>> tactics_of(const Operator& op, const Problem& problem,
                                                    const Combination& combination, std::int32_t device) {
  ingot_plugin_tactic only{};
  only.size = sizeof(only);
  if (op.api.tactic == nullptr) return std::vector<ingot_plugin_tactic>{only};
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Instance> instance, Instance::create(op, problem, &combination, device));
  Operands operands(instance->values(), problem.inputs, problem.outputs, &combination, device);
  std::vector<ingot_plugin_tactic> out;
  for (std::size_t index = 0; index < kMaxTactics; ++index) {
    ingot_plugin_tactic tactic = only;
    bool more = false;
    INGOT_RETURN_IF_ERROR(call_guarded(op, "tactic", [&](ingot_plugin_error*) {
      more = op.api.tactic(op.api.user, instance->get(), &operands.api(), index, &tactic) != 0;
      return 0;
    }));
    if (!more) break;
    out.push_back(tactic);
  }
  if (out.empty()) out.push_back(only);
  return out;
}

const Tactic& cpu_tactic() {
  static const PluginTactic tactic(INGOT_PLUGIN_CPU);
  return tactic;
}

}  // namespace ingot::plugin
