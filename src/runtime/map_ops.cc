// SPDX-License-Identifier: Apache-2.0
#include "runtime/map_ops.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>

namespace ingot {
namespace {

using Objects = std::vector<Object>;

// The keys that an attribute lists, of texts or of integers.
HostTensor key_vector(const Attrs& attrs, std::string_view texts, std::string_view numbers) {
  const Attr* found = attrs.find(texts);
  const auto* strings = found == nullptr ? nullptr : std::get_if<Strings>(found);
  if (strings == nullptr || strings->empty()) return HostTensor::of_ints(attrs.get_ints(numbers, {}));
  HostTensor keys = HostTensor::create(DType::string, {static_cast<std::int64_t>(strings->size())}).value();
  keys.strings() = *strings;
  return keys;
}

struct Map {
  const HostTensor *keys = nullptr, *values = nullptr;
};

Result<Map> map_operand(const std::vector<Value>& inputs) {
  if (inputs[0].object == nullptr || !inputs[0].object->present || inputs[0].object->items.size() != 2)
    return invalid_argument("operand 0 is no map");
  INGOT_RETURN_IF_ERROR(check_maps(inputs[0].object->items));
  return Map{inputs[0].object->items[0].get(), inputs[0].object->items[1].get()};
}

void copy_element(const HostTensor& from, std::int64_t i, HostTensor& to, std::int64_t j) {
  if (to.dtype() == DType::string) {
    to.strings()[static_cast<std::size_t>(j)] = from.strings()[static_cast<std::size_t>(i)];
  } else if (is_float(to.dtype())) {
    to.set_double(j, from.as_double(i));
  } else {
    to.set_int(j, from.as_int(i));
  }
}

Result<double> number_of(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return invalid_argument("'{}' is no number", text);
  return number;
}

Status cast_element(const HostTensor& from, std::int64_t i, HostTensor& to, std::int64_t j) {
  const bool text = from.dtype() == DType::string;
  if (to.dtype() == DType::string && !text) {
    to.strings()[static_cast<std::size_t>(j)] = fmt::format("{:.6f}", from.as_double(i));
    return Status::ok();
  }
  if (to.dtype() == DType::string || !text) {
    copy_element(from, i, to, j);
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(const double number, number_of(from.strings()[static_cast<std::size_t>(i)]));
  HostTensor scalar = HostTensor::scalar(DType::f64, number);
  copy_element(scalar, 0, to, j);
  return Status::ok();
}

Result<Objects> row_of(HostTensor vector) {
  const std::int64_t length = vector.elements();
  INGOT_ASSIGN_OR_RETURN(HostTensor row, vector.reshaped({1, length}));
  return Objects{{true, {share(std::move(row))}}};
}

}  // namespace

Result<Objects> zip_map(const Attrs& attrs, const std::vector<Value>& inputs) {
  INGOT_ASSIGN_OR_RETURN(const TensorPtr x, tensor_copy(inputs[0]));
  const TensorPtr keys = share(key_vector(attrs, "classlabels_strings", "classlabels_int64s"));
  const std::int64_t columns = keys->elements();
  if (x->dtype() != DType::f32 || x->rank() < 1 || x->rank() > 2 || x->shape().back() != columns)
    return invalid_argument("operand 0 is {}{}, but must be f32 with {} columns, one for each label",
                            to_string(x->dtype()), to_string(x->shape()), columns);
  Objects out(1);
  if (columns == 0) return out;
  const std::size_t row_bytes = static_cast<std::size_t>(columns) * sizeof(float);
  for (std::size_t at = 0; at < x->bytes().size(); at += row_bytes) {
    INGOT_ASSIGN_OR_RETURN(HostTensor row,
                           HostTensor::view(DType::f32, {columns}, x->bytes().subspan(at, row_bytes), x));
    out[0].items.push_back(keys);
    out[0].items.push_back(share(std::move(row)));
  }
  return out;
}

Result<Objects> cast_map(const Attrs& attrs, const std::vector<Value>& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Map map, map_operand(inputs));
  if (map.keys->dtype() != DType::i64) return invalid_argument("the keys are strings, but must be i64");
  const bool sparse = attrs.get_string("map_form", "DENSE") == "SPARSE";
  const std::string to = attrs.get_string("cast_to", "TO_FLOAT");
  const DType dtype = to == "TO_STRING" ? DType::string : to == "TO_INT64" ? DType::i64 : DType::f32;
  // Where the keys stand in the map, ascending; of a key that stands there twice, the later one counts.
  std::map<std::int64_t, std::int64_t> order;
  for (std::int64_t i = 0; i < map.keys->elements(); ++i) order[map.keys->as_int(i)] = i;
  const std::int64_t length = sparse ? attrs.get_int("max_map", 1) : static_cast<std::int64_t>(order.size());
  INGOT_ASSIGN_OR_RETURN(HostTensor y, HostTensor::create(dtype, {length}));
  // What ONNX Runtime, the only engine with this operator, writes where there is no key.
  std::fill(y.strings().begin(), y.strings().end(), "0.f");
  std::int64_t rank = 0;
  for (const auto& [key, place] : order) {
    if (sparse && key < 0) return invalid_argument("the key {} is negative, which a sparse map does not allow", key);
    const std::int64_t at = sparse ? key : rank++;
    if (at < length) INGOT_RETURN_IF_ERROR(cast_element(*map.values, place, y, at));
  }
  return row_of(std::move(y));
}

Result<Objects> vectorize_map(const Attrs& attrs, const std::vector<Value>& inputs) {
  INGOT_ASSIGN_OR_RETURN(const Map map, map_operand(inputs));
  const HostTensor vocabulary = key_vector(attrs, "string_vocabulary", "int64_vocabulary");
  if (vocabulary.dtype() != map.keys->dtype())
    return invalid_argument("the keys are {}, the vocabulary is of {}", to_string(map.keys->dtype()),
                            to_string(vocabulary.dtype()));
  INGOT_ASSIGN_OR_RETURN(HostTensor y, HostTensor::create(map.values->dtype(), vocabulary.shape()));
  const auto fill = [&](const auto& keys, const auto& words) {
    std::unordered_map<std::decay_t<decltype(keys[0])>, std::int64_t> places;
    for (std::int64_t i = 0; i < map.keys->elements(); ++i) places[keys[static_cast<std::size_t>(i)]] = i;
    for (std::int64_t i = 0; i < vocabulary.elements(); ++i)
      if (const auto found = places.find(words[static_cast<std::size_t>(i)]); found != places.end())
        copy_element(*map.values, found->second, y, i);
  };
  if (vocabulary.dtype() == DType::string) {
    fill(map.keys->strings(), vocabulary.strings());
  } else {
    fill(map.keys->data<std::int64_t>(), vocabulary.data<std::int64_t>());
  }
  return row_of(std::move(y));
}

}  // namespace ingot
