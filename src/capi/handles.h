// SPDX-License-Identifier: Apache-2.0
// What is behind the opaque handles, and the boundary itself: Status in, codes out, nothing thrown.
#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/status.h"
#include "ingot/ingot.h"
#include "runtime/context.h"
#include "runtime/engine.h"

// Everything that info structs point to; made once per engine.
struct ingot_engine {
  explicit ingot_engine(std::shared_ptr<const ingot::Engine> loaded);

  std::shared_ptr<const ingot::Engine> engine;
  struct Info {
    ingot_tensor_info info{};
    std::vector<std::int64_t> dims, min, opt, max;
    std::vector<std::string> dim_names;
    std::vector<const char*> dim_name_pointers;
  };
  std::deque<Info> inputs, outputs;
};

namespace ingot::capi {

// Records the message for ingot_last_error() and returns the code.
ingot_status report(const Status& status);

// Runs body (returning Status); exceptions of the standard library, which only memory exhaustion should cause, become codes.
template <typename Body>
ingot_status guard(Body&& body) noexcept {
  try {
    return report(body());
  } catch (const std::bad_alloc&) {
    return report(Status(StatusCode::kResourceExhausted, "out of memory"));
  } catch (const std::exception& error) {
    return report(Status(StatusCode::kInternal, error.what()));
  }
}

}  // namespace ingot::capi
