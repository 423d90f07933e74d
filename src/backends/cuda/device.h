// SPDX-License-Identifier: Apache-2.0
// A GPU: its primary context (shared with other libraries of the process), streams, events, memory, captured graphs.
// Devices live as long as the process. All methods make the device current on the calling thread first.
#pragma once

#include <memory>
#include <span>

#include "backends/cuda/driver.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

enum class MemoryKind : std::uint8_t {
  kPageable,  // of the host
  kPinned,    // of the host, page-locked: the device copies from it and to it while the host goes on
  kDevice,    // of this GPU
  kOtherDevice,
};

class Device {
 public:
  // The reason why not: no driver, no such device, too old.
  static Result<Device*> get(int ordinal);
  // Another one than get() gives, by a driver of the caller's.
  static Result<std::unique_ptr<Device>> open(const Driver& driver_api, int ordinal);
  // The device that tactics use on this thread: that of the innermost DeviceScope, otherwise device 0.
  static Result<Device*> current();

  [[nodiscard]] int ordinal() const { return ordinal_; }
  [[nodiscard]] const DeviceInfo& info() const { return info_; }
  [[nodiscard]] const Driver& api() const { return *api_; }
  [[nodiscard]] int multiprocessors() const { return multiprocessors_; }
  // Host memory counts as pinned where all of it is.
  [[nodiscard]] MemoryKind kind_of(const void* memory, std::size_t bytes) const;
  // "0000:18:00.0": which GPU of the machine it is, whatever its number in this process.
  [[nodiscard]] const std::string& bus() const { return bus_; }
  // "sm_90a": what to compile for.
  [[nodiscard]] const std::string& arch() const { return arch_; }
  // A kernel may begin before the one ahead of it ends (compute capability 9.0).
  [[nodiscard]] bool overlaps_kernels() const { return overlaps_kernels_; }
  Status make_current() const;

  // Memory for work on one stream, from the device's pool: neither call waits for the device, as plain allocation and
  // release do. It may be used by what is enqueued on the stream in between.
  Result<CuPointer> allocate_on(CuStream stream, std::size_t bytes) const;
  void free_on(CuStream stream, CuPointer memory) const;

 private:
  friend class DeviceScope;
  Device() = default;

  const Driver* api_ = nullptr;
  int ordinal_ = 0;
  int multiprocessors_ = 1;
  bool overlaps_kernels_ = false;
  CuContext context_ = nullptr;
  CuMemoryPool pool_ = nullptr;  // null: there is none
  std::string arch_, bus_;
  DeviceInfo info_;
};

// What kernels are loaded to and enqueued on by this thread while the scope lasts. Without a stream, or outside every
// scope: the default stream.
class DeviceScope {
 public:
  // Memory that is allocated in a scope of kRun comes from the pool, since nothing shall wait while a run is enqueued.
  // It is for work on this stream.
  enum class Memory : std::uint8_t { kPlain, kRun };
  explicit DeviceScope(Device& device, CuStream stream = nullptr, Memory memory = Memory::kPlain);
  static CuStream current_stream();
  static Memory memory();
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device* previous_;
  CuStream previous_stream_;
  Memory previous_memory_;
};

// Gives the calling thread its current context back at the end of the outermost scope: the caller's own CUDA code,
// whose current device that is, must not notice which device an engine runs on. Costs nothing where no device is used.
class CallersContext {
 public:
  CallersContext();
  ~CallersContext();
  CallersContext(const CallersContext&) = delete;
  CallersContext& operator=(const CallersContext&) = delete;
};

// Memory on a device; freed with the object: of a run in the order of its stream in a DeviceScope on it, elsewhere at
// once, so that all work on it must be over.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  static Result<DeviceMemory> allocate(const Device& device, std::size_t bytes);
  static Result<DeviceMemory> upload(const Device& device, std::span<const std::byte> bytes);
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  ~DeviceMemory();
  [[nodiscard]] void* data() const { return reinterpret_cast<void*>(pointer_); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  const Device* device_ = nullptr;
  CuPointer pointer_ = 0;
  std::size_t size_ = 0;
  CuStream stream_ = nullptr;  // of memory from the pool
  bool pooled_ = false;
};

