// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace ingot::cuda {
namespace {

constexpr std::size_t kAlignment = 256;
// Waking threads takes as long as copying some hundred KiB.
constexpr std::size_t kWorthThreads = std::size_t{4} << 20, kTaskBytes = std::size_t{64} << 10;

}  // namespace

void Staging::begin() {
  for (Piece& piece : pieces_) piece.to_host.clear();
}

Status Staging::to_device(void* to, const void* from, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    INGOT_ASSIGN_OR_RETURN(const Part part, next(bytes - done));
    if (part.piece == nullptr)
      return stream_.copy_to_device(static_cast<std::byte*>(to) + done, static_cast<const std::byte*>(from) + done,
                                    bytes - done);
    auto* const pinned = static_cast<std::byte*>(part.piece->memory.data()) + part.offset;
    copy(pinned, static_cast<const std::byte*>(from) + done, part.bytes, bytes >= kWorthThreads);
    INGOT_RETURN_IF_ERROR(stream_.copy_to_device(static_cast<std::byte*>(to) + done, pinned, part.bytes));
    done += part.bytes;
  }
  return Status::ok();
}

Status Staging::to_host(void* to, const void* from, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    INGOT_ASSIGN_OR_RETURN(const Part part, next(bytes - done));
    if (part.piece == nullptr)
      return stream_.copy_to_host(static_cast<std::byte*>(to) + done, static_cast<const std::byte*>(from) + done,
                                  bytes - done);
    auto* const pinned = static_cast<std::byte*>(part.piece->memory.data()) + part.offset;
    INGOT_RETURN_IF_ERROR(stream_.copy_to_host(pinned, static_cast<const std::byte*>(from) + done, part.bytes));
    part.piece->to_host.push_back(
        {static_cast<std::byte*>(to) + done, part.offset, part.bytes, bytes >= kWorthThreads});
    done += part.bytes;
  }
  return Status::ok();
}

Status Staging::finish() {
  INGOT_RETURN_IF_ERROR(close(pieces_[current_]));
  // The oldest first: they are done first.
  for (std::size_t i = 1; i <= kPieces; ++i)
    if (Piece& piece = pieces_[(current_ + i) % kPieces]; !piece.to_host.empty()) INGOT_RETURN_IF_ERROR(reopen(piece));
  return Status::ok();
}

void Staging::stream_is_idle() {
  for (Piece& piece : pieces_) {
    piece.in_use = false;
    piece.used = 0;
  }
  current_ = 0;
}

std::size_t Staging::pinned_bytes() const {
  std::size_t total = 0;
  for (const Piece& piece : pieces_) total += piece.memory.size();
  return total;
}

Result<Staging::Part> Staging::next(std::size_t bytes) {
  if (pieces_[current_].used >= kPieceBytes) {
    INGOT_RETURN_IF_ERROR(close(pieces_[current_]));
    current_ = (current_ + 1) % kPieces;
    INGOT_RETURN_IF_ERROR(reopen(pieces_[current_]));
  }
  Piece& piece = pieces_[current_];
  if (piece.memory.data() == nullptr) {
    if (piece.copied == nullptr) {
      INGOT_ASSIGN_OR_RETURN(piece.copied, Event::create(device_));
    }
    Result<HostMemory> memory = HostMemory::allocate(device_, kPieceBytes);
    if (!memory.is_ok()) return Part{};  // slower, but a run goes on
    piece.memory = std::move(memory).value();
  }
  const Part part{&piece, piece.used, std::min(bytes, kPieceBytes - piece.used)};
  piece.used = std::min(kPieceBytes, (piece.used + part.bytes + kAlignment - 1) / kAlignment * kAlignment);
  piece.in_use = true;
  return part;
}

Status Staging::close(Piece& piece) { return piece.in_use ? piece.copied->record(stream_) : Status::ok(); }

Status Staging::reopen(Piece& piece) {
  if (piece.in_use) INGOT_RETURN_IF_ERROR(piece.copied->wait());
  for (const ToHost& part : piece.to_host)
    copy(part.to, static_cast<std::byte*>(piece.memory.data()) + part.offset, part.bytes, part.shared);
  piece.to_host.clear();
  piece.in_use = false;
  piece.used = 0;
  return Status::ok();
}

void Staging::copy(void* to, const void* from, std::size_t bytes, bool shared) {
  const std::size_t tasks = (bytes + kTaskBytes - 1) / kTaskBytes;
  if (!shared || parallel_ == nullptr || parallel_->threads() == 1 || tasks == 1) {
    std::memcpy(to, from, bytes);
    return;
  }
  parallel_->run(static_cast<std::int64_t>(tasks), [&](std::int64_t task, int) {
    const std::size_t at = static_cast<std::size_t>(task) * kTaskBytes;
    std::memcpy(static_cast<std::byte*>(to) + at, static_cast<const std::byte*>(from) + at,
                std::min(kTaskBytes, bytes - at));
  });
}

}  // namespace ingot::cuda
