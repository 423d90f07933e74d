// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8_tile.h"

#include "backends/cpu/kernels/int8_targets.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ingot::cpu {
namespace {

#if defined(__x86_64__)
// Compilers know this one by different names.
bool has_avx_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
}
#endif

}  // namespace

std::span<const Int8Choice> int8_choices() {
  static const Int8Choice kChoices[] = {
#if defined(__x86_64__)
    {&int8_kernels_avx512(), __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
                                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")},
    {&int8_kernels_avx_vnni(), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_avx_vnni()},
    {&int8_kernels_avx2(), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
#endif
    {&int8_kernels_portable(), true},
  };
  return kChoices;
}

const Int8Kernels* int8_kernels(std::string_view name) {
  for (const Int8Choice& choice : int8_choices())
    if (choice.supported && choice.kernels->name == name) return choice.kernels;
  return nullptr;
}

const Int8Kernels& best_int8_kernels() {
  for (const Int8Choice& choice : int8_choices())
    if (choice.supported) return *choice.kernels;
  return int8_kernels_portable();
}

}  // namespace ingot::cpu
