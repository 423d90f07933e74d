// SPDX-License-Identifier: Apache-2.0
// Inputs of a run: from files, or made up.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/context.h"
#include "tensor_files.h"

namespace ingot::tools {

// NAME=FILE pairs and, when not empty, an .npz with all inputs. With a single input, FILE alone will do.
Result<NamedTensors> read_feed(const Engine& engine, const std::vector<std::string>& pairs, const std::string& npz);

// Seeded random tensors at the sizes given by `shapes` (texts as of --shapes), else at the profile's opt shapes, else
// at 1 where a dimension is symbolic.
// An engine without sizes to choose refuses `shapes`, unless it was `built_with` them.
Result<NamedTensors> random_feed(const Engine& engine, const std::vector<std::string>& shapes, bool built_with,
                                 std::uint32_t seed);

// Sets shapes and binds; `feed` must outlive the runs. Converts nothing: a wrong element type is an error.
Status bind_feed(Context& context, const NamedTensors& feed);

}  // namespace ingot::tools
