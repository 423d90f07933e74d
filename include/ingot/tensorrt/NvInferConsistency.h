// SPDX-License-Identifier: Apache-2.0
// The checkers of engines for safety: a plugin may come as a creator that validates its own engines. Here it is a
// creator like others; nothing asks it to validate.
#pragma once
#pragma GCC system_header

#include "NvInfer.h"

namespace nvinfer1 {
namespace consistency {

class IConsistencyChecker {
 public:
  virtual bool validate() const = 0;
  virtual ~IConsistencyChecker() = default;
};

class IPluginChecker : public IPluginCreator {
 public:
  virtual bool validate(char const*, void const*, std::size_t, PluginTensorDesc const*, std::size_t,
                        PluginTensorDesc const*, std::size_t, std::int64_t) const {
    return true;
  }
};

}  // namespace consistency
}  // namespace nvinfer1
