// SPDX-License-Identifier: Apache-2.0
#include "onnx/deform_attributes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/text_scanner.h"

namespace ingot::onnx {
namespace {

// The first is the one that errors name.
struct Aliases {
  std::span<const std::string_view> names;    // the value of both dimensions
  std::span<const std::string_view> heights;  // "..._h"; the width's name ends in w
};

constexpr std::string_view kStride[] = {"stride", "strides"};
constexpr std::string_view kStrideH[] = {"stride_h"};
constexpr std::string_view kPadding[] = {"padding", "pads", "paddings", "pad"};
constexpr std::string_view kPaddingH[] = {"padding_h", "pad_h"};
constexpr std::string_view kDilation[] = {"dilation", "dilations"};
constexpr std::string_view kDilationH[] = {"dilation_h", "dil_h"};
constexpr std::string_view kKernel[] = {"kernel_shape", "kernel_size", "kernel"};
constexpr std::string_view kKernelH[] = {"kernel_h"};
constexpr std::string_view kGroup[] = {"group", "groups", "n_weight_grps"};
constexpr std::string_view kOffsetGroup[] = {"offset_group",      "offset_groups",    "deform_groups", "deform_group",
                                             "deformable_groups", "deformable_group", "n_offset_grps"};
// What says nothing about the result: names, versions, how others compute it, and what the operands' shapes say too.
constexpr std::string_view kIgnored[] = {
    "name",        "namespace",    "version", "plugin_version", "plugin_namespace", "im2col_step",
    "in_channels", "out_channels", "bias",    "with_bias",      "use_mask"};

// The numbers in a text such as "1" or "[1, 2]".
Result<Ints> numbers_in(std::string_view text) {
  Ints numbers;
  TextScanner scanner(text);
  const bool listed = scanner.take('[') || scanner.take('(');
  while (!scanner.at_end() && scanner.peek() != ']' && scanner.peek() != ')') {
    INGOT_ASSIGN_OR_RETURN(const std::int64_t number, scanner.integer());
    numbers.push_back(number);
    if (!scanner.take(',')) break;
  }
  if (listed && !scanner.take(']') && !scanner.take(')')) return scanner.error("a closing bracket is missing");
  if (!scanner.at_end() || numbers.empty()) return invalid_argument("\"{}\" is not a list of integers", text);
  return numbers;
}

Result<Ints> to_ints(std::string_view name, const Attr& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return Ints{*number};
  if (const auto* numbers = std::get_if<Ints>(&value); numbers != nullptr && !numbers->empty()) return *numbers;
  if (const auto* text = std::get_if<std::string>(&value)) {
    auto numbers = numbers_in(*text);
    if (!numbers.is_ok()) return std::move(numbers).status().annotate(fmt::format("attribute {}", name));
    return numbers;
  }
  return invalid_argument("attribute {} must be an integer, integers, or text that holds them", name);
}

// The value that the attributes agree on.
template <typename T>
Status settle(std::optional<T>& settled, T value, std::string_view name) {
  if (settled && *settled != value)
    return invalid_argument("attribute {} contradicts another one for the same thing", name);
  settled = std::move(value);
  return Status::ok();
}

Result<std::optional<Ints>> read_list(const Attrs& attrs, const Aliases& aliases) {
  std::optional<Ints> settled;
  for (const std::string_view name : aliases.names) {
    const Attr* found = attrs.find(name);
    if (found == nullptr) continue;
    INGOT_ASSIGN_OR_RETURN(Ints value, to_ints(name, *found));
    if (value.size() == 1) value.push_back(value[0]);
    INGOT_RETURN_IF_ERROR(settle(settled, std::move(value), name));
  }
  for (const std::string_view height : aliases.heights) {
    const std::string width = std::string(height.substr(0, height.size() - 1)) + "w";
    const Attr* h = attrs.find(height);
    const Attr* w = attrs.find(width);
    if (h == nullptr && w == nullptr) continue;
    if (h == nullptr || w == nullptr)
      return invalid_argument("attribute {} is missing", h == nullptr ? std::string(height) : width);
    INGOT_ASSIGN_OR_RETURN(const Ints first, to_ints(height, *h));
    INGOT_ASSIGN_OR_RETURN(const Ints second, to_ints(width, *w));
    if (first.size() != 1 || second.size() != 1)
      return invalid_argument("attributes {} and {} take one integer each", height, width);
    INGOT_RETURN_IF_ERROR(settle(settled, Ints{first[0], second[0]}, height));
  }
  return settled;
}

Result<std::optional<Ints>> read_pair(const Attrs& attrs, const Aliases& aliases) {
  INGOT_ASSIGN_OR_RETURN(std::optional<Ints> list, read_list(attrs, aliases));
  if (list && list->size() != 2)
    return invalid_argument("attribute {} has {} entries; 1 or 2 are needed", aliases.names[0], list->size());
  return list;
}

Result<std::optional<std::int64_t>> read_number(const Attrs& attrs, std::span<const std::string_view> names) {
  std::optional<std::int64_t> settled;
  for (const std::string_view name : names) {
    const Attr* found = attrs.find(name);
    if (found == nullptr) continue;
    INGOT_ASSIGN_OR_RETURN(const Ints value, to_ints(name, *found));
    if (value.size() != 1) return invalid_argument("attribute {} takes one integer", name);
    INGOT_RETURN_IF_ERROR(settle(settled, value[0], name));
  }
  return settled;
}

Status check_names(const Attrs& attrs) {
  const auto known = [](std::string_view name) {
    const auto listed = [name](std::span<const std::string_view> names) {
      return std::ranges::find(names, name) != names.end();
    };
    std::string height(name);
    if (height.ends_with("_w")) height.back() = 'h';
    for (const auto& names :
         {std::span<const std::string_view>(kStride), std::span<const std::string_view>(kPadding),
          std::span<const std::string_view>(kDilation), std::span<const std::string_view>(kKernel),
          std::span<const std::string_view>(kGroup), std::span<const std::string_view>(kOffsetGroup),
          std::span<const std::string_view>(kIgnored)})
      if (listed(names)) return true;
    for (const auto& names :
         {std::span<const std::string_view>(kStrideH), std::span<const std::string_view>(kPaddingH),
          std::span<const std::string_view>(kDilationH), std::span<const std::string_view>(kKernelH)})
      if (std::ranges::find(names, height) != names.end()) return true;
    return false;
  };
  for (const auto& [name, value] : attrs.entries())
    if (!known(name)) return invalid_argument("attribute {} means nothing to a deformable convolution", name);
  return Status::ok();
}

}  // namespace

Result<DeformNumbers> read_deform_numbers(const Attrs& attrs, PadOrder order) {
  INGOT_RETURN_IF_ERROR(check_names(attrs));
  DeformNumbers numbers;
  INGOT_ASSIGN_OR_RETURN(numbers.strides, read_pair(attrs, {kStride, kStrideH}));
  INGOT_ASSIGN_OR_RETURN(numbers.dilations, read_pair(attrs, {kDilation, kDilationH}));
  INGOT_ASSIGN_OR_RETURN(numbers.kernel, read_pair(attrs, {kKernel, kKernelH}));
  INGOT_ASSIGN_OR_RETURN(numbers.group, read_number(attrs, kGroup));
  INGOT_ASSIGN_OR_RETURN(numbers.offset_group, read_number(attrs, kOffsetGroup));
  INGOT_ASSIGN_OR_RETURN(numbers.pads, read_list(attrs, {kPadding, kPaddingH}));
  if (!numbers.pads) return numbers;
  Ints& pads = *numbers.pads;
  if (pads.size() == 2) {
    pads = {pads[0], pads[1], pads[0], pads[1]};
  } else if (pads.size() != 4) {
    return invalid_argument("attribute {} has {} entries; 1, 2 or 4 are needed", kPadding[0], pads.size());
  } else if (order == PadOrder::kPairs) {
    std::swap(pads[1], pads[2]);
  } else if (order == PadOrder::kUnknown && pads[1] != pads[2]) {
    return invalid_argument(
        "attribute {} has 4 entries, of which the second and third differ: their order is not defined for this "
        "operator",
        kPadding[0]);
  }
  return numbers;
}

Result<Attrs> parse_json_attributes(std::string_view json) {
  TextScanner scanner(json);
  const auto number = [&]() -> Result<double> {
    if (scanner.take_word("true")) return 1.0;
    if (scanner.take_word("false")) return 0.0;
    return scanner.real();
  };
  constexpr double kMaxInteger = 9007199254740992.0;  // 2^53: beyond it not every integer is a double
  const auto is_whole = [](double value) { return value == std::floor(value) && std::abs(value) <= kMaxInteger; };
  Attrs attrs;
  INGOT_RETURN_IF_ERROR(scanner.expect('{'));
  if (!scanner.take('}')) {
    do {
      INGOT_ASSIGN_OR_RETURN(const std::string name, scanner.quoted());
      INGOT_RETURN_IF_ERROR(scanner.expect(':'));
      if (attrs.has(name)) return invalid_argument("\"{}\" is given twice", name);
      if (scanner.peek() == '"') {
        INGOT_ASSIGN_OR_RETURN(std::string text, scanner.quoted());
        attrs.set(name, std::move(text));
      } else if (scanner.take('[')) {
        Floats list;
        while (!scanner.take(']')) {
          if (!list.empty()) INGOT_RETURN_IF_ERROR(scanner.expect(','));
          INGOT_ASSIGN_OR_RETURN(const double value, number());
          list.push_back(value);
        }
        if (std::ranges::all_of(list, is_whole)) {
          attrs.set(name, Ints(list.begin(), list.end()));
        } else {
          attrs.set(name, std::move(list));
        }
      } else {
        INGOT_ASSIGN_OR_RETURN(const double value, number());
        attrs.set(name, is_whole(value) ? Attr(static_cast<std::int64_t>(value)) : Attr(value));
      }
    } while (scanner.take(','));
    INGOT_RETURN_IF_ERROR(scanner.expect('}'));
  }
  if (!scanner.at_end()) return scanner.error("text after the object");
  return attrs;
}

}  // namespace ingot::onnx
