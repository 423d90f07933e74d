// SPDX-License-Identifier: Apache-2.0
// Windows bitmaps: palettes of 1, 4 and 8 bits, 16, 24 and 32 bits a pixel with or without masks; not the run-length
// compressed ones.
#include <bit>

#include "base/checked.h"
#include "images/codecs.h"

namespace ingot::images {

namespace {

// Reading beyond the end gives 0; what must be there is checked before.
class Fields {
 public:
  explicit Fields(Bytes file) : file_(file) {}
  [[nodiscard]] std::uint32_t u8(std::uint64_t at) const {
    return at < file_.size() ? std::to_integer<std::uint32_t>(file_[at]) : 0;
  }
  [[nodiscard]] std::uint32_t u16(std::uint64_t at) const { return u8(at) | u8(at + 1) << 8; }
  [[nodiscard]] std::uint32_t u32(std::uint64_t at) const { return u16(at) | u16(at + 2) << 16; }
  [[nodiscard]] std::int64_t i32(std::uint64_t at) const { return static_cast<std::int32_t>(u32(at)); }

 private:
  Bytes file_;
};

struct Layout {
  std::int64_t width = 0, height = 0;  // height < 0: rows from the top
  std::uint32_t bits = 0;
  std::uint64_t palette = 0, palette_entry = 4, palette_size = 0;
  std::uint32_t masks[3] = {0, 0, 0};  // red, green, blue; of 16 and 32 bits a pixel
  std::uint64_t data = 0;
};

constexpr std::uint64_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40;
constexpr std::uint32_t kUncompressed = 0, kBitFields = 3, kAlphaBitFields = 6;

Result<Layout> read_layout(const Fields& fields) {
  const std::uint64_t header = fields.u32(kFileHeader);
  const bool core = header == kCoreHeader;
  if (!core && (header < kInfoHeader || header > 200)) return corrupt("a header of {} bytes", header);
  Layout layout;
  layout.data = fields.u32(10);
  layout.width = core ? fields.u16(18) : fields.i32(18);
  layout.height = core ? fields.u16(20) : fields.i32(22);
  layout.bits = fields.u16(core ? 24 : 28);
  layout.palette_entry = core ? 3 : 4;
  const std::uint32_t compression = core ? kUncompressed : fields.u32(30);
  const bool masked = compression == kBitFields || compression == kAlphaBitFields;
  if (compression != kUncompressed && !masked) return unsupported("compression {}", compression);
  layout.palette = kFileHeader + header;
  if (layout.bits == 16 || layout.bits == 32) {
    const bool wide = layout.bits == 32;
    const std::uint32_t usual[] = {wide ? 0xFF0000U : 0x7C00U, wide ? 0xFF00U : 0x3E0U, wide ? 0xFFU : 0x1FU};
    // The masks follow the shortest header, and are the fields behind it in longer ones: the same place.
    for (std::uint64_t c = 0; c < 3; ++c) {
      layout.masks[c] = masked ? fields.u32(kFileHeader + kInfoHeader + 4 * c) : usual[c];
      if (layout.masks[c] == 0) return corrupt("mask {} is 0", c);
    }
  } else if (masked) {
    return corrupt("masks with {} bits a pixel", layout.bits);
  } else if (layout.bits == 1 || layout.bits == 4 || layout.bits == 8) {
    layout.palette_size = core ? 0 : fields.u32(46);
    if (layout.palette_size == 0) layout.palette_size = std::uint64_t{1} << layout.bits;
  } else if (layout.bits != 24) {
    return corrupt("{} bits a pixel", layout.bits);
  }
  return layout;
}

std::uint8_t channel(std::uint32_t pixel, std::uint32_t mask) {
  const std::uint32_t shifted = mask >> std::countr_zero(mask);
  const std::uint32_t value = (pixel & mask) >> std::countr_zero(mask);
  return static_cast<std::uint8_t>((std::uint64_t{value} * 255 + shifted / 2) / shifted);
}

// Pixel x of the row that begins at `row`.
Status read_pixel(const Fields& fields, const Layout& layout, std::uint64_t row, std::uint64_t x, std::uint8_t* to) {
  if (layout.bits == 24) {
    for (std::uint64_t c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(fields.u8(row + 3 * x + 2 - c));
    return Status::ok();
  }
  if (layout.bits > 8) {
    const std::uint32_t pixel = layout.bits == 16 ? fields.u16(row + 2 * x) : fields.u32(row + 4 * x);
    for (std::uint64_t c = 0; c < 3; ++c) to[c] = channel(pixel, layout.masks[c]);
    return Status::ok();
  }
  const std::uint64_t bit = x * layout.bits;
  const std::uint32_t index =
      (fields.u8(row + bit / 8) >> (8 - layout.bits - bit % 8)) & ((std::uint32_t{1} << layout.bits) - 1);
  if (index >= layout.palette_size) return corrupt("colour {} of a palette of {}", index, layout.palette_size);
  const std::uint64_t entry = layout.palette + index * layout.palette_entry;
  for (std::uint64_t c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(fields.u8(entry + 2 - c));
  return Status::ok();
}

}  // namespace

Result<HostTensor> decode_bmp(Bytes file) {
  const Fields fields(file);
  INGOT_ASSIGN_OR_RETURN(const Layout layout, read_layout(fields));
  const std::int64_t height = layout.height < 0 ? -layout.height : layout.height;
  INGOT_ASSIGN_OR_RETURN(HostTensor pixels, create_image(layout.width, height, 3));
  // Sizes are bounded by now, so this cannot overflow. Rows are padded to words.
  const std::uint64_t row_bytes = (static_cast<std::uint64_t>(layout.width) * layout.bits + 31) / 32 * 4;
  const auto rows = static_cast<std::uint64_t>(height);
  if (!range_fits<std::uint64_t>(layout.data, row_bytes * rows, file.size()))
    return corrupt("the file of {} bytes is truncated", file.size());
  auto* to = pixels.mutable_data<std::uint8_t>();
  for (std::uint64_t y = 0; y < rows; ++y) {
    const std::uint64_t row = layout.data + (layout.height < 0 ? y : rows - 1 - y) * row_bytes;
    for (std::int64_t x = 0; x < layout.width; ++x, to += 3)
      INGOT_RETURN_IF_ERROR(read_pixel(fields, layout, row, static_cast<std::uint64_t>(x), to));
  }
  return pixels;
}

}  // namespace ingot::images
