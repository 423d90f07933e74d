// SPDX-License-Identifier: Apache-2.0
// Status and Result<T>: the one error vocabulary of the project.
//
// Contract: every function that can fail because of its input returns Status or Result<T>; both are
// [[nodiscard]]. Only a bug may abort (INGOT_CHECK). A message names the thing at fault (node, argument,
// file) and what would be right. Thread-safety: values, no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace ingot {

// The numeric values are part of the C API and double as process exit codes of the command line.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kInvalidArgument = 2,     // the caller asked wrongly
  kUnsupported = 3,         // a correct request that this build or device cannot serve
  kNotFound = 4,            // a file, name, or symbol does not exist
  kFailedPrecondition = 5,  // right call, wrong moment (an unbound input, a shape not yet set)
  kResourceExhausted = 6,   // memory, file handles, a limit
  kIncompatible = 7,        // a sound artefact made for another machine or another version
  kCorrupt = 8,             // a damaged or malicious file
  kCancelled = 9,           // stopped at the caller's request
  kInternal = 10,           // a bug in Ingot
};

// Stable lower-case name, e.g. "invalid argument".
std::string_view to_string(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }
  [[nodiscard]] bool is_ok() const { return code_ == StatusCode::kOk; }
  [[nodiscard]] StatusCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  // "corrupt: plan header: ..." or "ok".
  [[nodiscard]] std::string to_string() const;
  // Prefixes the message with where it happened: "<context>: <message>". No effect on success.
  Status annotate(std::string_view context) &&;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

#define INGOT_DEFINE_ERROR(function, code_name)                                             \
  template <typename... Args>                                                               \
  Status function(fmt::format_string<Args...> format, Args&&... args) {                     \
    return Status(StatusCode::code_name, fmt::format(format, std::forward<Args>(args)...)); \
  }
INGOT_DEFINE_ERROR(invalid_argument, kInvalidArgument)
INGOT_DEFINE_ERROR(unsupported, kUnsupported)
INGOT_DEFINE_ERROR(not_found, kNotFound)
INGOT_DEFINE_ERROR(failed_precondition, kFailedPrecondition)
INGOT_DEFINE_ERROR(resource_exhausted, kResourceExhausted)
INGOT_DEFINE_ERROR(incompatible, kIncompatible)
INGOT_DEFINE_ERROR(corrupt, kCorrupt)
INGOT_DEFINE_ERROR(cancelled, kCancelled)
INGOT_DEFINE_ERROR(internal, kInternal)
#undef INGOT_DEFINE_ERROR

[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& message);

// Always on. For bugs only: a condition that no input may falsify.
#define INGOT_CHECK(condition, ...)                                                         \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::ingot::check_failed(#condition, __FILE__, __LINE__, ::fmt::format("" __VA_ARGS__)); \
  } while (false)

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT(*-explicit-*)
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {  // NOLINT(*-explicit-*)
    INGOT_CHECK(!std::get<1>(state_).is_ok(), "a Result without a value needs an error");
  }

  [[nodiscard]] bool is_ok() const { return state_.index() == 0; }
  [[nodiscard]] Status status() const& { return is_ok() ? Status() : std::get<1>(state_); }
  [[nodiscard]] Status status() && { return is_ok() ? Status() : std::get<1>(std::move(state_)); }

  T& value() & {
    INGOT_CHECK(is_ok(), "{}", std::get<1>(state_).to_string());
    return std::get<0>(state_);
  }
  const T& value() const& {
    INGOT_CHECK(is_ok(), "{}", std::get<1>(state_).to_string());
    return std::get<0>(state_);
  }
  T&& value() && {
    INGOT_CHECK(is_ok(), "{}", std::get<1>(state_).to_string());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

#define INGOT_CONCAT_INNER(a, b) a##b
#define INGOT_CONCAT(a, b) INGOT_CONCAT_INNER(a, b)

#define INGOT_RETURN_IF_ERROR(expression)                                                                \
  do {                                                                                                   \
    if (::ingot::Status status_of_expression = (expression); !status_of_expression.is_ok()) [[unlikely]] \
      return status_of_expression;                                                                       \
  } while (false)

// INGOT_ASSIGN_OR_RETURN(auto x, f()); -- the expression yields Result<T>.
#define INGOT_ASSIGN_OR_RETURN(declaration, expression) \
  INGOT_ASSIGN_OR_RETURN_IMPL(INGOT_CONCAT(ingot_result_, __LINE__), declaration, expression)
#define INGOT_ASSIGN_OR_RETURN_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                                        \
  if (!temporary.is_ok()) [[unlikely]]                                  \
    return std::move(temporary).status();                               \
  declaration = std::move(temporary).value()

}  // namespace ingot
