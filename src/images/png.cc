// SPDX-License-Identifier: Apache-2.0
// PNG by libpng's full interface: its simple one would change colours by the gamma that a file may state.
#include "images/codecs.h"

#ifdef INGOT_PNG_LIBRARY

#include <csetjmp>
#include <cstring>

#include <png.h>

#include "images/library.h"

namespace ingot::images {

namespace {

#define INGOT_PNG_FUNCTIONS(X)  \
  X(png_create_read_struct)     \
  X(png_create_info_struct)     \
  X(png_destroy_read_struct)    \
  X(png_get_error_ptr)          \
  X(png_get_io_ptr)             \
  X(png_set_read_fn)            \
  X(png_error)                  \
  X(png_read_info)              \
  X(png_set_expand)             \
  X(png_set_strip_16)           \
  X(png_set_strip_alpha)        \
  X(png_set_interlace_handling) \
  X(png_read_update_info)       \
  X(png_get_image_width)        \
  X(png_get_image_height)       \
  X(png_get_channels)           \
  X(png_get_rowbytes)           \
  X(png_read_row)
INGOT_IMAGE_LIBRARY(INGOT_PNG_LIBRARY, INGOT_PNG_FUNCTIONS)

// libpng leaves by longjmp: the functions that call it own nothing that wants destruction.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes rest;
  int passes = 1;
  std::jmp_buf out;
  char message[160] = "out of memory";
};

[[noreturn]] void leave(png_structp png, png_const_charp message) {
  auto& decoder = *static_cast<Decoder*>(functions().png_get_error_ptr(png));
  std::strncpy(decoder.message, message, sizeof(decoder.message) - 1);
  std::longjmp(decoder.out, 1);
}

void ignore(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto& decoder = *static_cast<Decoder*>(functions().png_get_io_ptr(png));
  if (count > decoder.rest.size()) functions().png_error(png, "the file ends too early");
  std::memcpy(to, decoder.rest.data(), count);
  decoder.rest = decoder.rest.subspan(count);
}

bool read_header(Decoder& decoder) {
  const Functions& lib = functions();
  decoder.png = lib.png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, leave, ignore);
  if (decoder.png == nullptr || setjmp(decoder.out) != 0) return false;
  decoder.info = lib.png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) return false;
  lib.png_set_read_fn(decoder.png, &decoder, read_bytes);
  lib.png_read_info(decoder.png, decoder.info);
  lib.png_set_expand(decoder.png);
  lib.png_set_strip_16(decoder.png);
  lib.png_set_strip_alpha(decoder.png);
  decoder.passes = lib.png_set_interlace_handling(decoder.png);
  lib.png_read_update_info(decoder.png, decoder.info);
  return true;
}

bool read_pixels(Decoder& decoder, std::uint8_t* pixels, std::size_t height, std::size_t row_bytes) {
  if (setjmp(decoder.out) != 0) return false;
  for (int pass = 0; pass < decoder.passes; ++pass)
    for (std::size_t y = 0; y < height; ++y) functions().png_read_row(decoder.png, pixels + y * row_bytes, nullptr);
  return true;
}

}  // namespace

Status png_status() { return functions().library.status(); }

Result<HostTensor> decode_png(Bytes file) {
  INGOT_RETURN_IF_ERROR(png_status());
  const Functions& lib = functions();
  Decoder decoder;
  decoder.rest = file;
  const auto finish = [&](Result<HostTensor> result) {
    lib.png_destroy_read_struct(&decoder.png, &decoder.info, nullptr);
    return result;
  };
  if (!read_header(decoder)) return finish(corrupt("{}", decoder.message));
  const std::int64_t channels = lib.png_get_channels(decoder.png, decoder.info);
  Result<HostTensor> pixels = create_image(lib.png_get_image_width(decoder.png, decoder.info),
                                           lib.png_get_image_height(decoder.png, decoder.info), channels);
  if (!pixels.is_ok()) return finish(pixels);
  const auto row_bytes = static_cast<std::size_t>(pixels->shape()[1] * channels);
  if (lib.png_get_rowbytes(decoder.png, decoder.info) != row_bytes)
    return finish(corrupt("rows of {} bytes", lib.png_get_rowbytes(decoder.png, decoder.info)));
  if (!read_pixels(decoder, pixels->mutable_data<std::uint8_t>(), static_cast<std::size_t>(pixels->shape()[0]),
                   row_bytes))
    return finish(corrupt("{}", decoder.message));
  return finish(pixels);
}

}  // namespace ingot::images

#else

namespace ingot::images {

Status png_status() { return built_without("PNG", "libpng"); }
Result<HostTensor> decode_png(Bytes) { return png_status(); }

}  // namespace ingot::images

#endif
