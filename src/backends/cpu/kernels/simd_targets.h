// SPDX-License-Identifier: Apache-2.0
// The Highway targets that kernels are compiled for; include before hwy/foreach_target.h. Targets that would only
// repeat the panel width of another one are left out: they would cost size and bring nothing for fp32.
#pragma once

#if defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif
