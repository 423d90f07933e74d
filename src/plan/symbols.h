// SPDX-License-Identifier: Apache-2.0
// Matching actual shapes against symbolic ones.
#pragma once

#include <string_view>

#include "base/status.h"
#include "tactics/tactic.h"
#include "tensor/dim.h"

namespace ingot::plan {

// Binds the plain symbols of `pattern` to the sizes of `actual` (in `symbols`), or checks them where they are bound,
// and checks constants and compound expressions whose symbols are all bound. `name` is the tensor's, for the message.
Status bind_symbols(std::string_view name, const SymShape& pattern, const Shape& actual, SymbolValues& symbols);

// The concrete shape; fails where a symbol is unbound or a dimension is negative.
Result<Shape> resolve(const SymShape& shape, const SymbolValues& symbols);

}  // namespace ingot::plan
