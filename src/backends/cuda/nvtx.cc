// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/nvtx.h"

#include <array>
#include <cstddef>
#include <cstdlib>

#include "backends/cuda/driver.h"

namespace ingot::cuda {
namespace {

constexpr std::uint32_t kVersion = 3;
// NvtxExportTableID
constexpr std::uint32_t kCallbacks = 1, kVersionInfo = 3;
// NvtxCallbackModule: CORE is the one that is used here; NvtxCallbackIdCore.
constexpr unsigned kCore = 1, kModules = 7;
constexpr unsigned kRangePushA = 9, kRangePop = 11;
// The number of functions of each module, the unused number 0 included.
constexpr std::array<unsigned, kModules> kSizes = {0, 16, 9, 15, 7, 16, 7};
constexpr std::size_t kMostFunctions = 16;

using Function = void (*)();
using Module = std::array<Function, kMostFunctions>;

// A profiler writes its functions to where the tables point; those of functions that are never called here too.
std::array<Module, kModules>& functions() {
  static std::array<Module, kModules> all{};
  return all;
}

int module_table(int module, Function*** table, unsigned* size) {
  if (module <= 0 || module >= static_cast<int>(kModules) || table == nullptr) return 0;
  static std::array<std::array<Function*, kMostFunctions + 1>, kModules> tables{};
  const auto index = static_cast<std::size_t>(module);
  for (std::size_t i = 1; i < kSizes[index]; ++i) tables[index][i] = &functions()[index][i];
  *table = tables[index].data();
  if (size != nullptr) *size = kSizes[index];
  return 1;
}

// NvtxExportTableCallbacks
struct Callbacks {
  std::size_t struct_size = sizeof(Callbacks);
  int (*module_table)(int module, Function*** table, unsigned* size) = cuda::module_table;
};

// NvtxExportTableVersionInfo
struct VersionInfo {
  std::size_t struct_size = sizeof(VersionInfo);
  std::uint32_t version = kVersion, reserved = 0;
  void (*set_profilers_version)(std::uint32_t) = [](std::uint32_t) {};
};

const void* export_table(std::uint32_t id) {
  static const Callbacks callbacks;
  static const VersionInfo version;
  return id == kCallbacks ? static_cast<const void*>(&callbacks) : id == kVersionInfo ? &version : nullptr;
}

NvtxFunctions find() {
  const char* path = std::getenv("NVTX_INJECTION64_PATH");
  void* library = path == nullptr || *path == '\0' ? nullptr : open_library({path});
  if (library == nullptr) return {};
  return nvtx_functions(reinterpret_cast<NvtxInitialize>(find_symbol(library, "InitializeInjectionNvtx2")));
}

}  // namespace

NvtxFunctions nvtx_functions(NvtxInitialize initialize) {
  if (initialize == nullptr || initialize(export_table) == 0) return {};
  const Module& core = functions()[kCore];
  if (core[kRangePushA] == nullptr || core[kRangePop] == nullptr) return {};
  return {reinterpret_cast<int (*)(const char*)>(core[kRangePushA]), reinterpret_cast<int (*)()>(core[kRangePop])};
}

const NvtxFunctions& nvtx() {
  static const NvtxFunctions found = find();
  return found;
}

}  // namespace ingot::cuda
