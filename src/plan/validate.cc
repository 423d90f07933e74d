// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "plan/reader.h"
#include "plan/strings.h"

namespace ingot::plan {
namespace {

class Checker {
 public:
  // `bodies`: how many of the plan's bodies the program may refer to.
  Checker(const Plan& plan, const Program& program, std::size_t bodies)
      : plan_(plan), program_(program), bodies_(bodies), defined_(program.tensors.size(), false) {}

  Status run() {
    // What a context places itself begins behind the fixed part.
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;  // sums of such sizes do not wrap
    if (program_.arena_bytes % 64 != 0 || program_.arena_bytes > kMostBytes)
      return corrupt("plan: an arena of {} bytes", program_.arena_bytes);
    for (std::size_t i = 0; i < program_.tensors.size(); ++i) INGOT_RETURN_IF_ERROR(check_tensor(i));
    for (const std::int32_t id : program_.inputs) {
      INGOT_RETURN_IF_ERROR(check_id(id, "an input"));
      if (tensor(id).storage != Storage::input)
        return corrupt("plan: input '{}' is not stored as one", tensor(id).name);
      defined_[index(id)] = true;
    }
    INGOT_RETURN_IF_ERROR(check_lists());
    for (std::size_t i = 0; i < program_.steps.size(); ++i) INGOT_RETURN_IF_ERROR(check_step(program_.steps[i]));
    for (const std::int32_t id : program_.outputs) {
      INGOT_RETURN_IF_ERROR(check_id(id, "an output"));
      if (!is_defined(id)) return corrupt("plan: output '{}' is never computed", tensor(id).name);
    }
    return check_places();
  }

  Status check_profiles() const {
    for (const Profile& profile : plan_.profiles)
      for (const ProfileRange& range : profile) INGOT_RETURN_IF_ERROR(check_range(range));
    return Status::ok();
  }

 private:
  static std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }
  const Tensor& tensor(std::int32_t id) const { return program_.tensors[index(id)]; }
  Status check_id(std::int32_t id, std::string_view what) const {
    if (id < 0 || index(id) >= program_.tensors.size())
      return corrupt("plan: {} refers to tensor {} of {}", what, id, program_.tensors.size());
    return Status::ok();
  }

  Status check_tensor(std::size_t i) {
    const Tensor& t = program_.tensors[i];
    for (const Dim& dim : t.shape)
      if (dim.is_constant() && dim.value() < 0)
        return corrupt("plan: tensor '{}' has shape {}", t.name, to_string(t.shape));
    if (t.is_object()) return check_object(i);
    if (t.dtype == DType::undefined || t.dtype == DType::string)
      return corrupt("plan: tensor '{}' of {} is not dense", t.name, to_string(t.dtype));
    const std::optional<Shape> shape = concrete(t.shape);
    if (shape) {
      const std::optional<std::int64_t> count = element_count(*shape);
      if (!count || !bytes_of(t.dtype, *count))
        return corrupt("plan: tensor '{}' has impossible shape {}", t.name, to_string(*shape));
    }
    if (t.storage == Storage::constant) {
      if (t.blob < 0 || index(t.blob) >= plan_.blobs.size()) return corrupt("plan: constant '{}' has no bytes", t.name);
      if (!shape) return corrupt("plan: constant '{}' has a symbolic shape", t.name);
      const std::int64_t bytes = *bytes_of(t.dtype, *element_count(*shape));
      if (static_cast<std::uint64_t>(bytes) != plan_.blobs[index(t.blob)].size())
        return corrupt("plan: constant '{}' needs {} bytes and has {}", t.name, bytes,
                       plan_.blobs[index(t.blob)].size());
      defined_[i] = true;
    }
    if (t.storage == Storage::alias) {
      // Only backward references: no cycles.
      if (t.alias_of < 0 || index(t.alias_of) >= i)
        return corrupt("plan: alias '{}' refers to tensor {}", t.name, t.alias_of);
      if (tensor(t.alias_of).is_object() || tensor(t.alias_of).dtype != t.dtype)
        return corrupt("plan: alias '{}' changes the element type", t.name);
    }
    if (t.arena_offset >= 0) {
      if (t.storage != Storage::activation || !shape)
        return corrupt("plan: tensor '{}' cannot have a fixed place", t.name);
      const std::int64_t bytes = *bytes_of(t.dtype, *element_count(*shape));
      const auto begin = static_cast<std::uint64_t>(t.arena_offset);
      if (begin % 64 != 0 || begin > program_.arena_bytes ||
          static_cast<std::uint64_t>(bytes) > program_.arena_bytes - begin)
        return corrupt("plan: tensor '{}' lies outside the arena", t.name);
    }
    return Status::ok();
  }

