// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn/library.h"

#include <dlfcn.h>

#include <string>

namespace ingot::cpu::onednn {
namespace {

template <typename F>
bool bind(void* scope, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(scope, name));
  return function != nullptr;
}

Result<Library> open_library() {
  const std::string file = fmt::format("libdnnl.so.{}", DNNL_VERSION_MAJOR);
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return unsupported("cannot open {}", file);
  Library out;
#define X(name) \
  if (!bind(handle, "dnnl_" #name, out.name)) return unsupported("{} lacks dnnl_" #name, file);
  INGOT_DNNL_FUNCTIONS(X)
#undef X
  const dnnl_version_t& version = *out.version();
  if (version.major != DNNL_VERSION_MAJOR)
    return unsupported("{} is version {}.{}, built for {}.x", file, version.major, version.minor, DNNL_VERSION_MAJOR);
  if (version.cpu_runtime == DNNL_RUNTIME_OMP) {
    // In the order in which the library's own calls were bound.
    for (void* const scope : {RTLD_DEFAULT, handle})
      if (bind(scope, "omp_set_num_threads", out.set_threads) && bind(scope, "omp_get_max_threads", out.get_threads))
        break;
    if (out.set_threads == nullptr || out.get_threads == nullptr) return unsupported("{} without its OpenMP", file);
  } else if (version.cpu_runtime != DNNL_RUNTIME_SEQ) {
    return unsupported("{} has threads of an unknown kind ({})", file, version.cpu_runtime);
  }
  if (out.engine_create(&out.engine, dnnl_cpu, 0) != dnnl_success) return unsupported("{} has no engine here", file);
  return out;
}

const Result<Library>& opened() {
  static const Result<Library> instance = open_library();
  return instance;
}

}  // namespace

Result<const Library*> library() {
  if (!opened().is_ok()) return opened().status();
  return &*opened();
}

const Library& lib() { return *opened(); }

Status check(dnnl_status_t status, const char* what) {
  switch (status) {
    case dnnl_success: return Status::ok();
    case dnnl_out_of_memory: return resource_exhausted("oneDNN: {}: out of memory", what);
    case dnnl_unimplemented: return unsupported("oneDNN: {}: not implemented", what);
    case dnnl_invalid_arguments: return unsupported("oneDNN: {}: arguments refused", what);
    default: return internal("oneDNN: {}: status {}", what, static_cast<int>(status));
  }
}

}  // namespace ingot::cpu::onednn
