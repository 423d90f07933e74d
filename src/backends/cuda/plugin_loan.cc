// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plugin_loan.h"

#include <dlfcn.h>

#include <array>
#include <map>
#include <mutex>
#include <string_view>

#include "base/log.h"

namespace ingot::cuda {
namespace {

// A library whose handles plugins get. A plugin calls the library that it was linked with, so the handle must come from
// the very same: one that the process has loaded already wins.
struct HandleLibrary {
  std::string_view name;
  std::array<const char*, 4> files;
  const char *create_name, *destroy_name, *bind_name;
  int (*create)(void**) = nullptr;
  int (*destroy)(void*) = nullptr;
  int (*bind)(void*, CuStream) = nullptr;

  bool open() {
    void* library = nullptr;
    for (const int mode : {RTLD_NOLOAD, 0})
      for (const char* file : files)
        if (library == nullptr && file != nullptr) library = dlopen(file, RTLD_LAZY | RTLD_LOCAL | mode);
    if (library == nullptr) return false;
    create = reinterpret_cast<int (*)(void**)>(find_symbol(library, create_name));
    destroy = reinterpret_cast<int (*)(void*)>(find_symbol(library, destroy_name));
    bind = reinterpret_cast<int (*)(void*, CuStream)>(find_symbol(library, bind_name));
    return create != nullptr && destroy != nullptr && bind != nullptr;
  }
};

// Null when it is not installed. Opened at its first use, so that plans without plugins load nothing.
HandleLibrary* handle_library(std::string_view name) {
  static std::mutex mutex;
  static HandleLibrary libraries[] = {{"cublas",
                                       {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so"},
                                       "cublasCreate_v2",
                                       "cublasDestroy_v2",
                                       "cublasSetStream_v2"},
                                      {"cudnn",
                                       {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so.7", "libcudnn.so"},
                                       "cudnnCreate",
                                       "cudnnDestroy",
                                       "cudnnSetStream"}};
  const std::lock_guard lock(mutex);
  for (HandleLibrary& library : libraries)
    if (library.name == name) return library.bind != nullptr || library.open() ? &library : nullptr;
  return nullptr;
}

struct Handle {
  HandleLibrary* library = nullptr;
  void* handle = nullptr;
  ~Handle() {
    if (handle != nullptr) library->destroy(handle);
  }
};

// The handles in use, by library and stream.
std::shared_ptr<Handle> shared_handle(const Device& device, std::string_view name, CuStream stream) {
  static std::mutex mutex;
  static std::map<std::tuple<int, std::string, CuStream>, std::weak_ptr<Handle>> handles;
  HandleLibrary* library = handle_library(name);
  if (library == nullptr || !device.make_current().is_ok()) return nullptr;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Handle>& slot = handles[{device.ordinal(), std::string(name), stream}];
  if (std::shared_ptr<Handle> known = slot.lock()) return known;
  auto made = std::make_shared<Handle>();
  made->library = library;
  if (const int code = library->create(&made->handle); code != 0) {
    log_warning("{} gives no handle (error {}); plugins do without it", name, code);
    made->handle = nullptr;
    return nullptr;
  }
  slot = made;
  return made;
}

class CudaLoan final : public plugin::Loan {
 public:
  explicit CudaLoan(Device& device) : device_(device), stream_(DeviceScope::current_stream()) {
    api_.size = sizeof(api_);
    api_.host = this;
    api_.allocate = [](void* host, std::size_t bytes) { return self(host).allocate(bytes); };
    api_.release = [](void* host, void* memory) { self(host).release(memory); };
    api_.copy = [](void* host, void* to, const void* from, std::size_t bytes, void* stream) {
      return self(host).copy(to, from, bytes, static_cast<CuStream>(stream));
    };
    api_.synchronize = [](void* host, void* stream) {
      return self(host).device_.api().stream_synchronize(static_cast<CuStream>(stream));
    };
    api_.library = [](void* host, const char* name) { return self(host).library(name); };
  }
  [[nodiscard]] const ingot_plugin_cuda* api() const override { return &api_; }
  Status bind(void* stream) override {
    if (stream == bound_) return Status::ok();
    bound_ = stream;
    for (const auto& [name, shared] : handles_)
      if (const int code = shared->library->bind(shared->handle, static_cast<CuStream>(stream)); code != 0)
        return internal("{} does not take the stream (error {})", name, code);
    return Status::ok();
  }

 private:
  static CudaLoan& self(void* host) { return *static_cast<CudaLoan*>(host); }
  void* allocate(std::size_t bytes) {
    CuPointer pointer = 0;
    if (!device_.make_current().is_ok() ||
        device_.api().memory_allocate(&pointer, std::max<std::size_t>(bytes, 1)) != 0)
      return nullptr;
    return reinterpret_cast<void*>(pointer);
  }
  void release(void* memory) {
    if (memory != nullptr && device_.make_current().is_ok())
      device_.api().memory_free(reinterpret_cast<CuPointer>(memory));
  }
  int copy(void* to, const void* from, std::size_t bytes, CuStream stream) {
    if (bytes == 0) return 0;
    return device_.api().copy_anywhere(reinterpret_cast<CuPointer>(to), reinterpret_cast<CuPointer>(from), bytes,
                                       stream);
  }
  void* library(const char* name) {
    if (name == nullptr) return nullptr;
    std::shared_ptr<Handle>& kept = handles_[name];
    if (kept == nullptr) kept = shared_handle(device_, name, stream_);
    if (kept == nullptr) {
      handles_.erase(name);
      return nullptr;
    }
    kept->library->bind(kept->handle, stream_);
    return kept->handle;
  }

  Device& device_;
  CuStream stream_;
  void* bound_ = nullptr;
  std::map<std::string, std::shared_ptr<Handle>, std::less<>> handles_;
  ingot_plugin_cuda api_{};
};

}  // namespace

std::unique_ptr<plugin::Loan> make_plugin_loan(Device& device) { return std::make_unique<CudaLoan>(device); }

}  // namespace ingot::cuda
