// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cuda_backend.h"

#include <map>
#include <mutex>

#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(const Device& device) : device_(device) {}
  [[nodiscard]] DeviceInfo device() const override { return device_.info(); }
  [[nodiscard]] std::span<const Tactic* const> tactics() const override { return tactic_table(); }

 private:
  const Device& device_;
};

}  // namespace

std::span<const Tactic* const> tactic_table() {
  static const Tactic* const table[] = {
#define X(function) &function(),
#include "backends/cuda/tactics.inc"
#undef X
  };
  return table;
}

Result<const Backend*> backend(int ordinal) {
  INGOT_ASSIGN_OR_RETURN(Device * device, Device::get(ordinal));
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<CudaBackend>> backends;
  const std::lock_guard lock(mutex);
  std::unique_ptr<CudaBackend>& slot = backends[ordinal];
  if (slot == nullptr) slot = std::make_unique<CudaBackend>(*device);
  return static_cast<const Backend*>(slot.get());
}

}  // namespace ingot::cuda
