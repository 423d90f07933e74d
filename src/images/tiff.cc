// SPDX-License-Identifier: Apache-2.0
// TIFF by libtiff's reading as red, green, blue, alpha, which knows every layout and compression that it has.
#include "images/codecs.h"

#ifdef INGOT_TIFF_LIBRARY

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include <tiffio.h>

#include "images/library.h"

namespace ingot::images {

namespace {

#define INGOT_TIFF_FUNCTIONS(X)           \
  X(TIFFOpenOptionsAlloc)                 \
  X(TIFFOpenOptionsFree)                  \
  X(TIFFOpenOptionsSetErrorHandlerExtR)   \
  X(TIFFOpenOptionsSetWarningHandlerExtR) \
  X(TIFFClientOpenExt)                    \
  X(TIFFClose)                            \
  X(TIFFGetField)                         \
  X(TIFFReadRGBAImageOriented)
INGOT_IMAGE_LIBRARY(INGOT_TIFF_LIBRARY, INGOT_TIFF_FUNCTIONS)

struct Source {
  Bytes file;
  std::uint64_t at = 0;
  // libtiff makes do without what it cannot read of the palette and of other fields.
  bool too_short = false;
  std::string message = "not readable";
};

Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  Source& source = source_of(handle);
  const std::uint64_t size = source.file.size();
  const std::uint64_t rest = size - std::min(source.at, size);
  const auto taken = std::min(rest, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (taken > 0) std::memcpy(to, source.file.data() + source.at, taken);
  source.at += taken;
  source.too_short = source.too_short || taken < static_cast<std::uint64_t>(count);
  return static_cast<tmsize_t>(taken);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

// Offsets are unsigned, so that going backwards wraps.
toff_t seek(thandle_t handle, toff_t offset, int origin) {
  Source& source = source_of(handle);
  if (origin == SEEK_SET) source.at = 0;
  if (origin == SEEK_END) source.at = source.file.size();
  return source.at += offset;
}

int close_nothing(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return source_of(handle).file.size(); }

int on_error(TIFF*, void* user, const char*, const char* format, std::va_list arguments) {
  char text[160];
  std::vsnprintf(text, sizeof(text), format, arguments);
  source_of(user).message = text;
  return 1;
}

int ignore(TIFF*, void*, const char*, const char*, std::va_list) { return 1; }

}  // namespace

Status tiff_status() { return functions().library.status(); }

Result<HostTensor> decode_tiff(Bytes file) {
  INGOT_RETURN_IF_ERROR(tiff_status());
  const Functions& lib = functions();
  Source source{file};
  const std::unique_ptr<TIFFOpenOptions, decltype(lib.TIFFOpenOptionsFree)> options(lib.TIFFOpenOptionsAlloc(),
                                                                                    lib.TIFFOpenOptionsFree);
  if (options == nullptr) return resource_exhausted("no memory");
  lib.TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  lib.TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore, nullptr);
  const std::unique_ptr<TIFF, decltype(lib.TIFFClose)> tiff(
      lib.TIFFClientOpenExt("image", "rm", &source, read_bytes, write_nothing, seek, close_nothing, size_of, nullptr,
                            nullptr, options.get()),
      lib.TIFFClose);
  if (tiff == nullptr) return corrupt("{}", source.message);
  std::uint32_t width = 0, height = 0;
  if (lib.TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) == 0 ||
      lib.TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) == 0)
    return corrupt("the sizes of the image are missing");
  INGOT_ASSIGN_OR_RETURN(HostTensor pixels, create_image(width, height, 4));
  // Red is the lowest byte of a word: the first in memory on little-endian machines, the only ones that Ingot runs on.
  if (lib.TIFFReadRGBAImageOriented(tiff.get(), width, height, pixels.mutable_data<std::uint32_t>(),
                                    ORIENTATION_TOPLEFT, 1) == 0)
    return corrupt("{}", source.message);
  if (source.too_short) return corrupt("the file is truncated");
  return pixels;
}

}  // namespace ingot::images

#else

namespace ingot::images {

Status tiff_status() { return built_without("TIFF", "libtiff (4.5 or newer)"); }
Result<HostTensor> decode_tiff(Bytes) { return tiff_status(); }

}  // namespace ingot::images

#endif
