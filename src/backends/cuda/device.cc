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
constexpr unsigned kNonBlocking = 1;
constexpr int kCaptureThreadLocal = 1;

thread_local Device* t_current = nullptr;
thread_local CuStream t_stream = nullptr;

// What was current on this thread before the outermost CallersContext's first make_current().
struct Callers {
  int depth = 0;
  const Driver* api = nullptr;  // null: nothing was changed
  CuContext context = nullptr;
};
thread_local Callers t_callers;

}  // namespace

Result<std::unique_ptr<Device>> Device::open(int ordinal) {
  INGOT_ASSIGN_OR_RETURN(const Driver* api, driver());
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
  if (found == devices.end()) found = devices.emplace(ordinal, open(ordinal)).first;
  if (!found->second.is_ok()) return found->second.status();
  return found->second->get();
}

Result<Device*> Device::current() { return t_current != nullptr ? Result<Device*>(t_current) : get(0); }

bool Device::owns(const void* address) const {
  constexpr int kMemoryType = 2;  // CUpointer_attribute
  constexpr unsigned kDeviceMemory = 2;
  unsigned type = 0;
  return address != nullptr && make_current().is_ok() &&
         api_->pointer_attribute(&type, kMemoryType, reinterpret_cast<CuPointer>(address)) == 0 &&
         type == kDeviceMemory;
}

Status Device::make_current() const {
  if (t_callers.depth > 0 && t_callers.api == nullptr && api_->context_get(&t_callers.context) == 0)
    t_callers.api = api_;
  INGOT_CUDA_RETURN_IF_ERROR(*api_, context_set(context_), "making the context current");
  return Status::ok();
}

DeviceScope::DeviceScope(Device& device, CuStream stream) : previous_(t_current), previous_stream_(t_stream) {
  t_current = &device;
  t_stream = stream;
}
DeviceScope::~DeviceScope() {
  t_current = previous_;
  t_stream = previous_stream_;
}
CuStream DeviceScope::current_stream() { return t_stream; }

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
  const CuResult code = device.api().memory_allocate(&memory.pointer_, bytes);
  if (code != 0) return cuda_error(device.api(), code, fmt::format("allocating {} bytes", bytes));
  memory.device_ = &device;
  memory.size_ = bytes;
  return memory;
}

Result<DeviceMemory> DeviceMemory::upload(const Device& device, std::span<const std::byte> bytes) {
  INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, allocate(device, bytes.size()));
  if (bytes.empty()) return memory;
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
  return *this;
}
DeviceMemory::~DeviceMemory() {
  if (pointer_ != 0 && device_->make_current().is_ok()) device_->api().memory_free(pointer_);
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
    enqueued = enqueue();
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
