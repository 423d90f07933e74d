// SPDX-License-Identifier: Apache-2.0
// OpDef: what the engine knows of a canonical operator: arity, attributes, and how types and shapes follow.
//
// Canonical operators have ONNX's names and the attributes and semantics of the newest ONNX opset; the importer turns
// older spellings into them. Operators of our own (made by passes) are listed in ops/own_ops.md beside this file's
// table. One table (ops/table.cc) lists all; one file per family holds the rules.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "expr/expr.h"
#include "ir/graph.h"

namespace ingot::ops {

enum class AttrKind : std::uint8_t { integer, number, text, integers, numbers, texts, dtype, tensor, dims, graph };

struct AttrSpec {
  std::string_view name;
  AttrKind kind;
  bool required = false;
};

// What a shape rule sees and sets. Inputs may be absent (present() false).
class InferContext {
 public:
  virtual ~InferContext() = default;
  [[nodiscard]] virtual std::string_view op() const = 0;
  [[nodiscard]] virtual const Attrs& attrs() const = 0;
  [[nodiscard]] virtual std::size_t input_count() const = 0;
  [[nodiscard]] virtual std::size_t output_count() const = 0;
  [[nodiscard]] virtual bool present(std::size_t input) const = 0;
  [[nodiscard]] virtual const ir::Type& type(std::size_t input) const = 0;
  // The constant behind an input, or nullptr.
  [[nodiscard]] virtual const HostTensor* constant(std::size_t input) const = 0;
  // The elements of a small integer input as expressions (constants included), when known.
  [[nodiscard]] virtual std::optional<std::vector<Dim>> symbolic_value(std::size_t input) const = 0;
  [[nodiscard]] virtual const ir::Graph* subgraph(std::string_view attribute) const = 0;
  // For messages: "input 1 (W)".
  [[nodiscard]] virtual std::string input_name(std::size_t input) const = 0;

  virtual void set_type(std::size_t output, ir::Type type) = 0;
  virtual void set_symbolic_value(std::size_t output, std::vector<Dim> value) = 0;
  // A fresh symbol for a dimension that only the data decide.
  virtual Dim unknown_dim() = 0;

  // Shorthands.
  [[nodiscard]] DType dtype(std::size_t input) const { return type(input).dtype; }
  [[nodiscard]] const std::optional<SymShape>& shape(std::size_t input) const { return type(input).shape; }
  void set_tensor(std::size_t output, DType dtype, std::optional<SymShape> shape) {
    set_type(output, ir::Type::tensor(dtype, std::move(shape)));
  }
};

using InferFn = Status (*)(InferContext&);

// One operand of a signature such as "X:F W:F B?:F".
struct OperandSpec {
  std::string_view name;
  // What the element type must be. Empty: any tensor. "any": any type, tensor or not. A lower-case name: that DType.
  // An upper-case word: operands with the same word have one type, of the class that its first letter names: T any,
  // F floating, N number, R number or boolean, S the same or string, Q integer, I i32 or i64.
  std::string_view type;
  bool optional = false;
  bool repeated = false;  // only the last one
};

struct OpDef {
  std::string_view name;
  int min_inputs = 0;
  int max_inputs = 0;  // -1: variadic
  int min_outputs = 1;
  int max_outputs = 1;  // -1: variadic
  InferFn infer = nullptr;
  std::vector<AttrSpec> attrs;
  // Set when the operator is pointwise: its expression over operands of these types (nullopt: not expressible, e.g.
  // strings). An absent optional operand is DType::undefined here and no input of the expression, which takes the
  // present operands in order.
  std::optional<Expr> (*expression)(const Attrs& attrs, std::span<const DType> inputs,
                                    std::span<const DType> outputs) = nullptr;
  bool pure = true;  // same inputs, same outputs: may be folded and merged
  std::vector<OperandSpec> inputs, outputs;
  // Takes the attributes epilogue and epilogue_inputs; min_inputs and max_inputs do not count those trailing operands.
  bool epilogue = false;
};

// nullptr when unknown.
const OpDef* find_op(std::string_view name);
std::span<const OpDef> all_ops();

}  // namespace ingot::ops
