// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/device.h"

#include <map>
#include <mutex>
#include <utility>

#include "base/hash.h"

namespace ingot::cuda {
namespace {

// CUdevice_attribute
constexpr int kMultiprocessors = 16, kL2Bytes = 38, kMajor = 75, kMinor = 76;
constexpr int kFunctionMaxDynamicShared = 8;  // CUfunction_attribute
constexpr int kPoolsSupported = 115;
constexpr unsigned kNonBlocking = 1, kNoTiming = 2;
constexpr int kReleaseThreshold = 4;  // CUmemPool_attribute
// What the pool may hold unused, rather than giving it back whenever a stream is waited for.
constexpr std::size_t kMostUnused = std::size_t{256} << 20, kUnusedShare = 64;
constexpr int kCaptureThreadLocal = 1;

thread_local Device* t_current = nullptr;
thread_local CuStream t_stream = nullptr;
thread_local DeviceScope::Memory t_memory = DeviceScope::Memory::kPlain;

// What was current on this thread before the outermost CallersContext's first make_current().
struct Callers {
  int depth = 0;
  const Driver* api = nullptr;  // null: nothing was changed
  CuContext context = nullptr;
};
thread_local Callers t_callers;

// A pool of our own: what other libraries of the process do with the device's default one is theirs. Null where the
// device has none or gives none: memory is plain then.
Result<CuMemoryPool> make_pool(const Driver& api, CuDevice device, int ordinal, std::size_t device_bytes) {
  int supported = 0;
  INGOT_CUDA_RETURN_IF_ERROR(api, device_attribute(&supported, kPoolsSupported, device), "reading an attribute");
  if (supported == 0) return nullptr;
  CuMemoryPoolProperties properties;
  properties.device = ordinal;
  CuMemoryPool pool = nullptr;
  if (api.pool_create(&pool, &properties) != 0) return nullptr;
  std::uint64_t unused = std::min(kMostUnused, device_bytes / kUnusedShare);
  INGOT_CUDA_RETURN_IF_ERROR(api, pool_set(pool, kReleaseThreshold, &unused), "setting up a memory pool");
  return pool;
}

}  // namespace

Result<std::unique_ptr<Device>> Device::open(const Driver& driver_api, int ordinal) {
  const Driver* const api = &driver_api;
  int count = 0;
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_count(&count), "counting devices");
  if (ordinal < 0 || ordinal >= count) return not_found("no CUDA device {}: this machine has {}", ordinal, count);
  std::unique_ptr<Device> device(new Device());
  device->api_ = api;
  device->ordinal_ = ordinal;
  CuDevice handle = 0;
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_get(&handle, ordinal), "opening the device");
  INGOT_CUDA_RETURN_IF_ERROR(*api, context_retain(&device->context_, handle), "making the context");
  char name[256] = {}, bus[32] = {};
  int major = 0, minor = 0, l2 = 0;
  std::size_t memory = 0;
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_name(name, sizeof(name), handle), "reading the device's name");
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_bus(bus, sizeof(bus), handle), "reading the device's place");
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_attribute(&major, kMajor, handle), "reading an attribute");
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_attribute(&minor, kMinor, handle), "reading an attribute");
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_attribute(&l2, kL2Bytes, handle), "reading an attribute");
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_attribute(&device->multiprocessors_, kMultiprocessors, handle),
                             "reading an attribute");
  INGOT_CUDA_RETURN_IF_ERROR(*api, device_memory(&memory, handle), "reading the memory size");
  if (major < 8)
    return unsupported("CUDA device {} ({}) is of compute capability {}.{}; 8.0 is needed", ordinal, name, major,
                       minor);
  INGOT_ASSIGN_OR_RETURN(device->pool_, make_pool(*api, handle, ordinal, memory));
  device->arch_ = fmt::format("sm_{}{}{}", major, minor, major == 9 && minor == 0 ? "a" : "");
  device->bus_ = bus;
  device->overlaps_kernels_ = major >= 9;
  device->info_.kind = "cuda";
  device->info_.name = name;
  device->info_.features = {fmt::format("memory_gib={}", memory >> 30), device->arch_,
                            fmt::format("sms={}", device->multiprocessors_)};
  std::sort(device->info_.features.begin(), device->info_.features.end());
  device->info_.l2_bytes = l2;
  return device;
}

Result<Device*> Device::get(int ordinal) {
  static std::mutex mutex;
  static std::map<int, Result<std::unique_ptr<Device>>> devices;
  const std::lock_guard lock(mutex);
  auto found = devices.find(ordinal);
  if (found == devices.end()) {
    const Result<const Driver*> api = driver();
    found = devices.emplace(ordinal, api.is_ok() ? open(**api, ordinal) : api.status()).first;
  }
  if (!found->second.is_ok()) return found->second.status();
  return found->second->get();
}

