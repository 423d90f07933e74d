// SPDX-License-Identifier: Apache-2.0
// Tuning: enumerates the candidates of a problem, times them on this machine, and picks the fastest.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/status.h"
#include "builder/code_at_hand.h"
#include "builder/timing_cache.h"
#include "tactics/tactic.h"

namespace ingot::builder {

struct TuneOptions {
  const Backend* backend = nullptr;
  Parallel* parallel = nullptr;            // threads to time with
  std::size_t workspace_limit = SIZE_MAX;  // bytes
  std::vector<std::string> disabled;       // tactic ids, or prefixes that end in '*'
  bool allow_cpu_fallback = false;         // tactics that leave the device
  const CodeAtHand* code = nullptr;        // null: no candidate needs any
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  double budget_seconds = 0;  // that the deadline ends
};

struct Trial {
  const Tactic* tactic = nullptr;
  std::string config;
  double microseconds = 0;  // 0: not timed
  std::string refusal;      // why it was not a candidate; empty for candidates
};

struct Choice {
  const Tactic* tactic = nullptr;
  std::string config;
  double microseconds = 0;
  std::vector<Trial> trials;  // all candidates and refusals of tactics for this kind, in table order
};

// All tactics that know the kind, with their configs or refusals, in table order; the plain one only when nothing else
// is left. data_dependent: the shape of an output only the data decide, which Tactic::decides_shapes() tells of.
std::vector<Trial> candidates_of(const Problem& problem, bool data_dependent, const TuneOptions& options);

// The cache's key for a candidate, and what it says of it if that holds for this budget.
TimingCache::Key timing_key(const Problem& problem, const Trial& trial, const TuneOptions& options);
std::optional<TimingCache::Entry> known_timing(const TimingCache& cache, const TimingCache::Key& key,
                                               const TuneOptions& options);

// Fails when no tactic supports the problem, and then lists every refusal, or when a plugin refuses it.
Result<Choice> tune(const Problem& problem, bool data_dependent, const TuneOptions& options, TimingCache& cache);

}  // namespace ingot::builder
