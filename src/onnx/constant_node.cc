// SPDX-License-Identifier: Apache-2.0
#include "onnx/constant_node.h"

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ingot::onnx {
namespace {

Result<TensorPtr> strings(Shape shape, Strings values) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(DType::string, std::move(shape)));
  tensor.strings() = std::move(values);
  return share(std::move(tensor));
}

Result<TensorPtr> floats(const Floats& values) {
  const std::vector<float> narrow(values.begin(), values.end());
  return share(HostTensor::of<float>(DType::f32, {static_cast<std::int64_t>(narrow.size())}, narrow));
}

// The alternatives of Attr, told apart by the attribute's name: value_int is no value_ints.
struct Convert {
  std::string_view name;

  Result<TensorPtr> operator()(const TensorPtr& value) const { return name == "value" ? value : wrong(); }
  Result<TensorPtr> operator()(std::int64_t value) const {
    return name == "value_int" ? share(HostTensor::of<std::int64_t>(DType::i64, {}, std::span(&value, 1))) : wrong();
  }
  Result<TensorPtr> operator()(double value) const {
    return name == "value_float" ? share(HostTensor::scalar(DType::f32, value)) : wrong();
  }
  Result<TensorPtr> operator()(const std::string& value) const {
    return name == "value_string" ? strings({}, {value}) : wrong();
  }
  Result<TensorPtr> operator()(const Ints& value) const {
    return name == "value_ints" ? share(HostTensor::of_ints(value)) : wrong();
  }
  Result<TensorPtr> operator()(const Floats& value) const { return name == "value_floats" ? floats(value) : wrong(); }
  Result<TensorPtr> operator()(const Strings& value) const {
    return name == "value_strings" ? strings({static_cast<std::int64_t>(value.size())}, value) : wrong();
  }
  template <typename Other>
  Result<TensorPtr> operator()(const Other&) const {
    return wrong();
  }

  [[nodiscard]] Result<TensorPtr> wrong() const {
    return invalid_argument("attribute {} is not one of Constant's, or has the wrong type", name);
  }
};

}  // namespace

Result<TensorPtr> constant_value(const Attrs& attrs) {
  if (attrs.entries().size() != 1)
    return invalid_argument("a Constant needs exactly one attribute, this one has {}", attrs.entries().size());
  const auto& [name, value] = attrs.entries().front();
  return std::visit(Convert{name}, value);
}

}  // namespace ingot::onnx
