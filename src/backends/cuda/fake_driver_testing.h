// SPDX-License-Identifier: Apache-2.0
// A driver without a GPU, for tests of what the host does with one. There is one queue: what goes to a stream is done
// when somebody waits for it, as late as a device may do it. Copies of pageable memory are done at once, after what is
// ahead of them, as the driver does them. Kernels do nothing.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "backends/cuda/device.h"

namespace ingot::cuda {

class FakeGpu {
 public:
  using Work = std::function<void()>;
  using Graph = std::vector<Work>;

  FakeGpu() { now() = this; }
  ~FakeGpu() {
    device_.reset();
    finish(enqueued_);
    now() = nullptr;
  }
  FakeGpu(const FakeGpu&) = delete;
  FakeGpu& operator=(const FakeGpu&) = delete;

  Device& device() {
    if (device_ == nullptr) device_ = Device::open(api(), 0).value();
    return *device_;
  }

  // What the tests ask about.
  bool has_pool = true;
  int instantiated = 0, updated = 0, launched = 0;
  int plain_allocations = 0, plain_frees = 0, pool_allocations = 0, pool_frees = 0, waits = 0;
  std::size_t pinned_bytes = 0, most_pinned_bytes = SIZE_MAX;

  static const Driver& api() {
    static const Driver driver = make();
    return driver;
  }

 private:
  static FakeGpu*& now() {
    static FakeGpu* gpu = nullptr;
    return gpu;
  }
  template <typename T>
  static T* pointer(CuPointer address) {
    return reinterpret_cast<T*>(address);
  }

  void enqueue(Work work) {
    if (capturing_) {
      captured_.push_back(std::move(work));
      return;
    }
    queue_.push_back(std::move(work));
    ++enqueued_;
  }
  void finish(std::size_t until) {
    for (; done_ < until; ++done_) {
      queue_.front()();
      queue_.pop_front();
    }
  }
  [[nodiscard]] bool is_pinned(const void* address) const {
    const auto above = pinned_.upper_bound(static_cast<const std::byte*>(address));
    if (above == pinned_.begin()) return false;
    const auto& [begin, bytes] = *std::prev(above);
    return static_cast<const std::byte*>(address) < begin + bytes;
  }
  int copy(void* to, const void* from, std::size_t bytes, const void* host) {
    enqueue([=] { std::memcpy(to, from, bytes); });
    if (!capturing_ && host != nullptr && !is_pinned(host)) finish(enqueued_);
    return 0;
  }

