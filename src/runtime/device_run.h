// SPDX-License-Identifier: Apache-2.0
// DeviceRun: what a context adds to its executor for a plan of a GPU: a stream, device memory, copies of inputs and
// outputs between host and device, and the run as a captured graph, of which a few are kept for shapes and addresses
// that come back.
#pragma once

#include <memory>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/staging.h"
#include "runtime/executor.h"
#include "runtime/kept_graphs.h"

namespace ingot {

class DeviceRun {
 public:
  struct Options {
    void* stream = nullptr;  // the caller's; null: one of its own
    int graphs = 0;          // captured runs to keep; 0: steps are launched one by one
    Parallel* parallel = nullptr;
  };
  static Result<std::unique_ptr<DeviceRun>> create(const Engine& engine, const Options& options);
  // Before the executor's first run. It must not outlive this.
  void attach(Executor& executor);

  [[nodiscard]] const cuda::Stream& stream() const { return *stream_; }
  // Of memory on the device: from its pool, in the order of the stream, while a run is enqueued.
  [[nodiscard]] Allocator& allocator() { return *allocator_; }
  // Host memory, read or written at every run; or memory of the GPU, used in place.
  Status bind_input(Executor& executor, std::size_t input, const void* data, std::size_t bytes);
  Status bind_output(Executor& executor, std::size_t output, void* data, std::size_t bytes);
  // Copies in, runs, copies out and waits; on a caller's stream it waits only for copies to the host.
  Status run(Executor& executor, bool allow_graph);
  Result<double> time(Executor& executor, int runs);
  // For the end of all runs: afterwards the executor may go with the memory that they use.
  Status wait() const;
  [[nodiscard]] GraphCounts graph_counts() const;
  // After a run, in host memory.
  [[nodiscard]] Value output(std::size_t output) const { return outputs_[output].value; }

 private:
  struct Input {
    const void* host = nullptr;
    const void* in_place = nullptr;
    bool pinned = false;  // the host's memory
    cuda::DeviceMemory device;
  };
  struct Output {
    void* bound = nullptr;
    bool in_place = false;
    bool pinned = false;
    std::size_t bound_bytes = 0;
    HostTensor own;
    Value value;
  };
  DeviceRun(const Engine& engine, int graphs) : engine_(engine), graphs_(static_cast<std::size_t>(graphs)) {}
  [[nodiscard]] Status elsewhere(std::string_view what, std::string_view name) const;
  Status enqueue(Executor& executor, bool allow_graph);
  Status launch_steps(Executor& executor);
  Status copy_in(const Executor& executor);
  Status copy_out(const Executor& executor);
  // Whether the run may be a graph: nothing is allocated in it any more, and nothing waits.
  [[nodiscard]] bool can_capture(const Executor& executor) const;
  // The graph for the present shapes and addresses.
  const cuda::CapturedGraph* find_graph(const Executor& executor);
  Result<const cuda::CapturedGraph*> capture(Executor& executor);

  const Engine& engine_;
  std::unique_ptr<Allocator> allocator_;
  std::unique_ptr<cuda::Stream> stream_;
  std::unique_ptr<cuda::Stream> recorder_;  // of what is then launched on the caller's stream
  std::unique_ptr<cuda::Staging> staging_;
  std::unique_ptr<cuda::Event> read_, done_;  // behind the copies of inputs; behind a run on the caller's stream
  KeptGraphs graphs_;
  std::int64_t replayed_ = 0, stepwise_ = 0;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  bool borrowed_ = false;      // the stream is the caller's
  bool reads_caller_ = false;  // the run copies from the caller's memory while it goes on
};

}  // namespace ingot
