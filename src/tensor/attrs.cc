// SPDX-License-Identifier: Apache-2.0
#include "tensor/attrs.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace ingot {
namespace {

template <typename Entries>
auto place_of(Entries& entries, std::string_view name) {
  return std::lower_bound(entries.begin(), entries.end(), name,
                          [](const Attrs::Entry& entry, std::string_view wanted) { return entry.first < wanted; });
}

template <typename T>
const T& as(const Attr& attr, std::string_view name, const char* kind) {
  const T* value = std::get_if<T>(&attr);
  INGOT_CHECK(value != nullptr, "attribute '{}' is not {}", name, kind);
  return *value;
}

// Bit patterns, so that NaN equals itself and -0 differs from 0.
bool same_number(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

bool same(const Attr& a, const Attr& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto& left) {
        using T = std::decay_t<decltype(left)>;
        const T& right = std::get<T>(b);
        if constexpr (std::is_same_v<T, TensorPtr>) {
          return left == right || (left != nullptr && right != nullptr && same_content(*left, *right));
        } else if constexpr (std::is_same_v<T, double>) {
          return same_number(left, right);
        } else if constexpr (std::is_same_v<T, Floats>) {
          return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_number);
        } else {
          return left == right;
        }
      },
      a);
}

}  // namespace

Attrs::Attrs(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) set(entry.first, entry.second);
}

void Attrs::set(std::string_view name, Attr value) {
  const auto place = place_of(entries_, name);
  if (place != entries_.end() && place->first == name) {
    place->second = std::move(value);
  } else {
    entries_.emplace(place, std::string(name), std::move(value));
  }
}

void Attrs::erase(std::string_view name) {
  const auto place = place_of(entries_, name);
  if (place != entries_.end() && place->first == name) entries_.erase(place);
}

const Attr* Attrs::find(std::string_view name) const {
  const auto place = place_of(entries_, name);
  return place != entries_.end() && place->first == name ? &place->second : nullptr;
}

std::int64_t Attrs::get_int(std::string_view name, std::int64_t otherwise) const {
  const Attr* attr = find(name);
  return attr != nullptr ? as<std::int64_t>(*attr, name, "an integer") : otherwise;
}

double Attrs::get_float(std::string_view name, double otherwise) const {
  const Attr* attr = find(name);
  return attr != nullptr ? as<double>(*attr, name, "a number") : otherwise;
}

std::string Attrs::get_string(std::string_view name, std::string_view otherwise) const {
  const Attr* attr = find(name);
  return attr != nullptr ? as<std::string>(*attr, name, "a string") : std::string(otherwise);
}

Ints Attrs::get_ints(std::string_view name, const Ints& otherwise) const {
  const Attr* attr = find(name);
  return attr != nullptr ? as<Ints>(*attr, name, "a list of integers") : otherwise;
}

DType Attrs::get_dtype(std::string_view name, DType otherwise) const {
  const Attr* attr = find(name);
  return attr != nullptr ? as<DType>(*attr, name, "an element type") : otherwise;
}

TensorPtr Attrs::get_tensor(std::string_view name) const {
  const Attr* attr = find(name);
  return attr != nullptr ? as<TensorPtr>(*attr, name, "a tensor") : nullptr;
}

bool operator==(const Attrs& a, const Attrs& b) {
  return std::equal(
      a.entries_.begin(), a.entries_.end(), b.entries_.begin(), b.entries_.end(),
      [](const Attrs::Entry& x, const Attrs::Entry& y) { return x.first == y.first && same(x.second, y.second); });
}

}  // namespace ingot
