// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg's interface of old. Its defaults are what ONNX asks for: the accurate integer DCT and chroma that is
// interpolated linearly.
#include "images/codecs.h"

#ifdef INGOT_JPEG_LIBRARY

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>
// Behind jpeglib.h, which it needs.
#include <jerror.h>

#include "images/library.h"

namespace ingot::images {

namespace {

#define INGOT_JPEG_FUNCTIONS(X) \
  X(jpeg_std_error)             \
  X(jpeg_CreateDecompress)      \
  X(jpeg_mem_src)               \
  X(jpeg_read_header)           \
  X(jpeg_start_decompress)      \
  X(jpeg_read_scanlines)        \
  X(jpeg_destroy_decompress)
INGOT_IMAGE_LIBRARY(INGOT_JPEG_LIBRARY, INGOT_JPEG_FUNCTIONS)

// A progressive file may ask for any number of passes over the whole image; encoders write about ten.
constexpr int kMaxScans = 200;

// libjpeg leaves by longjmp: the functions that call it own nothing that wants destruction.
struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf out;
  char message[JMSG_LENGTH_MAX];
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void leave(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  info->err->format_message(info, decoder.message);
  std::longjmp(decoder.out, 1);
}

// The library would fill up with grey what a truncated file lacks.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) leave(info);
}

void on_progress(j_common_ptr info) {
  if (decoder_of(info).info.input_scan_number <= kMaxScans) return;
  info->err->msg_code = JERR_BAD_PROGRESSION;
  leave(info);
}

bool read_header(Decoder& decoder, Bytes file) {
  decoder.info.err = functions().jpeg_std_error(&decoder.errors);
  decoder.info.client_data = &decoder;
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = on_message;
  if (setjmp(decoder.out) != 0) return false;
  functions().jpeg_CreateDecompress(&decoder.info, JPEG_LIB_VERSION, sizeof(decoder.info));
  decoder.progress.progress_monitor = on_progress;
  decoder.info.progress = &decoder.progress;
  functions().jpeg_mem_src(&decoder.info, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  functions().jpeg_read_header(&decoder.info, TRUE);
  const int components = decoder.info.num_components;
  decoder.info.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

bool read_pixels(Decoder& decoder, std::uint8_t* pixels) {
  if (setjmp(decoder.out) != 0) return false;
  functions().jpeg_start_decompress(&decoder.info);
  const std::size_t row_bytes = std::size_t{decoder.info.output_width} * decoder.info.output_components;
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = pixels + decoder.info.output_scanline * row_bytes;
    functions().jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  return true;
}

// Programs of Adobe's, the main writers of such files, store ink as its absence, and say who they are.
void cmyk_to_rgb(HostTensor& pixels, bool inverted) {
  auto* pixel = pixels.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < pixels.elements(); i += 4, pixel += 4) {
    const unsigned flip = inverted ? 0 : 255;
    for (int c = 0; c < 3; ++c)
      pixel[c] = static_cast<std::uint8_t>(((pixel[c] ^ flip) * (pixel[3] ^ flip) + 127) / 255);
  }
}

}  // namespace

Status jpeg_status() { return functions().library.status(); }

Result<HostTensor> decode_jpeg(Bytes file) {
  INGOT_RETURN_IF_ERROR(jpeg_status());
  Decoder decoder{};
  const auto finish = [&](Result<HostTensor> result) {
    functions().jpeg_destroy_decompress(&decoder.info);
    return result;
  };
  if (!read_header(decoder, file)) return finish(corrupt("{}", decoder.message));
  const int components = decoder.info.num_components;
  Result<HostTensor> pixels = create_image(decoder.info.image_width, decoder.info.image_height,
                                           components == 1 || components == 4 ? components : 3);
  if (!pixels.is_ok()) return finish(pixels);
  if (!read_pixels(decoder, pixels->mutable_data<std::uint8_t>())) return finish(corrupt("{}", decoder.message));
  if (components == 4) cmyk_to_rgb(*pixels, decoder.info.saw_Adobe_marker != 0);
  return finish(pixels);
}

}  // namespace ingot::images

#else

namespace ingot::images {

Status jpeg_status() { return built_without("JPEG", "libjpeg"); }
Result<HostTensor> decode_jpeg(Bytes) { return jpeg_status(); }

}  // namespace ingot::images

#endif
