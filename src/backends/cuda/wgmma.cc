// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/wgmma.h"

#include <fmt/format.h>

namespace ingot::cuda {

std::string print_wgmma(std::string_view name, int n, DType type, WgmmaLeft left, WgmmaRight right) {
  std::string registers, operands;
  const int count = n / 2;
  for (int i = 0; i < count; ++i) {
    registers += fmt::format("{}%{}", i == 0 ? "" : ", ", i);
    operands += fmt::format("{}\"+f\"(d[{}])", i == 0 ? "" : ", ", i);
  }
  const bool held = left == WgmmaLeft::registers;
  const int after_a = count + (held ? 4 : 1);
  std::string a = fmt::format("%{}", count), a_operands = "\"l\"(a)";
  if (held) {
    a = fmt::format("{{%{}, %{}, %{}, %{}}}", count, count + 1, count + 2, count + 3);
    a_operands = "\"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3])";
  }
  return fmt::format(
      "#define {name}(d, a, b, more) asm volatile(\"{{.reg .pred p; setp.ne.b32 p, %{more}, 0; "
      "wgmma.mma_async.sync.aligned.m64n{n}k16.f32.{type}.{type} {{{registers}}}, {a}, %{b}, p, 1, 1{left}, "
      "{right};}}\" "
      ": {operands} : {a_operands}, \"l\"(b), \"r\"(more))\n",
      fmt::arg("name", name), fmt::arg("more", after_a + 1), fmt::arg("n", n),
      fmt::arg("type", type == DType::f16 ? "f16" : "bf16"), fmt::arg("registers", registers), fmt::arg("a", a),
      fmt::arg("b", after_a), fmt::arg("left", held ? "" : ", 0"),
      fmt::arg("right", right == WgmmaRight::by_rows ? 1 : 0), fmt::arg("operands", operands),
      fmt::arg("a_operands", a_operands));
}

}  // namespace ingot::cuda