Result<Device*> Device::current() { return t_current != nullptr ? Result<Device*>(t_current) : get(0); }

MemoryKind Device::kind_of(const void* memory, std::size_t bytes) const {
  constexpr int kMemoryType = 2, kOrdinal = 9;  // CUpointer_attribute
  constexpr unsigned kHost = 1, kDevice = 2;
  if (memory == nullptr || !make_current().is_ok()) return MemoryKind::kPageable;
  const auto type_of = [&](const void* address) {
    unsigned type = 0;
    return api_->pointer_attribute(&type, kMemoryType, reinterpret_cast<CuPointer>(address)) == 0 ? type : 0;
  };
  const unsigned type = type_of(memory);
  if (type == kDevice) {
    int ordinal = ordinal_;
    const CuResult code = api_->pointer_attribute(&ordinal, kOrdinal, reinterpret_cast<CuPointer>(memory));
    return code == 0 && ordinal != ordinal_ ? MemoryKind::kOtherDevice : MemoryKind::kDevice;
  }
  const void* const last = static_cast<const std::byte*>(memory) + (bytes == 0 ? 0 : bytes - 1);
  return type == kHost && type_of(last) == kHost ? MemoryKind::kPinned : MemoryKind::kPageable;
}

Result<CuPointer> Device::allocate_on(CuStream stream, std::size_t bytes) const {
  INGOT_RETURN_IF_ERROR(make_current());
  CuPointer memory = 0;
  const CuResult code =
      pool_ == nullptr ? api_->memory_allocate(&memory, bytes) : api_->pool_allocate(&memory, bytes, pool_, stream);
  if (code != 0) return cuda_error(*api_, code, fmt::format("allocating {} bytes", bytes));
  return memory;
}

void Device::free_on(CuStream stream, CuPointer memory) const {
  if (!make_current().is_ok()) return;
  if (pool_ == nullptr)
    api_->memory_free(memory);
  else
    api_->memory_free_async(memory, stream);
}

Status Device::make_current() const {
  if (t_callers.depth > 0 && t_callers.api == nullptr && api_->context_get(&t_callers.context) == 0)
    t_callers.api = api_;
  INGOT_CUDA_RETURN_IF_ERROR(*api_, context_set(context_), "making the context current");
  return Status::ok();
}

DeviceScope::DeviceScope(Device& device, CuStream stream, Memory memory)
    : previous_(t_current), previous_stream_(t_stream), previous_memory_(t_memory) {
  t_current = &device;
  t_stream = stream;
  t_memory = memory;
}
DeviceScope::~DeviceScope() {
  t_current = previous_;
  t_stream = previous_stream_;
  t_memory = previous_memory_;
}
CuStream DeviceScope::current_stream() { return t_stream; }
DeviceScope::Memory DeviceScope::memory() { return t_memory; }

CallersContext::CallersContext() { ++t_callers.depth; }
CallersContext::~CallersContext() {
  if (--t_callers.depth > 0 || t_callers.api == nullptr) return;
  t_callers.api->context_set(t_callers.context);
  t_callers.api = nullptr;
}

Result<DeviceMemory> DeviceMemory::allocate(const Device& device, std::size_t bytes) {
  INGOT_RETURN_IF_ERROR(device.make_current());
  DeviceMemory memory;
  if (bytes == 0) return memory;
  memory.pooled_ = t_memory == DeviceScope::Memory::kRun;
  if (memory.pooled_) {
    memory.stream_ = t_stream;
    INGOT_ASSIGN_OR_RETURN(memory.pointer_, device.allocate_on(t_stream, bytes));
  } else {
    const CuResult code = device.api().memory_allocate(&memory.pointer_, bytes);
    if (code != 0) return cuda_error(device.api(), code, fmt::format("allocating {} bytes", bytes));
  }
  memory.device_ = &device;
  memory.size_ = bytes;
  return memory;
}

Result<DeviceMemory> DeviceMemory::upload(const Device& device, std::span<const std::byte> bytes) {
  INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, allocate(device, bytes.size()));
  if (bytes.empty()) return memory;
  // From pageable memory: the call returns once the bytes have been read.
  if (memory.pooled_) {
    INGOT_RETURN_IF_ERROR(copy_to_device(device, memory.data(), bytes.data(), bytes.size()));
    return memory;
  }
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), copy_to_device(memory.pointer_, bytes.data(), bytes.size(), nullptr),
                             "copying to the device");
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), stream_synchronize(nullptr), "waiting for a copy to the device");
  return memory;
}

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(pointer_, other.pointer_);
  std::swap(size_, other.size_);
  std::swap(stream_, other.stream_);
  std::swap(pooled_, other.pooled_);
  return *this;
}
DeviceMemory::~DeviceMemory() {
  if (pointer_ == 0 || !device_->make_current().is_ok()) return;
  if (pooled_ && t_stream == stream_)
    device_->free_on(stream_, pointer_);
  else
    device_->api().memory_free(pointer_);
}

