// SPDX-License-Identifier: Apache-2.0
#include "builder/timing_cache.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace ingot::builder {
namespace {

constexpr std::string_view kTitle = "ingot timing cache ", kFirstLine = "ingot timing cache 2";

constexpr std::string_view kNotTimed = "not timed in ", kNoCode = "no code in ";

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

std::string print(const TimingCache::Entry& entry) {
  if (entry.microseconds > 0) return fmt::format("{}", entry.microseconds);
  return fmt::format("{}{}", entry.code ? kNotTimed : kNoCode, entry.budget);
}

std::optional<TimingCache::Entry> parse(std::string_view text) {
  for (const bool code : {true, false}) {
    const std::string_view mark = code ? kNotTimed : kNoCode;
    if (!text.starts_with(mark)) continue;
    const std::optional<double> budget = parse_number(text.substr(mark.size()));
    return budget ? std::optional(TimingCache::Entry{0, code, *budget}) : std::nullopt;
  }
  const std::optional<double> microseconds = parse_number(text);
  return microseconds && *microseconds > 0 ? std::optional(TimingCache::Entry{*microseconds}) : std::nullopt;
}

}  // namespace

Result<TimingCache> TimingCache::load(const std::string& path) {
  TimingCache cache;
  if (!std::filesystem::exists(path)) return cache;
  std::ifstream in(path);
  if (!in) return not_found("cannot read timing cache '{}': {}", path, std::strerror(errno));
  std::string line;
  const bool has_title = std::getline(in, line) && line.starts_with(kTitle);
  if (has_title && line != kFirstLine) return cache;
  if (!has_title) return corrupt("'{}' is not a timing cache (its first line should be '{}')", path, kFirstLine);
  for (int number = 2; std::getline(in, line); ++number) {
    std::vector<std::string> fields;
    for (std::size_t begin = 0; begin <= line.size();) {
      const std::size_t end = std::min(line.find('\t', begin), line.size());
      fields.push_back(line.substr(begin, end - begin));
      begin = end + 1;
    }
    if (fields.size() != 5)
      return corrupt("timing cache '{}', line {}: {} fields instead of 5", path, number, fields.size());
    const std::optional<Entry> entry = parse(fields[4]);
    if (!entry) return corrupt("timing cache '{}', line {}: '{}' is not a time", path, number, fields[4]);
    cache.entries_[{fields[0], fields[1], fields[2], fields[3]}] = *entry;
  }
  return cache;
}

Status TimingCache::save(const std::string& path) const {
  const std::string temporary = path + ".partial";
  std::ofstream out(temporary, std::ios::trunc);
  if (!out) return not_found("cannot write timing cache '{}': {}", path, std::strerror(errno));
  out << kFirstLine << '\n';
  for (const auto& [key, entry] : entries_)
    out << fmt::format("{}\t{}\t{}\t{}\t{}\n", key.device, key.problem, key.tactic, key.config, print(entry));
  out.close();
  std::error_code failed;
  if (!out) return resource_exhausted("cannot write timing cache '{}'", path);
  std::filesystem::rename(temporary, path, failed);
  if (failed) return not_found("cannot write timing cache '{}': {}", path, failed.message());
  return Status::ok();
}

std::optional<TimingCache::Entry> TimingCache::find(const Key& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

void TimingCache::insert(Key key, Entry entry) { entries_[std::move(key)] = entry; }

}  // namespace ingot::builder
