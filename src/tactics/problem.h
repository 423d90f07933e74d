// SPDX-License-Identifier: Apache-2.0
// Problem: one step of work as one line of text. It is the tactic's input, the timing-cache key (with tactic id,
// version, config and device fingerprint), the unit-test case, the benchmark case and the reproduction line in an
// error:
//
//   Conv(f32[1,56,56,64], const f32[64,64,3,3], const f32[64], f32[1,56,56,64]) -> (f32[1,56,56,64])
//       {channels_last=1, epilogue="(x0:f32, x1:f32) { t0 = add(x0, x1) }", epilogue_inputs=1, pads=[1, 1, 1, 1]}
//
// (on one line). `kind` is the canonical operator (ops/own_ops.md and ONNX). Shapes are those of the profile's opt
// point: attributes and constants are fixed, sizes of non-constant operands may differ at run time where the plan is
// dynamic. An absent optional operand prints as "_". Integer constants of at most 16 elements print with their values
// (const i64[2]=[0, 3]), because they decide what a Slice or Reshape does; others are known by type and shape only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "expr/expr.h"
#include "tensor/attrs.h"
#include "tensor/dim.h"
#include "tensor/dtype.h"
#include "tensor/host_tensor.h"
#include "tensor/size_bounds.h"

namespace ingot {

struct Operand {
  DType dtype = DType::undefined;  // undefined: absent
  Shape shape;
  bool constant = false;
  TensorPtr value;  // of a constant: always at build; at run time only when the tactic kept it (see Packed)
  // Of a plugin's operand whose sizes may change, and no part of the text; null: they are fixed, or nobody said.
  std::shared_ptr<const SizeBounds> bounds = nullptr;

  [[nodiscard]] bool present() const { return dtype != DType::undefined; }
};

struct Problem {
  std::string kind;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
  Attrs attrs;

  [[nodiscard]] std::string to_string() const;
  static Result<Problem> parse(std::string_view text);

  // Whether the operator is a plugin library's: "domain::Name".
  [[nodiscard]] bool is_plugin() const { return kind.find("::") != std::string::npos; }
  // Number of trailing inputs that belong to the epilogue, and of the operator's own ones.
  [[nodiscard]] std::size_t epilogue_inputs() const;
  [[nodiscard]] std::size_t own_inputs() const { return inputs.size() - epilogue_inputs(); }
  [[nodiscard]] bool has_input(std::size_t i) const { return i < own_inputs() && inputs[i].present(); }
  // The parsed "epilogue" (or, for Pointwise, "expr") attribute; the identity on x0 when there is none.
  [[nodiscard]] Result<Expr> epilogue() const;

  // Multiply-adds times two, as far as the kind tells; for reports only.
  [[nodiscard]] double flops() const;
};

}  // namespace ingot
