// SPDX-License-Identifier: Apache-2.0
// Reads and validates a plan. Corrupt or foreign bytes give Status kCorrupt or kIncompatible, never a crash.
#pragma once

#include <cstddef>
#include <span>

#include "base/parallel.h"
#include "base/status.h"
#include "plan/plan.h"

namespace ingot::plan {

struct ReadOptions {
  // Checks the hash of every blob chunk (about as fast as memory). Metadata and header are always checked.
  bool verify_blobs = true;
  Parallel* parallel = nullptr;  // shares the hashing; may be null
};

// The plan's blobs are views of `file`, which must be 64-byte aligned and outlive it.
Result<Plan> read(std::span<const std::byte> file, const ReadOptions& options = {});

// True when the bytes begin like a plan (so that a wrong kind of file can be named).
bool looks_like_plan(std::span<const std::byte> file);

// Meaning: ids, shapes, aliases, blobs, order of definition and use.
Status validate(const Plan& plan);

}  // namespace ingot::plan
