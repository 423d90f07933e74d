// SPDX-License-Identifier: Apache-2.0
// What the rules about quantised operators share: the ranges of small integers, and an emitter of the nodes that shift,
// scale and saturate.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "passes/patches.h"

namespace ingot::passes {

inline bool is_small_integer(DType dtype) { return is_byte(dtype) || dtype == DType::u16 || dtype == DType::i16; }

inline std::pair<double, double> range_of(DType dtype) {
  switch (dtype) {
    case DType::u8: return {0, 255};
    case DType::i8: return {-128, 127};
    case DType::u16: return {0, 65535};
    default: return {-32768, 32767};
  }
}

// Emits nodes that stem from one root.
class Emitter {
 public:
  Emitter(const Graph& graph, const Node& root, std::string_view rule)
      : graph_(graph), root_(root), patch_(new_patch(graph, rule)) {}

  Result<ValueId> operator()(std::string op, std::vector<ValueId> inputs, Attrs attrs = {}) {
    return patch_.add(std::move(op), std::move(inputs), std::move(attrs), root_.id);
  }
  Result<ValueId> to_float(ValueId x) { return (*this)("Cast", {x}, Attrs{{"to", DType::f32}}); }
  ValueId number(double value) { return scalar_constant(patch_, DType::f32, value); }

  // A vector in the shape in which it broadcasts; what has one element does already.
  Result<ValueId> shaped(ValueId x, const Shape& shape) {
    if (shape.size() < 2) return x;
    return (*this)("Reshape", {x, int_constant(patch_, shape)});
  }
  // x - zero_point in f32; exact for small integers.
  Result<ValueId> centred(ValueId x, ValueId zero_point, const Shape& zero_shape = {}) {
    INGOT_ASSIGN_OR_RETURN(const ValueId wide, to_float(x));
    if (zero_point == kNoValue || splat(graph_, zero_point) == 0.0) return wide;
    INGOT_ASSIGN_OR_RETURN(ValueId zero, to_float(zero_point));
    INGOT_ASSIGN_OR_RETURN(zero, shaped(zero, zero_shape));
    return (*this)("Sub", {wide, zero});
  }
  // saturate(round(x) + zero_point).
  Result<ValueId> saturated(ValueId x, ValueId zero_point, DType to, const Shape& zero_shape = {}) {
    INGOT_ASSIGN_OR_RETURN(ValueId y, (*this)("Round", {x}));
    if (zero_point != kNoValue && splat(graph_, zero_point) != 0.0) {
      INGOT_ASSIGN_OR_RETURN(ValueId zero, to_float(zero_point));
      INGOT_ASSIGN_OR_RETURN(zero, shaped(zero, zero_shape));
      INGOT_ASSIGN_OR_RETURN(y, (*this)("Add", {y, zero}));
    }
    const auto [low, high] = range_of(to);
    INGOT_ASSIGN_OR_RETURN(y, (*this)("Clip", {y, number(low), number(high)}));
    return (*this)("Cast", {y}, Attrs{{"to", to}});
  }
  ir::Patch& patch() { return patch_; }
  Match finish(ValueId y) { return replace(std::move(patch_), root_.outputs[0], y); }

 private:
  const Graph& graph_;
  const Node& root_;
  ir::Patch patch_;
};

// The factor between the integer sum and the quantised result, in the arithmetic of f32: (x * w) / y.
inline std::optional<HostTensor> requantize_factor(const Graph& graph, ValueId x, ValueId w, ValueId y, int trailing) {
  const HostTensor* ws = graph.constant(w);
  const auto xs = scalar(graph, x);
  const auto ys = scalar(graph, y);
  if (!xs || !ys || ws == nullptr || ws->dtype() != DType::f32) return std::nullopt;
  Shape shape;
  if (ws->elements() != 1) {
    shape.assign(static_cast<std::size_t>(trailing), 1);
    shape.insert(shape.begin(), ws->elements());
  }
  Result<HostTensor> out = HostTensor::create(DType::f32, shape);
  if (!out.is_ok()) return std::nullopt;
  for (std::int64_t i = 0; i < ws->elements(); ++i)
    out->mutable_data<float>()[i] = static_cast<float>(*xs) * ws->data<float>()[i] / static_cast<float>(*ys);
  return std::move(out).value();
}

}  // namespace ingot::passes
