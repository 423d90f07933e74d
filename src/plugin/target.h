// SPDX-License-Identifier: Apache-2.0
// Target: the memory in which a plugin's kernels work, and what the engine does there for them.
#pragma once

#include <memory>
#include <span>

#include "base/status.h"
#include "plugin/layout.h"

namespace ingot::plugin {

// What one context lends to a plugin on a CUDA device.
class Loan {
 public:
  virtual ~Loan() = default;
  [[nodiscard]] virtual const ingot_plugin_cuda* api() const = 0;
  // Before a launch on that stream.
  virtual Status bind(void* stream) = 0;
};

class Target {
 public:
  virtual ~Target() = default;
  [[nodiscard]] virtual std::int32_t device() const = 0;
  [[nodiscard]] virtual std::int32_t ordinal() const { return 0; }
  // Of the calling thread.
  [[nodiscard]] virtual void* stream() const { return nullptr; }
  // As the functions of layout.h, in the target's memory.
  virtual Status to_format(const void* from, DType dtype, const Shape& shape, const Format& format, void* to) const = 0;
  virtual Status from_format(const void* from, const Format& format, const Shape& shape, DType dtype,
                             void* to) const = 0;
  virtual Status copy(void* to, const void* from, std::size_t bytes) const = 0;
  // A copy of host memory.
  virtual Result<std::shared_ptr<void>> keep(std::span<const std::byte> bytes) const = 0;
  // Null where there is nothing to lend.
  virtual Result<std::unique_ptr<Loan>> lend() const { return std::unique_ptr<Loan>(); }
  // Waits for what was launched; its errors are returned.
  virtual Status finish() const { return Status::ok(); }
};

const Target& host_target();

}  // namespace ingot::plugin
