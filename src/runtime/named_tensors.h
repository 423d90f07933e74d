// SPDX-License-Identifier: Apache-2.0
// Inputs and outputs as files have them: tensors under names. The elements of a sequence `s` are `s[0]`, `s[1]`, ...; a
// map `m` is `m.keys` and `m.values`; an optional that holds nothing is not there.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/context.h"

namespace ingot {

using NamedTensors = std::vector<std::pair<std::string, HostTensor>>;

// What an object is made of, apart from being optional.
struct ObjectForm {
  bool sequence = false, maps = false;
};

void append_tensors(const std::string& name, const Object& object, ObjectForm form, NamedTensors& out);
// The reverse for one name: nothing when no tensor stands under it.
std::optional<Object> find_object(const NamedTensors& tensors, const std::string& name, ObjectForm form);

// Binds all inputs; `tensors` must outlive the runs. Fails for a name that is no input, a wrong element type and a
// tensor that is missing.
Status bind_tensors(Context& context, const NamedTensors& tensors);
// Copies of all outputs after a run.
Result<NamedTensors> output_tensors(const Context& context);

}  // namespace ingot
