// SPDX-License-Identifier: Apache-2.0
#include "plugin/target.h"

#include <cstring>

namespace ingot::plugin {
namespace {

class HostTarget final : public Target {
 public:
  [[nodiscard]] std::int32_t device() const override { return INGOT_PLUGIN_CPU; }
  Status to_format(const void* from, DType dtype, const Shape& shape, const Format& format, void* to) const override {
    plugin::to_format(from, dtype, shape, format, to);
    return Status::ok();
  }
  Status from_format(const void* from, const Format& format, const Shape& shape, DType dtype, void* to) const override {
    plugin::from_format(from, format, shape, dtype, to);
    return Status::ok();
  }
  Status copy(void* to, const void* from, std::size_t bytes) const override {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return Status::ok();
  }
  Result<std::shared_ptr<void>> keep(std::span<const std::byte> bytes) const override {
    auto kept = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    return std::shared_ptr<void>(kept, kept->data());
  }
};

}  // namespace

const Target& host_target() {
  static const HostTarget target;
  return target;
}

}  // namespace ingot::plugin
