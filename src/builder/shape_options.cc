// SPDX-License-Identifier: Apache-2.0
#include "builder/shape_options.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/ranges.h>

namespace ingot::builder {
namespace {

struct SymbolRange {
  std::int64_t min = 0, opt = 0, max = 0;
};

Result<Shape> parse_sizes(std::string_view text, const std::string& whole) {
  Shape sizes;
  while (true) {
    const std::size_t end = std::min(text.find('x'), text.size());
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + end, value);
    if (error != std::errc() || stop != text.data() + end || value < 0)
      return invalid_argument("shapes '{}': '{}' is not a size (sizes are separated by x)", whole, text.substr(0, end));
    sizes.push_back(value);
    if (end == text.size()) return sizes;
    text.remove_prefix(end + 1);
  }
}

bool has_symbol(const ir::Graph& graph, const std::string& name) {
  for (const ir::ValueId id : graph.inputs()) {
    std::vector<std::string> names;
    if (graph.value(id).type.shape)
      for (const Dim& dim : *graph.value(id).type.shape) dim.collect_symbols(names);
    if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  }
  return false;
}

const ir::Value* find_input(const ir::Graph& graph, const std::string& name) {
  for (const ir::ValueId id : graph.inputs())
    if (graph.value(id).name == name) return &graph.value(id);
  return nullptr;
}

Status unknown_name(const ir::Graph& graph, const std::string& text, const std::string& name) {
  std::vector<std::string> inputs;
  std::vector<std::string> symbols;
  for (const ir::ValueId id : graph.inputs()) {
    inputs.push_back(fmt::format("'{}'", graph.value(id).name));
    if (graph.value(id).type.shape)
      for (const Dim& dim : *graph.value(id).type.shape) dim.collect_symbols(symbols);
  }
  return not_found("shapes '{}': '{}' is neither an input ({}) nor a symbolic dimension ({}) of the model", text, name,
                   fmt::join(inputs, ", "),
                   symbols.empty() ? "it has none" : fmt::format("{}", fmt::join(symbols, ", ")));
}

// Fills the axes that the input's own shape or the symbols' ranges decide.
Result<ShapeRange> range_from_symbols(const ir::Value& input, const std::map<std::string, SymbolRange>& symbols) {
  ShapeRange range{input.name, {}, {}, {}};
  SymbolValues min, opt, max;
  for (const auto& [name, sizes] : symbols) {
    min[name] = sizes.min;
    opt[name] = sizes.opt;
    max[name] = sizes.max;
  }
  for (const Dim& dim : *input.type.shape) {
    const auto value = [&](const SymbolValues& values) -> Result<std::int64_t> {
      Result<std::int64_t> size = dim.evaluate(values);
      if (size.is_ok()) return size;
      return invalid_argument("shapes: input '{}' also has the symbolic dimension {}; give its range too", input.name,
                              dim.to_string());
    };
    INGOT_ASSIGN_OR_RETURN(const std::int64_t lowest, value(min));
    INGOT_ASSIGN_OR_RETURN(const std::int64_t usual, value(opt));
    INGOT_ASSIGN_OR_RETURN(const std::int64_t highest, value(max));
    range.min.push_back(lowest);
    range.opt.push_back(usual);
    range.max.push_back(highest);
  }
  return range;
}

bool is_symbolic(const ir::Value& input) { return input.type.shape && !concrete(*input.type.shape); }

}  // namespace

Result<std::vector<ShapeRange>> parse_shapes(const ir::Graph& graph, const std::vector<std::string>& texts) {
  std::map<std::string, SymbolRange> symbols;
  std::vector<ShapeRange> ranges;
  for (const std::string& text : texts) {
    // Names may hold colons ("onnx::Cast_0"), sizes may not: cut from the right.
    std::vector<std::string> parts;
    std::string name = text;
    for (std::size_t colon = name.rfind(':'); colon != std::string::npos && parts.size() < 3; colon = name.rfind(':')) {
      const std::string tail = name.substr(colon + 1);
      if (tail.empty() || tail.find_first_not_of("0123456789x-") != std::string::npos) break;
      parts.insert(parts.begin(), tail);
      name.resize(colon);
    }
    if (parts.empty())
      return invalid_argument("shapes '{}': expected NAME:MINxOPTxMAX or INPUT:SHAPE, e.g. batch:1x8x64", text);
    std::vector<Shape> sizes;
    for (const std::string& part : parts) {
      INGOT_ASSIGN_OR_RETURN(Shape shape, parse_sizes(part, text));
      sizes.push_back(std::move(shape));
    }
    const ir::Value* input = find_input(graph, name);
    const bool fits_input = input != nullptr && (!input->type.shape || input->type.shape->size() == sizes[0].size());
    if (has_symbol(graph, name) && !fits_input) {
      if (sizes.size() != 1 || (sizes[0].size() != 1 && sizes[0].size() != 3))
        return invalid_argument("shapes '{}': a symbolic dimension takes SIZE or MINxOPTxMAX", text);
      const Shape& s = sizes[0];
      symbols[name] = s.size() == 1 ? SymbolRange{s[0], s[0], s[0]} : SymbolRange{s[0], s[1], s[2]};
      if (symbols[name].min > symbols[name].opt || symbols[name].opt > symbols[name].max)
        return invalid_argument("shapes '{}': not min <= opt <= max", text);
    } else if (input != nullptr) {
      if (sizes.size() == 2) return invalid_argument("shapes '{}': an input takes one shape, or min:opt:max", text);
      ranges.push_back({name, sizes.front(), sizes.size() == 3 ? sizes[1] : sizes[0], sizes.back()});
    } else {
      return unknown_name(graph, text, name);
    }
  }
  if (symbols.empty()) return ranges;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::Value& input = graph.value(id);
    const bool given =
        std::any_of(ranges.begin(), ranges.end(), [&](const ShapeRange& r) { return r.input == input.name; });
    if (given || !is_symbolic(input)) continue;
    std::vector<std::string> names;
    for (const Dim& dim : *input.type.shape) dim.collect_symbols(names);
    if (std::none_of(names.begin(), names.end(), [&](const std::string& n) { return symbols.contains(n); })) continue;
    INGOT_ASSIGN_OR_RETURN(ShapeRange range, range_from_symbols(input, symbols));
    ranges.push_back(std::move(range));
  }
  return ranges;
}

}  // namespace ingot::builder
