// SPDX-License-Identifier: Apache-2.0
// A profiler's library inside the test: what it may ask for, and what it hears.
#include "backends/cuda/nvtx.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace ingot::cuda {
namespace {

std::vector<std::string>& heard() {
  static std::vector<std::string> all;
  return all;
}

using Function = void (*)();

// The tables as the protocol has them.
struct Callbacks {
  std::size_t struct_size;
  int (*module_table)(int module, Function*** table, unsigned* size);
};
struct VersionInfo {
  std::size_t struct_size;
  std::uint32_t version;
};

int push(const char* name) {
  heard().emplace_back(name);
  return 0;
}
int pop() {
  heard().emplace_back("pop");
  return 0;
}

// Fills in every function of every module, as profilers do.
int listen(NvtxGetTable get_table) {
  const auto* callbacks = static_cast<const Callbacks*>(get_table(1));
  const auto* version = static_cast<const VersionInfo*>(get_table(3));
  EXPECT_EQ(get_table(2), nullptr);
  EXPECT_EQ(callbacks->struct_size, sizeof(Callbacks));
  EXPECT_EQ(version->version, 3);
  Function** table = nullptr;
  unsigned size = 0;
  EXPECT_EQ(callbacks->module_table(0, &table, &size), 0);
  EXPECT_EQ(callbacks->module_table(7, &table, &size), 0);
  for (int module = 1; module < 7; ++module) {
    EXPECT_EQ(callbacks->module_table(module, &table, &size), 1);
    for (unsigned i = 1; i < size; ++i) *table[i] = [] {};
    EXPECT_EQ(table[size], nullptr);
  }
  EXPECT_EQ(callbacks->module_table(1, &table, &size), 1);
  EXPECT_EQ(size, 16u);
  *table[9] = reinterpret_cast<Function>(push);
  *table[11] = reinterpret_cast<Function>(pop);
  return 1;
}

TEST(Nvtx, TellsAProfilerOfRanges) {
  const NvtxFunctions functions = nvtx_functions(listen);
  heard().clear();
  {
    const NvtxRange outer("outer", functions);
    const NvtxRange inner("inner", functions);
  }
  EXPECT_EQ(heard(), (std::vector<std::string>{"outer", "inner", "pop", "pop"}));
}

TEST(Nvtx, IsSilentWhereNobodyListens) {
  heard().clear();
  for (const NvtxInitialize initialize : {NvtxInitialize{nullptr}, NvtxInitialize{[](NvtxGetTable) { return 0; }}}) {
    const NvtxFunctions functions = nvtx_functions(initialize);
    EXPECT_EQ(functions.push, nullptr);
    const NvtxRange range("unheard", functions);
  }
  EXPECT_TRUE(heard().empty());
}

}  // namespace
}  // namespace ingot::cuda
