// SPDX-License-Identifier: Apache-2.0
// Operators on objects: sequences, optionals, strings, tensors of any rank. Sequences and optionals are done here, the
// rest by the reference evaluator.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "runtime/engine.h"
#include "runtime/object.h"

namespace ingot {

class Executor;

// The outputs of one such operator; `types` are their element types.
Result<std::vector<Object>> evaluate_objects(std::string_view op, const Attrs& attrs, const std::vector<Value>& inputs,
                                             std::span<const DType> types);

Status run_object_step(const RuntimeStep& step, Executor& executor, std::size_t index);

// One operator with one output by the reference evaluator.
Result<TensorPtr> evaluate_one(std::string_view op, const Attrs& attrs,
                               std::initializer_list<const HostTensor*> inputs);

}  // namespace ingot
