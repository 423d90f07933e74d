// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8_tile.h"

#include "backends/cpu/kernels/int8_targets.h"

namespace ingot::cpu {

std::span<const Int8Choice> int8_choices() {
  static const Int8Choice kChoices[] = {
#if defined(__x86_64__)
      {&int8_kernels_avx512(), __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
                                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")},
      {&int8_kernels_avx_vnni(), __builtin_cpu_supports("avxvnni") && __builtin_cpu_supports("fma")},
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
