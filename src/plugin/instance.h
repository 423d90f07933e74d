// SPDX-License-Identifier: Apache-2.0
// Instance: what a plugin's create function made for one node, with the attributes it was made from.
#pragma once

#include <memory>

#include "base/status.h"
#include "plugin/operands.h"

namespace ingot::plugin {

class Instance {
 public:
  static Result<std::unique_ptr<Instance>> create(const Operator& op, const Problem& problem,
                                                  const Combination* combination, std::int32_t device);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] const Operator& op() const { return op_; }
  [[nodiscard]] const Values& values() const { return values_; }
  [[nodiscard]] void* get() const { return handle_; }

 private:
  Instance(const Operator& op, Values values) : op_(op), values_(std::move(values)) {}

  const Operator& op_;
  Values values_;
  void* handle_ = nullptr;
};

}  // namespace ingot::plugin
