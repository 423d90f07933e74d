// SPDX-License-Identifier: Apache-2.0
// The tactic of plugin operators. Its config names the library's version and file, the formats and the plugin's own
// tactic: "demo 1.0.0 0123456789abcdef f32,f32->f32 tactic=2". The first three make the timing cache tell versions
// apart; at run time a newer library may serve the plan as long as it still takes the formats.
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

Result<KernelOptions> parse_config(const std::string& config) {
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

bool runs_on(const Operator& op, const DeviceInfo& device) {
  return (op.api.devices & (device.kind == "cpu" ? INGOT_PLUGIN_CPU : INGOT_PLUGIN_CUDA)) != 0;
}

class PluginTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "plugin"; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override {
    if (problem.kind.find("::") == std::string::npos) return Support::no(Refusal::kKind);
    const Operator* op = find_operator(problem.kind);
    if (op == nullptr)
      return Support::no(Refusal::kLibrary, fmt::format("no loaded plugin library has operator {}", problem.kind));
    if (!runs_on(*op, device)) return Support::no(Refusal::kLibrary, "the plugin has no kernel for " + device.kind);
    const Result<Values> values = Values::read(*op, problem.attrs);
    if (!values.is_ok()) return Support::no(Refusal::kAttribute, values.status().message());
    const auto combinations = usable_combinations(*op, *values, problem, INGOT_PLUGIN_CPU);
    if (!combinations.is_ok()) return Support::no(Refusal::kDType, combinations.status().message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem& problem, const DeviceInfo&) const override {
    std::vector<std::string> out;
    const Operator* op = find_operator(problem.kind);
    const Result<Values> values = Values::read(*op, problem.attrs);
    if (!values.is_ok()) return {""};
    const auto combinations = usable_combinations(*op, *values, problem, INGOT_PLUGIN_CPU);
    if (!combinations.is_ok()) return {""};
    for (const Combination& combination : *combinations) {
      const auto tactics = tactics_of(*op, problem, combination);
      if (!tactics.is_ok()) continue;
      for (const ingot_plugin_tactic& tactic : *tactics) out.push_back(config_text(*op, combination, tactic.id));
    }
    // load() says what is wrong with the plugin.
    if (out.empty()) out.push_back(config_text(*op, combinations->front(), 0));
    return out;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>>) const override {
    INGOT_ASSIGN_OR_RETURN(KernelOptions options, parse_config(config));
    const Operator* op = find_operator(problem.kind);
    if (op == nullptr)
      return not_found("operator {} comes from a plugin library that is not loaded; it was built with: {}",
                       problem.kind, config.substr(0, config.rfind(kTacticMark)));
    return make_kernel(*op, problem, std::move(options));
  }

  [[nodiscard]] bool decides_shapes() const override { return true; }
};

}  // namespace

Result<std::vector<ingot_plugin_tactic>> tactics_of(const Operator& op, const Problem& problem,
                                                    const Combination& combination) {
  ingot_plugin_tactic only{};
  only.size = sizeof(only);
  if (op.api.tactic == nullptr) return std::vector<ingot_plugin_tactic>{only};
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Instance> instance,
                         Instance::create(op, problem, &combination, INGOT_PLUGIN_CPU));
  Operands operands(instance->values(), problem.inputs, problem.outputs, &combination, INGOT_PLUGIN_CPU);
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
  static const PluginTactic tactic;
  return tactic;
}

}  // namespace ingot::plugin
