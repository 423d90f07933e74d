// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/isa.h"

#include "backends/cpu/kernels/simd_targets.h"

#include <hwy/highway.h>

namespace ingot::cpu {

bool panel_supported(int panel) {
  const auto usable = hwy::SupportedTargets() & HWY_TARGETS;
  switch (panel) {
#if defined(__x86_64__)
    case 32:
      return (usable & HWY_AVX3) != 0;
    case 16:
      return (usable & HWY_AVX2) != 0;
#endif
    case 8:
      return HWY_MAX_BYTES == 16;
    default:
      return false;
  }
  (void)usable;
}

int best_panel() {
  static const int best = panel_supported(32) ? 32 : panel_supported(16) ? 16 : 8;
  return best;
}

const char* isa_name(int panel) { return panel == 32 ? "avx512" : panel == 16 ? "avx2" : "baseline"; }

}  // namespace ingot::cpu
