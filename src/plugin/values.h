// SPDX-License-Identifier: Apache-2.0
// Attributes of a node as a plugin sees them: checked against its schema, in the schema's order, with defaults.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/status.h"
#include "plugin/operator.h"
#include "tensor/attrs.h"

namespace ingot::plugin {

// Owns everything that the values point to. Movable: the pointers stay valid.
class Values {
 public:
  // Unknown, missing, ill-typed and out-of-range attributes are errors; unknown ones name near matches. With an open
  // schema unknown ones are left out.
  static Result<Values> read(const Operator& op, const Attrs& attrs);

  [[nodiscard]] const ingot_plugin_value* data() const { return values_.data(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  Status convert(const ingot_plugin_attribute& spec, const Attr& attr, ingot_plugin_value& out);

  std::vector<ingot_plugin_value> values_;
  std::deque<Ints> ints_;
  std::deque<Floats> floats_;
  std::deque<Strings> strings_;
  std::deque<std::string> texts_;
  std::deque<std::vector<const char*>> pointers_;
  std::vector<TensorPtr> tensors_;
};

// "f32", and "?" for a number that is no element type: for messages.
std::string type_text(std::int32_t dtype);

}  // namespace ingot::plugin
