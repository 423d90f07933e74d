// SPDX-License-Identifier: Apache-2.0
// An epilogue that a library's product has not: the product lies in the output, and a kernel of the engine's own goes
// over it once more, in place. It adds the bias too where the library did not.
#pragma once

#include <optional>

#include "tactics/tactic.h"

namespace ingot::cuda {

class LibraryFinish {
 public:
  // Of a product whose sums, as its epilogue takes them, have the output's type.
  // `bias`: the input that is still to be added along the last dimension.
  static bool supports(const Problem& product, const DeviceInfo& device,
                       std::optional<std::size_t> bias = std::nullopt);
  // Code and constants: `packed` of the product gets them at its end, and their number is returned.
  static Result<std::size_t> prepare(const Problem& product, const DeviceInfo& device, Packed& packed,
                                     std::optional<std::size_t> bias = std::nullopt);
  static Result<std::unique_ptr<LibraryFinish>> load(const Problem& product,
                                                     std::span<const std::span<const std::byte>> blobs,
                                                     std::optional<std::size_t> bias = std::nullopt);

  // As of a Kernel; arguments are those of the product.
  [[nodiscard]] Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const;
  Status launch(const LaunchArgs& args, KernelState& state, std::span<std::byte> workspace) const;

 private:
  std::unique_ptr<Kernel> kernel_;
  std::vector<std::size_t> operands_;  // inputs of the product
};

}  // namespace ingot::cuda
