// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <cstdio>
#include <mutex>

namespace ingot {
namespace {

std::atomic<Severity> current_level{Severity::kWarning};

struct SinkSlot {
  std::mutex mutex;
  LogSink sink;
};

// Never destroyed: threads may still log while the process ends.
SinkSlot& slot() {
  static auto* made = new SinkSlot;
  return *made;
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kError: return "error";
    case Severity::kWarning: return "warning";
    case Severity::kInfo: return "info";
    case Severity::kVerbose: return "verbose";
  }
  return "unknown";
}

void set_log_sink(LogSink sink) {
  const std::lock_guard lock(slot().mutex);
  slot().sink = std::move(sink);
}

void set_log_level(Severity level) { current_level.store(level, std::memory_order_relaxed); }

Severity log_level() { return current_level.load(std::memory_order_relaxed); }

void log_message(Severity severity, std::string_view message) {
  const std::lock_guard lock(slot().mutex);
  if (slot().sink) {
    slot().sink(severity, message);
  } else {
    fmt::print(stderr, "ingot: {}: {}\n", to_string(severity), message);
  }
}

}  // namespace ingot
