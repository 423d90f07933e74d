// SPDX-License-Identifier: Apache-2.0
#include "onnx/plugin_nodes.h"

#include <algorithm>
#include <array>

#include "onnx/deform_attributes.h"
#include "onnx/op_table.h"
#include "plugin/registry.h"

namespace ingot::onnx {
namespace {

struct Key {
  std::string domain, name, variant;
  bool by_name = false;  // a `Plugin` node
};

std::string text_of(const NodeProto& node, std::string_view attribute) {
  for (const AttributeProto& candidate : node.attribute())
    if (candidate.name() == attribute) return candidate.s();
  return "";
}

Key key_of(const NodeProto& node) {
  Key key{std::string(canonical_domain(node.domain())), node.op_type(), text_of(node, "plugin_version"), false};
  if (key.domain.empty() && node.op_type() == "Plugin" && !text_of(node, "name").empty()) {
    key.name = text_of(node, "name");
    key.by_name = true;
  }
  if (const std::string space = text_of(node, "plugin_namespace"); !space.empty()) key.domain = space;
  return key;
}

bool declares(const plugin::Operator& op, std::string_view name) {
  return std::ranges::any_of(op.attributes, [&](const auto& attribute) { return attribute.name == name; });
}

}  // namespace

const plugin::Operator* find_plugin(const NodeProto& node) {
  const Key key = key_of(node);
  const plugin::Registry& registry = plugin::Registry::global();
  const plugin::Operator* found = registry.find_node(key.domain, key.name, key.variant);
  // Version "1" is what TensorRT takes where a node states none.
  return found != nullptr || !key.variant.empty() ? found : registry.find_node(key.domain, key.name, "1");
}

std::string explain_missing_plugin(const NodeProto& node) {
  const Key key = key_of(node);
  return (key.by_name ? fmt::format("a Plugin node with name \"{}\": ", key.name) : std::string()) +
         plugin::Registry::global().explain(key.domain, key.name, key.variant);
}

Result<Attrs> plugin_attributes(const plugin::Operator& op, const NodeProto& node, Attrs attrs) {
  // They select the plugin, and belong to it only when it says so.
  static constexpr std::array<std::string_view, 2> kSelecting = {"plugin_version", "plugin_namespace"};
  for (const std::string_view name : kSelecting)
    if (!declares(op, name)) attrs.erase(name);
  const Key key = key_of(node);
  if (!key.by_name) return attrs;
  Attrs out;
  for (const std::string_view member : {"info", "infos"}) {
    const Attr* attr = attrs.find(member);
    const auto* text = attr != nullptr ? std::get_if<std::string>(attr) : nullptr;
    if (text == nullptr) continue;
    if (!text->empty()) {
      auto members = parse_json_attributes(*text);
      if (!members.is_ok()) return std::move(members).status().annotate(fmt::format("attribute {}", member));
      for (const auto& [name, value] : members->entries()) out.set(name, value);
    }
    if (declares(op, member)) out.set(member, *text);
  }
  for (const auto& [name, value] : attrs.entries())
    if (name != "info" && name != "infos" && (name != "name" || declares(op, name))) out.set(name, value);
  return out;
}

}  // namespace ingot::onnx
