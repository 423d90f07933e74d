// SPDX-License-Identifier: Apache-2.0
// Log messages with a severity and one process-wide sink (standard error unless the application sets its own).
//
// log_info("built {} steps", n): nothing is formatted when the level is off. Thread-safe; the sink is called by one
// thread at a time and must not log itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace ingot {

// The order and the numbers are part of the plugin interface.
enum class Severity : std::uint8_t { kError = 0, kWarning = 1, kInfo = 2, kVerbose = 3 };

std::string_view to_string(Severity severity);

using LogSink = std::function<void(Severity, std::string_view message)>;

// An empty sink restores the default, which writes "ingot: warning: ..." to standard error.
void set_log_sink(LogSink sink);
// Messages of this severity and graver ones are delivered; initially kWarning.
void set_log_level(Severity level);
Severity log_level();

void log_message(Severity severity, std::string_view message);

inline bool log_enabled(Severity severity) { return severity <= log_level(); }

#define INGOT_DEFINE_LOG(function, severity)                                                            \
  template <typename... Args>                                                                           \
  void function(fmt::format_string<Args...> format, Args&&... args) {                                   \
    if (log_enabled(severity)) log_message(severity, fmt::format(format, std::forward<Args>(args)...)); \
  }
INGOT_DEFINE_LOG(log_error, Severity::kError)
INGOT_DEFINE_LOG(log_warning, Severity::kWarning)
INGOT_DEFINE_LOG(log_info, Severity::kInfo)
INGOT_DEFINE_LOG(log_verbose, Severity::kVerbose)
#undef INGOT_DEFINE_LOG

}  // namespace ingot
