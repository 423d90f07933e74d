// SPDX-License-Identifier: Apache-2.0
#include "images/library.h"

#include <dlfcn.h>

namespace ingot::images {

Library::Library(const char* file) : file_(file), handle_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) status_ = unsupported("{} cannot be opened: {}", file, dlerror());
}

void* Library::address_of(const char* name) {
  void* const address = handle_ == nullptr ? nullptr : dlsym(handle_, name);
  if (address == nullptr && status_.is_ok()) status_ = unsupported("{} has no function {}", file_, name);
  return address;
}

}  // namespace ingot::images
