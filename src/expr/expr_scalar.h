// SPDX-License-Identifier: Apache-2.0
// Arithmetic on single values, the meaning of expressions. Internal to expr/.
#pragma once

#include "expr/expr.h"

namespace ingot {

// The value as a type can hold it: floats rounded, integers wrapped, booleans 0 or 1.
Expr::Scalar convert_scalar(DType from, DType to, Expr::Scalar value);
// One instruction other than kConst; `operand_type` is the type of the first operand.
Expr::Scalar evaluate_instr(const ExprInstr& instr, DType operand_type, const Expr::Scalar* args);
Expr::Scalar constant_scalar(const ExprInstr& instr);
ExprInstr constant_instr(DType type, const Expr::Scalar& value);

}  // namespace ingot
