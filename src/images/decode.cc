// SPDX-License-Identifier: Apache-2.0
#include "images/decode.h"

#include <cstring>

#include "base/checked.h"
#include "images/codecs.h"

namespace ingot::images {

namespace {

using namespace std::string_view_literals;

struct Codec {
  std::string_view name;
  bool (*recognises)(std::string_view file);
  Result<HostTensor> (*decode)(Bytes file);
  Status (*status)();
};

Status always() { return Status::ok(); }

constexpr Codec kCodecs[] = {
    {"JPEG", [](std::string_view file) { return file.starts_with("\xFF\xD8\xFF"); }, decode_jpeg, jpeg_status},
    {"PNG", [](std::string_view file) { return file.starts_with("\x89PNG\r\n\x1A\n"); }, decode_png, png_status},
    {"TIFF",
     [](std::string_view file) {
       return file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv) || file.starts_with("II+\0"sv) ||
              file.starts_with("MM\0+"sv);
     },
     decode_tiff, tiff_status},
    {"WebP",
     [](std::string_view file) {
       return file.starts_with("RIFF") && file.size() >= 12 && file.substr(8).starts_with("WEBP");
     },
     decode_webp, webp_status},
    {"JPEG 2000",
     [](std::string_view file) {
       return file.starts_with("\0\0\0\x0CjP  \r\n\x87\n"sv) || file.starts_with("\xFF\x4F\xFF\x51");
     },
     decode_jpeg2000, jpeg2000_status},
    {"BMP", [](std::string_view file) { return file.starts_with("BM"); }, decode_bmp, always},
    {"PNM", [](std::string_view file) { return file[0] == 'P' && file[1] >= '1' && file[1] <= '6'; }, decode_pnm,
     always},
};

// The weights of ITU-R BT.601 in 16 bits, rounded to nearest; grey stays itself, for they add up to 65536.
std::uint8_t luma(const std::uint8_t* pixel) {
  return static_cast<std::uint8_t>((pixel[0] * 19595U + pixel[1] * 38470U + pixel[2] * 7471U + 0x8000U) >> 16);
}

void convert_pixel(const std::uint8_t* from, std::int64_t channels, PixelFormat format, std::uint8_t* to) {
  if (format == PixelFormat::grayscale) {
    to[0] = channels == 1 ? from[0] : luma(from);
    return;
  }
  for (int c = 0; c < 3; ++c) {
    const int place = format == PixelFormat::bgr ? 2 - c : c;
    to[place] = from[channels == 1 ? 0 : c];
  }
}

}  // namespace

std::optional<PixelFormat> pixel_format_from_string(std::string_view name) {
  if (name == "RGB") return PixelFormat::rgb;
  if (name == "BGR") return PixelFormat::bgr;
  if (name == "Grayscale") return PixelFormat::grayscale;
  return std::nullopt;
}

Result<HostTensor> create_image(std::int64_t width, std::int64_t height, std::int64_t channels) {
  if (width < 1 || height < 1) return corrupt("the image is {} x {} pixels", width, height);
  const std::optional<std::int64_t> pixels = checked_mul(width, height);
  if (!pixels || *pixels > kMaxPixels)
    return resource_exhausted("the image has {} x {} pixels; at most {} are decoded", width, height, kMaxPixels);
  return HostTensor::create(DType::u8, {height, width, channels});
}

Status built_without(std::string_view format, std::string_view library) {
  return unsupported("{} images are not decoded: Ingot was built where {} was not installed", format, library);
}

Result<HostTensor> decode(std::span<const std::byte> file, PixelFormat format) {
  const std::string_view start(reinterpret_cast<const char*>(file.data()), file.size());
  if (start.size() < 4) return corrupt("an image file of {} bytes", start.size());
  for (const Codec& codec : kCodecs) {
    if (!codec.recognises(start)) continue;
    Result<HostTensor> decoded = codec.decode(file);
    if (!decoded.is_ok()) return std::move(decoded).status().annotate(codec.name);
    const Shape& from = decoded->shape();
    INGOT_ASSIGN_OR_RETURN(HostTensor pixels, create_image(from[1], from[0], format == PixelFormat::grayscale ? 1 : 3));
    const std::int64_t channels = from[2], to_channels = pixels.shape()[2];
    const auto* source = decoded->data<std::uint8_t>();
    auto* target = pixels.mutable_data<std::uint8_t>();
    for (std::int64_t i = 0; i < from[0] * from[1]; ++i)
      convert_pixel(source + i * channels, channels, format, target + i * to_channels);
    return pixels;
  }
  return corrupt("the bytes begin like no image file (JPEG, PNG, TIFF, WebP, JPEG 2000, BMP, PNM)");
}

std::vector<Format> formats() {
  std::vector<Format> list;
  for (const Codec& codec : kCodecs) list.push_back({codec.name, codec.status()});
  return list;
}

}  // namespace ingot::images
