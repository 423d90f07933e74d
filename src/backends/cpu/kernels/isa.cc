// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/isa.h"

#include "backends/cpu/kernels/simd_targets.h"

#include <hwy/highway.h>

namespace ingot::cpu {
namespace {

// Asked once: under a hypervisor the instruction behind it takes microseconds.
std::int64_t usable_targets() {
  static const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return targets;
}

}  // namespace

bool panel_supported(int panel) {
  switch (panel) {
#if defined(__x86_64__)
    case 32: return (usable_targets() & HWY_AVX3) != 0;
    case 16: return (usable_targets() & HWY_AVX2) != 0;
#endif
    case 8: return HWY_MAX_BYTES == 16 && usable_targets() != 0;
    default: return false;
  }
}

int best_panel() { return panel_supported(32) ? 32 : panel_supported(16) ? 16 : 8; }

const char* isa_name(int panel) { return panel == 32 ? "avx512" : panel == 16 ? "avx2" : "baseline"; }

}  // namespace ingot::cpu
