// SPDX-License-Identifier: Apache-2.0
#include "tensor_files.h"

#include <filesystem>
#include <memory>

#include <png.h>
#include <zip.h>

#include "base/mapped_file.h"
#include "npy.h"

namespace ingot::tools {
namespace {

constexpr zip_uint64_t kMaxEntryBytes = zip_uint64_t{1} << 36;  // 64 GiB: more is a damaged directory

using Archive = std::unique_ptr<zip_t, decltype(&zip_discard)>;

Result<Archive> open_archive(const std::string& path, int flags) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), flags, &code);
  if (archive != nullptr) return Archive(archive, zip_discard);
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (code == ZIP_ER_NOENT) return not_found("'{}': {}", path, reason);
  return corrupt("'{}' is not a .npz file: {}", path, reason);
}

}  // namespace

Result<NamedTensors> read_npz(const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const Archive archive, open_archive(path, ZIP_RDONLY));
  NamedTensors tensors;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &stat) != 0 || stat.size > kMaxEntryBytes)
      return corrupt("'{}': entry {} cannot be read", path, i);
    std::string name = stat.name;
    std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(
        zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0), zip_fclose);
    std::vector<std::byte> bytes(stat.size);
    if (file == nullptr || zip_fread(file.get(), bytes.data(), stat.size) != static_cast<zip_int64_t>(stat.size))
      return corrupt("'{}': entry '{}' is damaged", path, name);
    INGOT_ASSIGN_OR_RETURN(HostTensor tensor, decode_npy(bytes, path + ":" + name));
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    tensors.emplace_back(std::move(name), std::move(tensor));
  }
  return tensors;
}

Status write_npz(const std::string& path, const NamedTensors& tensors) {
  INGOT_ASSIGN_OR_RETURN(Archive archive, open_archive(path, ZIP_CREATE | ZIP_TRUNCATE));
  std::vector<std::vector<std::byte>> files;  // libzip reads them in zip_close
  files.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    INGOT_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, encode_npy(tensor));
    files.push_back(std::move(bytes));
    zip_source_t* source = zip_source_buffer(archive.get(), files.back().data(), files.back().size(), 0);
    const zip_int64_t index = source == nullptr ? -1
                                                : zip_file_add(archive.get(), (name + ".npy").c_str(), source,
                                                               ZIP_FL_OVERWRITE | ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      return resource_exhausted("'{}': {}", path, zip_strerror(archive.get()));
    }
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  if (zip_close(archive.get()) != 0) return not_found("cannot write '{}': {}", path, zip_strerror(archive.get()));
  static_cast<void>(archive.release());
  return Status::ok();
}

Result<HostTensor> read_npy(const std::string& path) {
  INGOT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  return decode_npy(file.bytes(), path);
}

Result<HostTensor> read_png(const std::string& path) {
  if (!std::filesystem::exists(path)) return not_found("'{}' does not exist", path);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&image, path.c_str()) == 0) return corrupt("'{}': {}", path, image.message);
  const bool colour = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
  image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  const std::int64_t channels = colour ? 3 : 1;
  std::vector<png_byte> pixels(PNG_IMAGE_SIZE(image));
  if (png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) == 0) {
    const std::string reason = image.message;
    png_image_free(&image);
    return corrupt("'{}': {}", path, reason);
  }
  const std::int64_t height = image.height;
  const std::int64_t width = image.width;
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(DType::f32, {1, channels, height, width}));
  auto* out = tensor.mutable_data<float>();
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < height * width; ++i)
      out[c * height * width + i] = static_cast<float>(pixels[static_cast<std::size_t>(i * channels + c)]) / 255.0F;
  return tensor;
}

Result<HostTensor> read_tensor(const std::string& path) {
  if (path.ends_with(".png")) return read_png(path);
  if (path.ends_with(".npy")) return read_npy(path);
  return invalid_argument("'{}': input files are .npy or .png (several inputs at once: --inputs F.npz)", path);
}

}  // namespace ingot::tools
