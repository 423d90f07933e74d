// SPDX-License-Identifier: Apache-2.0
// The Highway targets that kernels are compiled for; include before any header of Highway. Targets that would only
// repeat the panel width of another one are left out: they would cost size and bring nothing for fp32.
#pragma once

#if defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif
// The 128-bit fallback. Highway drops it for GCC before 12.3 because of a fault in high-half integer multiplication,
// which no kernel here uses; without it there would be no baseline with vectors of four.
#define HWY_BROKEN_EMU128 0