// Page-locked memory of the host; freed with the object.
class HostMemory {
 public:
  HostMemory() = default;
  static Result<HostMemory> allocate(const Device& device, std::size_t bytes);
  HostMemory(HostMemory&& other) noexcept;
  HostMemory& operator=(HostMemory&& other) noexcept;
  ~HostMemory();
  [[nodiscard]] void* data() const { return pointer_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  const Device* device_ = nullptr;
  void* pointer_ = nullptr;
  std::size_t size_ = 0;
};

class Stream {
 public:
  static Result<std::unique_ptr<Stream>> create(const Device& device);
  // A stream of the caller's, which it destroys itself.
  static std::unique_ptr<Stream> borrow(const Device& device, CuStream handle);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  [[nodiscard]] CuStream handle() const { return handle_; }
  Status synchronize() const;
  Status copy_to_device(void* to, const void* from, std::size_t bytes) const;
  Status copy_to_host(void* to, const void* from, std::size_t bytes) const;
  Status copy_on_device(void* to, const void* from, std::size_t bytes) const;
  Status set_bytes(void* to, unsigned char value, std::size_t bytes) const;

 private:
  Stream(const Device& device, CuStream handle, bool owned) : device_(device), handle_(handle), owned_(owned) {}
  const Device& device_;
  CuStream handle_;
  bool owned_;
};

// On the thread's current stream. To the host and from it: pageable memory, free to change once the call returns.
Status copy_to_host(const Device& device, void* to, const void* from, std::size_t bytes);
Status copy_to_device(const Device& device, void* to, const void* from, std::size_t bytes);
Status copy_on_device(const Device& device, void* to, const void* from, std::size_t bytes);

// A place in a stream.
class Event {
 public:
  static Result<std::unique_ptr<Event>> create(const Device& device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Status record(const Stream& stream) const;
  // For the work ahead of where it was recorded last.
  Status wait() const;

 private:
  explicit Event(const Device& device) : device_(device) {}
  const Device& device_;
  CuEvent handle_ = nullptr;
};

// A pair of events around work on a stream.
class Stopwatch {
 public:
  static Result<std::unique_ptr<Stopwatch>> create(const Device& device);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  Status start(const Stream& stream) const;
  Status stop(const Stream& stream) const;
  // Waits for the end.
  Result<double> microseconds() const;

 private:
  explicit Stopwatch(const Device& device) : device_(device) {}
  const Device& device_;
  CuEvent begin_ = nullptr, end_ = nullptr;
};

// What a function enqueued on a stream, replayed as one launch.
class CapturedGraph {
 public:
  static Result<std::unique_ptr<CapturedGraph>> capture(const Device& device, const Stream& stream,
                                                        const std::function<Status()>& enqueue);
  ~CapturedGraph();
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;
  // Captures what takes its place. Where only addresses and the like differ, the graph is brought up to date (true),
  // which costs a fraction of making it anew (false). After a failure there is nothing to launch.
  Result<bool> recapture(const Stream& stream, const std::function<Status()>& enqueue);
  Status launch(CuStream stream) const;

 private:
  explicit CapturedGraph(const Device& device) : device_(device) {}
  const Device& device_;
  CuGraphExec exec_ = nullptr;
};

// A loaded cubin; modules with the same bytes are shared.
class Module {
 public:
  static Result<std::shared_ptr<const Module>> load(const Device& device, std::span<const std::byte> cubin);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  // With that much dynamic shared memory allowed.
  [[nodiscard]] Result<CuFunction> function(const char* name, unsigned shared_bytes) const;

 private:
  explicit Module(const Device& device) : device_(device) {}
  const Device& device_;
  CuModule handle_ = nullptr;
};

}  // namespace ingot::cuda
