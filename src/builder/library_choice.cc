// SPDX-License-Identifier: Apache-2.0
#include "builder/library_choice.h"

#include <algorithm>

#include "backends/cuda/tactics.h"

namespace ingot::builder {
namespace {

// Null: none that was timed. `gone`: tactics of libraries that the plan does without.
const Trial* fastest_without(const Choice& choice, std::span<const Tactic* const> gone) {
  const Trial* best = nullptr;
  for (const Trial& trial : choice.trials)
    if (trial.refusal.empty() && trial.microseconds > 0 && std::ranges::find(gone, trial.tactic) == gone.end() &&
        (best == nullptr || trial.microseconds < best->microseconds))
      best = &trial;
  return best;
}

template <typename Visit>
void for_each(Choices& choices, Visit visit) {
  std::for_each(choices.main.begin(), choices.main.end(), visit);
  for (std::vector<Choice>& program : choices.programs) std::for_each(program.begin(), program.end(), visit);
}

// Whether the plan keeps the library of the last of the tactics `gone`, were it the last to go.
bool keep_last(Choices& choices, std::span<const Tactic* const> gone) {
  double total = 0, saved = 0;
  bool needed = false;
  for_each(choices, [&](const Choice& choice) {
    total += choice.microseconds;
    if (choice.tactic != gone.back()) return;
    const Trial* other = fastest_without(choice, gone);
    needed = needed || other == nullptr;
    if (other != nullptr) saved += other->microseconds - choice.microseconds;
  });
  return needed || saved >= kLibraryMustSave * (total + saved);
}

}  // namespace

void weigh_libraries(Choices& choices) {
  std::vector<const Tactic*> gone;
  for (const Tactic* library : {&cuda::cudnn_tactic(), &cuda::cublaslt_tactic()}) {
    gone.push_back(library);
    if (keep_last(choices, gone)) {
      gone.pop_back();
      continue;
    }
    for_each(choices, [&](Choice& choice) {
      if (choice.tactic != library) return;
      const Trial* other = fastest_without(choice, gone);
      choice.tactic = other->tactic;
      choice.config = other->config;
      choice.microseconds = other->microseconds;
    });
  }
}

}  // namespace ingot::builder
