// SPDX-License-Identifier: Apache-2.0
#include "onnx/external_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ingot::onnx {
namespace {

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Result<std::vector<std::string>> split_location(const std::string& location) {
  if (location.empty()) return invalid_argument("external data without a location");
  if (location.find('\0') != std::string::npos) return invalid_argument("external data location holds a zero byte");
  if (location.front() == '/' || location.front() == '\\' || (location.size() > 1 && location[1] == ':'))
    return invalid_argument("external data '{}' is an absolute path; only files in the model's folder are read",
                            location);
  std::vector<std::string> parts;
  std::string_view rest = location;
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return invalid_argument("external data '{}' leaves the model's folder with '..'", location);
    parts.emplace_back(part);
  }
  if (parts.empty()) return invalid_argument("external data '{}' names no file", location);
  return parts;
}

Status open_error(const std::string& location, int error) {
  if (error == ELOOP || error == ENOTDIR)
    return invalid_argument("external data '{}' leads through a symbolic link or a file, which is refused", location);
  if (error == ENOENT) return not_found("external data file '{}' does not exist in the model's folder", location);
  return invalid_argument("external data '{}' cannot be opened: {}", location, std::strerror(error));
}

Result<File> open_inside(const std::string& folder, const std::string& location) {
  if (folder.empty())
    return invalid_argument("external data '{}': a model read from memory without a folder may not refer to files",
                            location);
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::string> parts, split_location(location));
  File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() < 0) return not_found("folder '{}': {}", folder, std::strerror(errno));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    // O_NONBLOCK keeps a named pipe from hanging the import; it is refused by the caller as not a regular file.
    const int kind = i + 1 < parts.size() ? O_DIRECTORY : O_NONBLOCK;
    File next(::openat(file.get(), parts[i].c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind));
    if (next.get() < 0) return open_error(location, errno);
    file = std::move(next);
  }
  return file;
}

}  // namespace

Result<HostTensor> ExternalData::read(const std::string& location, std::int64_t offset, DType dtype,
                                      Shape shape) const {
  INGOT_ASSIGN_OR_RETURN(const File file, open_inside(folder_, location));
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return invalid_argument("external data '{}' is not a regular file", location);
  const std::optional<std::int64_t> elements = element_count(shape);
  const std::optional<std::int64_t> length = elements ? bytes_of(dtype, *elements) : std::nullopt;
  if (!length) return invalid_argument("external data '{}': the shape {} is too large", location, to_string(shape));
  if (offset < 0 || offset > facts.st_size || *length > facts.st_size - offset)
    return corrupt("external data '{}' has {} bytes; {} bytes at offset {} are needed", location, facts.st_size,
                   *length, offset);
  INGOT_ASSIGN_OR_RETURN(HostTensor tensor, HostTensor::create(dtype, std::move(shape)));
  std::span<std::byte> target = tensor.mutable_bytes();
  while (!target.empty()) {
    const ssize_t got = ::pread(file.get(), target.data(), target.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return corrupt("external data '{}' cannot be read at offset {}", location, offset);
    target = target.subspan(static_cast<std::size_t>(got));
    offset += got;
  }
  return tensor;
}

}  // namespace ingot::onnx
