// SPDX-License-Identifier: Apache-2.0
// Graphviz output: boxes and edges from whatever names them.
#pragma once

#include <string>

namespace ingot::inspect {

class Dot {
 public:
  void node(const std::string& id, const std::string& label);
  void edge(const std::string& from, const std::string& to, const std::string& label);
  [[nodiscard]] std::string text() const;

 private:
  std::string body_;
};

}  // namespace ingot::inspect
