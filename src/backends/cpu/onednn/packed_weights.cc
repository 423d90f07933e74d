// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn/packed_weights.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace ingot::cpu::onednn {
namespace {

constexpr int kMaxRank = 8;

// Without padding, whose bytes would be whatever the stack holds: equal builds give equal plans.
struct Header {
  std::int32_t major = 0, minor = 0;
  std::int32_t rank = 0, inner_blocks = 0;
  std::int64_t padded[kMaxRank] = {};
  std::int64_t strides[kMaxRank] = {};
  std::int64_t block[kMaxRank] = {};       // sizes of the inner blocks, outermost first
  std::int64_t block_axis[kMaxRank] = {};  // which dimension each of them divides
  std::int64_t reserved[6] = {};           // the values behind it are aligned to 64 bytes
};
static_assert(std::has_unique_object_representations_v<Header> && sizeof(Header) % 64 == 0);

// Header and dimensions describe memory without gaps or overlaps of `bytes` bytes.
bool is_dense(const Header& header, const dnnl_memory_desc_t& plain, std::size_t bytes) {
  constexpr std::int64_t kMaxBlock = 4096;
  if (header.rank != plain.ndims || header.inner_blocks < 0 || header.inner_blocks > kMaxRank) return false;
  std::int64_t divided[kMaxRank];
  std::fill(std::begin(divided), std::end(divided), 1);
  std::int64_t expected = 1;
  for (int i = 0; i < header.inner_blocks; ++i) {
    if (header.block[i] < 1 || header.block[i] > kMaxBlock || header.block_axis[i] < 0 ||
        header.block_axis[i] >= header.rank)
      return false;
    divided[header.block_axis[i]] *= header.block[i];
    expected *= header.block[i];
    if (expected > kMaxBlock * kMaxBlock) return false;
  }
  std::pair<std::int64_t, std::int64_t> outer[kMaxRank];  // stride and count
  const std::int64_t limit = static_cast<std::int64_t>(bytes / sizeof(float));
  for (int i = 0; i < header.rank; ++i) {
    if (plain.dims[i] > limit) return false;
    const std::int64_t count = (plain.dims[i] + divided[i] - 1) / divided[i];
    if (header.padded[i] != count * divided[i]) return false;
    outer[i] = {header.strides[i], count};
  }
  std::sort(outer, outer + header.rank);
  for (int i = 0; i < header.rank; ++i) {
    if (outer[i].second > 1 && outer[i].first != expected) return false;
    if (outer[i].first < 0 || outer[i].first > limit) return false;
    expected *= outer[i].second;
    if (expected > limit) return false;
  }
  return expected == limit && bytes % sizeof(float) == 0;
}

}  // namespace

Result<std::vector<std::byte>> make_blob(const dnnl_memory_desc_t& layout) {
  const dnnl_blocking_desc_t& blocking = layout.format_desc.blocking;
  if (layout.format_kind != dnnl_blocked || layout.ndims > kMaxRank || blocking.inner_nblks > kMaxRank ||
      layout.extra.flags != 0)
    return unsupported("oneDNN: weights in a layout that cannot be stored");
  const dnnl_version_t& version = *lib().version();
  Header header;
  header.major = version.major;
  header.minor = version.minor;
  header.rank = layout.ndims;
  header.inner_blocks = blocking.inner_nblks;
  std::copy_n(layout.padded_dims, layout.ndims, header.padded);
  std::copy_n(blocking.strides, layout.ndims, header.strides);
  std::copy_n(blocking.inner_blks, blocking.inner_nblks, header.block);
  std::copy_n(blocking.inner_idxs, blocking.inner_nblks, header.block_axis);
  const std::size_t bytes = lib().memory_desc_get_size(&layout);
  if (!is_dense(header, layout, bytes)) return unsupported("oneDNN: weights in a layout with gaps");
  std::vector<std::byte> blob(sizeof(Header) + bytes);
  std::memcpy(blob.data(), &header, sizeof(Header));
  return blob;
}

std::byte* values_of(std::span<std::byte> blob) { return blob.data() + sizeof(Header); }

Result<PackedWeights> read_blob(std::span<const std::byte> blob, const dnnl_memory_desc_t& plain) {
  Header header;
  if (blob.size() < sizeof(Header)) return corrupt("oneDNN weights: {} bytes", blob.size());
  std::memcpy(&header, blob.data(), sizeof(Header));
  const dnnl_version_t& version = *lib().version();
  if (header.major != version.major || header.minor != version.minor)
    return incompatible("weights laid out by oneDNN {}.{}, this is {}.{}", header.major, header.minor, version.major,
                        version.minor);
  if (!is_dense(header, plain, blob.size() - sizeof(Header))) return corrupt("oneDNN weights: the layout does not fit");
  PackedWeights out;
  out.layout = plain;
  dnnl_blocking_desc_t& blocking = out.layout.format_desc.blocking;
  blocking.inner_nblks = header.inner_blocks;
  std::copy_n(header.padded, header.rank, out.layout.padded_dims);
  std::copy_n(header.strides, header.rank, blocking.strides);
  std::copy_n(header.block, header.inner_blocks, blocking.inner_blks);
  std::copy_n(header.block_axis, header.inner_blocks, blocking.inner_idxs);
  out.values = blob.data() + sizeof(Header);
  return out;
}

}  // namespace ingot::cpu::onednn
