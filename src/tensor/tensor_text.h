// SPDX-License-Identifier: Apache-2.0
// The lossless text of a tensor: <f32[2,3] 0x0000803f...> (the bytes in memory order) or <string[2] "a", "b">.
#pragma once

#include <string>

#include "base/text_scanner.h"
#include "tensor/host_tensor.h"

namespace ingot {

std::string tensor_text(const HostTensor& tensor);
Result<HostTensor> parse_tensor(TextScanner& scanner);

// One element in decimal; reads back exactly with parse_element. Not for strings, complex numbers or NaNs with a
// payload.
std::string element_text(const HostTensor& tensor, std::int64_t i);
Status parse_element(TextScanner& scanner, HostTensor& tensor, std::int64_t i);

// "[2, 3]" of numbers.
Result<Shape> parse_shape(TextScanner& scanner);
// "[N, 3]" of dimensions.
Result<SymShape> parse_sym_shape(TextScanner& scanner);
Result<DType> parse_dtype(TextScanner& scanner);

}  // namespace ingot
