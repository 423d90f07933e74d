// SPDX-License-Identifier: Apache-2.0
// The pointwise part of one step of a recurrent layer for one sample: what follows the two matrix products. `n` hidden
// units; gates lie one after the other, n floats each, in ONNX's order. Single-threaded, stateless; no alignment
// needed.
#pragma once

#include <cstdint>

namespace ingot::cpu {

// gates: i, o, f, c before their activations. Updates the cell state and the hidden state.
void lstm_cell(std::int64_t n, const float* gates, float* c, float* h);

// from_x: z, r, h of the input, with all biases but the recurrent one of h; from_h: z, r, h of the hidden state, the
// last with that bias (linear_before_reset). Updates the hidden state.
void gru_cell(std::int64_t n, const float* from_x, const float* from_h, float* h);

void rnn_cell(std::int64_t n, const float* gate, bool relu, float* h);

}  // namespace ingot::cpu
