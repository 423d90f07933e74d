// SPDX-License-Identifier: Apache-2.0
// Portable anymaps: bitmaps, greymaps and pixmaps (P1 to P6), plain and binary.
#include <algorithm>
#include <cctype>

#include "images/codecs.h"

namespace ingot::images {

namespace {

class Reader {
 public:
  explicit Reader(Bytes file) : text_(reinterpret_cast<const char*>(file.data()), file.size()) {}

  // The next decimal number; comments run from '#' to the end of a line. At most `digits` digits (0: any number).
  Result<std::int64_t> number(std::size_t digits = 0) {
    skip_blanks();
    std::int64_t value = 0;
    const std::size_t start = at_;
    for (; at_ < text_.size() && is_digit(text_[at_]) && (digits == 0 || at_ - start < digits); ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > kMaxPixels) return resource_exhausted("the number at byte {} is too large", start);
    }
    if (at_ == start) return corrupt("a number is missing at byte {}", start);
    return value;
  }

  // The binary samples begin after one blank.
  std::string_view samples() { return text_.substr(std::min(at_ + 1, text_.size())); }
  void skip(std::size_t count) { at_ += count; }

 private:
  static bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
  static bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
  void skip_blanks() {
    for (; at_ < text_.size() && (is_blank(text_[at_]) || text_[at_] == '#'); ++at_)
      if (text_[at_] == '#') at_ = std::min(text_.find('\n', at_), text_.size() - 1);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Header {
  bool bits = false, binary = false;  // bits: 1 is black
  std::int64_t width = 0, height = 0, most = 1;
};

std::uint8_t scale(std::int64_t value, std::int64_t most) {
  return static_cast<std::uint8_t>((value * 255 + most / 2) / most);
}

Status read_plain(Reader& reader, const Header& header, HostTensor& pixels) {
  auto* to = pixels.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < pixels.elements(); ++i) {
    // The digits of a bitmap need no blanks between them.
    INGOT_ASSIGN_OR_RETURN(const std::int64_t value, reader.number(header.bits ? 1 : 0));
    if (value > header.most) return corrupt("the sample {} is above {}", value, header.most);
    to[i] = scale(header.bits ? 1 - value : value, header.most);
  }
  return Status::ok();
}

Status read_binary(Reader& reader, const Header& header, HostTensor& pixels) {
  const std::string_view samples = reader.samples();
  const auto byte = [&](std::int64_t at) {
    return static_cast<std::int64_t>(static_cast<unsigned char>(samples[static_cast<std::size_t>(at)]));
  };
  const std::int64_t sample_bytes = header.most > 255 ? 2 : 1;
  const std::int64_t row_bytes = (header.width + 7) / 8;
  const std::int64_t needed = header.bits ? row_bytes * header.height : pixels.elements() * sample_bytes;
  if (static_cast<std::int64_t>(samples.size()) < needed)
    return corrupt("the file is truncated: {} bytes of samples, of {}", samples.size(), needed);
  auto* to = pixels.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < pixels.elements(); ++i) {
    if (header.bits) {
      const std::int64_t x = i % header.width;
      to[i] = (byte(i / header.width * row_bytes + x / 8) >> (7 - x % 8) & 1) != 0 ? 0 : 255;
      continue;
    }
    const std::int64_t value = sample_bytes == 2 ? byte(2 * i) * 256 + byte(2 * i + 1) : byte(i);
    if (value > header.most) return corrupt("the sample {} is above {}", value, header.most);
    to[i] = scale(value, header.most);
  }
  return Status::ok();
}

}  // namespace

Result<HostTensor> decode_pnm(Bytes file) {
  Reader reader(file);
  const int kind = std::to_integer<int>(file[1]) - '0';
  reader.skip(2);
  Header header;
  header.bits = kind == 1 || kind == 4;
  header.binary = kind > 3;
  INGOT_ASSIGN_OR_RETURN(header.width, reader.number());
  INGOT_ASSIGN_OR_RETURN(header.height, reader.number());
  if (!header.bits) {
    INGOT_ASSIGN_OR_RETURN(header.most, reader.number());
  }
  if (header.most < 1 || header.most > 65535) return corrupt("the largest sample is {}", header.most);
  INGOT_ASSIGN_OR_RETURN(HostTensor pixels, create_image(header.width, header.height, kind % 3 == 0 ? 3 : 1));
  INGOT_RETURN_IF_ERROR((header.binary ? read_binary : read_plain)(reader, header, pixels));
  return pixels;
}

}  // namespace ingot::images
