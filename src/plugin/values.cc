// SPDX-License-Identifier: Apache-2.0
#include "plugin/values.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

#include <fmt/ranges.h>

#include "base/text.h"

namespace ingot::plugin {
namespace {

constexpr std::array<std::string_view, 9> kTypeNames = {"nothing", "an integer",      "a number", "a text",  "integers",
                                                        "numbers", "a list of texts", "a tensor", "anything"};

Status wrong_type(const ingot_plugin_attribute& spec, const Attr& attr) {
  Attrs shown;
  shown.set(spec.name, attr);
  return invalid_argument("attribute {} must be {}, the node has {}", spec.name,
                          kTypeNames[static_cast<std::size_t>(spec.type)], shown.to_string());
}

Status check_range(const ingot_plugin_attribute& spec, double value) {
  if (spec.has_range == 0 || (value >= spec.least && value <= spec.most)) return Status::ok();
  return invalid_argument("attribute {} is {}, must lie in [{}, {}]", spec.name, value, spec.least, spec.most);
}

Status check_count(const ingot_plugin_attribute& spec, std::int64_t count) {
  if (count >= spec.least_count && (spec.most_count == 0 || count <= spec.most_count)) return Status::ok();
  const std::string wanted = spec.most_count == 0 ? fmt::format("at least {}", spec.least_count)
                             : spec.least_count == spec.most_count
                                 ? std::to_string(spec.most_count)
                                 : fmt::format("{} to {}", spec.least_count, spec.most_count);
  return invalid_argument("attribute {} has {} elements, must have {}", spec.name, count, wanted);
}

Status check_choice(const ingot_plugin_attribute& spec, const std::string& text) {
  if (spec.choices == nullptr) return Status::ok();
  std::istringstream choices(spec.choices);
  std::vector<std::string> all;
  for (std::string choice; std::getline(choices, choice, '|');) all.push_back(choice);
  if (std::ranges::find(all, text) != all.end()) return Status::ok();
  const std::vector<std::string_view> views(all.begin(), all.end());
  return invalid_argument("attribute {} is \"{}\", must be one of {}{}", spec.name, text, spec.choices,
                          suggestion(text, views));
}

// As what a value of any type is handed over; element types and the rest have no form in the interface.
std::int32_t type_of(const Attr& attr) {
  constexpr std::array<std::int32_t, 7> kTypes = {INGOT_PLUGIN_INT,  INGOT_PLUGIN_FLOAT,  INGOT_PLUGIN_STRING,
                                                  INGOT_PLUGIN_INTS, INGOT_PLUGIN_FLOATS, INGOT_PLUGIN_STRINGS,
                                                  INGOT_PLUGIN_NONE};
  if (std::holds_alternative<TensorPtr>(attr)) return INGOT_PLUGIN_TENSOR;
  return kTypes[std::min(attr.index(), kTypes.size() - 1)];
}

Result<Ints> integers_of(const ingot_plugin_attribute& spec, const Attr& attr) {
  if (const auto* one = std::get_if<std::int64_t>(&attr)) return Ints{*one};
  if (const auto* several = std::get_if<Ints>(&attr)) return *several;
  if (const auto* none = std::get_if<Floats>(&attr); none != nullptr && none->empty()) return Ints{};
  return wrong_type(spec, attr);
}

Result<Floats> numbers_of(const ingot_plugin_attribute& spec, const Attr& attr) {
  if (const auto* one = std::get_if<double>(&attr)) return Floats{*one};
  if (const auto* several = std::get_if<Floats>(&attr)) return *several;
  INGOT_ASSIGN_OR_RETURN(const Ints ints, integers_of(spec, attr));
  return Floats(ints.begin(), ints.end());
}

}  // namespace

std::string type_text(std::int32_t dtype) {
  const auto known = dtype_from_number(dtype);
  return known ? std::string(to_string(*known)) : fmt::format("? ({})", dtype);
}

Status Values::convert(const ingot_plugin_attribute& spec, const Attr& attr, ingot_plugin_value& out) {
  out.type = spec.type != INGOT_PLUGIN_ANY_VALUE ? spec.type : type_of(attr);
  switch (out.type) {
    case INGOT_PLUGIN_INT: {
      const auto* value = std::get_if<std::int64_t>(&attr);
      const auto* list = std::get_if<Ints>(&attr);
      if (value == nullptr && (list == nullptr || list->size() != 1)) return wrong_type(spec, attr);
      out.i = value != nullptr ? *value : list->front();
      return check_range(spec, static_cast<double>(out.i));
    }
    case INGOT_PLUGIN_FLOAT: {
      INGOT_ASSIGN_OR_RETURN(const Floats values, numbers_of(spec, attr));
      if (values.size() != 1) return wrong_type(spec, attr);
      out.f = values.front();
      return check_range(spec, out.f);
    }
    case INGOT_PLUGIN_STRING: {
      const auto* text = std::get_if<std::string>(&attr);
      if (text == nullptr) return wrong_type(spec, attr);
      out.s = texts_.emplace_back(*text).c_str();
      out.count = static_cast<std::int64_t>(text->size());
      return check_choice(spec, *text);
    }
    case INGOT_PLUGIN_INTS: {
      INGOT_ASSIGN_OR_RETURN(Ints values, integers_of(spec, attr));
      const Ints& kept = ints_.emplace_back(std::move(values));
      out.ints = kept.data();
      out.count = static_cast<std::int64_t>(kept.size());
      for (const std::int64_t value : kept) INGOT_RETURN_IF_ERROR(check_range(spec, static_cast<double>(value)));
      return check_count(spec, out.count);
    }
    case INGOT_PLUGIN_FLOATS: {
      INGOT_ASSIGN_OR_RETURN(Floats values, numbers_of(spec, attr));
      const Floats& kept = floats_.emplace_back(std::move(values));
      out.floats = kept.data();
      out.count = static_cast<std::int64_t>(kept.size());
      for (const double value : kept) INGOT_RETURN_IF_ERROR(check_range(spec, value));
      return check_count(spec, out.count);
    }
    case INGOT_PLUGIN_STRINGS: {
      const auto* texts = std::get_if<Strings>(&attr);
      if (texts == nullptr) return wrong_type(spec, attr);
      const Strings& kept = strings_.emplace_back(*texts);
      std::vector<const char*>& pointers = pointers_.emplace_back();
      for (const std::string& text : kept) pointers.push_back(text.c_str());
      out.strings = pointers.data();
      out.count = static_cast<std::int64_t>(kept.size());
      return check_count(spec, out.count);
    }
    case INGOT_PLUGIN_NONE: return wrong_type(spec, attr);
    default: {
      const auto* tensor = std::get_if<TensorPtr>(&attr);
      if (tensor == nullptr) return wrong_type(spec, attr);
      tensors_.push_back(*tensor);
      out.dtype = static_cast<std::int32_t>((*tensor)->dtype());
      out.data = (*tensor)->bytes().data();
      out.dims = (*tensor)->shape().data();
      out.rank = (*tensor)->rank();
      out.count = (*tensor)->elements();
      return Status::ok();
    }
  }
}

Result<Values> Values::read(const Operator& op, const Attrs& attrs) {
  Values out;
  std::vector<std::string_view> missing, names;
  for (const ingot_plugin_attribute& spec : op.attributes) {
    names.emplace_back(spec.name);
    if (!attrs.has(spec.name)) missing.emplace_back(spec.name);
  }
  for (const auto& [name, value] : attrs.entries()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const bool is_open = op.has_flag(INGOT_PLUGIN_OPEN_SCHEMA);
    const std::string hint = suggestion(name, is_open ? missing : names);
    if (is_open && hint.empty()) continue;
    return invalid_argument("{} has no attribute {}{}; it has: {}", op.describe(), name, hint, fmt::join(names, ", "));
  }
  for (const ingot_plugin_attribute& spec : op.attributes) {
    ingot_plugin_value value{};
    if (const Attr* attr = attrs.find(spec.name)) {
      if (Status status = out.convert(spec, *attr, value); !status.is_ok())
        return std::move(status).annotate(op.describe());
    } else if (spec.required != 0) {
      return invalid_argument("{}: attribute {} is required{}{}", op.describe(), spec.name,
                              spec.help != nullptr ? ": " : "", spec.help != nullptr ? spec.help : "");
    } else {
      value = spec.default_value;
      if (value.type == INGOT_PLUGIN_STRING && value.s == nullptr) value.s = "";
      if (value.type == INGOT_PLUGIN_STRING) value.count = static_cast<std::int64_t>(std::strlen(value.s));
    }
    out.values_.push_back(value);
  }
  return out;
}

}  // namespace ingot::plugin
