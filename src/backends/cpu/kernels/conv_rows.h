// SPDX-License-Identifier: Apache-2.0
// Row sources of the implicit matrix product: how a tile of output pixels sees its windows. Internal to the folder.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/gemm_core.h"

namespace ingot::cpu {

// The order of K is (kd, kh, kw, channel) in all of them.
enum class ConvRowMode : std::uint8_t {
  kTaps,   // a tap is one window position; rows point at the input's pixels, or at the padding
  kLines,  // a tap is one (kd, kh) line of the window, kw * channels contiguous elements; cut lines are copied
  kCopy,   // one tap; the whole window is copied to a dense tile
};

struct ConvRowPlan {
  ConvRowMode mode = ConvRowMode::kTaps;
  KSplit k;
  std::int64_t copy_elements = 0;
  std::int64_t pitch = 0;  // of copied rows
};

// Elements are float or std::uint8_t. Bytes are never cut along a tap.
template <typename T>
ConvRowPlan plan_conv_rows(const ConvShape& shape, std::int64_t in_ld, int panel);

// As many zeros as a tap of floats is long.
const float* conv_zeros();

template <typename T>
class ConvRows final : public RowSourceOf<T> {
 public:
  // `in` points at the group's first channel, `end` behind the last element of the input. `padding`: what the image is
  // surrounded with, as often as a tap is long (plan.k.k_per_tap, rounded up as RowSourceOf says).
  ConvRows(const ConvShape& shape, const ConvRowPlan& plan, const T* in, const T* end, std::int64_t in_ld,
           const T* padding)
      : shape_(shape), plan_(plan), in_(in), end_(end), padding_(padding), ld_(in_ld) {}
  void fill(std::int64_t row, int rows, const KBlock& block, const T** table, T* copy) const override;

 private:
  // Where one output pixel's window starts; may lie in the padding.
  struct Window {
    std::int64_t d, h, w;
    bool inside;     // the whole window lies in the image
    const T* image;  // first pixel
    const T* start;  // the window's first position; valid when inside
  };
  // One position (or line) of the window.
  struct Tap {
    std::int64_t kd = 0, kh = 0, kw = 0;
  };
  void locate(std::int64_t row, int rows, Window* windows) const;
  void fill_taps(const Window* windows, int rows, const KBlock& block, const T** table) const;
  void fill_lines(const Window* windows, int rows, const KBlock& block, const T** table, T* copy) const;
  void fill_copy(const Window& window, const KBlock& block, T* copy) const;
  void copy_line(const Window& window, const Tap& line, std::int64_t begin, std::int64_t count, T* out) const;
  [[nodiscard]] const T* line_base(const Window& window, const Tap& line) const;
  [[nodiscard]] std::int64_t distance(const Tap& tap) const;
  [[nodiscard]] Tap line_tap(std::int64_t line) const { return {line / shape_.kernel[1], line % shape_.kernel[1], 0}; }
  void next_line(Tap& tap) const;

  const ConvShape& shape_;
  const ConvRowPlan& plan_;
  const T* in_;
  const T* end_;
  const T* padding_;
  std::int64_t ld_;
};

extern template class ConvRows<float>;
extern template class ConvRows<std::uint8_t>;

}  // namespace ingot::cpu
