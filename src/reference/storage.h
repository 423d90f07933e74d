// SPDX-License-Identifier: Apache-2.0
// Widens strings and sub-byte elements so that kernels that only move elements see whole bytes.
#pragma once

#include "reference/operands.h"

namespace ingot::reference {

// Strings become i64 numbers into a pool shared by the operands of one call (0 is the empty string), 4- and 2-bit types
// become u8 holding the raw bits. Other types need nothing.
class WideStorage {
 public:
  explicit WideStorage(DType dtype) : dtype_(dtype) {}
  static bool needed_for(DType dtype) { return bits_of(dtype) < 8; }

  Result<HostTensor> widen(const HostTensor& tensor);
  Result<HostTensor> narrow(const HostTensor& tensor) const;

 private:
  DType dtype_;
  std::vector<std::string> pool_{""};
};

// The call with every operand of the data operand's type widened, and its outputs of the same form narrowed again.
Result<Outputs> run_widened(Kernel kernel, const Call& call, DType dtype);

}  // namespace ingot::reference
