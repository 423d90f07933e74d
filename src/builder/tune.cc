// SPDX-License-Identifier: Apache-2.0
#include "builder/tune.h"

#include <algorithm>

#include "builder/time_kernel.h"
#include "builder/time_on_cuda.h"
#include "builder/try_plugin.h"

namespace ingot::builder {
namespace {

bool is_disabled(std::string_view id, const std::vector<std::string>& disabled) {
  return std::any_of(disabled.begin(), disabled.end(), [&](const std::string& pattern) {
    return pattern.ends_with('*') ? id.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))
                                  : id == pattern;
  });
}

std::string describe(const Support& support) {
  return support.detail.empty() ? std::string(to_string(support.reason))
                                : fmt::format("{}: {}", to_string(support.reason), support.detail);
}

constexpr double kNoCode = -1;  // the time of a candidate whose machine code there was no time to make

// What a candidate's time counts as: one that may allocate or lock has to be clearly faster, not faster by noise.
double handicapped(const Tactic& tactic, double microseconds) {
  constexpr double kClearly = 1.1;
  return tactic.may_allocate() ? microseconds * kClearly : microseconds;
}

}  // namespace

std::vector<Trial> candidates_of(const Problem& problem, bool data_dependent, const TuneOptions& options) {
  const DeviceInfo device = options.backend->device();
  std::vector<Trial> trials;
  bool any = false;
  for (const Tactic* tactic : options.backend->tactics()) {
    Support support = tactic->supports(problem, device);
    if (support.reason == Refusal::kKind) continue;
    if (support.ok() && data_dependent && !tactic->decides_shapes())
      support = Support::no(Refusal::kDynamic, "only the data decide the output's shape");
    if (!support.ok()) {
      trials.push_back({tactic, "", 0, describe(support)});
    } else if (is_disabled(tactic->id(), options.disabled)) {
      trials.push_back({tactic, "", 0, "disabled by the caller"});
    } else if (tactic->leaves_device() && !options.allow_cpu_fallback) {
      trials.push_back({tactic, "", 0, "runs on the CPU, which was not allowed"});
    } else if (tactic->is_plain() && any) {
      trials.push_back({tactic, "", 0, "plain: taken only when no other tactic supports the problem"});
    } else {
      for (std::string& config : tactic->configs(problem, device)) trials.push_back({tactic, std::move(config), 0, ""});
      any = true;
    }
  }
  return trials;
}

TimingCache::Key timing_key(const Problem& problem, const Trial& trial, const TuneOptions& options) {
  return {fmt::format("{} threads={}", options.backend->device().fingerprint(), options.parallel->threads()),
          problem.to_string(), fmt::format("{}@{}", trial.tactic->id(), trial.tactic->version()), trial.config};
}

std::optional<TimingCache::Entry> known_timing(const TimingCache& cache, const TimingCache::Key& key,
                                               const TuneOptions& options) {
  const std::optional<TimingCache::Entry> known = cache.find(key);
  return known && known->holds_for(options.budget_seconds) ? known : std::nullopt;
}

Result<Choice> tune(const Problem& problem, bool data_dependent, const TuneOptions& options, TimingCache& cache) {
  const DeviceInfo device = options.backend->device();
  Choice choice;
  choice.trials = candidates_of(problem, data_dependent, options);
  const auto candidates =
      std::count_if(choice.trials.begin(), choice.trials.end(), [](const Trial& t) { return t.refusal.empty(); });

  CudaTimer on_cuda(problem, device, options.workspace_limit);
  for (Trial& trial : choice.trials) {
    if (!trial.refusal.empty()) continue;
    if (candidates > 1) {
      TimingCache::Key key = timing_key(problem, trial, options);
      const bool at_hand = options.code == nullptr || options.code->has(problem, *trial.tactic, trial.config);
      if (const auto known = known_timing(cache, key, options)) {
        trial.microseconds = known->code ? known->microseconds : kNoCode;
      } else if (!at_hand) {
        trial.microseconds = kNoCode;
        cache.insert(std::move(key), {0, false, options.budget_seconds});
      } else if (std::chrono::steady_clock::now() < options.deadline) {
        const Result<double> time = device.kind == "cuda" ? on_cuda.time(*trial.tactic, trial.config)
                                                          : time_kernel(problem, *trial.tactic, trial.config, device,
                                                                        *options.parallel, options.workspace_limit);
        if (!time.is_ok()) {
          trial.refusal = time.status().to_string();
          continue;
        }
        // To whole nanoseconds, so that the text of the cache holds the exact value.
        trial.microseconds = std::max(0.001, static_cast<double>(static_cast<std::int64_t>(*time * 1000)) / 1000);
        cache.insert(std::move(key), {trial.microseconds});
      } else {
        cache.insert(std::move(key), {0, true, options.budget_seconds});
      }
    }
    // A guess is better than one whose code there was no time to make.
    const bool first = choice.tactic == nullptr || (choice.microseconds < 0 && trial.microseconds >= 0);
    const bool faster =
        trial.microseconds > 0 && (choice.microseconds <= 0 || handicapped(*trial.tactic, trial.microseconds) <
                                                                   handicapped(*choice.tactic, choice.microseconds));
    if (first || faster) {
      choice.tactic = trial.tactic;
      choice.config = trial.config;
      choice.microseconds = trial.microseconds;
    }
  }
  if (choice.tactic != nullptr) {
    if (problem.is_plugin()) INGOT_RETURN_IF_ERROR(try_plugin(problem, *choice.tactic, choice.config, device));
    choice.microseconds = std::max(choice.microseconds, 0.0);
    for (Trial& trial : choice.trials) trial.microseconds = std::max(trial.microseconds, 0.0);
    return choice;
  }
  std::string reasons;
  for (const Trial& trial : choice.trials)
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", trial.tactic->id(), trial.refusal);
  return unsupported("no tactic on device '{}' can do this ({}). Problem: {}", device.kind,
                     reasons.empty() ? "none knows the operator" : reasons, problem.to_string());
}

}  // namespace ingot::builder
