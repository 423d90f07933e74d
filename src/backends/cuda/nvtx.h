// SPDX-License-Identifier: Apache-2.0
// Named ranges for profilers that understand NVTX, such as Nsight Systems. A profiler names its library in the
// environment (NVTX_INJECTION64_PATH) and gives it the functions to call; this follows NVTX's protocol for that, so
// that neither its headers nor a toolkit is needed. Without a profiler a range is a test of a pointer.
#pragma once

#include <cstdint>
#include <string>

namespace ingot::cuda {

struct NvtxFunctions {
  int (*push)(const char* name) = nullptr;  // both null: nobody listens
  int (*pop)() = nullptr;
};

// What a profiler's library calls to find a table, and its own function InitializeInjectionNvtx2, which is true when
// the profiler wants to listen.
using NvtxGetTable = const void* (*)(std::uint32_t id);
using NvtxInitialize = int (*)(NvtxGetTable);

// The functions that a profiler's library gives; to be called once in a process.
NvtxFunctions nvtx_functions(NvtxInitialize initialize);

// Those of the profiler that this process runs under; looked for at the first call.
const NvtxFunctions& nvtx();

// From here to the end of its scope, on this thread.
class NvtxRange {
 public:
  explicit NvtxRange(const std::string& name, const NvtxFunctions& functions = nvtx()) : pop_(functions.pop) {
    if (pop_ != nullptr) functions.push(name.c_str());
  }
  ~NvtxRange() {
    if (pop_ != nullptr) pop_();
  }
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;

 private:
  int (*pop_)();
};

}  // namespace ingot::cuda
