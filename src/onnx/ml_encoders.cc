// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "onnx/contrib.h"
#include "onnx/limits.h"
#include "onnx/ml.h"

namespace ingot::onnx {
namespace {

template <typename T, typename Store>
Result<TensorPtr> tensor_of(DType type, const std::vector<T>& values, Store&& store) {
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(type, {static_cast<std::int64_t>(values.size())}));
  for (std::size_t i = 0; i < values.size(); ++i) store(tensor, static_cast<std::int64_t>(i), values[i]);
  return share(std::move(tensor));
}

Result<TensorPtr> string_tensor(const Strings& values) {
  return tensor_of(DType::string, values, [](HostTensor& t, std::int64_t i, const std::string& v) {
    t.strings()[static_cast<std::size_t>(i)] = v;
  });
}
Result<TensorPtr> int_tensor(const Ints& values) {
  return tensor_of(DType::i64, values, [](HostTensor& t, std::int64_t i, std::int64_t v) { t.set_int(i, v); });
}
Result<TensorPtr> float_tensor(const Floats& values) {
  return tensor_of(DType::f32, values, [](HostTensor& t, std::int64_t i, double v) { t.set_double(i, v); });
}

// The attribute as a vector, whichever of the forms it has: `stem`_tensor, `stem`_strings, ...; nullptr: none is there.
Result<TensorPtr> table_attribute(const NodeDraft& draft, const std::string& stem) {
  INGOT_ASSIGN_OR_RETURN(const auto tensor, draft.read<TensorPtr>(stem + "_tensor"));
  if (tensor) return *tensor;
  INGOT_ASSIGN_OR_RETURN(const auto strings, draft.read<Strings>(stem + "_strings"));
  if (strings) return string_tensor(*strings);
  INGOT_ASSIGN_OR_RETURN(const auto ints, draft.read<Ints>(stem + "_int64s"));
  if (ints) return int_tensor(*ints);
  INGOT_ASSIGN_OR_RETURN(const auto floats, draft.read<Floats>(stem + "_floats"));
  if (floats) return float_tensor(*floats);
  return TensorPtr();
}

// What a key that is not in the table becomes, by the type of the values.
Result<TensorPtr> default_value(const NodeDraft& draft, DType type) {
  INGOT_ASSIGN_OR_RETURN(const auto tensor, draft.read<TensorPtr>("default_tensor"));
  if (tensor) return *tensor;
  if (type == DType::string) {
    INGOT_ASSIGN_OR_RETURN(const std::string text, draft.read_or<std::string>("default_string", "_Unused"));
    return string_tensor({text});
  }
  if (is_float(type)) {
    INGOT_ASSIGN_OR_RETURN(const double number, draft.read_or<double>("default_float", -0.0));
    INGOT_ASSIGN_OR_RETURN(HostTensor value, HostTensor::create(type, {1}));
    value.set_double(0, number);
    return share(std::move(value));
  }
  INGOT_ASSIGN_OR_RETURN(const std::int64_t number, draft.read_or<std::int64_t>("default_int64", -1));
  INGOT_ASSIGN_OR_RETURN(HostTensor value, HostTensor::create(type, {1}));
  value.set_int(0, number);
  return share(std::move(value));
}

// Keys in ascending order, NaN last; the first of equal ones counts, so it stays the first.
std::vector<std::size_t> sorted_order(const HostTensor& keys) {
  std::vector<std::size_t> order(static_cast<std::size_t>(keys.elements()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (keys.dtype() == DType::string) return keys.strings()[a] < keys.strings()[b];
    const auto i = static_cast<std::int64_t>(a), k = static_cast<std::int64_t>(b);
    if (!is_float(keys.dtype())) return keys.as_int(i) < keys.as_int(k);
    const double x = keys.as_double(i), y = keys.as_double(k);
    return std::isnan(y) ? !std::isnan(x) : x < y;
  });
  return order;
}

Result<HostTensor> picked(const HostTensor& from, const std::vector<std::size_t>& order) {
  INGOT_ASSIGN_OR_RETURN(HostTensor to, HostTensor::create(from.dtype(), {static_cast<std::int64_t>(order.size())}));
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (from.dtype() == DType::string) {
      to.strings()[i] = from.strings()[order[i]];
    } else if (is_float(from.dtype())) {
      to.set_double(static_cast<std::int64_t>(i), from.as_double(static_cast<std::int64_t>(order[i])));
    } else {
      to.set_int(static_cast<std::int64_t>(i), from.as_int(static_cast<std::int64_t>(order[i])));
    }
  }
  return to;
}

Status encode(NodeDraft& draft, const TensorPtr& keys, const TensorPtr& values, const TensorPtr& otherwise) {
  if (keys->elements() != values->elements())
    return invalid_argument("there are {} keys, but {} values", keys->elements(), values->elements());
  if (otherwise->dtype() != values->dtype() || otherwise->elements() != 1)
    return invalid_argument("the default is {} {}, but must be one {}", otherwise->elements(),
                            to_string(otherwise->dtype()), to_string(values->dtype()));
  if (keys->dtype() != draft.input_type(0).dtype)
    return invalid_argument("input 0 is {}, but the keys are {}", to_string(draft.input_type(0).dtype),
                            to_string(keys->dtype()));
  std::vector<std::size_t> order = sorted_order(*keys);
  // Only the fourth version says that NaN is a key like others.
  if (draft.opset < 4 && is_float(keys->dtype()))
    std::erase_if(order, [&](std::size_t i) { return std::isnan(keys->as_double(static_cast<std::int64_t>(i))); });
  INGOT_ASSIGN_OR_RETURN(HostTensor sorted_keys, picked(*keys, order));
  INGOT_ASSIGN_OR_RETURN(HostTensor sorted_values, picked(*values, order));
  INGOT_ASSIGN_OR_RETURN(HostTensor one, picked(*otherwise, {0}));
  become(draft, "LabelEncoder",
         {draft.inputs[0], draft.add_constant("keys", std::move(sorted_keys)),
          draft.add_constant("values", std::move(sorted_values)), draft.add_constant("default", std::move(one))});
  return Status::ok();
}

