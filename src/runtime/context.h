// SPDX-License-Identifier: Apache-2.0
// Context: one stream of inference over a shared engine: shapes, memory, bindings, kernel states.
//
// Belongs to one thread at a time. Bound memory stays the caller's and must live until it is bound anew or the context
// dies. Inputs must be bound; outputs may be: an unbound output lives in the context and is valid until the next run or
// shape change. With fixed shapes a run neither allocates nor locks, except in control flow, in steps on objects
// (strings, sequences, optionals), inside a library whose tactic the plan chose (Tactic::may_allocate) and in plain
// tactics.
#pragma once

#include <memory>
#include <vector>

#include "base/parallel.h"
#include "base/status.h"
#include "runtime/device_run.h"
#include "runtime/engine.h"
#include "runtime/executor.h"
#include "runtime/hooks.h"

namespace ingot {

inline constexpr int kCudaGraphs = 8;

struct ContextOptions {
  int threads = 0;                 // <= 0: all processors that the process may use; ignored with `parallel`
  Parallel* parallel = nullptr;    // the caller's thread pool; must outlive the context
  Allocator* allocator = nullptr;  // null: the heap
  void* cuda_stream = nullptr;     // for a plan of a GPU: the caller's stream; null: the context's own
  // For a plan of a GPU: how many captured runs to keep for shapes and addresses that come back; 0: steps are launched
  // one by one.
  int cuda_graphs = kCudaGraphs;
};

class Context {
 public:
  static Result<std::unique_ptr<Context>> create(std::shared_ptr<const Engine> engine,
                                                 const ContextOptions& options = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] const Engine& engine() const { return *engine_; }

  // Needed for inputs with symbolic dimensions; checked against the profile at the next prepare() or run().
  Status set_input_shape(std::size_t input, Shape shape);
  // `bytes` is the size of the memory; too small is an error at run().
  Status bind_input(std::size_t input, const void* data, std::size_t bytes);
  // Any input, those that are no dense tensors too: strings, sequences, optionals. Of objects a copy is kept.
  Status bind_value(std::size_t input, const Value& value);
  // nullptr unbinds.
  Status bind_output(std::size_t output, void* data, std::size_t bytes);

  // Resolves shapes, plans memory and configures kernels now rather than in the next run().
  Status prepare();
  // Before a run: fails (kFailedPrecondition) for shapes that only the data decide. Calls prepare().
  Result<Shape> output_shape(std::size_t output);
  // The shape an input has now; fails when it is symbolic and not set.
  [[nodiscard]] Result<Shape> input_shape(std::size_t input) const;

  Status run();
  // See Executor.
  void cancel() { executor_.cancel(); }
  // After a run. Null for strings, sequences and empty optionals.
  [[nodiscard]] const void* output_data(std::size_t output) const;
  // After a run: any output, valid until the next one.
  [[nodiscard]] Value output_value(std::size_t output) const {
    return device_ != nullptr ? device_->output(output) : executor_.output(output);
  }

  // A copy of any tensor of the main program that the last launch left in memory. Meant for Profiler::on_step, right
  // after the step that wrote it: later steps reuse the memory.
  [[nodiscard]] Result<HostTensor> snapshot(std::int32_t tensor) const { return executor_.snapshot(tensor); }

  // nullptr detaches. Steps of the main program only: the time of a body is that of its control-flow step.
  void set_profiler(Profiler* profiler) {
    profiled_ = profiler != nullptr;
    executor_.set_profiler(profiler);
  }
  // Microseconds of one run on a GPU, without the copies in and out: the fastest of `runs` replays of the captured run.
  Result<double> time_on_device(int runs);
  // Of a plan of a GPU.
  [[nodiscard]] GraphCounts graph_counts() const {
    return device_ != nullptr ? device_->graph_counts() : GraphCounts();
  }
  // Bytes of activations and workspace that the context holds.
  [[nodiscard]] std::size_t memory_bytes() const { return executor_.memory_bytes(); }
  [[nodiscard]] int threads() const { return parallel_->threads(); }

 private:
  Context(std::shared_ptr<const Engine> engine, const ContextOptions& options, std::unique_ptr<Parallel> pool,
          std::unique_ptr<DeviceRun> device);
  Status check_profiles() const;

  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<Parallel> own_pool_;
  Parallel* parallel_;
  std::unique_ptr<DeviceRun> device_;  // null on the CPU
  Executor executor_;
  bool profiled_ = false;
  bool profile_checked_ = false;
};

}  // namespace ingot
