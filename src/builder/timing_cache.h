// SPDX-License-Identifier: Apache-2.0
// TimingCache: measured times by (device fingerprint, threads, problem text, tactic id, tactic version, config).
//
// Text file, one entry a line, sorted: the same entries give the same bytes, two caches merge by sort -u. A line that
// does not parse makes the file kCorrupt; a missing file, or one of another version's format, is an empty cache. Not
// thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/status.h"

namespace ingot::builder {

class TimingCache {
 public:
  // Missing file: empty.
  static Result<TimingCache> load(const std::string& path);
  Status save(const std::string& path) const;

  struct Key {
    std::string device;  // DeviceInfo::fingerprint() and thread count
    std::string problem;
    std::string tactic;  // id@version
    std::string config;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    double microseconds = 0;  // 0: not timed, since the time budget had ended,
    bool code = true;         // or had ended even before there was machine code to time
    double budget = 0;        // seconds, where it was not timed: the same budget decides the same again

    // Whether a build with this budget takes the entry as it is.
    [[nodiscard]] bool holds_for(double seconds) const { return microseconds > 0 || seconds <= budget; }
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  [[nodiscard]] std::optional<Entry> find(const Key& key) const;
  void insert(Key key, Entry entry);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::map<Key, Entry> entries_;
};

}  // namespace ingot::builder
