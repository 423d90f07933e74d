// SPDX-License-Identifier: Apache-2.0
// main() for a fuzz target where libFuzzer is not: mutates seed files at random for a given time.
//
//   fuzz_onnx SEED_FOLDER [SECONDS] [RANDOM_SEED]
//
// The input in work is kept in ./NAME.crash-candidate; it is removed at a good end, so what remains after a crash
// reproduces it: fuzz_onnx FILE runs that one input.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <sys/resource.h>

#include "fuzz_target.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

void write_file(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Runaway memory ends as a crash of this program rather than of the machine. (The address sanitizer needs its space.)
void limit_memory() {
#ifndef __SANITIZE_ADDRESS__
  const rlimit limit{std::size_t{4} << 30, std::size_t{4} << 30};
  setrlimit(RLIMIT_AS, &limit);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  limit_memory();
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SEED_FOLDER|FILE [SECONDS] [RANDOM_SEED]\n", argv[0]);
    return 2;
  }
  const std::filesystem::path where(argv[1]);
  if (std::filesystem::is_regular_file(where)) {
    const Bytes input = read_file(where);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    return 0;
  }
  constexpr std::size_t kLargest = std::size_t{1} << 20;
  std::vector<Bytes> seeds;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(where))
    if (entry.is_regular_file() && entry.file_size() <= kLargest) seeds.push_back(read_file(entry.path()));
  if (seeds.empty()) {
    std::fprintf(stderr, "error: no seed files in %s\n", where.c_str());
    return 2;
  }
  const double seconds = argc > 2 ? std::atof(argv[2]) : 10;
  const auto seed = static_cast<unsigned>(argc > 3 ? std::atoi(argv[3]) : static_cast<int>(std::random_device()()));
  std::printf("%zu seeds, %.0f s, random seed %u\n", seeds.size(), seconds, seed);
  const std::filesystem::path candidate = std::filesystem::path(argv[0]).filename().string() + ".crash-candidate";
  ingot::fuzz::Random random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  std::size_t runs = 0;
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    Bytes input = seeds[ingot::fuzz::pick(random, seeds.size())];
    const std::size_t size = input.size();
    input.resize(2 * kLargest);
    input.resize(LLVMFuzzerCustomMutator(input.data(), size, input.size(), random()));
    write_file(candidate, input);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::filesystem::remove(candidate);
  std::printf("%zu runs, nothing found\n", runs);
  return 0;
}
