// SPDX-License-Identifier: Apache-2.0
#include "plugin/instance.h"

#include "plugin/guarded_call.h"

namespace ingot::plugin {

Result<std::unique_ptr<Instance>> Instance::create(const Operator& op, const Problem& problem,
                                                   const Combination* combination, std::int32_t device) {
  INGOT_ASSIGN_OR_RETURN(Values values, Values::read(op, problem.attrs));
  auto out = std::unique_ptr<Instance>(new Instance(op, std::move(values)));
  if (op.api.create == nullptr) return out;
  Operands operands(out->values_, problem.inputs, problem.outputs, combination, device);
  void* handle = nullptr;
  INGOT_RETURN_IF_ERROR(call_guarded(op, "create", [&](ingot_plugin_error* error) {
    return op.api.create(op.api.user, &operands.api(), &handle, error);
  }));
  out->handle_ = handle;
  return out;
}

Instance::~Instance() {
  if (handle_ != nullptr && op_.api.destroy != nullptr) op_.api.destroy(op_.api.user, handle_);
}

}  // namespace ingot::plugin
