// SPDX-License-Identifier: Apache-2.0
// Pieces of generated CUDA C++.
#pragma once

#include <string>

#include "tactics/tactic.h"

namespace ingot::cuda {

// "float", "f16", "long long", ...; empty for types that kernels do not hold (sub-byte, fp8, complex, string).
std::string_view cuda_type(DType type);
// What expressions compute in: fp16 and bf16 in float, without rounding between instructions.
std::string_view compute_type(DType type);

// `INGOT_INLINE <compute type> name(x0, x1, ...)`. Fails for a type or an operation that kernels do not have.
Result<std::string> print_expression(const Expr& expr, std::string_view name);

// "#define name value\n"
std::string define(std::string_view name, std::string_view value);
std::string define(std::string_view name, std::int64_t value);

// The epilogue of a problem whose output is rows x columns: EPILOGUE_LOADS reads the operands of V columns, EPILOGUE(j)
// is column j of the result. For kernels that read operands ahead of time: EPILOGUE_INPUTS, and EpilogueOperands<V>
// with load() and touch(), which brings them into the second-level cache; EPILOGUE(j) takes them from `loaded`.
Result<std::string> print_epilogue(const Problem& problem);

// A file of kernels/ as a part of a source, named in the compiler's messages.
std::string include(std::string_view file);

// prelude + params + epilogue helpers + definitions + the template.
std::string assemble(std::string_view definitions, std::string_view file);

}  // namespace ingot::cuda
