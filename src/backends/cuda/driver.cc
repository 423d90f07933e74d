// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/driver.h"

#include <dlfcn.h>

namespace ingot::cuda {
namespace {

constexpr CuResult kOutOfMemory = 2;

Result<const Driver*> open_driver() {
  static Driver api;
  void* library = open_library({"libcuda.so.1", "libcuda.so"});
  if (library == nullptr) return not_found("no CUDA driver on this machine (libcuda.so.1 cannot be opened)");
#define X(member, name, arguments)                                                 \
  api.member = reinterpret_cast<decltype(api.member)>(find_symbol(library, name)); \
  if (api.member == nullptr) return incompatible("the CUDA driver is too old: it lacks {}", name);
  INGOT_CUDA_DRIVER_FUNCTIONS(X)
#undef X
  if (const CuResult code = api.init(0); code != 0)
    return not_found("the CUDA driver does not start: {}", api.describe(code));
  return static_cast<const Driver*>(&api);
}

}  // namespace

std::string Driver::describe(CuResult code) const {
  const char* name = nullptr;
  const char* text = nullptr;
  error_name(code, &name);
  error_text(code, &text);
  return fmt::format("{} ({}): {}", name == nullptr ? "unknown" : name, code, text == nullptr ? "no text" : text);
}

Result<const Driver*> driver() {
  static const Result<const Driver*> opened = open_driver();
  return opened;
}

Status cuda_error(const Driver& api, CuResult code, std::string_view step) {
  if (code == kOutOfMemory) return resource_exhausted("CUDA: {}: {}", step, api.describe(code));
  return internal("CUDA: {}: {}", step, api.describe(code));
}

void* open_library(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (void* handle = dlopen(name, RTLD_NOW | RTLD_LOCAL); handle != nullptr) return handle;
  return nullptr;
}

void* find_symbol(void* library, const char* name) { return dlsym(library, name); }

}  // namespace ingot::cuda
