// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "inspect/dot.h"
#include "inspect/inspect.h"

namespace ingot::inspect {
namespace {

std::string with_config(const std::string& tactic, const std::string& config) {
  return config.empty() ? tactic : tactic + ":" + config;
}

std::string describe(const plan::Plan& plan, std::int32_t id) {
  const plan::Tensor& tensor = plan.tensors[static_cast<std::size_t>(id)];
  return fmt::format("{}: {}{}", tensor.name, to_string(tensor.dtype), to_string(tensor.shape));
}

// The fastest timed candidate of another tactic than the one chosen; null: none was timed beside it.
const plan::Candidate* runner_up(const plan::Plan& plan, std::int32_t program, std::int32_t index,
                                 const plan::Step& step) {
  const plan::Candidate* best = nullptr;
  if (step.microseconds <= 0) return best;
  for (const plan::Candidate& candidate : plan.candidates)
    if (candidate.program == program && candidate.step == index && candidate.tactic != step.tactic &&
        candidate.microseconds > 0 && (best == nullptr || candidate.microseconds < best->microseconds))
      best = &candidate;
  return best;
}

// `index`: of the program in Plan::programs, or -1.
void add_steps(const plan::Plan& plan, const plan::Program& program, std::int32_t index, bool candidates,
               std::string& out) {
  std::multimap<std::int32_t, const plan::Candidate*> by_step;
  for (const plan::Candidate& candidate : plan.candidates)
    if (candidate.program == index) by_step.emplace(candidate.step, &candidate);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const plan::Step& step = program.steps[i];
    out += fmt::format(
        "{:4} {:34} {:>9}  {}", i, with_config(step.tactic, step.config),
        step.microseconds > 0 ? fmt::format("{:.1f} us", step.microseconds) : "-",
        step.programs.empty() ? step.name : fmt::format("{} (program {})", step.name, fmt::join(step.programs, ", ")));
    if (const plan::Candidate* next = runner_up(plan, index, static_cast<std::int32_t>(i), step))
      out += fmt::format("  ({} takes {:.2f} times as long)", with_config(next->tactic, next->config),
                         next->microseconds / step.microseconds);
    out += '\n';
    if (!candidates) continue;
    out += fmt::format("       {}\n", step.problem);
    for (auto [it, end] = by_step.equal_range(static_cast<std::int32_t>(i)); it != end; ++it) {
      const plan::Candidate& c = *it->second;
      const std::string outcome = !c.refusal.empty()   ? "refused, " + c.refusal
                                  : c.microseconds > 0 ? fmt::format("{:.1f} us", c.microseconds)
                                                       : "not timed";
      out += fmt::format("         {:32} {}\n", with_config(c.tactic, c.config), outcome);
    }
  }
}

std::string to_text(const plan::Plan& plan, bool candidates) {
  std::string out =
      fmt::format("plan built by ingot {} for {} ({})\n", plan.engine_version, plan.device_kind, plan.device_name);
  out += fmt::format("  fingerprint: {}\n", plan.device_fingerprint);
  for (const auto& [key, value] : plan.provenance) out += fmt::format("  {}: {}\n", key, value);
  for (const std::int32_t id : plan.inputs) out += fmt::format("  input  {}\n", describe(plan, id));
  for (const plan::Profile& profile : plan.profiles)
    for (const plan::ProfileRange& range : profile)
      out += fmt::format("         {} from {} to {}, tuned at {}\n",
                         plan.tensors[static_cast<std::size_t>(range.input)].name, to_string(range.min),
                         to_string(range.max), to_string(range.opt));
  for (const std::int32_t id : plan.outputs) out += fmt::format("  output {}\n", describe(plan, id));
  std::size_t weights = 0;
  for (const auto& blob : plan.blobs) weights += blob.size();
  out += fmt::format("  weights: {:.2f} MiB; activations: {}\n\n", static_cast<double>(weights) / (1 << 20),
                     plan.is_dynamic() ? "placed when shapes are set"
                                       : fmt::format("{:.2f} MiB", static_cast<double>(plan.arena_bytes) / (1 << 20)));
  add_steps(plan, plan, -1, candidates, out);
  for (std::size_t i = 0; i < plan.programs.size(); ++i) {
    out += fmt::format("\n  program {}\n", i);
    add_steps(plan, plan.programs[i], static_cast<std::int32_t>(i), candidates, out);
  }
  return out;
}

std::string to_json(const plan::Plan& plan) {
  const auto tensors = [&](const std::vector<std::int32_t>& ids) {
    nlohmann::json out = nlohmann::json::array();
    for (const std::int32_t id : ids) {
      if (id < 0) {
        out.push_back(nullptr);
        continue;
      }
      const plan::Tensor& tensor = plan.tensors[static_cast<std::size_t>(id)];
      out.push_back({{"name", tensor.name}, {"dtype", to_string(tensor.dtype)}, {"shape", to_string(tensor.shape)}});
    }
    return out;
  };
  nlohmann::json out = {
      {"engine_version", plan.engine_version},
      {"device", {{"kind", plan.device_kind}, {"name", plan.device_name}, {"fingerprint", plan.device_fingerprint}}},
      {"inputs", tensors(plan.inputs)},
      {"outputs", tensors(plan.outputs)},
      {"arena_bytes", plan.arena_bytes}};
  for (const auto& [key, value] : plan.provenance) out["provenance"][key] = value;
  out["steps"] = nlohmann::json::array();
  for (const plan::Step& step : plan.steps)
    out["steps"].push_back({{"name", step.name},
                            {"tactic", step.tactic},
                            {"tactic_version", step.tactic_version},
                            {"config", step.config},
                            {"problem", step.problem},
                            {"us", step.microseconds},
                            {"inputs", tensors(step.inputs)},
                            {"outputs", tensors(step.outputs)}});
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (const plan::Candidate* next = runner_up(plan, -1, static_cast<std::int32_t>(i), plan.steps[i]))
      out["steps"][i]["runner_up"] = {{"tactic", next->tactic},
                                      {"config", next->config},
                                      {"us", next->microseconds},
                                      {"ratio", next->microseconds / plan.steps[i].microseconds}};
  for (const plan::Candidate& candidate : plan.candidates)
    if (candidate.program < 0)
      out["steps"][static_cast<std::size_t>(candidate.step)]["candidates"].push_back({{"tactic", candidate.tactic},
                                                                                      {"config", candidate.config},
                                                                                      {"us", candidate.microseconds},
                                                                                      {"refusal", candidate.refusal}});
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string to_dot(const plan::Plan& plan) {
  Dot dot;
  const auto name = [&](std::int32_t id) { return fmt::format("t{}", id); };
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const plan::Tensor& tensor = plan.tensors[i];
    if (tensor.storage == plan::Storage::constant) continue;
    dot.node(name(static_cast<std::int32_t>(i)), tensor.name + "\n" + to_string(tensor.shape));
    if (tensor.alias_of >= 0) dot.edge(name(tensor.alias_of), name(static_cast<std::int32_t>(i)), "view");
  }
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::Step& step = plan.steps[i];
    dot.node(fmt::format("s{}", i), with_config(step.tactic, step.config) + "\n" + step.name);
    for (const std::int32_t id : step.inputs)
      if (id >= 0 && plan.tensors[static_cast<std::size_t>(id)].storage != plan::Storage::constant)
        dot.edge(name(id), fmt::format("s{}", i), "");
    for (const std::int32_t id : step.outputs)
      if (id >= 0) dot.edge(fmt::format("s{}", i), name(id), "");
  }
  return dot.text();
}

}  // namespace

std::string show(const plan::Plan& plan, Format format, bool candidates) {
  switch (format) {
    case Format::text: return to_text(plan, candidates);
    case Format::json: return to_json(plan);
    case Format::dot: return to_dot(plan);
  }
  return {};
}

}  // namespace ingot::inspect
