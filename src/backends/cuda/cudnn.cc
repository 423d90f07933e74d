// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cudnn.h"

#include <array>
#include <map>
#include <memory>

namespace ingot::cuda {
namespace {

Result<const Cudnn*> open_cudnn() {
  static Cudnn api;
  void* library = open_library({"libcudnn.so.9"});
  if (library == nullptr) return not_found("cuDNN 9 is not on this machine (libcudnn.so.9)");
#define X(member, name, result, arguments)                                         \
  api.member = reinterpret_cast<decltype(api.member)>(find_symbol(library, name)); \
  if (api.member == nullptr) return incompatible("cuDNN is too old: it lacks {}", name);
  INGOT_CUDNN_FUNCTIONS(X)
#undef X
  return static_cast<const Cudnn*>(&api);
}

}  // namespace

Status Cudnn::check(int code, std::string_view step) const {
  if (code == 0) return Status::ok();
  std::array<char, 1024> reason{};
  last_error(reason.data(), reason.size() - 1);
  std::string text = fmt::format("cuDNN: {}: {} ({})", step, error_text(code), code);
  if (reason[0] != '\0') text += fmt::format(": {}", reason.data());
  if (code == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) return resource_exhausted("{}", text);
  if (code >= CUDNN_STATUS_NOT_SUPPORTED && code < CUDNN_STATUS_INTERNAL_ERROR) return unsupported("{}", text);
  return internal("{}", text);
}

Result<const Cudnn*> cudnn() {
  static const Result<const Cudnn*> opened = open_cudnn();
  return opened;
}

Result<CudnnSession*> cudnn_session(const Device& device) {
  INGOT_ASSIGN_OR_RETURN(const Cudnn* api, cudnn());
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<CudnnSession>> sessions;
  const std::lock_guard lock(mutex);
  std::unique_ptr<CudnnSession>& session = sessions[device.ordinal()];
  if (session != nullptr) return session.get();
  INGOT_RETURN_IF_ERROR(device.make_current());
  auto made = std::make_unique<CudnnSession>(device);
  INGOT_RETURN_IF_ERROR(api->check(api->create(&made->handle), "making a handle"));
  session = std::move(made);
  return session.get();
}

}  // namespace ingot::cuda
