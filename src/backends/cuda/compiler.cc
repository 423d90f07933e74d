// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/compiler.h"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>

#include "backends/cuda/driver.h"
#include "base/hash.h"

namespace ingot::cuda {
namespace {

struct ProgramImpl;
using Program = ProgramImpl*;

#define INGOT_NVRTC_FUNCTIONS(X)                                                                                     \
  X(version, "nvrtcVersion", (int*, int*))                                                                           \
  X(create, "nvrtcCreateProgram", (Program*, const char*, const char*, int, const char* const*, const char* const*)) \
  X(destroy, "nvrtcDestroyProgram", (Program*))                                                                      \
  X(compile, "nvrtcCompileProgram", (Program, int, const char* const*))                                              \
  X(log_size, "nvrtcGetProgramLogSize", (Program, std::size_t*))                                                     \
  X(log, "nvrtcGetProgramLog", (Program, char*))                                                                     \
  X(cubin_size, "nvrtcGetCUBINSize", (Program, std::size_t*))                                                        \
  X(cubin, "nvrtcGetCUBIN", (Program, char*))

struct Nvrtc {
#define X(member, name, arguments) int(*member) arguments = nullptr;
  INGOT_NVRTC_FUNCTIONS(X)
#undef X
  int major = 0, minor = 0;
};

Result<const Nvrtc*> open_nvrtc() {
  static Nvrtc api;
  void* library =
      open_library({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"});
  if (library == nullptr) return not_found("NVRTC is not on this machine (libnvrtc.so.13 and .12 cannot be opened)");
#define X(member, name, arguments)                                                 \
  api.member = reinterpret_cast<decltype(api.member)>(find_symbol(library, name)); \
  if (api.member == nullptr) return incompatible("NVRTC is too old: it lacks {}", name);
  INGOT_NVRTC_FUNCTIONS(X)
#undef X
  api.version(&api.major, &api.minor);
  return static_cast<const Nvrtc*>(&api);
}

Result<const Nvrtc*> nvrtc() {
  static const Result<const Nvrtc*> opened = open_nvrtc();
  return opened;
}

std::filesystem::path cache_folder() {
  if (const char* folder = std::getenv("INGOT_CUDA_CACHE"); folder != nullptr)
    return std::string_view(folder) == "none" ? std::filesystem::path() : std::filesystem::path(folder);
  const char* home = std::getenv("HOME");
  return home == nullptr ? std::filesystem::path() : std::filesystem::path(home) / ".cache" / "ingot" / "cuda";
}

// A cache entry: hash of the rest, registers, spills, cubin.
struct EntryHeader {
  std::uint64_t hash = 0;
  std::int32_t registers = 0, spill_bytes = 0;
};

std::optional<Compiled> read_entry(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EntryHeader header;
  if (bytes.size() <= sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const std::string_view rest = std::string_view(bytes).substr(sizeof(header));
  if (hash_text(rest) != header.hash) return std::nullopt;
  Compiled out;
  out.registers = header.registers;
  out.spill_bytes = header.spill_bytes;
  out.cubin.resize(rest.size());
  std::memcpy(out.cubin.data(), rest.data(), rest.size());
  return out;
}

// Best effort: a cache that cannot be written costs time, not correctness. Renamed into place for other processes.
void write_entry(const std::filesystem::path& file, const Compiled& compiled) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  static std::atomic<int> serial{0};
  const std::filesystem::path temporary = file.string() + fmt::format(".{}.{}", getpid(), serial.fetch_add(1));
  {
    std::ofstream out(temporary, std::ios::binary);
    const EntryHeader header{hash_bytes(compiled.cubin), compiled.registers, compiled.spill_bytes};
    out.write(reinterpret_cast<const char*>(&header), sizeof(header));
    out.write(reinterpret_cast<const char*>(compiled.cubin.data()),
              static_cast<std::streamsize>(compiled.cubin.size()));
    if (!out) return;
  }
  std::filesystem::rename(temporary, file, error);
}

// One lock per source, so that threads which want the same one compile it once.
std::shared_ptr<std::mutex> lock_of(const std::string& file) {
  static std::mutex guard;
  static std::map<std::string, std::shared_ptr<std::mutex>> locks;
  const std::lock_guard lock(guard);
  std::shared_ptr<std::mutex>& slot = locks[file];
  if (slot == nullptr) slot = std::make_shared<std::mutex>();
  return slot;
}

int number_before(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  int value = 0;
  std::from_chars(text.data() + begin, text.data() + at, value);
  return value;
}

// From the assembler's report: "... 16 bytes spill stores, ..." and "Used 122 registers".
void read_resources(std::string_view log, Compiled& out) {
  for (std::size_t at = log.find(" bytes spill stores"); at != std::string_view::npos;
       at = log.find(" bytes spill stores", at + 1))
    out.spill_bytes += number_before(log, at);
  for (std::size_t at = log.find(" registers"); at != std::string_view::npos; at = log.find(" registers", at + 1))
    out.registers = std::max(out.registers, number_before(log, at));
}

}  // namespace

Status compiler_available() { return nvrtc().status(); }

Result<Compiled> compile(const std::string& name, const std::string& source, const std::string& arch) {
  INGOT_ASSIGN_OR_RETURN(const Nvrtc* api, nvrtc());
  const std::filesystem::path folder = cache_folder();
  std::filesystem::path file;
  std::shared_ptr<std::mutex> mutex;
  std::unique_lock<std::mutex> lock;
  if (!folder.empty()) {
    const std::uint64_t key = hash_text(fmt::format("{} {}.{} ", arch, api->major, api->minor), hash_text(source));
    file = folder / (hex_text(key) + ".cubin");
    mutex = lock_of(file.string());
    lock = std::unique_lock(*mutex);
    if (std::optional<Compiled> known = read_entry(file)) return *std::move(known);
  }
  const auto start = std::chrono::steady_clock::now();
  Program program = nullptr;
  if (const int code = api->create(&program, source.c_str(), name.c_str(), 0, nullptr, nullptr); code != 0)
    return internal("NVRTC: {}: cannot make the program (error {})", name, code);
  const std::string architecture = "--gpu-architecture=" + arch;
  const char* const options[] = {architecture.c_str(), "--std=c++17", "--ptxas-options=-v", "--fmad=true"};
  const int code = api->compile(program, static_cast<int>(std::size(options)), options);
  std::size_t size = 0;
  std::string log;
  if (api->log_size(program, &size) == 0 && size > 1) {
    log.resize(size);
    api->log(program, log.data());
  }
  Compiled out;
  Status status = Status::ok();
  if (code != 0) {
    status = internal("NVRTC: {} for {} does not compile (error {}): {}", name, arch, code, log.substr(0, 4000));
  } else if (api->cubin_size(program, &size) != 0 || size == 0) {
    status = internal("NVRTC: {} for {}: no machine code", name, arch);
  } else {
    out.cubin.resize(size);
    api->cubin(program, reinterpret_cast<char*>(out.cubin.data()));
    read_resources(log, out);
  }
  api->destroy(&program);
  INGOT_RETURN_IF_ERROR(std::move(status));
  if (!file.empty()) write_entry(file, out);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace ingot::cuda
