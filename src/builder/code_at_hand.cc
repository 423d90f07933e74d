// SPDX-License-Identifier: Apache-2.0
#include "builder/code_at_hand.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "backends/cuda/cuda_tactic.h"
#include "base/hash.h"

namespace ingot::builder {
namespace {

using Clock = std::chrono::steady_clock;

// How many of the first guesses are good enough for a problem to share another's code.
constexpr std::size_t kGoodGuesses = 4;

struct Candidate {
  const Problem* problem;
  const cuda::CudaTactic* tactic;  // null: needs no code
  std::string config;
  std::vector<std::uint64_t> sources;  // hashes
};

struct Job {
  std::size_t rank;
  const Candidate* candidate;  // the first that wants these sources
};

}  // namespace

struct CodeAtHand::State {
  using Sources = std::vector<std::uint64_t>;
  enum class Code { kWanted, kMade, kFailed };
  std::map<Sources, Code> code;
  std::map<std::tuple<std::string, std::string_view, std::string>, Sources> sources;  // of problem, tactic, config

  [[nodiscard]] Code of(const Candidate& candidate) const {
    if (candidate.tactic == nullptr) return Code::kMade;
    const auto found = code.find(candidate.sources);
    return found == code.end() ? Code::kWanted : found->second;
  }

  // Equal sources once. Jobs that begin after the deadline are left out.
  void run(std::vector<Job> jobs, const DeviceInfo& device, Parallel& parallel, Clock::time_point deadline) {
    std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.rank < b.rank; });
    std::map<Sources, bool> seen;
    std::erase_if(jobs, [&](const Job& job) {
      return of(*job.candidate) != Code::kWanted || !seen.emplace(job.candidate->sources, true).second;
    });
    std::vector<Code> results(jobs.size(), Code::kWanted);
    parallel.run(static_cast<std::int64_t>(jobs.size()), [&](std::int64_t i, int) {
      if (Clock::now() >= deadline) return;
      const Candidate& candidate = *jobs[static_cast<std::size_t>(i)].candidate;
      const bool ok = candidate.tactic->compile(*candidate.problem, candidate.config, device).is_ok();
      results[static_cast<std::size_t>(i)] = ok ? Code::kMade : Code::kFailed;
    });
    for (std::size_t i = 0; i < jobs.size(); ++i)
      if (results[i] != Code::kWanted) code[jobs[i].candidate->sources] = results[i];
  }
};

CodeAtHand::CodeAtHand() : state_(std::make_unique<State>()) {}
CodeAtHand::~CodeAtHand() = default;

void CodeAtHand::make(const std::vector<CodeRequest>& requests, const DeviceInfo& device, Parallel& parallel,
                      Clock::time_point deadline) {
  std::vector<std::vector<Candidate>> all(requests.size());
  parallel.run(static_cast<std::int64_t>(requests.size()), [&](std::int64_t at, int) {
    const CodeRequest& request = requests[static_cast<std::size_t>(at)];
    for (const auto& [tactic, config] : request.candidates) {
      Candidate candidate{request.problem, dynamic_cast<const cuda::CudaTactic*>(tactic), config, {}};
      if (candidate.tactic != nullptr) {
        const auto sources = candidate.tactic->family().sources(*request.problem, config);
        if (!sources.is_ok()) continue;  // told again when it is prepared
        for (const std::string& source : *sources) candidate.sources.push_back(hash_text(source));
      }
      all[static_cast<std::size_t>(at)].push_back(std::move(candidate));
    }
  });
  for (const auto& candidates : all)
    for (const Candidate& candidate : candidates)
      if (candidate.tactic != nullptr)
        state_->sources[{candidate.problem->to_string(), candidate.tactic->id(), candidate.config}] = candidate.sources;

  // What has no code yet, until every problem has a candidate with code, or none that compiles.
  for (bool missing = true; missing;) {
    std::vector<Job> jobs;
    std::map<State::Sources, bool> planned;
    for (const auto& candidates : all) {
      const auto made = [&](const Candidate& c) { return state_->of(c) == State::Code::kMade; };
      if (std::ranges::any_of(candidates, made)) continue;
      std::vector<const Candidate*> open;
      for (const Candidate& candidate : candidates)
        if (state_->of(candidate) == State::Code::kWanted) open.push_back(&candidate);
      if (open.empty()) continue;
      const auto good = open.begin() + static_cast<std::ptrdiff_t>(std::min(open.size(), kGoodGuesses));
      const auto shared =
          std::find_if(open.begin(), good, [&](const Candidate* c) { return planned.contains(c->sources); });
      const Candidate* chosen = shared == good ? open.front() : *shared;
      planned.emplace(chosen->sources, true);
      jobs.push_back({0, chosen});
    }
    missing = !jobs.empty();
    state_->run(std::move(jobs), device, parallel, Clock::time_point::max());
  }

  std::vector<Job> jobs;
  for (const auto& candidates : all)
    for (std::size_t rank = 0; rank < candidates.size(); ++rank) jobs.push_back({rank, &candidates[rank]});
  state_->run(std::move(jobs), device, parallel, deadline);
}

bool CodeAtHand::has(const Problem& problem, const Tactic& tactic, const std::string& config) const {
  const auto sources = state_->sources.find({problem.to_string(), tactic.id(), config});
  if (sources == state_->sources.end()) return dynamic_cast<const cuda::CudaTactic*>(&tactic) == nullptr;
  const auto code = state_->code.find(sources->second);
  return code != state_->code.end() && code->second == State::Code::kMade;
}

}  // namespace ingot::builder
