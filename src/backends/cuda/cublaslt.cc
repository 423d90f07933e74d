// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cublaslt.h"

#include <map>
#include <mutex>

namespace ingot::cuda {
namespace {

Result<const CublasLt*> open_cublaslt() {
  static CublasLt api;
  void* library = open_library({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"});
  if (library == nullptr) return not_found("cuBLASLt is not on this machine (libcublasLt.so.13 and .12)");
#define X(member, name, result, arguments)                                         \
  api.member = reinterpret_cast<decltype(api.member)>(find_symbol(library, name)); \
  if (api.member == nullptr) return incompatible("cuBLASLt is too old: it lacks {}", name);
  INGOT_CUBLASLT_FUNCTIONS(X)
#undef X
  return static_cast<const CublasLt*>(&api);
}

}  // namespace

Result<const CublasLt*> cublaslt() {
  static const Result<const CublasLt*> opened = open_cublaslt();
  return opened;
}

Result<CublasLtHandle> cublaslt_handle(const Device& device) {
  INGOT_ASSIGN_OR_RETURN(const CublasLt* api, cublaslt());
  static std::mutex mutex;
  static std::map<int, CublasLtHandle> handles;
  const std::lock_guard lock(mutex);
  CublasLtHandle& handle = handles[device.ordinal()];
  if (handle != nullptr) return CublasLtHandle{handle};
  INGOT_RETURN_IF_ERROR(device.make_current());
  if (const int code = api->create(&handle); code != 0) return internal("cuBLASLt: no handle (status {})", code);
  return CublasLtHandle{handle};
}

}  // namespace ingot::cuda
