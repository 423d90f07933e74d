// SPDX-License-Identifier: Apache-2.0
// NdCopy: copies a box of elements between strided places: transposes, slices, concatenations, expansions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/parallel.h"

namespace ingot::cpu {

class NdCopy {
 public:
  // Strides and offsets in elements; in_strides may be 0 (repetition) or negative. No two elements may have one target.
  NdCopy(std::size_t element_bytes, std::vector<std::int64_t> dims, std::vector<std::int64_t> in_strides,
         std::vector<std::int64_t> out_strides, std::int64_t in_offset = 0, std::int64_t out_offset = 0);

  // Whether everything lies within tensors of so many elements.
  [[nodiscard]] bool fits(std::int64_t in_elements, std::int64_t out_elements) const {
    return in_low_ >= 0 && out_low_ >= 0 && in_high_ < in_elements && out_high_ < out_elements;
  }

  // in and out are where offsets count from. They must not overlap.
  void run(const void* in, void* out, Parallel& parallel) const;

 private:
  enum class Form : std::uint8_t { runs, squares, elements };
  void find_bounds();
  void merge();
  void choose_form();
  void copy_unit(const std::byte* in, std::byte* out, std::int64_t part) const;

  std::int64_t element_bytes_;
  std::vector<std::int64_t> dims_, in_strides_, out_strides_;
  std::int64_t in_offset_, out_offset_;
  Form form_ = Form::elements;
  // The inner dimension(s), taken out of the above: a run or line of `inner_`, or a square of inner_ x cross_.
  std::int64_t inner_ = 1, inner_in_ = 1, inner_out_ = 1;
  std::int64_t cross_ = 1, cross_out_ = 0;
  std::int64_t parts_ = 1, part_ = 1;  // of a run (in elements), or squares of an inner matrix
  std::int64_t outer_ = 1;
  // The lowest and highest element that is touched, in elements; high < low when none is.
  std::int64_t in_low_ = 0, in_high_ = -1, out_low_ = 0, out_high_ = -1;
};

}  // namespace ingot::cpu
