// SPDX-License-Identifier: Apache-2.0
#include "tensor/attrs.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace ingot {
namespace {

bool before(const Attrs::Entry& entry, std::string_view name) { return entry.first < name; }

template <typename Entries>
auto place_of(Entries& entries, std::string_view name) {
  return std::lower_bound(entries.begin(), entries.end(), name, before);
}

// nullptr when the attribute is absent or of another type.
template <typename T>
const T* find_as(const Attrs& attrs, std::string_view name) {
  const Attr* attr = attrs.find(name);
  return attr != nullptr ? std::get_if<T>(attr) : nullptr;
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
  const auto* value = find_as<std::int64_t>(*this, name);
  return value != nullptr ? *value : otherwise;
}

double Attrs::get_float(std::string_view name, double otherwise) const {
  const auto* value = find_as<double>(*this, name);
  return value != nullptr ? *value : otherwise;
}

std::string Attrs::get_string(std::string_view name, std::string_view otherwise) const {
  const auto* value = find_as<std::string>(*this, name);
  return value != nullptr ? *value : std::string(otherwise);
}

Ints Attrs::get_ints(std::string_view name, const Ints& otherwise) const {
  const auto* value = find_as<Ints>(*this, name);
  return value != nullptr ? *value : otherwise;
}

DType Attrs::get_dtype(std::string_view name, DType otherwise) const {
  const auto* value = find_as<DType>(*this, name);
  return value != nullptr ? *value : otherwise;
}

TensorPtr Attrs::get_tensor(std::string_view name) const {
  const auto* value = find_as<TensorPtr>(*this, name);
  return value != nullptr ? *value : nullptr;
}

bool operator==(const Attrs& a, const Attrs& b) {
  return std::equal(
      a.entries_.begin(), a.entries_.end(), b.entries_.begin(), b.entries_.end(),
      [](const Attrs::Entry& x, const Attrs::Entry& y) { return x.first == y.first && same(x.second, y.second); });
}

}  // namespace ingot
