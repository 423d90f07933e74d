// SPDX-License-Identifier: Apache-2.0
// The operands of a problem as the plugin interface shows them, and the formats in which a plugin takes them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "plugin/layout.h"
#include "plugin/operator.h"
#include "plugin/values.h"
#include "tactics/problem.h"

namespace ingot::plugin {

// One of the combinations that a plugin enumerates: a format for each operand.
struct Combination {
  std::vector<Format> inputs, outputs;
  bool narrows = false;  // some floating-point operand would lose precision
  bool converts = false;

  [[nodiscard]] std::string to_string() const;  // "f32,f16.nhwc->f32"
  static std::optional<Combination> parse(std::string_view text);
};

// Owns the tensors of an ingot_plugin_operands; data pointers are those of constants.
class Operands {
 public:
  // Row-major where `combination` is null.
  Operands(const Values& values, std::span<const Operand> inputs, std::span<const Operand> outputs,
           const Combination* combination, std::int32_t device);
  Operands(const Operands&) = delete;
  Operands& operator=(const Operands&) = delete;

  [[nodiscard]] ingot_plugin_operands& api() { return api_; }
  [[nodiscard]] std::vector<ingot_plugin_tensor>& inputs() { return inputs_; }
  [[nodiscard]] std::vector<ingot_plugin_tensor>& outputs() { return outputs_; }
  [[nodiscard]] const Shape& input_shape(std::size_t i) const { return shapes_[i]; }
  [[nodiscard]] const Shape& output_shape(std::size_t i) const { return shapes_[inputs_.size() + i]; }

 private:
  std::vector<Shape> shapes_;
  std::vector<SizeBounds> bounds_;
  std::vector<ingot_plugin_tensor> inputs_, outputs_;
  std::vector<ingot_plugin_range> ranges_;  // of inputs, then of outputs
  ingot_plugin_operands api_{};
};

// The combinations that can serve the problem, best first: those that keep the operands' types before those that
// convert; those that lose precision only when there are no others. The error tells what the plugin offers.
Result<std::vector<Combination>> usable_combinations(const Operator& op, const Values& values, const Problem& problem,
                                                     std::int32_t device);

// Whether the problem's kind is a loaded plugin's operator that takes all operands in exactly their types.
bool takes_types_of(const Problem& problem, std::int32_t device);

}  // namespace ingot::plugin
