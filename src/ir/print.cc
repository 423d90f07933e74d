// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <fmt/ranges.h>

#include "base/hash.h"
#include "base/text.h"
#include "base/text_scanner.h"
#include "ir/text.h"
#include "ir/text_names.h"
#include "tensor/tensor_text.h"

namespace ingot::ir {
namespace {

class Printer {
 public:
  Printer(const Graph& graph, std::int64_t max_listed, bool lossless)
      : graph_(graph), max_listed_(max_listed), lossless_(lossless) {}

  std::string print(const std::string& indent) {
    std::string out = fmt::format("graph {} (", quote(graph_.name));
    std::string_view separator;
    for (const ValueId id : graph_.inputs()) {
      out += separator;
      out += declaration(id);
      separator = ", ";
    }
    out += ") -> (";
    separator = {};
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      const ValueId id = graph_.outputs()[i];
      out += separator;
      out += reference(id);
      if (graph_.output_names()[i] != graph_.value(id).name) out += " as " + quote(graph_.output_names()[i]);
      separator = ", ";
    }
    out += ") {\n";
    for (const ValueId id : graph_.values())
      if (graph_.value(id).constant != nullptr)
        out += fmt::format("{}  const {} = {}\n", indent, declaration(id), constant_text(*graph_.value(id).constant));
    for (const NodeId id : graph_.nodes()) out += indent + "  " + node_text(graph_.node(id), indent + "  ") + "\n";
    return out + indent + "}";
  }

 private:
  [[nodiscard]] std::string reference(ValueId id) const {
    if (id == kNoValue) return "_";
    const std::string& name = graph_.value(id).name;
    return is_plain_value_name(name) ? "%" + name : "%" + quote(name);
  }

  [[nodiscard]] std::string declaration(ValueId id) const {
    if (id == kNoValue) return "_";
    const Value& value = graph_.value(id);
    std::string out = fmt::format("{}: {}", reference(id), value.type.to_string());
    if (value.symbolic_value) out += " ~" + to_string(SymShape(*value.symbolic_value));
    return out;
  }

  std::string node_text(const Node& node, const std::string& indent) const {
    std::string out;
    for (const ValueId output : node.outputs) out += (out.empty() ? "" : ", ") + declaration(output);
    out += out.empty() ? "() = " : " = ";
    out += is_plain_op(node.op) ? node.op : quote(node.op);
    std::string operands;
    for (const ValueId input : node.inputs) operands += (operands.empty() ? "" : ", ") + reference(input);
    out += "(" + operands + ")";
    if (!node.attrs.empty()) out += " " + node.attrs.to_string();
    if (!node.name.empty()) out += " " + quote(node.name);
    if (node.subgraphs.empty()) return out;
    out += " subgraphs(";
    std::string_view separator;
    for (const auto& [attribute, body] : node.subgraphs) {
      out += separator;
      out += quote(attribute) + "=" + Printer(*body, max_listed_, lossless_).print(indent);
      separator = ", ";
    }
    return out + ")";
  }

  [[nodiscard]] std::string constant_text(const HostTensor& tensor) const {
    const std::int64_t count = tensor.elements();
    if (count > max_listed_ && !lossless_) {
      std::uint64_t hash = hash_bytes(tensor.bytes());
      for (const std::string& text : tensor.strings()) hash = hash_text(text, hash);
      return fmt::format("blob({})", hex_text(hash));
    }
    if (count > max_listed_ || !listable(tensor)) return tensor_text(tensor);
    std::vector<std::string> elements;
    for (std::int64_t i = 0; i < count; ++i) elements.push_back(element_text(tensor, i));
    return fmt::format("[{}]", fmt::join(elements, ", "));
  }

  // Decimal text cannot hold the payload of a NaN, nor complex numbers and strings.
  static bool listable(const HostTensor& tensor) {
    if (kind_of(tensor.dtype()) == 'c' || tensor.dtype() == DType::string) return false;
    for (std::int64_t i = 0; i < tensor.elements(); ++i)
      if (std::isnan(tensor.as_double(i))) return false;
    if (tensor.dtype() != DType::boolean) return true;
    for (const std::byte byte : tensor.bytes())
      if (std::to_integer<unsigned>(byte) > 1) return false;
    return true;
  }

  const Graph& graph_;
  std::int64_t max_listed_;
  bool lossless_;
};

}  // namespace

bool is_plain_value_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of(kValueNameCharacters) == std::string_view::npos;
}

bool is_plain_op(std::string_view op) {
  TextScanner scanner(op);
  return !op.empty() && scanner.word(kOpExtra) == op;
}

std::string print(const Graph& graph, const PrintOptions& options) {
  return Printer(graph, options.max_constant_elements, false).print("") + "\n";
}

std::string print_full(const Graph& graph) {
  return Printer(graph, PrintOptions().max_constant_elements, true).print("") + "\n";
}

}  // namespace ingot::ir
