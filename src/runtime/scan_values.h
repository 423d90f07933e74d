// SPDX-License-Identifier: Apache-2.0
// What Loop and Scan take apart and put together: a slice per iteration, of elements of any size and of strings.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/object.h"
#include "tensor/attrs.h"

namespace ingot {

// How the operands of Loop and Scan divide. Inputs: fixed ones (of Loop), states, scan inputs, captures; outputs:
// states, then scans.
struct LoopOperands {
  std::size_t fixed = 0, states = 0, scan_inputs = 0, captures = 0, scan_outputs = 0;
};
Result<LoopOperands> divide_operands(std::string_view op, const Attrs& attrs, std::size_t inputs, std::size_t outputs);

// The values of all iterations as one; where they are strings it owns them.
struct Stacked {
  Value value;
  Object strings;
  [[nodiscard]] Value view() const { return strings.items.empty() ? value : Value::of(strings); }
};

// What the iterations yield, one after the other, in memory of the same kind.
class Stack {
 public:
  explicit Stack(Allocator& allocator) : allocator_(allocator), memory_(allocator) {}

  Status append(const Value& value);
  // A view; `empty` is what an element would have been where there was none.
  [[nodiscard]] Result<Stacked> value(const HostTensor& empty) const;

 private:
  Allocator& allocator_;
  Buffer memory_;
  bool on_device_ = false;
  std::int64_t elements_ = 0;
  std::vector<std::string> strings_;
  DType dtype_ = DType::undefined;
  Shape element_;
  std::int64_t count_ = 0;
};

// Scan input `i` with the scanned axis in front.
Result<TensorPtr> scan_input(const Attrs& attrs, const Value& value, std::size_t i);
// Which of the slices of scan input `i` iteration `t` of `trips` takes.
std::int64_t scan_index(const Attrs& attrs, std::size_t i, std::int64_t t, std::int64_t trips);
// The slice of one iteration; may share the memory.
Result<HostTensor> scan_slice(const HostTensor& tensor, std::int64_t index);
// Whether scan output `i` is asked for along another axis or backwards.
bool is_turned(const Attrs& attrs, std::size_t i);
// Scan output `i`: from iterations in front, in their order, to the axis and direction that are asked for.
Result<TensorPtr> scan_output(const Attrs& attrs, TensorPtr tensor, std::size_t i);

// The one boolean that the value is.
Result<bool> condition_of(const Value& value);

}  // namespace ingot
