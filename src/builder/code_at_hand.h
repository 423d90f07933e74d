// SPDX-License-Identifier: Apache-2.0
// Machine code of CUDA candidates, made by all threads before they are timed: compiling takes far longer than timing,
// so it is what a time budget must rule. First one candidate of every problem, since without it there is no plan: one
// of the first guesses whose source another problem needs too, where there is one. Then the others by rank (the second
// guess of every problem before anybody's third) until the deadline. A candidate whose code is not at hand is not
// timed.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "tactics/tactic.h"

namespace ingot::builder {

struct CodeRequest {
  const Problem* problem = nullptr;
  // Fastest guess first.
  std::vector<std::pair<const Tactic*, std::string>> candidates;
};

class CodeAtHand {
 public:
  CodeAtHand();
  ~CodeAtHand();
  CodeAtHand(const CodeAtHand&) = delete;
  CodeAtHand& operator=(const CodeAtHand&) = delete;

  void make(const std::vector<CodeRequest>& requests, const DeviceInfo& device, Parallel& parallel,
            std::chrono::steady_clock::time_point deadline);
  // Also of tactics that need no code.
  [[nodiscard]] bool has(const Problem& problem, const Tactic& tactic, const std::string& config) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ingot::builder