Result<HostMemory> HostMemory::allocate(const Device& device, std::size_t bytes) {
  INGOT_RETURN_IF_ERROR(device.make_current());
  HostMemory memory;
  if (bytes == 0) return memory;
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), host_allocate(&memory.pointer_, bytes, 0),
                             fmt::format("allocating {} bytes of page-locked memory", bytes));
  memory.device_ = &device;
  memory.size_ = bytes;
  return memory;
}
HostMemory::HostMemory(HostMemory&& other) noexcept { *this = std::move(other); }
HostMemory& HostMemory::operator=(HostMemory&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(pointer_, other.pointer_);
  std::swap(size_, other.size_);
  return *this;
}
HostMemory::~HostMemory() {
  if (pointer_ != nullptr && device_->make_current().is_ok()) device_->api().host_free(pointer_);
}

Result<std::unique_ptr<Stream>> Stream::create(const Device& device) {
  INGOT_RETURN_IF_ERROR(device.make_current());
  CuStream handle = nullptr;
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), stream_create(&handle, kNonBlocking), "making a stream");
  return std::unique_ptr<Stream>(new Stream(device, handle, true));
}
std::unique_ptr<Stream> Stream::borrow(const Device& device, CuStream handle) {
  return std::unique_ptr<Stream>(new Stream(device, handle, false));
}
Stream::~Stream() {
  if (owned_ && device_.make_current().is_ok()) device_.api().stream_destroy(handle_);
}
Status Stream::synchronize() const {
  INGOT_RETURN_IF_ERROR(device_.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), stream_synchronize(handle_), "waiting for the stream");
  return Status::ok();
}
Status Stream::copy_to_device(void* to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device_.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), copy_to_device(reinterpret_cast<CuPointer>(to), from, bytes, handle_),
                             "copying to the device");
  return Status::ok();
}
Status Stream::copy_to_host(void* to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device_.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), copy_to_host(to, reinterpret_cast<CuPointer>(from), bytes, handle_),
                             "copying from the device");
  return Status::ok();
}
Status Stream::copy_on_device(void* to, const void* from, std::size_t bytes) const {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device_.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(
      device_.api(), copy_on_device(reinterpret_cast<CuPointer>(to), reinterpret_cast<CuPointer>(from), bytes, handle_),
      "copying on the device");
  return Status::ok();
}
Status Stream::set_bytes(void* to, unsigned char value, std::size_t bytes) const {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device_.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), set_bytes(reinterpret_cast<CuPointer>(to), value, bytes, handle_),
                             "filling device memory");
  return Status::ok();
}

Status copy_to_host(const Device& device, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), copy_to_host(to, reinterpret_cast<CuPointer>(from), bytes, t_stream),
                             "copying from the device");
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), stream_synchronize(t_stream), "waiting for the stream");
  return Status::ok();
}
Status copy_to_device(const Device& device, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), copy_to_device(reinterpret_cast<CuPointer>(to), from, bytes, t_stream),
                             "copying to the device");
  return Status::ok();
}
Status copy_on_device(const Device& device, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return Status::ok();
  INGOT_RETURN_IF_ERROR(device.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(
      device.api(), copy_on_device(reinterpret_cast<CuPointer>(to), reinterpret_cast<CuPointer>(from), bytes, t_stream),
      "copying on the device");
  return Status::ok();
}

Result<std::unique_ptr<Event>> Event::create(const Device& device) {
  INGOT_RETURN_IF_ERROR(device.make_current());
  std::unique_ptr<Event> event(new Event(device));
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), event_create(&event->handle_, kNoTiming), "making an event");
  return event;
}
Event::~Event() {
  if (handle_ != nullptr && device_.make_current().is_ok()) device_.api().event_destroy(handle_);
}
Status Event::record(const Stream& stream) const {
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), event_record(handle_, stream.handle()), "recording an event");
  return Status::ok();
}
Status Event::wait() const {
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), event_synchronize(handle_), "waiting for an event");
  return Status::ok();
}

