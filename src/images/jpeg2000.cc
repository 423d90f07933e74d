// SPDX-License-Identifier: Apache-2.0
#include "images/codecs.h"

#ifdef INGOT_OPENJPEG_LIBRARY

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include <openjpeg.h>

#include "images/library.h"

namespace ingot::images {

namespace {

#define INGOT_OPENJPEG_FUNCTIONS(X)     \
  X(opj_create_decompress)              \
  X(opj_destroy_codec)                  \
  X(opj_set_error_handler)              \
  X(opj_set_default_decoder_parameters) \
  X(opj_setup_decoder)                  \
  X(opj_stream_default_create)          \
  X(opj_stream_destroy)                 \
  X(opj_stream_set_read_function)       \
  X(opj_stream_set_skip_function)       \
  X(opj_stream_set_seek_function)       \
  X(opj_stream_set_user_data)           \
  X(opj_stream_set_user_data_length)    \
  X(opj_read_header)                    \
  X(opj_decode)                         \
  X(opj_image_destroy)
INGOT_IMAGE_LIBRARY(INGOT_OPENJPEG_LIBRARY, INGOT_OPENJPEG_FUNCTIONS)

struct Source {
  Bytes file;
  std::size_t at = 0;
  std::string message = "the file is damaged or truncated";
};

constexpr OPJ_SIZE_T kEnd = static_cast<OPJ_SIZE_T>(-1);

OPJ_SIZE_T read_bytes(void* to, OPJ_SIZE_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  const std::size_t taken = std::min<std::size_t>(count, source.file.size() - source.at);
  if (taken == 0) return kEnd;
  std::memcpy(to, source.file.data() + source.at, taken);
  source.at += taken;
  return taken;
}

OPJ_OFF_T skip(OPJ_OFF_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (count < 0 || static_cast<std::size_t>(count) > source.file.size() - source.at) return -1;
  source.at += static_cast<std::size_t>(count);
  return count;
}

OPJ_BOOL seek(OPJ_OFF_T offset, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (offset < 0 || static_cast<std::size_t>(offset) > source.file.size()) return OPJ_FALSE;
  source.at = static_cast<std::size_t>(offset);
  return OPJ_TRUE;
}

void on_error(const char* message, void* user) {
  std::string_view text(message);
  while (text.ends_with('\n')) text.remove_suffix(1);
  static_cast<Source*>(user)->message = text;
}

// One sample in 8 bits; components may be coarser than the image and of any depth.
std::uint8_t sample(const opj_image_comp_t& component, std::int64_t x, std::int64_t y) {
  const std::int64_t column = std::min<std::int64_t>(x / component.dx, component.w - 1);
  const std::int64_t row = std::min<std::int64_t>(y / component.dy, component.h - 1);
  std::int64_t value = component.data[row * component.w + column];
  if (component.sgnd != 0) value += std::int64_t{1} << (component.prec - 1);
  const std::int64_t most = (std::int64_t{1} << component.prec) - 1;
  value = std::clamp<std::int64_t>(value, 0, most);
  return static_cast<std::uint8_t>(component.prec > 8 ? value >> (component.prec - 8) : value * 255 / most);
}

void ycc_to_rgb(std::uint8_t* pixel) {
  const double y = pixel[0], cb = pixel[1] - 128.0, cr = pixel[2] - 128.0;
  const double rgb[] = {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb};
  for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(std::clamp(std::lround(rgb[c]), 0L, 255L));
}

Result<HostTensor> pixels_of(const opj_image_t& image) {
  const std::int64_t width = std::int64_t{image.x1} - image.x0, height = std::int64_t{image.y1} - image.y0;
  // One or two components: grey, and alpha.
  const std::int64_t channels = image.numcomps < 3 ? 1 : 3;
  INGOT_ASSIGN_OR_RETURN(HostTensor pixels, create_image(width, height, channels));
  for (std::int64_t c = 0; c < channels; ++c) {
    const opj_image_comp_t& component = image.comps[c];
    if (component.data == nullptr || component.w == 0 || component.h == 0 || component.dx == 0 || component.dy == 0 ||
        component.prec < 1 || component.prec > 31)
      return corrupt("component {} is damaged", c);
  }
  auto* to = pixels.mutable_data<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x, to += channels) {
      for (std::int64_t c = 0; c < channels; ++c) to[c] = sample(image.comps[c], x, y);
      if (channels == 3 && image.color_space == OPJ_CLRSPC_SYCC) ycc_to_rgb(to);
    }
  }
  return pixels;
}

}  // namespace

Status jpeg2000_status() { return functions().library.status(); }

Result<HostTensor> decode_jpeg2000(Bytes file) {
  INGOT_RETURN_IF_ERROR(jpeg2000_status());
  const Functions& lib = functions();
  Source source{file};
  const bool boxed = file[0] == std::byte{0};
  const std::unique_ptr<opj_codec_t, decltype(lib.opj_destroy_codec)> codec(
      lib.opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K), lib.opj_destroy_codec);
  const std::unique_ptr<opj_stream_t, decltype(lib.opj_stream_destroy)> stream(lib.opj_stream_default_create(OPJ_TRUE),
                                                                               lib.opj_stream_destroy);
  if (codec == nullptr || stream == nullptr) return resource_exhausted("no memory");
  lib.opj_set_error_handler(codec.get(), on_error, &source);
  lib.opj_stream_set_read_function(stream.get(), read_bytes);
  lib.opj_stream_set_skip_function(stream.get(), skip);
  lib.opj_stream_set_seek_function(stream.get(), seek);
  lib.opj_stream_set_user_data(stream.get(), &source, nullptr);
  lib.opj_stream_set_user_data_length(stream.get(), file.size());
  opj_dparameters_t parameters;
  lib.opj_set_default_decoder_parameters(&parameters);
  if (lib.opj_setup_decoder(codec.get(), &parameters) == OPJ_FALSE) return corrupt("{}", source.message);
  opj_image_t* header = nullptr;
  const bool read = lib.opj_read_header(stream.get(), codec.get(), &header) != OPJ_FALSE;
  const std::unique_ptr<opj_image_t, decltype(lib.opj_image_destroy)> image(header, lib.opj_image_destroy);
  if (!read || image == nullptr) return corrupt("{}", source.message);
  // Before the library allocates for all components.
  if (image->numcomps < 1 || image->numcomps > 4) return unsupported("{} components", image->numcomps);
  const std::int64_t width = std::int64_t{image->x1} - image->x0, height = std::int64_t{image->y1} - image->y0;
  if (width < 1 || height < 1 || width > kMaxPixels / height)
    return resource_exhausted("the image has {} x {} pixels; at most {} are decoded", width, height, kMaxPixels);
  if (lib.opj_decode(codec.get(), stream.get(), image.get()) == OPJ_FALSE) return corrupt("{}", source.message);
  return pixels_of(*image);
}

}  // namespace ingot::images

#else

namespace ingot::images {

Status jpeg2000_status() { return built_without("JPEG 2000", "libopenjp2"); }
Result<HostTensor> decode_jpeg2000(Bytes) { return jpeg2000_status(); }

}  // namespace ingot::images

#endif
