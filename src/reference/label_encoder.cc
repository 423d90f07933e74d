// SPDX-License-Identifier: Apache-2.0
// LabelEncoder: the value beside the key that equals an element. Keys ascend, with NaN last, so a key is found by
// halves.
#include <algorithm>
#include <cmath>

#include "reference/ml.h"
#include "reference/strings.h"

namespace ingot::reference {

namespace {

bool comes_before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }
template <typename T>
bool comes_before(const T& a, const T& b) {
  return a < b;
}

// For each element the position of its key, or the number of keys.
template <typename T>
std::vector<std::size_t> find_all(const std::vector<T>& elements, const std::vector<T>& keys) {
  std::vector<std::size_t> found;
  found.reserve(elements.size());
  for (const T& element : elements) {
    const auto at =
        std::lower_bound(keys.begin(), keys.end(), element, [](const T& a, const T& b) { return comes_before(a, b); });
    found.push_back(at == keys.end() || comes_before(element, *at) ? keys.size()
                                                                   : static_cast<std::size_t>(at - keys.begin()));
  }
  return found;
}

std::vector<std::size_t> find_keys(const HostTensor& x, const HostTensor& keys) {
  if (x.dtype() == DType::string) return find_all(x.strings(), keys.strings());
  return with_number_type(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return find_all(to_numbers<T>(x), to_numbers<T>(keys));
  });
}

Result<Outputs> evaluate_label_encoder(const Call& call) {
  const HostTensor* operands[4];
  constexpr std::string_view kNames[] = {"X", "keys", "values", "default"};
  for (std::size_t i = 0; i < 4; ++i) {
    INGOT_ASSIGN_OR_RETURN(operands[i], required_operand(call, i, kNames[i]));
  }
  const auto& [x, keys, values, otherwise] = operands;
  if (x->dtype() != keys->dtype() || values->dtype() != otherwise->dtype() || keys->elements() != values->elements() ||
      otherwise->elements() != 1)
    return invalid_argument("operands keys, values and default of {} {}, {} {} and {} {} do not fit an X of {}",
                            keys->elements(), to_string(keys->dtype()), values->elements(), to_string(values->dtype()),
                            otherwise->elements(), to_string(otherwise->dtype()), to_string(x->dtype()));
  const std::vector<std::size_t> found = find_keys(*x, *keys);
  INGOT_ASSIGN_OR_RETURN(HostTensor y, HostTensor::create(values->dtype(), x->shape()));
  const auto none = to_size(keys->elements());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const HostTensor& source = found[i] == none ? *otherwise : *values;
    const std::size_t from = found[i] == none ? 0 : found[i];
    if (y.dtype() == DType::string) {
      y.strings()[i] = source.strings()[from];
    } else if (is_float(y.dtype())) {
      y.set_double(to_signed(i), source.as_double(to_signed(from)));
    } else {
      y.set_int(to_signed(i), source.as_int(to_signed(from)));
    }
  }
  return outputs_of(std::move(y));
}

constexpr Row kRows[] = {{"LabelEncoder", evaluate_label_encoder}};

}  // namespace

std::span<const Row> label_encoder_rows() { return kRows; }

}  // namespace ingot::reference
