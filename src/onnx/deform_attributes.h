// SPDX-License-Identifier: Apache-2.0
// The numbers of a deformable convolution under all the names and types by which exporters write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"
#include "tensor/attrs.h"

namespace ingot::onnx {

// How four numbers of padding are ordered.
enum class PadOrder : std::uint8_t {
  kBeginsEnds,  // ONNX: h begin, w begin, h end, w end
  kPairs,       // h begin, h end, w begin, w end
  kUnknown,     // only padding that both read alike is accepted
};

struct DeformNumbers {
  std::optional<Ints> strides, dilations, kernel;  // {h, w}
  std::optional<Ints> pads;                        // in ONNX's order
  std::optional<std::int64_t> group, offset_group;
};

// An integer, integers, or either as text; a single one stands for both dimensions; or one attribute for each. Two
// names for the same thing must agree, and names that mean nothing here are an error.
Result<DeformNumbers> read_deform_numbers(const Attrs& attrs, PadOrder order);

// The members of a JSON object as attributes: numbers (integers where they have no fraction),
// text, and lists of numbers.
Result<Attrs> parse_json_attributes(std::string_view json);

}  // namespace ingot::onnx
