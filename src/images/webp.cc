// SPDX-License-Identifier: Apache-2.0
#include "images/codecs.h"

#ifdef INGOT_WEBP_LIBRARY

#include <webp/decode.h>

#include "images/library.h"

namespace ingot::images {

namespace {

#define INGOT_WEBP_FUNCTIONS(X) \
  X(WebPGetInfo)                \
  X(WebPDecodeRGBInto)
INGOT_IMAGE_LIBRARY(INGOT_WEBP_LIBRARY, INGOT_WEBP_FUNCTIONS)

}  // namespace

Status webp_status() { return functions().library.status(); }

Result<HostTensor> decode_webp(Bytes file) {
  INGOT_RETURN_IF_ERROR(webp_status());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(file.data());
  int width = 0, height = 0;
  if (functions().WebPGetInfo(bytes, file.size(), &width, &height) == 0) return corrupt("the header is damaged");
  INGOT_ASSIGN_OR_RETURN(HostTensor pixels, create_image(width, height, 3));
  auto* to = pixels.mutable_data<std::uint8_t>();
  if (functions().WebPDecodeRGBInto(bytes, file.size(), to, pixels.mutable_bytes().size(), width * 3) == nullptr)
    return corrupt("the file is damaged or truncated, or an animation");
  return pixels;
}

}  // namespace ingot::images

#else

namespace ingot::images {

Status webp_status() { return built_without("WebP", "libwebp"); }
Result<HostTensor> decode_webp(Bytes) { return webp_status(); }

}  // namespace ingot::images

#endif
