// SPDX-License-Identifier: Apache-2.0
// Which names the text form of graphs writes without quotes. Internal to the printer and the parser.
#pragma once

#include <string_view>

namespace ingot::ir {

inline constexpr std::string_view kValueNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
inline constexpr std::string_view kOpExtra = ".:-";

bool is_plain_value_name(std::string_view name);
bool is_plain_op(std::string_view op);

}  // namespace ingot::ir
