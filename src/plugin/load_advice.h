// SPDX-License-Identifier: Apache-2.0
// What to do about a library that the dynamic linker refuses.
#pragma once

#include <string>
#include <string_view>

namespace ingot::plugin {

// A remark on dlerror()'s text, to be put behind it; empty where there is nothing to say.
std::string load_advice(std::string_view error);

}  // namespace ingot::plugin
