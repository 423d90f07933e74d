// SPDX-License-Identifier: Apache-2.0
#include "builder/emit.h"

#include <algorithm>
#include <map>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plan/memory_plan.h"

namespace ingot::builder {
namespace {

using plan::Storage;

class Emitter {
 public:
  Emitter(Lowered lowered, const DeviceInfo& device) : lowered_(std::move(lowered)), device_(device) {}

  Result<BuiltPlan> run(const std::vector<Choice>& choices) {
    keep_.assign(lowered_.tensors.size(), false);
    for (std::size_t i = 0; i < lowered_.steps.size(); ++i)
      INGOT_RETURN_IF_ERROR(add_step(lowered_.steps[i], choices[i], i));
    drop_unused_tensors();
    place();
    return std::move(out_);
  }

 private:
  // Equal bytes are stored once (tied embeddings, repeated constants).
  std::int32_t add_blob(std::span<const std::byte> bytes) {
    const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
    for (auto [it, end] = by_hash_.equal_range(hash); it != end; ++it) {
      const auto& other = out_.plan.blobs[static_cast<std::size_t>(it->second)];
      if (std::equal(other.begin(), other.end(), bytes.begin(), bytes.end())) return it->second;
    }
    const auto id = static_cast<std::int32_t>(out_.plan.blobs.size());
    out_.plan.blobs.push_back(bytes);
    by_hash_.emplace(hash, id);
    return id;
  }

  Status add_step(const LoweredStep& in, const Choice& choice, std::size_t index) {
    plan::Step step;
    step.name = in.name;
    step.tactic = std::string(choice.tactic->id());
    step.tactic_version = choice.tactic->version();
    step.config = choice.config;
    step.problem = in.problem.to_string();
    step.inputs = in.inputs;
    step.outputs = in.outputs;
    step.data_dependent = in.data_dependent;
    step.microseconds = static_cast<float>(choice.microseconds);
    INGOT_ASSIGN_OR_RETURN(Packed packed, choice.tactic->prepare(in.problem, choice.config, device_));
    for (auto& blob : packed.blobs) {
      auto owned = std::make_shared<const std::vector<std::byte>>(std::move(blob));
      step.blobs.push_back(add_blob(*owned));
      out_.packed.push_back(std::move(owned));
    }
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const std::int32_t id = step.inputs[i];
      if (id < 0) continue;
      const auto tensor = static_cast<std::size_t>(id);
      if (lowered_.tensors[tensor].storage != Storage::constant) continue;
      const bool kept = std::find(packed.keep_inputs.begin(), packed.keep_inputs.end(), i) != packed.keep_inputs.end();
      if (kept) {
        keep_[tensor] = true;
      } else {
        step.inputs[i] = -1;
      }
    }
    for (const Trial& trial : choice.trials)
      out_.plan.candidates.push_back({static_cast<std::int32_t>(index), std::string(trial.tactic->id()), trial.config,
                                      static_cast<float>(trial.microseconds), trial.refusal});
    out_.plan.steps.push_back(std::move(step));
    return Status::ok();
  }

  // Constants that every step has packed away leave the plan; ids are renumbered.
  void drop_unused_tensors() {
    std::vector<std::int32_t> renumbered(lowered_.tensors.size(), -1);
    for (std::size_t i = 0; i < lowered_.tensors.size(); ++i) {
      plan::Tensor& tensor = lowered_.tensors[i];
      if (tensor.storage == Storage::constant) {
        if (!keep_[i]) continue;
        tensor.blob = add_blob(lowered_.constants[i]->bytes());
        out_.constants.push_back(lowered_.constants[i]);
      }
      renumbered[i] = static_cast<std::int32_t>(out_.plan.tensors.size());
      if (tensor.alias_of >= 0) tensor.alias_of = renumbered[static_cast<std::size_t>(tensor.alias_of)];
      out_.plan.tensors.push_back(std::move(tensor));
    }
    const auto rename = [&](std::vector<std::int32_t>& ids) {
      for (std::int32_t& id : ids)
        if (id >= 0) id = renumbered[static_cast<std::size_t>(id)];
    };
    for (plan::Step& step : out_.plan.steps) {
      rename(step.inputs);
      rename(step.outputs);
    }
    out_.plan.inputs = lowered_.inputs;
    out_.plan.outputs = lowered_.outputs;
    rename(out_.plan.inputs);
    rename(out_.plan.outputs);
  }

  void place() {
    plan::Plan& plan = out_.plan;
    if (plan.is_dynamic()) return;
    std::vector<plan::BufferUse> uses(plan.tensors.size(), plan::BufferUse{0, -1, -1});
    for (std::size_t s = 0; s < plan.steps.size(); ++s)
      for (const auto* ids : {&plan.steps[s].inputs, &plan.steps[s].outputs})
        for (std::int32_t id : *ids) {
          if (id < 0) continue;
          while (plan.tensors[static_cast<std::size_t>(id)].alias_of >= 0)
            id = plan.tensors[static_cast<std::size_t>(id)].alias_of;
          plan::BufferUse& use = uses[static_cast<std::size_t>(id)];
          if (use.first_step < 0) use.first_step = static_cast<std::int32_t>(s);
          use.last_step = static_cast<std::int32_t>(s);
        }
    std::vector<plan::BufferUse> buffers;
    std::vector<std::size_t> ids;
    for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
      if (plan.tensors[i].storage != Storage::activation || uses[i].first_step < 0) continue;
      uses[i].bytes =
          bytes_of(plan.tensors[i].dtype, element_count(*concrete(plan.tensors[i].shape)).value_or(0)).value_or(0);
      buffers.push_back(uses[i]);
      ids.push_back(i);
    }
    const plan::MemoryPlan placed = plan::plan_memory(buffers);
    for (std::size_t i = 0; i < ids.size(); ++i) plan.tensors[ids[i]].arena_offset = placed.offsets[i];
    plan.arena_bytes = static_cast<std::uint64_t>(placed.arena_bytes);
  }

  Lowered lowered_;
  const DeviceInfo& device_;
  BuiltPlan out_;
  std::vector<bool> keep_;
  std::multimap<std::uint64_t, std::int32_t> by_hash_;
};

}  // namespace

Result<BuiltPlan> emit(Lowered lowered, const std::vector<Choice>& choices, const DeviceInfo& device) {
  return Emitter(std::move(lowered), device).run(choices);
}

}  // namespace ingot::builder
