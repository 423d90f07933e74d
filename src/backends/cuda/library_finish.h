// SPDX-License-Identifier: Apache-2.0
// An epilogue that a library's product has not: the product lies in the output, and a kernel of the engine's own goes
// over it once more, in place.
#pragma once

#include "tactics/tactic.h"

namespace ingot::cuda {

class LibraryFinish {
 public:
  // Of a product whose sums, as its epilogue takes them, have the output's type.
  static bool supports(const Problem& product, const DeviceInfo& device);
  // Code and constants: `packed` of the product gets them at its end, and their number is returned.
  static Result<std::size_t> prepare(const Problem& product, const DeviceInfo& device, Packed& packed);
  static Result<std::unique_ptr<LibraryFinish>> load(const Problem& product,
                                                     std::span<const std::span<const std::byte>> blobs);

  // As of a Kernel; arguments are those of the product.
  [[nodiscard]] Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const;
  Status launch(const LaunchArgs& args, KernelState& state, std::span<std::byte> workspace) const;

 private:
  std::unique_ptr<Kernel> kernel_;
  std::size_t first_operand_ = 0;  // of the epilogue
};

}  // namespace ingot::cuda
