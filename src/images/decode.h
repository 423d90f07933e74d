// SPDX-License-Identifier: Apache-2.0
// Encoded images (JPEG, PNG, TIFF, WebP, JPEG 2000, BMP, PNM) to pixels, as ONNX's ImageDecoder asks: 8 bits a channel,
// alpha dropped, colours as they are stored, the first image of several.
//
// Whatever the bytes are, the outcome is an image or an error: unknown, damaged and truncated files are refused, and so
// are images of more than kMaxPixels, before anything is allocated for them. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/host_tensor.h"

namespace ingot::images {

inline constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;

enum class PixelFormat : std::uint8_t { rgb, bgr, grayscale };

// "RGB", "BGR" or "Grayscale", as in ONNX.
std::optional<PixelFormat> pixel_format_from_string(std::string_view name);

// u8 [height, width, 3], or [height, width, 1] for grayscale.
Result<HostTensor> decode(std::span<const std::byte> file, PixelFormat format);

// The formats, and whether this build on this machine decodes them: an error says what is missing.
struct Format {
  std::string_view name;
  Status status;
};
std::vector<Format> formats();

}  // namespace ingot::images