  static Driver make() {
    Driver api;
    api.error_name = [](CuResult, const char** text) { return *text = "FAKE", 0; };
    api.error_text = [](CuResult, const char** text) { return *text = "a fake error", 0; };
    api.device_count = [](int* count) { return *count = 1, 0; };
    api.device_get = [](CuDevice* device, int) { return *device = 0, 0; };
    api.context_retain = [](CuContext*, CuDevice) { return 0; };
    api.context_set = [](CuContext) { return 0; };
    api.context_get = [](CuContext*) { return 0; };
    api.device_name = [](char* name, int, CuDevice) { return std::strcpy(name, "fake"), 0; };
    api.device_bus = [](char* name, int, CuDevice) { return std::strcpy(name, "0"), 0; };
    api.device_memory = [](std::size_t* bytes, CuDevice) { return *bytes = std::size_t{1} << 34, 0; };
    api.device_attribute = [](int* value, int attribute, CuDevice) {
      constexpr int kPools = 115;
      return *value = attribute == kPools ? int{now()->has_pool} : 9, 0;
    };
    api.pool_create = [](CuMemoryPool* pool, const CuMemoryPoolProperties*) {
      return *pool = reinterpret_cast<CuMemoryPool>(now()), 0;
    };
    api.pool_set = [](CuMemoryPool, int, void*) { return 0; };
    api.pool_allocate = [](CuPointer* memory, std::size_t bytes, CuMemoryPool, CuStream) {
      ++now()->pool_allocations;
      return allocate(memory, bytes);
    };
    api.memory_free_async = [](CuPointer memory, CuStream) {
      ++now()->pool_frees;
      now()->enqueue([=] { delete[] pointer<std::byte>(memory); });
      return 0;
    };
    api.memory_allocate = [](CuPointer* memory, std::size_t bytes) {
      ++now()->plain_allocations;
      return allocate(memory, bytes);
    };
    api.memory_free = [](CuPointer memory) {
      ++now()->plain_frees;
      now()->finish(now()->enqueued_);
      delete[] pointer<std::byte>(memory);
      return 0;
    };
    api.host_allocate = [](void** memory, std::size_t bytes, unsigned) {
      constexpr int kOutOfMemory = 2;
      if (now()->most_pinned_bytes - now()->pinned_bytes < bytes) return kOutOfMemory;
      auto* const made = new std::byte[bytes];
      now()->pinned_[made] = bytes;
      now()->pinned_bytes += bytes;
      *memory = made;
      return 0;
    };
    api.host_free = [](void* memory) {
      now()->finish(now()->enqueued_);
      now()->pinned_.erase(static_cast<std::byte*>(memory));
      delete[] static_cast<std::byte*>(memory);
      return 0;
    };
    api.copy_to_device = [](CuPointer to, const void* from, std::size_t bytes, CuStream) {
      return now()->copy(pointer<void>(to), from, bytes, from);
    };
    api.copy_to_host = [](void* to, CuPointer from, std::size_t bytes, CuStream) {
      return now()->copy(to, pointer<void>(from), bytes, to);
    };
    api.copy_on_device = [](CuPointer to, CuPointer from, std::size_t bytes, CuStream) {
      return now()->copy(pointer<void>(to), pointer<void>(from), bytes, nullptr);
    };
    api.stream_create = [](CuStream* stream, unsigned) { return *stream = reinterpret_cast<CuStream>(now()), 0; };
    api.stream_destroy = [](CuStream) { return 0; };
    api.stream_synchronize = [](CuStream) {
      ++now()->waits;
      now()->finish(now()->enqueued_);
      return 0;
    };
    api.event_create = [](CuEvent* event, unsigned) {
      *event = reinterpret_cast<CuEvent>(new std::size_t(0));
      return 0;
    };
    api.event_destroy = [](CuEvent event) {
      delete reinterpret_cast<std::size_t*>(event);
      return 0;
    };
    api.event_record = [](CuEvent event, CuStream) {
      return *reinterpret_cast<std::size_t*>(event) = now()->enqueued_, 0;
    };
    api.event_synchronize = [](CuEvent event) {
      ++now()->waits;
      now()->finish(*reinterpret_cast<std::size_t*>(event));
      return 0;
    };
    api.capture_begin = [](CuStream, int) {
      now()->capturing_ = true;
      now()->captured_.clear();
      return 0;
    };
    api.capture_end = [](CuStream, CuGraph* graph) {
      now()->capturing_ = false;
      *graph = reinterpret_cast<CuGraph>(new Graph(std::move(now()->captured_)));
      return 0;
    };
    api.graph_destroy = [](CuGraph graph) {
      delete reinterpret_cast<Graph*>(graph);
      return 0;
    };
    api.graph_instantiate = [](CuGraphExec* exec, CuGraph graph, unsigned long long) {
      ++now()->instantiated;
      *exec = reinterpret_cast<CuGraphExec>(new Graph(*reinterpret_cast<Graph*>(graph)));
      return 0;
    };
    // Of the same number of nodes; the real one also looks at their kinds and edges.
    api.graph_update = [](CuGraphExec exec, CuGraph graph, CuGraphUpdate*) {
      constexpr CuResult kUpdateFailure = 910;
      auto& old = *reinterpret_cast<Graph*>(exec);
      const auto& next = *reinterpret_cast<Graph*>(graph);
      if (old.size() != next.size()) return kUpdateFailure;
      ++now()->updated;
      old = next;
      return 0;
    };
    api.graph_exec_destroy = [](CuGraphExec exec) {
      delete reinterpret_cast<Graph*>(exec);
      return 0;
    };
    api.graph_launch = [](CuGraphExec exec, CuStream) {
      ++now()->launched;
      for (const Work& work : *reinterpret_cast<Graph*>(exec)) now()->enqueue(work);
      return 0;
    };
    return api;
  }
  static int allocate(CuPointer* memory, std::size_t bytes) {
    *memory = reinterpret_cast<CuPointer>(new std::byte[bytes]);
    return 0;
  }

  std::unique_ptr<Device> device_;
  std::deque<Work> queue_;
  std::size_t enqueued_ = 0, done_ = 0;
  std::map<const std::byte*, std::size_t> pinned_;
  bool capturing_ = false;
  Graph captured_;
};

}  // namespace ingot::cuda