  // A tensor stored as an input or output is one, once.
  Status check_lists() const {
    std::vector<int> listed(program_.tensors.size(), 0);
    for (const std::int32_t id : program_.inputs)
      if (++listed[index(id)] > 1) return corrupt("plan: input '{}' is listed twice", tensor(id).name);
    for (const std::int32_t id : program_.outputs) {
      INGOT_RETURN_IF_ERROR(check_id(id, "an output"));
      if (tensor(id).storage == Storage::output && ++listed[index(id)] > 1)
        return corrupt("plan: output '{}' is listed twice", tensor(id).name);
    }
    for (std::size_t i = 0; i < listed.size(); ++i) {
      const Storage storage = program_.tensors[i].storage;
      if ((storage == Storage::input || storage == Storage::output) && listed[i] == 0)
        return corrupt("plan: '{}' is stored as an input or output and is none", program_.tensors[i].name);
    }
    return Status::ok();
  }

  // Objects have neither a place in the arena nor views; a constant one is a tensor of strings.
  Status check_object(std::size_t i) {
    const Tensor& t = program_.tensors[i];
    if (t.storage == Storage::alias || t.arena_offset >= 0)
      return corrupt("plan: object '{}' cannot have a place", t.name);
    if (t.storage != Storage::constant) return Status::ok();
    const std::optional<Shape> shape = concrete(t.shape);
    const std::optional<std::int64_t> count = shape ? element_count(*shape) : std::nullopt;
    if (t.dtype != DType::string || !count || t.blob < 0 || index(t.blob) >= plan_.blobs.size())
      return corrupt("plan: constant object '{}' is no tensor of strings", t.name);
    INGOT_ASSIGN_OR_RETURN(const std::vector<std::string> strings, decode_strings(plan_.blobs[index(t.blob)]));
    if (strings.size() != static_cast<std::size_t>(*count))
      return corrupt("plan: constant '{}' needs {} strings and has {}", t.name, *count, strings.size());
    defined_[i] = true;
    return Status::ok();
  }

  // What an alias stands for in the end.
  std::int32_t root_of(std::int32_t id) const {
    while (tensor(id).storage == Storage::alias) id = tensor(id).alias_of;
    return id;
  }
  bool is_defined(std::int32_t id) const { return defined_[index(root_of(id))]; }

  Status check_step(const Step& step) {
    // Kernels know dense tensors only.
    if (step.tactic != kControlFlow && step.tactic != kObjectStep)
      for (const auto* ids : {&step.inputs, &step.outputs})
        for (const std::int32_t id : *ids)
          if (id >= 0 && index(id) < program_.tensors.size() && tensor(id).is_object())
            return corrupt("plan: step '{}' cannot take the object '{}'", step.name, tensor(id).name);
    for (const std::int32_t id : step.inputs) {
      if (id == -1) continue;
      INGOT_RETURN_IF_ERROR(check_id(id, step.name));
      if (!is_defined(id))
        return corrupt("plan: step '{}' reads '{}' before it is computed", step.name, tensor(id).name);
    }
    for (const std::int32_t id : step.outputs) {
      if (id == -1) continue;
      INGOT_RETURN_IF_ERROR(check_id(id, step.name));
      const Storage storage = tensor(id).storage;
      if (defined_[index(id)] || (storage != Storage::activation && storage != Storage::output))
        return corrupt("plan: step '{}' may not write '{}'", step.name, tensor(id).name);
      defined_[index(id)] = true;
    }
    for (const std::int32_t blob : step.blobs)
      if (blob < 0 || index(blob) >= plan_.blobs.size())
        return corrupt("plan: step '{}' refers to blob {}", step.name, blob);
    // Only earlier bodies: no recursion.
    for (const std::int32_t body : step.programs)
      if (body < 0 || index(body) >= bodies_) return corrupt("plan: step '{}' refers to program {}", step.name, body);
    return Status::ok();
  }

