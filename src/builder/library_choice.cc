// SPDX-License-Identifier: Apache-2.0
#include "builder/library_choice.h"

#include <algorithm>

#include "backends/cuda/tactics.h"

namespace ingot::builder {
namespace {

bool needs_library(const Tactic* tactic) { return tactic == &cuda::cublaslt_tactic(); }

// Null: none that was timed.
const Trial* fastest_without(const Choice& choice) {
  const Trial* best = nullptr;
  for (const Trial& trial : choice.trials)
    if (trial.refusal.empty() && trial.microseconds > 0 && !needs_library(trial.tactic) &&
        (best == nullptr || trial.microseconds < best->microseconds))
      best = &trial;
  return best;
}

template <typename Visit>
void for_each(Choices& choices, Visit visit) {
  std::for_each(choices.main.begin(), choices.main.end(), visit);
  for (std::vector<Choice>& program : choices.programs) std::for_each(program.begin(), program.end(), visit);
}

}  // namespace

void weigh_library(Choices& choices) {
  double total = 0, saved = 0;
  bool needed = false;
  for_each(choices, [&](const Choice& choice) {
    total += choice.microseconds;
    if (!needs_library(choice.tactic)) return;
    const Trial* other = fastest_without(choice);
    needed = needed || other == nullptr;
    if (other != nullptr) saved += other->microseconds - choice.microseconds;
  });
  if (needed || saved >= kLibraryMustSave * (total + saved)) return;
  for_each(choices, [](Choice& choice) {
    if (!needs_library(choice.tactic)) return;
    const Trial* other = fastest_without(choice);
    choice.tactic = other->tactic;
    choice.config = other->config;
    choice.microseconds = other->microseconds;
  });
}

}  // namespace ingot::builder
