// SPDX-License-Identifier: Apache-2.0
// Picks a function compiled by hwy/foreach_target.h for a panel width. Use where HWY_ONCE holds:
//   INGOT_SIMD_SELECT(name, panel)(arguments...)
// `name` exists in every target's namespace. A width without a compiled target is a bug of the caller, who is to ask
// panel_supported() first.
#pragma once

#include <type_traits>

#include "base/status.h"

namespace ingot::cpu {

template <typename F>
F* select_simd(int panel, std::type_identity_t<F*> avx512, std::type_identity_t<F*> avx2, F* baseline) {
  F* chosen = panel == 32 ? avx512 : panel == 16 ? avx2 : panel == 8 ? baseline : nullptr;
  INGOT_CHECK(chosen != nullptr, "no kernels of panel width {}", panel);
  return chosen;
}

}  // namespace ingot::cpu

#if defined(__x86_64__)
#define INGOT_SIMD_SELECT(name, panel) \
  ::ingot::cpu::select_simd(panel, HWY_CHOOSE_AVX3(name), HWY_CHOOSE_AVX2(name), &HWY_STATIC_DISPATCH(name))
#else
#define INGOT_SIMD_SELECT(name, panel) ::ingot::cpu::select_simd(panel, nullptr, nullptr, &HWY_STATIC_DISPATCH(name))
#endif