  // From the step that writes it to the last one that reads it, a tensor has its place in the arena for itself.
  Status check_places() const {
    struct Use {
      std::size_t first = SIZE_MAX, last = 0;
    };
    std::vector<Use> uses(program_.tensors.size());
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      for (const auto* ids : {&program_.steps[s].inputs, &program_.steps[s].outputs})
        for (const std::int32_t id : *ids) {
          if (id < 0) continue;
          Use& use = uses[index(root_of(id))];
          use = {std::min(use.first, s), s};
        }
    std::vector<std::vector<std::size_t>> begins(program_.steps.size()), ends(program_.steps.size());
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if (program_.tensors[i].arena_offset < 0 || uses[i].first == SIZE_MAX || place_of(i).second == 0) continue;
      begins[uses[i].first].push_back(i);
      ends[uses[i].last].push_back(i);
    }
    std::map<std::int64_t, std::size_t> live;  // by their places
    for (std::size_t s = 0; s < begins.size(); ++s) {
      for (const std::size_t i : begins[s]) {
        const auto [begin, bytes] = place_of(i);
        const auto next = live.lower_bound(begin);
        const auto before = next == live.begin() ? live.end() : std::prev(next);
        const bool into_next = next != live.end() && next->first < begin + bytes;
        if (into_next || (before != live.end() && before->first + place_of(before->second).second > begin))
          return corrupt("plan: '{}' and '{}' share memory in step '{}'", program_.tensors[i].name,
                         program_.tensors[(into_next ? next : before)->second].name, program_.steps[s].name);
        live.emplace(begin, i);
      }
      for (const std::size_t i : ends[s]) live.erase(place_of(i).first);
    }
    return Status::ok();
  }
  // Begin and size of a tensor with a place in the arena, which check_tensor() has seen.
  std::pair<std::int64_t, std::int64_t> place_of(std::size_t i) const {
    const Tensor& t = program_.tensors[i];
    return {t.arena_offset, *bytes_of(t.dtype, *element_count(*concrete(t.shape)))};
  }

  Status check_range(const ProfileRange& range) const {
    INGOT_RETURN_IF_ERROR(check_id(range.input, "a profile"));
    const Tensor& input = tensor(range.input);
    const std::size_t rank = input.shape.size();
    if (input.storage != Storage::input || range.min.size() != rank || range.opt.size() != rank ||
        range.max.size() != rank)
      return corrupt("plan: a profile does not fit input '{}'", input.name);
    for (std::size_t axis = 0; axis < rank; ++axis)
      if (range.min[axis] < 0 || range.min[axis] > range.opt[axis] || range.opt[axis] > range.max[axis])
        return corrupt("plan: the profile of input '{}' is not min <= opt <= max", input.name);
    return Status::ok();
  }

  const Plan& plan_;
  const Program& program_;
  std::size_t bodies_;
  std::vector<bool> defined_;
};

}  // namespace

bool Program::is_dynamic() const {
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor& t) { return !concrete(t.shape); });
}

Status validate(const Plan& plan) {
  for (std::size_t i = 0; i < plan.programs.size(); ++i)
    INGOT_RETURN_IF_ERROR(Checker(plan, plan.programs[i], i).run());
  for (const PluginLibrary& library : plan.plugins)
    if (library.blob < -1 || library.blob >= static_cast<std::int32_t>(plan.blobs.size()))
      return corrupt("plan: plugin library '{}' lies in blob {}, which does not exist", library.name, library.blob);
  Checker main(plan, plan, plan.programs.size());
  INGOT_RETURN_IF_ERROR(main.run());
  return main.check_profiles();
}

}  // namespace ingot::plan
