// SPDX-License-Identifier: Apache-2.0
// The C++ layer: y = x, whose workspace is for the largest x. Attributes say what the plugin wants to hear of its
// sizes.
#include <algorithm>

#include <ingot/plugin.hpp>

namespace ip = ingot::plugins;

struct Ranges {
  explicit Ranges(const ip::Attributes& a)
      : expected{a.integers("dims"), a.integers("least"), a.integers("typical"), a.integers("most")} {}
  static ip::Schema schema() {
    return ip::Schema("demo", "Ranges")
        .inputs(1)
        .outputs(1)
        .integers("dims")
        .integers("least")
        .integers("typical")
        .integers("most");
  }
  static void infer(ip::Infer& call) { call.like(0, 0); }
  std::size_t workspace(const ip::Operands& call) const {
    check("x", call.input_range(0));
    check("y", call.output_range(0));
    std::size_t bytes = 4;
    for (const std::int64_t size : call.input_range(0).most) bytes *= static_cast<std::size_t>(size);
    return bytes;
  }
  void run(const ip::Launch& call) const {
    const auto x = call.input(0);
    std::copy(x.data<float>(), x.data<float>() + x.elements(), call.workspace<float>());
    std::copy(call.workspace<float>(), call.workspace<float>() + x.elements(), call.output(0).data<float>());
  }
  void check(const char* operand, const ip::Range& told) const {
    if (told.dims != expected.dims || told.least != expected.least || told.typical != expected.typical ||
        told.most != expected.most)
      ip::fail(std::string("other ranges of ") + operand);
  }
  ip::Range expected;
};

INGOT_PLUGIN_LIBRARY("ranges", "1.0.0", Ranges)
