// SPDX-License-Identifier: Apache-2.0
// The file around the schema: header, metadata (plan.fbs), blob area.
//
//   0   8  magic "INGOTPL1"
//   8   4  format version          12  4  header size (64)
//   16  8  metadata offset (64)    24  8  metadata size
//   32  8  XXH3-64 of metadata     40  8  blob area offset (a multiple of 4096)
//   48  8  file size               56  8  XXH3-64 of bytes 0..55
//
// Little-endian. Bytes between the metadata and the blob area are zero. The blob area is hashed in chunks of
// kChunkBytes, the hashes stand in the metadata: every byte of the file is covered.
#pragma once

#include <cstdint>

namespace ingot::plan {

inline constexpr char kMagic[8] = {'I', 'N', 'G', 'O', 'T', 'P', 'L', '1'};
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kBlobAreaAlignment = 4096;
inline constexpr std::uint64_t kBlobAlignment = 64;
inline constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20;

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_size;
  std::uint64_t metadata_offset;
  std::uint64_t metadata_size;
  std::uint64_t metadata_hash;
  std::uint64_t blobs_offset;
  std::uint64_t file_size;
  std::uint64_t header_hash;
};
static_assert(sizeof(Header) == 64);

}  // namespace ingot::plan
