// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/copy_box.h"

#include <algorithm>
#include <cstddef>

namespace ingot::cuda {

cpu::CopyBox merged(const cpu::CopyBox& box) {
  cpu::CopyBox out = box;
  out.dims.clear();
  out.in_strides.clear();
  out.out_strides.clear();
  for (std::size_t d = 0; d < box.dims.size(); ++d) {
    if (box.dims[d] == 1) continue;
    if (!out.dims.empty() && out.in_strides.back() == box.in_strides[d] * box.dims[d] &&
        out.out_strides.back() == box.out_strides[d] * box.dims[d]) {
      out.dims.back() *= box.dims[d];
      out.in_strides.back() = box.in_strides[d];
      out.out_strides.back() = box.out_strides[d];
    } else {
      out.dims.push_back(box.dims[d]);
      out.in_strides.push_back(box.in_strides[d]);
      out.out_strides.push_back(box.out_strides[d]);
    }
  }
  if (out.dims.empty()) {
    out.dims = {1};
    out.in_strides = out.out_strides = {1};
  }
  return out;
}

bool make_transpose(cpu::CopyBox& box, std::int64_t least) {
  if (box.out_strides.back() != 1 || box.in_strides.back() == 1 || box.dims.size() < 2) return false;
  for (std::size_t d = 0; d + 1 < box.dims.size(); ++d) {
    if (box.in_strides[d] != 1) continue;
    if (box.dims[d] < least || box.dims.back() < least) return false;
    const auto last = box.dims.size() - 2;
    for (Ints* list : {&box.dims, &box.in_strides, &box.out_strides})
      std::rotate(list->begin() + static_cast<std::ptrdiff_t>(d), list->begin() + static_cast<std::ptrdiff_t>(d) + 1,
                  list->begin() + static_cast<std::ptrdiff_t>(last) + 1);
    return true;
  }
  return false;
}

}  // namespace ingot::cuda
