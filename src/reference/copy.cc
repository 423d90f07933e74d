// SPDX-License-Identifier: Apache-2.0
#include "reference/copy.h"

#include <cstring>

#include "reference/indexing.h"
#include "reference/operands.h"

namespace ingot::reference {

namespace {

// Merges neighbouring axes that both sides walk through as if they were one, so that runs get long.
void coalesce(Shape& shape, Shape& a, Shape& b) {
  Shape merged;
  Shape merged_a;
  Shape merged_b;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    if (!merged.empty() && merged_a.back() == a[axis] * shape[axis] && merged_b.back() == b[axis] * shape[axis]) {
      merged.back() *= shape[axis];
      merged_a.back() = a[axis];
      merged_b.back() = b[axis];
      continue;
    }
    merged.push_back(shape[axis]);
    merged_a.push_back(a[axis]);
    merged_b.push_back(b[axis]);
  }
  shape = std::move(merged);
  a = std::move(merged_a);
  b = std::move(merged_b);
}

template <std::size_t kBytes>
void copy_run(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step, std::int64_t count) {
  constexpr auto kSize = static_cast<std::int64_t>(kBytes);
  for (std::int64_t i = 0; i < count; ++i) std::memcpy(to + i * to_step * kSize, from + i * from_step * kSize, kBytes);
}

using RunCopy = void (*)(std::byte*, std::int64_t, const std::byte*, std::int64_t, std::int64_t);
RunCopy run_copy(std::int64_t bytes) {
  switch (bytes) {
    case 1: return copy_run<1>;
    case 2: return copy_run<2>;
    case 4: return copy_run<4>;
    case 8: return copy_run<8>;
    default: return copy_run<16>;
  }
}

}  // namespace

std::int64_t element_bytes(const HostTensor& tensor) { return bits_of(tensor.dtype()) / 8; }

void copy_strided(const Shape& shape, HostTensor& to, Side to_side, const HostTensor& from, Side from_side) {
  if (product(shape) == 0) return;
  const std::int64_t bytes = element_bytes(to);
  const RunCopy copy = run_copy(bytes);
  Shape merged = shape;
  coalesce(merged, to_side.strides, from_side.strides);
  std::byte* out = to.mutable_data<std::byte>() + to_side.offset * bytes;
  const std::byte* in = from.data<std::byte>() + from_side.offset * bytes;
  for_each_run(merged, {to_side.strides, from_side.strides},
               [&](const auto& offsets, const auto& steps, std::int64_t count) {
                 if (count == 1 || (steps[0] == 1 && steps[1] == 1)) {
                   std::memcpy(out + offsets[0] * bytes, in + offsets[1] * bytes, to_size(count * bytes));
                 } else {
                   copy(out + offsets[0] * bytes, steps[0], in + offsets[1] * bytes, steps[1], count);
                 }
               });
}

Result<HostTensor> gather_by_axis(const HostTensor& in, const std::vector<std::vector<std::int64_t>>& maps,
                                  const std::byte* fill) {
  Shape shape;
  for (const auto& map : maps) shape.push_back(to_signed(map.size()));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in.dtype(), shape));
  const std::int64_t bytes = element_bytes(in);
  std::byte* to = out.mutable_data<std::byte>();
  const auto put_fill = [&](std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i, to += bytes)
      if (fill != nullptr) std::memcpy(to, fill, to_size(bytes));
  };
  if (out.elements() == 0) return out;
  if (maps.empty()) {
    std::memcpy(to, in.data<std::byte>(), to_size(bytes));
    return out;
  }
  const Shape strides = strides_of(in.shape());
  const std::vector<std::int64_t>& inner = maps.back();
  const Shape outer_shape(shape.begin(), shape.end() - 1);
  Shape index(outer_shape.size(), 0);
  do {
    std::int64_t base = 0;
    for (std::size_t axis = 0; axis < index.size() && base >= 0; ++axis) {
      const std::int64_t from = maps[axis][to_size(index[axis])];
      base = from < 0 ? -1 : base + from * strides[axis];
    }
    if (base < 0) {
      put_fill(shape.back());
      continue;
    }
    const std::byte* row = in.data<std::byte>() + base * bytes;
    for (std::size_t i = 0; i < inner.size();) {
      std::size_t end = i + 1;
      if (inner[i] < 0) {
        while (end < inner.size() && inner[end] < 0) ++end;
        put_fill(to_signed(end - i));
      } else {
        while (end < inner.size() && inner[end] == inner[end - 1] + 1) ++end;
        const std::int64_t size = to_signed(end - i) * bytes;
        std::memcpy(to, row + inner[i] * bytes, to_size(size));
        to += size;
      }
      i = end;
    }
  } while (next_index(index, outer_shape));
  return out;
}

Result<HostTensor> transpose(const HostTensor& in, std::span<const std::size_t> perm) {
  const Shape from = strides_of(in.shape());
  Shape shape;
  Shape strides;
  for (std::size_t axis : perm) {
    shape.push_back(in.shape()[axis]);
    strides.push_back(from[axis]);
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in.dtype(), shape));
  copy_strided(shape, out, {0, strides_of(shape)}, in, {0, strides});
  return out;
}

}  // namespace ingot::reference
