// SPDX-License-Identifier: Apache-2.0
// TimingCache: measured times by (device fingerprint, threads, problem text, tactic id, tactic version, config).
//
// Text file, one entry a line, sorted: the same entries give the same bytes, two caches merge by sort -u. A line that
// does not parse makes the file kCorrupt; a missing file is an empty cache. Not thread-safe.
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
  // Microseconds. 0 records "not timed: the time budget had ended", kNoCode that it had ended even before there was
  // machine code to time, so that the same cache gives the same choice.
  static constexpr double kNoCode = -1;
  [[nodiscard]] std::optional<double> find(const Key& key) const;
  void insert(Key key, double microseconds);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::map<Key, double> entries_;
};

}  // namespace ingot::builder
