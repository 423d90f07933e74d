// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "onnx/upgrades.h"

namespace ingot::onnx {
namespace {

// Larger windows are nonsense, and could overflow the arithmetic below.
constexpr std::int64_t kMaxWindow = std::int64_t{1} << 30;

struct Window {
  Ints kernel, strides, dilations;
};

bool sane(const Ints& values, std::size_t count) {
  return values.size() == count && std::ranges::all_of(values, [](std::int64_t v) { return v >= 1 && v < kMaxWindow; });
}

// nullopt when the kernel's size is not known or something is off, which inference then reports.
Result<std::optional<Window>> read_window(const NodeDraft& draft, std::optional<std::size_t> weights) {
  Window window;
  INGOT_ASSIGN_OR_RETURN(window.kernel, draft.read_or<Ints>("kernel_shape", {}));
  if (window.kernel.empty() && weights && draft.has_input(*weights) && draft.input_type(*weights).shape) {
    const SymShape& shape = *draft.input_type(*weights).shape;
    for (std::size_t i = 2; i < shape.size(); ++i) window.kernel.push_back(shape[i].constant().value_or(0));
  }
  const std::size_t count = window.kernel.size();
  INGOT_ASSIGN_OR_RETURN(window.strides, draft.read_or<Ints>("strides", Ints(count, 1)));
  INGOT_ASSIGN_OR_RETURN(window.dilations, draft.read_or<Ints>("dilations", Ints(count, 1)));
  if (count == 0 || !sane(window.kernel, count) || !sane(window.strides, count) || !sane(window.dilations, count))
    return std::optional<Window>();
  return std::optional(std::move(window));
}

std::int64_t extent(const Window& window, std::size_t i) { return (window.kernel[i] - 1) * window.dilations[i] + 1; }

// Splits the padding of each axis; the odd one goes to the end (upper) or to the start.
Ints split_pads(const Ints& totals, bool odd_at_end) {
  Ints pads(totals.size() * 2);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const std::int64_t less = totals[i] / 2;
    pads[i] = odd_at_end ? less : totals[i] - less;
    pads[i + totals.size()] = totals[i] - pads[i];
  }
  return pads;
}

// How much padding makes the output as large as the input over the stride; nullopt when that depends on a symbol.
std::optional<Ints> same_totals(const NodeDraft& draft, const Window& window) {
  const std::size_t count = window.kernel.size();
  const auto& shape = draft.input_type(0).shape;
  if (shape && shape->size() != count + 2) return std::nullopt;
  Ints totals;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t stride = window.strides[i];
    std::int64_t total = extent(window, i) - 1;
    if (stride != 1) {
      const auto size = shape ? (*shape)[i + 2].constant() : std::nullopt;
      if (!size || *size < 1) return std::nullopt;
      total = (*size - 1) / stride * stride + extent(window, i) - *size;
    }
    totals.push_back(std::max<std::int64_t>(total, 0));
  }
  return totals;
}

enum class AutoPad : std::uint8_t { none, valid, same_upper, same_lower };

Result<AutoPad> read_auto_pad(const NodeDraft& draft) {
  INGOT_ASSIGN_OR_RETURN(const std::string text, draft.read_or<std::string>("auto_pad", "NOTSET"));
  static constexpr std::array<std::string_view, 4> kNames = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
  const auto at = std::ranges::find(kNames, text);
  if (at == kNames.end()) return invalid_argument("auto_pad is \"{}\", not one of {}", text, fmt::join(kNames, ", "));
  return static_cast<AutoPad>(at - kNames.begin());
}

Status resolve_auto_pad(NodeDraft& draft, std::optional<std::size_t> weights) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const AutoPad auto_pad, read_auto_pad(draft));
  if (auto_pad == AutoPad::none) {
    draft.attrs.erase("auto_pad");
    return Status::ok();
  }
  draft.attrs.erase("pads");  // automatic padding wins
  if (auto_pad == AutoPad::valid) {
    draft.attrs.erase("auto_pad");
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const std::optional<Window> window, read_window(draft, weights));
  const std::optional<Ints> totals = window ? same_totals(draft, *window) : std::nullopt;
  if (!totals) return Status::ok();
  draft.attrs.erase("auto_pad");
  draft.attrs.set("pads", split_pads(*totals, auto_pad == AutoPad::same_upper));
  return Status::ok();
}

// The padding of a transposed convolution that gives the wanted output size, input size * stride where none is stated.
Result<std::optional<Ints>> transposed_totals(const NodeDraft& draft, const Window& window) {
  const std::size_t count = window.kernel.size();
  INGOT_ASSIGN_OR_RETURN(const Ints output_padding, draft.read_or<Ints>("output_padding", Ints(count, 0)));
  INGOT_ASSIGN_OR_RETURN(Ints wanted, draft.read_or<Ints>("output_shape", {}));
  const auto& shape = draft.input_type(0).shape;
  const bool fits = (wanted.empty() || wanted.size() == count) && output_padding.size() == count &&
                    (!shape || shape->size() == count + 2) &&
                    std::ranges::all_of(output_padding, [](std::int64_t v) { return v >= 0 && v < kMaxWindow; });
  if (!fits) return std::optional<Ints>();
  Ints totals;
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t total = extent(window, i) + output_padding[i] - window.strides[i];
    if (!wanted.empty()) {
      const auto size = shape ? (*shape)[i + 2].constant() : std::nullopt;
      if (!size || *size >= kMaxWindow || wanted[i] < 1) return std::optional<Ints>();
      total += *size * window.strides[i] - wanted[i];
    }
    if (total < 0) return std::optional<Ints>();
    totals.push_back(total);
  }
  return std::optional(std::move(totals));
}

}  // namespace

Status upgrade_pool(NodeDraft& draft) { return resolve_auto_pad(draft, std::nullopt); }
Status upgrade_conv(NodeDraft& draft) { return resolve_auto_pad(draft, 1); }
Status upgrade_qlinear_conv(NodeDraft& draft) { return resolve_auto_pad(draft, 3); }

Status upgrade_conv_transpose(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const AutoPad auto_pad, read_auto_pad(draft));
  const bool has_output_shape = draft.attrs.has("output_shape");
  const bool same = auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower;
  if (!same) draft.attrs.erase("auto_pad");
  if (auto_pad == AutoPad::valid) draft.attrs.erase("pads");
  if (!same && !has_output_shape) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const std::optional<Window> window, read_window(draft, 1));
  if (!window) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const std::optional<Ints> totals, transposed_totals(draft, *window));
  if (!totals) return Status::ok();
  draft.attrs.erase("auto_pad");
  draft.attrs.erase("output_shape");
  // Here the specification gives the odd one to the end for SAME_UPPER only, to the start for everything else.
  draft.attrs.set("pads", split_pads(*totals, auto_pad == AutoPad::same_upper));
  return Status::ok();
}

}  // namespace ingot::onnx
