// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/cpu_backend.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "backends/cpu/tactics.h"
#include "base/thread_pool.h"

namespace ingot::cpu {
namespace {

std::vector<std::string> detect_features() {
  std::vector<std::string> features;
#if defined(__x86_64__)
  __builtin_cpu_init();
#define X(name) \
  if (__builtin_cpu_supports(name)) features.emplace_back(name);
  X("avx")
  X("avx2")
  X("avx512bf16")
  X("avx512bw")
  X("avx512dq")
  X("avx512f")
  X("avx512vl")
  X("avx512vnni")
  X("fma")
  X("sse4.1")
#undef X
#endif
  std::sort(features.begin(), features.end());
  return features;
}

std::string detect_name() {
#if defined(__x86_64__)
  unsigned registers[12] = {};
  // Clang declares the greatest leaf as signed, GCC as unsigned.
  if (static_cast<unsigned>(__get_cpuid_max(0x80000000U, nullptr)) >= 0x80000004U) {
    for (unsigned i = 0; i < 3; ++i)
      __get_cpuid(0x80000002U + i, &registers[4 * i], &registers[4 * i + 1], &registers[4 * i + 2],
                  &registers[4 * i + 3]);
    const std::string name(reinterpret_cast<const char*>(registers), sizeof(registers));
    const std::size_t begin = name.find_first_not_of(' ');
    const std::size_t end = std::min(name.find('\0'), name.size());
    if (begin < end) return name.substr(begin, name.find_last_not_of(' ', end - 1) + 1 - begin);
  }
#endif
  return "unknown processor";
}

// The C library answers 0 on some machines; then /sys may know.
std::int64_t cache_bytes(int key, int level) {
  if (const long bytes = sysconf(key); bytes > 0) return bytes;
  for (int index = 0; index < 8; ++index) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
    int found = 0;
    std::string type;
    std::int64_t kilobytes = 0;
    if (std::ifstream(folder + "level") >> found && found == level && std::ifstream(folder + "type") >> type &&
        type != "Instruction" && std::ifstream(folder + "size") >> kilobytes)
      return kilobytes << 10;
  }
  return 0;
}

DeviceInfo detect() {
  DeviceInfo info;
  info.kind = "cpu";
  info.name = detect_name();
  info.features = detect_features();
  info.threads = available_processors();
  if (const std::int64_t l1 = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 1); l1 > 0) info.l1_bytes = l1;
  if (const std::int64_t l2 = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 2); l2 > 0) info.l2_bytes = l2;
  info.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, 3);
  return info;
}

class CpuBackend final : public Backend {
 public:
  [[nodiscard]] DeviceInfo device() const override { return device_; }
  [[nodiscard]] std::span<const Tactic* const> tactics() const override { return tactic_table(); }

 private:
  DeviceInfo device_ = detect();
};

}  // namespace

const Backend& backend() {
  static const CpuBackend instance;
  return instance;
}

}  // namespace ingot::cpu