// Strings and their numbers, in the direction that the input's type asks for.
Status encode_pairs(NodeDraft& draft, const Strings& strings, const Ints& numbers) {
  INGOT_ASSIGN_OR_RETURN(const TensorPtr names, string_tensor(strings));
  INGOT_ASSIGN_OR_RETURN(const TensorPtr ids, int_tensor(numbers));
  const bool forward = draft.input_type(0).dtype == DType::string;
  INGOT_ASSIGN_OR_RETURN(const TensorPtr otherwise, default_value(draft, forward ? DType::i64 : DType::string));
  return forward ? encode(draft, names, ids, otherwise) : encode(draft, ids, names, otherwise);
}

}  // namespace

Status lower_label_encoder(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  // In the first version the numbers are positions.
  INGOT_ASSIGN_OR_RETURN(const auto classes, draft.read<Strings>("classes_strings"));
  if (classes) {
    Ints positions(classes->size());
    std::iota(positions.begin(), positions.end(), 0);
    return encode_pairs(draft, *classes, positions);
  }
  INGOT_ASSIGN_OR_RETURN(const TensorPtr keys, table_attribute(draft, "keys"));
  INGOT_ASSIGN_OR_RETURN(const TensorPtr values, table_attribute(draft, "values"));
  if (keys == nullptr || values == nullptr)
    return invalid_argument("the attributes of the keys or the values are missing");
  INGOT_ASSIGN_OR_RETURN(const TensorPtr otherwise, default_value(draft, values->dtype()));
  return encode(draft, keys, values, otherwise);
}

Status lower_category_mapper(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  INGOT_ASSIGN_OR_RETURN(const Strings strings, draft.read_or<Strings>("cats_strings", {}));
  INGOT_ASSIGN_OR_RETURN(const Ints numbers, draft.read_or<Ints>("cats_int64s", {}));
  return encode_pairs(draft, strings, numbers);
}

Status lower_array_feature_extractor(NodeDraft& draft) {
  for (std::size_t i = 0; i < 2; ++i) INGOT_RETURN_IF_ERROR(draft.require_input(i));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId indices,
                         draft.emit("Reshape", {draft.inputs[1], draft.add_ints("flat", {-1})}));
  ir::ValueId x = draft.inputs[0];
  if (draft.type(x).rank() == 1) {
    INGOT_ASSIGN_OR_RETURN(x, unsqueezed(draft, x, {0}));
  }
  become(draft, "Gather", {x, indices}, {{"axis", std::int64_t{-1}}});
  return Status::ok();
}

// Features side by side; a vector is one row.
Status lower_feature_vectorizer(NodeDraft& draft) {
  std::vector<ir::ValueId> parts;
  for (std::size_t i = 0; i < draft.inputs.size(); ++i) {
    INGOT_RETURN_IF_ERROR(draft.require_input(i));
    ir::ValueId part = draft.inputs[i];
    INGOT_ASSIGN_OR_RETURN(part, draft.emit("Cast", {part}, {{"to", DType::f32}}));
    const int rank = draft.type(part).rank();
    if (rank == 1) {
      INGOT_ASSIGN_OR_RETURN(part, unsqueezed(draft, part, {0}));
    } else if (rank > 2) {
      INGOT_ASSIGN_OR_RETURN(part, draft.emit("Flatten", {part}, {{"axis", std::int64_t{1}}}));
    }
    parts.push_back(part);
  }
  INGOT_ASSIGN_OR_RETURN(const Ints widths, draft.read_or<Ints>("inputdimensions", {}));
  for (std::size_t i = 0; i < std::min(widths.size(), parts.size()); ++i) {
    const auto width = last_dim(draft, parts[i]);
    if (width && *width != widths[i])
      return beyond(Limit::kWidths, fmt::format("input {} has {} columns, not {}", i, *width, widths[i]));
  }
  become(draft, "Concat", std::move(parts), {{"axis", std::int64_t{1}}});
  return Status::ok();
}

// One column for each category; a value that is none of them has zeros, even where zeros=0 would make it an error.
Status lower_one_hot_encoder(NodeDraft& draft) {
  INGOT_RETURN_IF_ERROR(draft.require_input(0));
  ir::ValueId x = draft.inputs[0], categories = ir::kNoValue;
  if (draft.type(x).dtype == DType::string) {
    INGOT_ASSIGN_OR_RETURN(const Strings strings, draft.read_or<Strings>("cats_strings", {}));
    if (strings.empty()) return invalid_argument("attribute cats_strings is missing for strings");
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor,
                           HostTensor::create(DType::string, {static_cast<std::int64_t>(strings.size())}));
    tensor.strings() = strings;
    categories = draft.add_constant("categories", std::move(tensor));
  } else {
    INGOT_ASSIGN_OR_RETURN(const Ints numbers, draft.read_or<Ints>("cats_int64s", {}));
    if (numbers.empty()) return invalid_argument("attribute cats_int64s is missing for numbers");
    INGOT_ASSIGN_OR_RETURN(x, draft.emit("Cast", {x}, {{"to", DType::i64}}));
    categories = draft.add_ints("categories", numbers);
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId column, unsqueezed(draft, x, {-1}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId equal, draft.emit("Equal", {column, categories}));
  become(draft, "Cast", {equal}, {{"to", DType::f32}});
  return Status::ok();
}

}  // namespace ingot::onnx
