// SPDX-License-Identifier: Apache-2.0
// MappedFile: a whole file, mapped read-only. The bytes live as long as the object; moving it keeps their address.
//
// A file that shrinks while mapped ends the process with SIGBUS, as with any mapping: replace files by renaming.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"

namespace ingot {

class MappedFile {
 public:
  enum class Access { normal, sequential, random, will_need };

  // not found, or invalid argument for what is not a regular file. An empty file gives empty bytes.
  static Result<MappedFile> open(const std::string& path, Access access = Access::normal);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Tells the system how a range will be read; a hint, never fails.
  void advise(std::size_t offset, std::size_t length, Access access) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ingot
