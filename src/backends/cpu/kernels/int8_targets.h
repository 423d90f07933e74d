// SPDX-License-Identifier: Apache-2.0
// The instruction sets of integer tiles. Internal to the folder.
#pragma once

#include "backends/cpu/kernels/int8_tile.h"

namespace ingot::cpu {

#if defined(__x86_64__)
const Int8Kernels& int8_kernels_avx512();
const Int8Kernels& int8_kernels_avx_vnni();
const Int8Kernels& int8_kernels_avx2();
#endif
const Int8Kernels& int8_kernels_portable();

}  // namespace ingot::cpu
