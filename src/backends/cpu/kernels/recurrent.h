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

// A GRU whose reset gate acts before the product, in two halves. from_x: z, r, h of the input with all biases; from_h:
// z, r of the hidden state, where what z is the sigmoid of comes to stand; kept: what reset leaves of the hidden state.
// Then, with the product of `kept`, the hidden state is updated.
void gru_cell_gates(std::int64_t n, const float* from_x, float* from_h, const float* h, float* kept);
void gru_cell_update(std::int64_t n, const float* from_x, const float* update, const float* from_kept, float* h);

void rnn_cell(std::int64_t n, const float* gate, bool relu, float* h);

}  // namespace ingot::cpu