Result<std::unique_ptr<Stopwatch>> Stopwatch::create(const Device& device) {
  INGOT_RETURN_IF_ERROR(device.make_current());
  std::unique_ptr<Stopwatch> watch(new Stopwatch(device));
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), event_create(&watch->begin_, 0), "making an event");
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), event_create(&watch->end_, 0), "making an event");
  return watch;
}
Stopwatch::~Stopwatch() {
  if (!device_.make_current().is_ok()) return;
  if (begin_ != nullptr) device_.api().event_destroy(begin_);
  if (end_ != nullptr) device_.api().event_destroy(end_);
}
Status Stopwatch::start(const Stream& stream) const {
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), event_record(begin_, stream.handle()), "recording an event");
  return Status::ok();
}
Status Stopwatch::stop(const Stream& stream) const {
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), event_record(end_, stream.handle()), "recording an event");
  return Status::ok();
}
Result<double> Stopwatch::microseconds() const {
  float milliseconds = 0;
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), event_synchronize(end_), "waiting for the work");
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), event_elapsed(&milliseconds, begin_, end_), "reading the time");
  return static_cast<double>(milliseconds) * 1000;
}

Result<std::unique_ptr<CapturedGraph>> CapturedGraph::capture(const Device& device, const Stream& stream,
                                                              const std::function<Status()>& enqueue) {
  std::unique_ptr<CapturedGraph> graph(new CapturedGraph(device));
  INGOT_RETURN_IF_ERROR(graph->recapture(stream, enqueue).status());
  return graph;
}
Result<bool> CapturedGraph::recapture(const Stream& stream, const std::function<Status()>& enqueue) {
  const Driver& api = device_.api();
  INGOT_RETURN_IF_ERROR(device_.make_current());
  // Whatever fails on the way, the old graph is not what the caller wants.
  CuGraphExec before = std::exchange(exec_, nullptr);
  CuGraph captured = nullptr;
  const auto destroy = [&api](CuGraphExec exec) {
    if (exec != nullptr) api.graph_exec_destroy(exec);
  };
  CuResult code = api.capture_begin(stream.handle(), kCaptureThreadLocal);
  std::string_view failed = "starting a capture";
  Status enqueued;
  if (code == 0) {
    try {
      enqueued = enqueue();
    } catch (...) {  // out of memory: the stream must not go on recording
      if (api.capture_end(stream.handle(), &captured) == 0 && captured != nullptr) api.graph_destroy(captured);
      destroy(before);
      throw;
    }
    code = api.capture_end(stream.handle(), &captured);
    failed = "ending a capture";
  }
  if (enqueued.is_ok() && code == 0 && before != nullptr) {
    CuGraphUpdate update;
    if (api.graph_update(before, captured, &update) == 0) exec_ = std::exchange(before, nullptr);
  }
  const bool updated = exec_ != nullptr;
  destroy(before);
  if (enqueued.is_ok() && code == 0 && !updated) {
    code = api.graph_instantiate(&exec_, captured, 0);
    failed = "making the graph";
  }
  if (captured != nullptr) api.graph_destroy(captured);
  INGOT_RETURN_IF_ERROR(std::move(enqueued));
  if (code != 0) return cuda_error(api, code, failed);
  return updated;
}
CapturedGraph::~CapturedGraph() {
  if (exec_ != nullptr && device_.make_current().is_ok()) device_.api().graph_exec_destroy(exec_);
}
Status CapturedGraph::launch(CuStream stream) const {
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), graph_launch(exec_, stream), "launching the graph");
  return Status::ok();
}

Result<std::shared_ptr<const Module>> Module::load(const Device& device, std::span<const std::byte> cubin) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const Module>> loaded;
  const std::string key = fmt::format("{}:{}:{}", device.ordinal(), cubin.size(), hex_text(hash_bytes(cubin)));
  const std::lock_guard lock(mutex);
  if (std::shared_ptr<const Module> known = loaded[key].lock()) return known;
  INGOT_RETURN_IF_ERROR(device.make_current());
  std::shared_ptr<Module> module(new Module(device));
  INGOT_CUDA_RETURN_IF_ERROR(device.api(), module_load(&module->handle_, cubin.data()), "loading a module");
  loaded[key] = module;
  return std::shared_ptr<const Module>(std::move(module));
}
Module::~Module() {
  if (handle_ != nullptr && device_.make_current().is_ok()) device_.api().module_unload(handle_);
}
Result<CuFunction> Module::function(const char* name, unsigned shared_bytes) const {
  CuFunction function = nullptr;
  INGOT_RETURN_IF_ERROR(device_.make_current());
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), module_function(&function, handle_, name),
                             fmt::format("finding kernel {}", name));
  // Steps share code, and the one that needs most must not lose it to one that needs less.
  int allowed = 0;
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), function_get(&allowed, kFunctionMaxDynamicShared, function),
                             fmt::format("asking about the shared memory of {}", name));
  if (shared_bytes > 48 * 1024 && allowed < static_cast<int>(shared_bytes))
    INGOT_CUDA_RETURN_IF_ERROR(device_.api(),
                               function_set(function, kFunctionMaxDynamicShared, static_cast<int>(shared_bytes)),
                               fmt::format("asking for {} bytes of shared memory for {}", shared_bytes, name));
  return function;
}

}  // namespace ingot::cuda
