// SPDX-License-Identifier: Apache-2.0
// CUDA C++ source to machine code with NVRTC, through a content-addressed cache on disk (INGOT_CUDA_CACHE, otherwise
// ~/.cache/ingot/cuda; "none" turns it off). Needs no GPU. Thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace ingot::cuda {

struct Compiled {
  std::vector<std::byte> cubin;
  int registers = 0;    // of the kernel that needs most
  int spill_bytes = 0;  // stores of all kernels
  double seconds = 0;   // 0: from the cache
};

// Whether sources can be compiled at all, and if not why.
Status compiler_available();

// arch: "sm_80", "sm_89", "sm_90a", ... `name` is what error messages call the source.
Result<Compiled> compile(const std::string& name, const std::string& source, const std::string& arch);

// A file of kernels/, as it was embedded; aborts on an unknown name.
std::string_view kernel_file(std::string_view name);

}  // namespace ingot::cuda
