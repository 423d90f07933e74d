// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/recurrent.h"

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/recurrent.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Calls body(load, store, offset) for whole vectors, then for the rest.
template <typename Body>
HWY_INLINE void for_each_vector(std::int64_t n, Body body) {
  const D d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  const auto load = [d](const float* x) { return hn::LoadU(d, x); };
  const auto store = [d](V v, float* out) { hn::StoreU(v, d, out); };
  for (; i + step <= n; i += step) body(load, store, i);
  const std::int64_t rest = n - i;
  if (rest == 0) return;
  const auto load_rest = [d, rest](const float* x) { return load_tail(d, x, rest, 0.0F); };
  const auto store_rest = [d, rest](V v, float* out) { store_tail(d, v, out, rest); };
  body(load_rest, store_rest, i);
}

void lstm(std::int64_t n, const float* gates, float* c, float* h) {
  for_each_vector(n, [=](auto load, auto store, std::int64_t i) {
    const D d;
    const V in = sigmoid_f32(d, load(gates + i));
    const V out = sigmoid_f32(d, load(gates + n + i));
    const V forget = sigmoid_f32(d, load(gates + 2 * n + i));
    const V cell = hn::MulAdd(forget, load(c + i), hn::Mul(in, tanh_f32(d, load(gates + 3 * n + i))));
    store(cell, c + i);
    store(hn::Mul(out, tanh_f32(d, cell)), h + i);
  });
}

// The hidden state with its update gate, whose complement is a sigmoid too: 1 - z would keep no bits of it near 1.
template <class D, class V>
HWY_INLINE V updated(D d, V gate, V fresh, V h) {
  return hn::MulAdd(sigmoid_f32(d, hn::Neg(gate)), fresh, hn::Mul(sigmoid_f32(d, gate), h));
}

void gru(std::int64_t n, const float* from_x, const float* from_h, float* h) {
  for_each_vector(n, [=](auto load, auto store, std::int64_t i) {
    const D d;
    const auto sum = [&](std::int64_t at) { return hn::Add(load(from_x + at), load(from_h + at)); };
    const V reset = sigmoid_f32(d, sum(n + i));
    const V fresh = tanh_f32(d, hn::MulAdd(reset, load(from_h + 2 * n + i), load(from_x + 2 * n + i)));
    store(updated(d, sum(i), fresh, load(h + i)), h + i);
  });
}

void gru_gates(std::int64_t n, const float* from_x, float* from_h, const float* h, float* kept) {
  for_each_vector(n, [=](auto load, auto store, std::int64_t i) {
    const D d;
    const auto gate = [&](std::int64_t at) { return hn::Add(load(from_x + at), load(from_h + at)); };
    store(hn::Mul(sigmoid_f32(d, gate(n + i)), load(h + i)), kept + i);
    store(gate(i), from_h + i);
  });
}

void gru_update(std::int64_t n, const float* from_x, const float* update, const float* from_kept, float* h) {
  for_each_vector(n, [=](auto load, auto store, std::int64_t i) {
    const D d;
    const V fresh = tanh_f32(d, hn::Add(load(from_x + 2 * n + i), load(from_kept + i)));
    store(updated(d, load(update + i), fresh, load(h + i)), h + i);
  });
}

void rnn(std::int64_t n, const float* gate, bool relu, float* h) {
  for_each_vector(n, [=](auto load, auto store, std::int64_t i) {
    const D d;
    const V x = load(gate + i);
    // NaN in x stays: see limit().
    store(relu ? hn::Max(hn::Zero(d), x) : tanh_f32(d, x), h + i);
  });
}

}  // namespace
}  // namespace ingot::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ingot::cpu {

HWY_EXPORT(lstm);
HWY_EXPORT(gru);
HWY_EXPORT(gru_gates);
HWY_EXPORT(gru_update);
HWY_EXPORT(rnn);

void lstm_cell(std::int64_t n, const float* gates, float* c, float* h) { HWY_DYNAMIC_DISPATCH(lstm)(n, gates, c, h); }
void gru_cell(std::int64_t n, const float* from_x, const float* from_h, float* h) {
  HWY_DYNAMIC_DISPATCH(gru)(n, from_x, from_h, h);
}
void gru_cell_gates(std::int64_t n, const float* from_x, float* from_h, const float* h, float* kept) {
  HWY_DYNAMIC_DISPATCH(gru_gates)(n, from_x, from_h, h, kept);
}
void gru_cell_update(std::int64_t n, const float* from_x, const float* update, const float* from_kept, float* h) {
  HWY_DYNAMIC_DISPATCH(gru_update)(n, from_x, update, from_kept, h);
}
void rnn_cell(std::int64_t n, const float* gate, bool relu, float* h) { HWY_DYNAMIC_DISPATCH(rnn)(n, gate, relu, h); }

}  // namespace ingot::cpu
#endif
