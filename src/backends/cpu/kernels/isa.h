// SPDX-License-Identifier: Apache-2.0
// Instruction sets of the kernels in this folder, named by their panel width.
//
// The panel width (floats in two vectors) fixes the layout of packed weights: 8 = 128-bit baseline, 16 = AVX2,
// 32 = AVX-512. Data packed for one width runs on every machine that supports it, so a width is the ISA's key in
// packed data; kernels take it from there and never guess it from the machine.
#pragma once

namespace ingot::cpu {

// The widest panel that this machine runs.
int best_panel();
// Whether this machine (and build) can run kernels of that panel width.
bool panel_supported(int panel);
// "avx512", "avx2", "baseline".
const char* isa_name(int panel);

}  // namespace ingot::cpu
