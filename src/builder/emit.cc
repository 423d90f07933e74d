// SPDX-License-Identifier: Apache-2.0
#include "builder/emit.h"

#include <algorithm>
#include <map>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plan/memory_plan.h"
#include "plan/strings.h"

namespace ingot::builder {
namespace {

using plan::Storage;

// The blobs, which all programs share.
class BlobTable {
 public:
  explicit BlobTable(BuiltPlan& out) : out_(out) {}

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

  std::int32_t add_owned(std::vector<std::byte> bytes) {
    auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    out_.packed.push_back(owned);
    return add_blob(*owned);
  }

 private:
  BuiltPlan& out_;
  std::multimap<std::uint64_t, std::int32_t> by_hash_;
};

// Makes one program of the plan.
class Emitter {
 public:
  // `index`: into Plan::programs, or -1.
  Emitter(LoweredProgram lowered, std::int32_t index, const DeviceInfo& device, BuiltPlan& out, BlobTable& blobs)
      : lowered_(std::move(lowered)), index_(index), device_(device), out_(out), blobs_(blobs) {}

  Result<plan::Program> run(const std::vector<Choice>& choices) {
    keep_.assign(lowered_.tensors.size(), false);
    for (std::size_t i = 0; i < lowered_.steps.size(); ++i)
      INGOT_RETURN_IF_ERROR(add_step(lowered_.steps[i], choices[i], i));
    drop_unused_tensors();
    place();
    return std::move(program_);
  }

 private:
  static plan::Step common_part(const LoweredStep& in) {
    plan::Step step;
    step.name = in.name;
    step.problem = in.problem.to_string();
    step.inputs = in.inputs;
    step.outputs = in.outputs;
    step.data_dependent = in.data_dependent;
    step.programs = in.programs;
    return step;
  }

  void add_runtime_step(const LoweredStep& in) {
    plan::Step step = common_part(in);
    step.tactic = in.is_control_flow() ? plan::kControlFlow : plan::kObjectStep;
    step.tactic_version = plan::kRuntimeStepVersion;
    for (const std::int32_t id : step.inputs)
      if (id >= 0) keep_[static_cast<std::size_t>(id)] = true;
    program_.steps.push_back(std::move(step));
  }

  Status add_step(const LoweredStep& in, const Choice& choice, std::size_t index) {
    if (in.by_runtime()) {
      add_runtime_step(in);
      return Status::ok();
    }
    plan::Step step = common_part(in);
    step.tactic = std::string(choice.tactic->id());
    step.tactic_version = choice.tactic->version();
    step.config = choice.config;
    step.microseconds = static_cast<float>(choice.microseconds);
    INGOT_ASSIGN_OR_RETURN(Packed packed, choice.tactic->prepare(in.problem, choice.config, device_));
    for (auto& blob : packed.blobs) step.blobs.push_back(blobs_.add_owned(std::move(blob)));
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
                                      static_cast<float>(trial.microseconds), trial.refusal, index_});
    program_.steps.push_back(std::move(step));
    return Status::ok();
  }

  // Constants that every step has packed away leave the plan; ids are renumbered.
  void drop_unused_tensors() {
    std::vector<std::int32_t> renumbered(lowered_.tensors.size(), -1);
    for (std::size_t i = 0; i < lowered_.tensors.size(); ++i) {
      plan::Tensor& tensor = lowered_.tensors[i];
      if (tensor.storage == Storage::constant) {
        if (!keep_[i]) continue;
        const HostTensor& value = *lowered_.constants[i];
        tensor.blob = tensor.dtype == DType::string ? blobs_.add_owned(plan::encode_strings(value.strings()))
                                                    : blobs_.add_blob(value.bytes());
        out_.constants.push_back(lowered_.constants[i]);
      }
      renumbered[i] = static_cast<std::int32_t>(program_.tensors.size());
      if (tensor.alias_of >= 0) tensor.alias_of = renumbered[static_cast<std::size_t>(tensor.alias_of)];
      program_.tensors.push_back(std::move(tensor));
    }
    const auto rename = [&](std::vector<std::int32_t>& ids) {
      for (std::int32_t& id : ids)
        if (id >= 0) id = renumbered[static_cast<std::size_t>(id)];
    };
    for (plan::Step& step : program_.steps) {
      rename(step.inputs);
      rename(step.outputs);
    }
    program_.inputs = lowered_.inputs;
    program_.outputs = lowered_.outputs;
    rename(program_.inputs);
    rename(program_.outputs);
  }

  void place() {
    plan::Program& plan = program_;
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
      if (plan.tensors[i].storage != Storage::activation || plan.tensors[i].is_object() || uses[i].first_step < 0)
        continue;
      uses[i].bytes =
          bytes_of(plan.tensors[i].dtype, element_count(*concrete(plan.tensors[i].shape)).value_or(0)).value_or(0);
      buffers.push_back(uses[i]);
      ids.push_back(i);
    }
    const plan::MemoryPlan placed = plan::plan_memory(buffers);
    for (std::size_t i = 0; i < ids.size(); ++i) plan.tensors[ids[i]].arena_offset = placed.offsets[i];
    plan.arena_bytes = static_cast<std::uint64_t>(placed.arena_bytes);
  }

  LoweredProgram lowered_;
  std::int32_t index_;
  const DeviceInfo& device_;
  BuiltPlan& out_;
  BlobTable& blobs_;
  plan::Program program_;
  std::vector<bool> keep_;
};

}  // namespace

Result<BuiltPlan> emit(Lowered lowered, const Choices& choices, const DeviceInfo& device) {
  BuiltPlan out;
  BlobTable blobs(out);
  std::vector<LoweredProgram> programs = std::move(lowered.programs);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    Emitter emitter(std::move(programs[i]), static_cast<std::int32_t>(i), device, out, blobs);
    INGOT_ASSIGN_OR_RETURN(plan::Program program, emitter.run(choices.programs[i]));
    out.plan.programs.push_back(std::move(program));
  }
  Emitter emitter(std::move(lowered), -1, device, out, blobs);
  INGOT_ASSIGN_OR_RETURN(static_cast<plan::Program&>(out.plan), emitter.run(choices.main));
  return out;
}

}  // namespace ingot::builder
