// SPDX-License-Identifier: Apache-2.0
// Staging: copies between a stream's device memory and pageable host memory, by way of a few page-locked pieces that
// are used in turn. The device copies one piece while the host fills or empties others, and the host waits only where
// a piece is needed again.
//
// Straight from pageable memory the driver does such a copy itself, but waits for the stream first (to the device, more
// than 64 KiB) or for the whole copy (to the host), so that several of them take their turns.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "backends/cuda/device.h"
#include "base/parallel.h"

namespace ingot::cuda {

class Staging {
 public:
  // `parallel` shares the host's part of large copies; null: the calling thread does it alone.
  Staging(const Device& device, const Stream& stream, Parallel* parallel)
      : device_(device), stream_(stream), parallel_(parallel) {}

  // Before the copies of a run: what a run that failed left to be written to the host is forgotten.
  void begin();
  // Returns once `from` has been read; what is enqueued later finds the bytes there.
  Status to_device(void* to, const void* from, std::size_t bytes);
  // `to` is written by finish() at the latest.
  Status to_host(void* to, const void* from, std::size_t bytes);
  // Waits for all copies to the host.
  Status finish();
  // The stream has done everything: the next copy need not wait for any piece.
  void stream_is_idle();
  // Page-locked memory that it holds, at most kPieces * kPieceBytes.
  [[nodiscard]] std::size_t pinned_bytes() const;

  static constexpr std::size_t kPieces = 8, kPieceBytes = std::size_t{512} << 10;

 private:
  struct ToHost {
    void* to = nullptr;
    std::size_t offset = 0, bytes = 0;
    bool shared = false;  // by threads
  };
  struct Piece {
    HostMemory memory;
    std::unique_ptr<Event> copied;  // behind the last copy
    bool in_use = false;            // since somebody waited for `copied`
    std::size_t used = 0;
    std::vector<ToHost> to_host;
  };
  struct Part {
    Piece* piece = nullptr;  // null: there is no page-locked memory to be had, the driver shall copy
    std::size_t offset = 0, bytes = 0;
  };

  // The next part of a piece, of at most that many bytes.
  Result<Part> next(std::size_t bytes);
  Status close(Piece& piece);
  // Waits for its copies, and empties it.
  Status reopen(Piece& piece);
  void copy(void* to, const void* from, std::size_t bytes, bool shared);

  const Device& device_;
  const Stream& stream_;
  Parallel* parallel_;
  std::array<Piece, kPieces> pieces_;
  std::size_t current_ = 0;
};

}  // namespace ingot::cuda
