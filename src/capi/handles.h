// SPDX-License-Identifier: Apache-2.0
// What is behind the engine handle, and the boundary itself: Status in, codes out, nothing thrown.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/status.h"
#include "ingot/ingot.h"
#include "runtime/callers_context.h"
#include "runtime/context.h"
#include "runtime/engine.h"

// Everything that info structs point to; made once per engine.
struct ingot_engine {
  explicit ingot_engine(std::shared_ptr<const ingot::Engine> loaded);

  std::shared_ptr<const ingot::Engine> engine;
  std::string device;
  struct Info {
    ingot_tensor_info info{};
    std::vector<std::int64_t> dims, min, opt, max;
    std::vector<std::string> dim_names;
    std::string type;
    std::vector<const char*> dim_name_pointers;
  };
  std::deque<Info> inputs, outputs;
};

namespace ingot::capi {

inline constexpr std::int32_t kMaxThreads = 1024;
inline constexpr std::int64_t kMaxGraphs = 1024;

// Records the message for ingot_last_error() and returns the code.
ingot_status report(const Status& status);

// Runs body (returning Status); exceptions of the standard library, which only memory exhaustion should cause, become
// codes. The thread's CUDA context stays the caller's.
template <typename Body>
ingot_status guard(Body&& body) noexcept {
  const CallersContext callers;
  try {
    return report(body());
  } catch (const std::bad_alloc&) {
    return report(Status(StatusCode::kResourceExhausted, "out of memory"));
  } catch (const std::exception& error) {
    return report(Status(StatusCode::kInternal, error.what()));
  }
}

// `names` lists the pointers for the message: "engine, info".
template <typename... Pointers>
Status require(std::string_view names, const Pointers*... pointers) {
  if ((false || ... || (pointers == nullptr))) return invalid_argument("NULL was given where there must be: {}", names);
  return Status::ok();
}

// Reads an option struct of any version: fields that the caller's header did not have stay as they are in `out`; fields
// that this library does not know must be zero.
template <typename Options>
Status read_options(const Options* given, std::string_view name, Options& out) {
  static_assert(std::is_trivially_copyable_v<Options>);
  constexpr std::size_t kImplausible = 4096;
  if (given == nullptr) return Status::ok();
  const std::size_t size = given->size;
  if (size <= sizeof(std::size_t) || size > kImplausible)
    return invalid_argument("{}.size is {}: set it to sizeof({})", name, size, name);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (size > sizeof(Options) &&
      std::any_of(bytes + sizeof(Options), bytes + size, [](unsigned char b) { return b != 0; }))
    return unsupported("{} has fields set that version {} does not know", name, INGOT_VERSION);
  std::memcpy(&out, given, std::min(size, sizeof(Options)));
  return Status::ok();
}

// Takes over a loaded engine, or passes the error on.
Status make_handle(Result<std::shared_ptr<const Engine>> loaded, ingot_engine** engine);

}  // namespace ingot::capi
