// SPDX-License-Identifier: Apache-2.0
// The decoders, one file each, and what they share. Private to this folder.
#pragma once

#include <span>
#include <string>

#include <fmt/format.h>

#include "images/decode.h"

namespace ingot::images {

using Bytes = std::span<const std::byte>;

// The tensor that an image of these sizes goes into, u8 [height, width, channels].
Result<HostTensor> create_image(std::int64_t width, std::int64_t height, std::int64_t channels);

// Every decoder gives 1 channel (grey), 3 (red, green, blue) or 4 (and alpha).
Result<HostTensor> decode_bmp(Bytes file);
Result<HostTensor> decode_jpeg(Bytes file);
Result<HostTensor> decode_jpeg2000(Bytes file);
Result<HostTensor> decode_png(Bytes file);
Result<HostTensor> decode_pnm(Bytes file);
Result<HostTensor> decode_tiff(Bytes file);
Result<HostTensor> decode_webp(Bytes file);

// Whether the library behind a decoder is there.
Status jpeg_status();
Status jpeg2000_status();
Status png_status();
Status tiff_status();
Status webp_status();

// For decoders whose library was missing when Ingot was built.
Status built_without(std::string_view format, std::string_view library);

}  // namespace ingot::images
