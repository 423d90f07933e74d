// SPDX-License-Identifier: Apache-2.0
// What an application may plug into the runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ingot {

// Memory for activations and workspace. Called only while shapes change or a context is made or destroyed (and during a
// run for outputs whose size the data decide), never in a steady-state run. Must be thread-safe when contexts on
// several threads share it. Must outlive the contexts.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual void* allocate(std::size_t bytes, std::size_t alignment) = 0;  // nullptr when out of memory
  virtual void deallocate(void* memory, std::size_t bytes) = 0;
  // Between two pieces of its memory.
  virtual bool copy(void* to, const void* from, std::size_t bytes);
};

// The process heap.
Allocator& default_allocator();

// Called after every step of a run on the running thread; attaching one turns on per-step timing.
class Profiler {
 public:
  virtual ~Profiler() = default;
  virtual void on_step(std::size_t step, std::string_view name, std::string_view tactic, double microseconds) = 0;
};

}  // namespace ingot
