// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace ingot {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Status failure(const std::string& path) {
  const int code = errno;
  const std::string reason = std::generic_category().message(code);
  if (code == ENOENT || code == ENOTDIR) return not_found("{}: {}", path, reason);
  if (code == ENOMEM || code == EMFILE || code == ENFILE) return resource_exhausted("{}: {}", path, reason);
  return invalid_argument("{}: {}", path, reason);
}

int advice_of(MappedFile::Access access) {
  switch (access) {
    case MappedFile::Access::sequential: return MADV_SEQUENTIAL;
    case MappedFile::Access::random: return MADV_RANDOM;
    case MappedFile::Access::will_need: return MADV_WILLNEED;
    case MappedFile::Access::normal: break;
  }
  return MADV_NORMAL;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path, Access access) {
  // Without O_NONBLOCK opening a pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return failure(path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failure(path);
  if (!S_ISREG(info.st_mode)) return invalid_argument("{}: not a regular file", path);
  MappedFile out;
  if (info.st_size == 0) return out;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return failure(path);
  out.data_ = static_cast<const std::byte*>(data);
  out.size_ = size;
  if (access != Access::normal) out.advise(0, size, access);
  return out;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::advise(std::size_t offset, std::size_t length, Access access) const {
  if (data_ == nullptr || offset >= size_) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = offset / page * page;
  const std::size_t end = length > size_ - offset ? size_ : offset + length;
  ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, advice_of(access));
}

}  // namespace ingot
