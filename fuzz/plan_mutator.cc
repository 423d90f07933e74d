// SPDX-License-Identifier: Apache-2.0
#include "plan_mutator.h"

#include <algorithm>
#include <cctype>

namespace ingot::fuzz {
namespace {

std::int64_t any_integer(Random& random, std::int64_t near) {
  switch (pick(random, 4)) {
    case 0: return interesting_integer(random);
    case 1: return near == INT64_MAX ? near : near + 1;
    case 2: return near == INT64_MIN ? near : near - 1;
    default: return static_cast<std::int64_t>(pick(random, 16));
  }
}

std::int32_t any_id(Random& random, std::int32_t near) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(any_integer(random, near), INT32_MIN, INT32_MAX));
}

Dim any_dim(Random& random, const Dim& near) {
  if (pick(random, 6) == 0) return Dim::symbol(pick(random, 2) == 0 ? "N" : "unheard_of");
  return Dim(any_integer(random, near.constant().value_or(1)));
}

template <typename T, typename Change>
void change_one(std::vector<T>& list, Random& random, Change change) {
  if (list.empty()) return;
  T& item = list[pick(random, list.size())];
  switch (pick(random, 6)) {
    case 0: list.push_back(T(item)); break;
    case 1: list.pop_back(); break;
    case 2: std::swap(item, list[pick(random, list.size())]); break;
    default: item = change(item);
  }
}

// Replaces one number of a text, or exchanges two characters.
void change_text(std::string& text, Random& random) {
  if (text.empty()) return;
  if (pick(random, 8) == 0) {
    std::swap(text[pick(random, text.size())], text[pick(random, text.size())]);
    return;
  }
  if (pick(random, 8) == 0) {  // another type of attribute
    constexpr std::string_view kValues[] = {"1", "[1, 2]", "2.5", "\"text\"", "f16", "[]"};
    const std::size_t equals = text.find('=', pick(random, text.size()));
    const std::size_t comma = equals == std::string::npos ? equals : text.find_first_of(",}", equals);
    if (comma != std::string::npos)
      text.replace(equals + 1, comma - equals - 1, kValues[pick(random, std::size(kValues))]);
    return;
  }
  std::size_t at = pick(random, text.size());
  for (std::size_t steps = 0; steps < text.size() && !std::isdigit(static_cast<unsigned char>(text[at])); ++steps)
    at = (at + 1) % text.size();
  std::size_t end = at;
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
  if (end > at) text.replace(at, end - at, std::to_string(any_integer(random, 3)));
}

void change_tensor(plan::Tensor& tensor, Random& random) {
  switch (pick(random, 8)) {
    case 0: tensor.dtype = static_cast<DType>(pick(random, 24)); break;
    case 1: tensor.storage = static_cast<plan::Storage>(pick(random, 5)); break;
    case 2: tensor.blob = any_id(random, tensor.blob); break;
    case 3: tensor.alias_of = any_id(random, tensor.alias_of); break;
    case 4: tensor.arena_offset = any_integer(random, tensor.arena_offset); break;
    default: change_one(tensor.shape, random, [&](const Dim& dim) { return any_dim(random, dim); });
  }
}

void change_step(plan::Step& step, const plan::Program& program, Random& random) {
  const auto id = [&](std::int32_t near) { return any_id(random, near); };
  switch (pick(random, 8)) {
    case 0: step.tactic = program.steps[pick(random, program.steps.size())].tactic; break;
    case 1: change_text(step.config, random); break;
    case 2: change_one(step.inputs, random, id); break;
    case 3: change_one(step.outputs, random, id); break;
    case 4: change_one(step.blobs, random, id); break;
    case 5: step.data_dependent = !step.data_dependent; break;
    default: change_text(step.problem, random);
  }
}

}  // namespace

void mutate_plan(plan::Plan& plan, Random& random) {
  plan::Program& program =
      plan.programs.empty() || pick(random, 2) == 0 ? plan : plan.programs[pick(random, plan.programs.size())];
  const auto id = [&](std::int32_t near) { return any_id(random, near); };
  switch (pick(random, 8)) {
    case 0: change_one(program.inputs, random, id); break;
    case 1: change_one(program.outputs, random, id); break;
    case 2: program.arena_bytes = static_cast<std::uint64_t>(any_integer(random, 64)); break;
    case 3:
    case 4:
      if (!program.tensors.empty()) change_tensor(program.tensors[pick(random, program.tensors.size())], random);
      break;
    default:
      if (!program.steps.empty()) change_step(program.steps[pick(random, program.steps.size())], program, random);
  }
}

}  // namespace ingot::fuzz
