// SPDX-License-Identifier: Apache-2.0
// The C++ layer: a schema with a required, a default and a limited attribute, two tactics, threads, a reference.
#include <algorithm>
#include <cmath>

#include <ingot/plugin.hpp>

namespace ip = ingot::plugins;

static std::vector<ip::Formats> f32_only() {
  const ingot_plugin_format f32{INGOT_PLUGIN_F32, INGOT_PLUGIN_LINEAR};
  return {{f32, f32}};
}

struct PowerScale {
  explicit PowerScale(const ip::Attributes& a)
      : factor(static_cast<float>(a.number("factor"))), exponent(a.integer("exponent")), mode(a.text("mode")) {}
  static ip::Schema schema() {
    return ip::Schema("demo", "PowerScale")
        .help("factor * x ^ exponent")
        .inputs(1)
        .outputs(1)
        .number("factor")
        .integer("exponent", 1)
        .range(0, 4)
        .text("mode", "plain")
        .choices("plain|negate");
  }
  static void infer(ip::Infer& call) { call.like(0, 0); }
  static std::vector<ip::Formats> formats(const ip::Operands&) { return f32_only(); }
  std::vector<std::int64_t> tactics(const ip::Operands&) const { return {1, 2}; }
  float one(float x) const {
    float out = factor;
    for (std::int64_t i = 0; i < exponent; ++i) out *= x;
    return mode == "negate" ? -out : out;
  }
  void run(const ip::Launch& call) const {
    const auto x = call.input(0);
    auto* y = call.output(0).data<float>();
    const std::int64_t block = call.tactic() == 1 ? x.elements() : 64;
    if (block == 0) return;
    call.parallel((x.elements() + block - 1) / block, [&](std::int64_t task, std::int32_t) {
      for (std::int64_t i = task * block; i < std::min(x.elements(), (task + 1) * block); ++i)
        y[i] = one(x.data<float>()[i]);
    });
  }
  void reference(const ip::Launch& call) const {
    for (std::int64_t i = 0; i < call.input(0).elements(); ++i)
      call.output(0).data<float>()[i] =
          static_cast<float>((mode == "negate" ? -1.0 : 1.0) * static_cast<double>(factor) *
                             std::pow(static_cast<double>(call.input(0).data<float>()[i]), static_cast<double>(exponent)));
  }
  float factor;
  std::int64_t exponent;
  std::string mode;
};

// A size that only the data decide: the positive elements, in order.
struct Positive {
  explicit Positive(const ip::Attributes&) {}
  static ip::Schema schema() { return ip::Schema("demo", "Positive").inputs(1).outputs(1); }
  static void infer(ip::Infer& call) {
    call.expect_rank(0, 1);
    call.set(0, call.dtype(0), {call.data_dependent(call.dim(0, 0))});
  }
  static std::vector<ip::Formats> formats(const ip::Operands&) { return f32_only(); }
  void run(const ip::Launch& call) const {
    std::vector<float> kept;
    for (std::int64_t i = 0; i < call.input(0).elements(); ++i)
      if (call.input(0).data<float>()[i] > 0) kept.push_back(call.input(0).data<float>()[i]);
    auto* out = call.allocate<float>(0, {static_cast<std::int64_t>(kept.size())});
    std::copy(kept.begin(), kept.end(), out);
  }
};

INGOT_PLUGIN_LIBRARY("demo", "1.0.0", PowerScale, Positive)
