// SPDX-License-Identifier: Apache-2.0
#include "plugin/operator.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

#include "base/log.h"

namespace ingot::plugin {
namespace {

// A struct of the library's version in the newest form: what it lacks is zero, what is newer is not looked at.
template <typename T>
T read_struct(const T& given) {
  T out{};
  std::memcpy(static_cast<void*>(&out), &given, std::min<std::size_t>(given.size, sizeof(T)));
  out.size = sizeof(T);
  return out;
}

// What the first version of the interface has; a smaller size is a mistake, not an older version.
constexpr std::size_t kFirstLibrary = sizeof(ingot_plugin_library);
constexpr std::size_t kFirstOperator = sizeof(ingot_plugin_operator);
constexpr std::size_t kFirstAttribute = sizeof(ingot_plugin_attribute);

template <typename T>
Status check_size(const T& given, std::size_t least, std::string_view what) {
  if (given.size >= least) return Status::ok();
  return invalid_argument("{}.size is {}: set it to sizeof({})", what, given.size, what);
}

std::string sanitised(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.') c = '_';
  return out;
}

Status read_attributes(Operator& out) {
  const auto* at = reinterpret_cast<const char*>(out.api.attributes);
  if (out.api.attribute_count > 0 && at == nullptr) return invalid_argument("attributes is NULL");
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < out.api.attribute_count; ++i) {
    const auto& given = *reinterpret_cast<const ingot_plugin_attribute*>(at);
    INGOT_RETURN_IF_ERROR(check_size(given, kFirstAttribute, "ingot_plugin_attribute"));
    at += given.size;
    out.attributes.push_back(read_struct(given));
    const ingot_plugin_attribute& attribute = out.attributes.back();
    if (attribute.name == nullptr || *attribute.name == '\0') return invalid_argument("attribute {} has no name", i);
    if (!names.insert(attribute.name).second) return invalid_argument("attribute {} is declared twice", attribute.name);
    if (attribute.type < INGOT_PLUGIN_INT || attribute.type > INGOT_PLUGIN_ANY_VALUE)
      return invalid_argument("attribute {} has the unknown type {}", attribute.name, attribute.type);
    const std::int32_t given_default = attribute.default_value.type;
    if (given_default != INGOT_PLUGIN_NONE && given_default != attribute.type)
      return invalid_argument("attribute {} has a default of another type", attribute.name);
  }
  out.api.attributes = out.attributes.data();
  return Status::ok();
}

Result<std::unique_ptr<Operator>> read_operator(const ingot_plugin_operator* given) {
  if (given == nullptr) return invalid_argument("it is NULL");
  INGOT_RETURN_IF_ERROR(check_size(*given, kFirstOperator, "ingot_plugin_operator"));
  auto out = std::make_unique<Operator>();
  out->api = read_struct(*given);
  if (out->api.name == nullptr || *out->api.name == '\0') return invalid_argument("it has no name");
  if (out->api.domain == nullptr) out->api.domain = "";
  if (out->api.infer == nullptr) return invalid_argument("{} has no infer function", out->api.name);
  if (out->api.launch == nullptr) return invalid_argument("{} has no launch function", out->api.name);
  if ((out->api.create == nullptr) != (out->api.destroy == nullptr))
    return invalid_argument("{} has one of create and destroy, needs both or none", out->api.name);
  if (out->api.devices == 0) return invalid_argument("{} names no device", out->api.name);
  const auto bad = [](std::int32_t least, std::int32_t most) { return least < 0 || (most >= 0 && most < least); };
  if (bad(out->api.least_inputs, out->api.most_inputs) || bad(out->api.least_outputs, out->api.most_outputs))
    return invalid_argument("{} has an impossible number of inputs or outputs", out->api.name);
  if (Status status = read_attributes(*out); !status.is_ok()) return std::move(status).annotate(out->api.name);
  out->op = graph_name(out->domain(), out->name(), out->variant());
  return out;
}

}  // namespace

std::string graph_name(std::string_view domain, std::string_view name, std::string_view variant) {
  const bool is_default = domain.empty() || domain == "ai.onnx";
  const auto safe_start = [](std::string text) {
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0 ? "_" + text : text;
  };
  return fmt::format("{}::{}{}{}", is_default ? "plugin" : safe_start(sanitised(domain)), sanitised(name),
                     variant.empty() ? "" : ".", sanitised(variant));
}

std::string Library::describe() const {
  return fmt::format("'{}'{}{}{}", name, version.empty() ? "" : " ", version,
                     path.empty() ? "" : fmt::format(" ({})", path));
}

std::string Operator::describe() const {
  return fmt::format("operator {} of plugin library {}", op, library != nullptr ? library->describe() : "");
}

Result<std::unique_ptr<Library>> read_library(const ingot_plugin_library* description) {
  if (description == nullptr)
    return incompatible("the library cannot serve this engine (interface {}.{}, engine {})", INGOT_PLUGIN_MAJOR,
                        INGOT_PLUGIN_MINOR, INGOT_VERSION);
  // size, major and minor are where they are in every version.
  if (description->major != INGOT_PLUGIN_MAJOR)
    return incompatible(
        "the library was built for version {}.{} of the plugin interface, this engine supports version {}.{}: {}",
        description->major, description->minor, INGOT_PLUGIN_MAJOR, INGOT_PLUGIN_MINOR,
        description->major > INGOT_PLUGIN_MAJOR ? "use a newer engine, or build the library with this one's plugin.h"
                                                : "build the library with this engine's plugin.h");
  INGOT_RETURN_IF_ERROR(check_size(*description, kFirstLibrary, "ingot_plugin_library"));
  const ingot_plugin_library given = read_struct(*description);
  auto out = std::make_unique<Library>();
  if (given.name == nullptr || *given.name == '\0') return invalid_argument("the library states no name");
  out->name = given.name;
  out->version = given.version != nullptr ? given.version : "";
  out->help = given.help != nullptr ? given.help : "";
  out->major = given.major;
  out->minor = given.minor;
  if (given.operator_count == 0 || given.operators == nullptr) return invalid_argument("the library has no operators");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < given.operator_count; ++i) {
    auto op = read_operator(given.operators[i]);
    if (!op.is_ok()) return std::move(op).status().annotate(fmt::format("operator {}", i));
    if (!seen.insert((*op)->op).second) return invalid_argument("operator {} is declared twice", (*op)->op);
    (*op)->library = out.get();
    out->operators.push_back(std::move(op).value());
  }
  return out;
}

const ingot_plugin_host& host() {
  static const ingot_plugin_host the_host = {sizeof(ingot_plugin_host), INGOT_PLUGIN_MAJOR, INGOT_PLUGIN_MINOR,
                                             INGOT_VERSION, [](std::int32_t number, const char* text) {
                                               const auto severity =
                                                   static_cast<Severity>(std::clamp<std::int32_t>(number, 0, 3));
                                               // Libraries of many operators say a line of this kind for each; what
                                               // else a plugin says is for its user.
                                               if (severity == Severity::kVerbose && !log_enabled(severity)) return;
                                               log_message(severity, text != nullptr ? text : "");
                                             }};
  return the_host;
}

}  // namespace ingot::plugin
