// SPDX-License-Identifier: Apache-2.0
#include "plugin/operands.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "plugin/guarded_call.h"
#include "plugin/registry.h"

namespace ingot::plugin {
namespace {

constexpr std::size_t kMaxCombinations = 4096;
constexpr std::size_t kMaxCandidates = 16;

ingot_plugin_tensor tensor_of(const Operand& operand, const Format& format, const Shape& shape) {
  ingot_plugin_tensor out{};
  out.scale = 1;
  if (!operand.present()) return out;
  out.dims = shape.data();
  out.rank = static_cast<std::int32_t>(shape.size());
  out.dtype = static_cast<std::int32_t>(format.dtype);
  out.layout = format.layout;
  if (operand.value != nullptr && format.is_linear(operand.dtype))
    out.data = const_cast<std::byte*>(operand.value->bytes().data());
  return out;
}

// Every size has bounds: where nobody gave any, they are the size at hand.
SizeBounds bounds_at_hand(const Operand& operand) {
  if (operand.bounds == nullptr || operand.bounds->dims.size() != operand.shape.size())
    return {operand.shape, operand.shape, operand.shape, operand.shape};
  SizeBounds out = *operand.bounds;
  for (Shape* sizes : {&out.least, &out.opt, &out.most})
    for (std::size_t axis = 0; axis < sizes->size(); ++axis)
      if ((*sizes)[axis] < 0) (*sizes)[axis] = operand.shape[axis];
  return out;
}

enum class Fit { kNo, kExact, kConverts, kNarrows };

// Whether a plugin that takes `format` can serve an operand.
Fit fit_of(const Operand& operand, const Format& format) {
  if (!operand.present()) return Fit::kExact;
  if (!is_known_layout(format.layout)) return Fit::kNo;
  const bool blocked = format.layout != INGOT_PLUGIN_LINEAR;
  if (blocked && (operand.shape.size() < 3 || bits_of(format.dtype) < 8)) return Fit::kNo;
  const DType have = operand.dtype, want = format.dtype;
  if (have == want) return blocked ? Fit::kConverts : Fit::kExact;
  if (is_float(have) && is_float(want) && bits_of(have) >= 16 && bits_of(want) >= 16)
    return bits_of(want) > bits_of(have) ? Fit::kConverts : Fit::kNarrows;
  // Indices are i64 in ONNX and i32 in most kernels.
  if (is_integer(have) && is_integer(want) && bits_of(have) >= 32 && bits_of(want) >= 32) return Fit::kConverts;
  const auto is_flag = [](DType type) { return type == DType::boolean || type == DType::u8; };
  return is_flag(have) && is_flag(want) ? Fit::kConverts : Fit::kNo;
}

bool add_fits(Combination& combination, std::span<const Operand> operands, const std::vector<Format>& formats) {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Fit fit = fit_of(operands[i], formats[i]);
    if (fit == Fit::kNo) return false;
    combination.converts |= fit != Fit::kExact;
    combination.narrows |= fit == Fit::kNarrows;
  }
  return true;
}

Format resolve(const ingot_plugin_format& given, const Operand& operand) {
  if (!operand.present()) return {};
  const auto type = dtype_from_number(given.dtype);
  return {given.dtype == INGOT_PLUGIN_ANY_TYPE ? operand.dtype : type.value_or(DType::undefined), given.layout};
}

std::string list_text(const std::vector<Format>& formats) {
  std::vector<std::string> texts;
  for (const Format& format : formats) texts.push_back(format.to_string());
  return fmt::format("{}", fmt::join(texts, ","));
}

std::optional<std::vector<Format>> parse_list(std::string_view text) {
  std::vector<Format> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto format = parse_format(text.substr(0, comma));
    if (!format) return std::nullopt;
    out.push_back(*format);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string Combination::to_string() const { return list_text(inputs) + "->" + list_text(outputs); }

std::optional<Combination> Combination::parse(std::string_view text) {
  const std::size_t arrow = text.find("->");
  if (arrow == std::string_view::npos) return std::nullopt;
  auto inputs = parse_list(text.substr(0, arrow));
  auto outputs = parse_list(text.substr(arrow + 2));
  if (!inputs || !outputs) return std::nullopt;
  return Combination{std::move(*inputs), std::move(*outputs)};
}

Operands::Operands(const Values& values, std::span<const Operand> inputs, std::span<const Operand> outputs,
                   const Combination* combination, std::int32_t device) {
  shapes_.reserve(inputs.size() + outputs.size());
  for (const auto& list : {inputs, outputs})
    for (const Operand& operand : list) shapes_.push_back(operand.shape);
  const auto format = [&](const Operand& operand, std::size_t i, std::vector<Format> Combination::*formats) {
    return combination != nullptr ? (combination->*formats)[i] : Format{operand.dtype, INGOT_PLUGIN_LINEAR};
  };
  for (std::size_t i = 0; i < inputs.size(); ++i)
    inputs_.push_back(tensor_of(inputs[i], format(inputs[i], i, &Combination::inputs), shapes_[i]));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    outputs_.push_back(tensor_of(outputs[i], format(outputs[i], i, &Combination::outputs), shapes_[inputs.size() + i]));
  bounds_.reserve(shapes_.size());
  for (const auto& list : {inputs, outputs})
    for (const Operand& operand : list) {
      const SizeBounds& bounds = bounds_.emplace_back(bounds_at_hand(operand));
      ranges_.push_back({bounds.dims.data(), bounds.least.data(), bounds.opt.data(), bounds.most.data()});
    }
  api_.size = sizeof(api_);
  api_.attributes = values.data();
  api_.attribute_count = values.size();
  api_.inputs = inputs_.data();
  api_.input_count = inputs_.size();
  api_.outputs = outputs_.data();
  api_.output_count = outputs_.size();
  api_.device = device;
  api_.input_ranges = ranges_.data();
  api_.output_ranges = ranges_.data() + inputs_.size();
}

Result<std::vector<Combination>> usable_combinations(const Operator& op, const Values& values, const Problem& problem,
                                                     std::int32_t device) {
  std::vector<Combination> offered, usable;
  const std::size_t count = problem.inputs.size() + problem.outputs.size();
  if (op.api.combination == nullptr) {
    Combination same;
    for (const Operand& operand : problem.inputs) same.inputs.push_back({operand.dtype, INGOT_PLUGIN_LINEAR});
    for (const Operand& operand : problem.outputs) same.outputs.push_back({operand.dtype, INGOT_PLUGIN_LINEAR});
    return std::vector<Combination>{std::move(same)};
  }
  Operands operands(values, problem.inputs, problem.outputs, nullptr, device);
  for (std::size_t index = 0; index < kMaxCombinations; ++index) {
    std::vector<ingot_plugin_format> formats(count, ingot_plugin_format{});
    bool more = false;
    INGOT_RETURN_IF_ERROR(call_guarded(op, "combination", [&](ingot_plugin_error*) {
      more = op.api.combination(op.api.user, &operands.api(), index, formats.data()) != 0;
      return 0;
    }));
    if (!more) break;
    Combination combination;
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_input = i < problem.inputs.size();
      const Operand& operand = is_input ? problem.inputs[i] : problem.outputs[i - problem.inputs.size()];
      (is_input ? combination.inputs : combination.outputs).push_back(resolve(formats[i], operand));
    }
    if (add_fits(combination, problem.inputs, combination.inputs) &&
        add_fits(combination, problem.outputs, combination.outputs))
      usable.push_back(combination);
    if (offered.size() < 8) offered.push_back(std::move(combination));
  }
  if (usable.empty()) {
    std::vector<std::string> texts;
    for (const Combination& combination : offered) texts.push_back(combination.to_string());
    if (texts.empty()) return unsupported("{} takes these operands in no type and layout", op.describe());
    return unsupported("{} offers {}, none of which can serve the operands", op.describe(), fmt::join(texts, "; "));
  }
  const auto rank = [](const Combination& c) { return c.narrows ? 2 : c.converts ? 1 : 0; };
  std::ranges::stable_sort(usable, {}, rank);
  const bool lossless = !usable.front().narrows;
  std::erase_if(usable, [&](const Combination& combination) { return lossless && combination.narrows; });
  if (usable.size() > kMaxCandidates) usable.resize(kMaxCandidates);
  return usable;
}

bool takes_types_of(const Problem& problem, std::int32_t device) {
  const Operator* op = find_operator(problem.kind);
  if (op == nullptr || op->api.combination == nullptr) return false;
  const Result<Values> values = Values::read(*op, problem.attrs);
  if (!values.is_ok()) return false;
  const auto keeps = [](const std::vector<Operand>& operands, const std::vector<Format>& formats) {
    return std::ranges::equal(operands, formats, [](const Operand& operand, const Format& format) {
      return !operand.present() || operand.dtype == format.dtype;
    });
  };
  const auto usable = usable_combinations(*op, *values, problem, device);
  return usable.is_ok() && std::ranges::any_of(*usable, [&](const Combination& combination) {
           return keeps(problem.inputs, combination.inputs) && keeps(problem.outputs, combination.outputs);
         });
}

}  // namespace ingot::plugin
