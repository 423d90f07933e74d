// SPDX-License-Identifier: Apache-2.0
// DeviceRun: what a context adds to its executor for a plan of a GPU: a stream, device memory, copies of inputs and
// outputs between host and device, and the run as a captured graph while shapes and addresses stay.
#pragma once

#include <memory>
#include <vector>

#include "backends/cuda/device.h"
#include "runtime/executor.h"

namespace ingot {

class DeviceRun {
 public:
  // On the caller's stream, or on one of its own.
  static Result<std::unique_ptr<DeviceRun>> create(const Engine& engine, void* stream);

  [[nodiscard]] const cuda::Stream& stream() const { return *stream_; }
  // Of memory on the device; called on any thread.
  [[nodiscard]] Allocator& allocator() { return *allocator_; }
  // Host memory, read or written at every run; or memory of the GPU, used in place.
  Status bind_input(Executor& executor, std::size_t input, const void* data, std::size_t bytes);
  Status bind_output(Executor& executor, std::size_t output, void* data, std::size_t bytes);
  // Shapes changed: the next runs launch the steps one by one, then capture them anew.
  void forget_graph();
  // Copies in, runs, copies out and waits; on a caller's stream it waits only for copies to the host.
  Status run(Executor& executor, bool allow_graph);
  Result<double> time(Executor& executor, int runs);
  // After a run, in host memory.
  [[nodiscard]] Value output(std::size_t output) const { return outputs_[output].value; }

 private:
  struct Input {
    const void* host = nullptr;
    const void* in_place = nullptr;
    std::size_t bytes = 0;
    cuda::DeviceMemory device;
  };
  struct Output {
    void* bound = nullptr;
    bool in_place = false;
    std::size_t bound_bytes = 0;
    HostTensor own;
    Value value;
  };
  explicit DeviceRun(const Engine& engine) : engine_(engine) {}
  Status copy_in(const Executor& executor);
  Status copy_out(const Executor& executor);
  Status capture(Executor& executor);

  const Engine& engine_;
  std::unique_ptr<Allocator> allocator_;
  std::unique_ptr<cuda::Stream> stream_;
  std::unique_ptr<cuda::CapturedGraph> graph_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  bool borrowed_ = false;  // the stream is the caller's
  bool ran_ = false;       // since shapes or addresses changed: all memory is there
};

}  // namespace ingot
