// SPDX-License-Identifier: Apache-2.0
// Context: one stream of inference over a shared engine: shapes, memory, bindings, kernel states.
//
// Belongs to one thread at a time. Bound memory stays the caller's and must live until it is bound anew or the context
// dies. Inputs must be bound; outputs may be: an unbound output lives in the context and is valid until the next run or
// shape change. With fixed shapes a run neither allocates nor locks,
// except inside a library whose tactic the plan chose (Tactic::may_allocate) and in plain tactics.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/parallel.h"
#include "base/status.h"
#include "runtime/buffer.h"
#include "runtime/engine.h"
#include "runtime/hooks.h"

namespace ingot {

struct ContextOptions {
  int threads = 0;                 // <= 0: all processors that the process may use; ignored with `parallel`
  Parallel* parallel = nullptr;    // the caller's thread pool; must outlive the context
  Allocator* allocator = nullptr;  // null: the heap
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
  // nullptr unbinds.
  Status bind_output(std::size_t output, void* data, std::size_t bytes);

  // Resolves shapes, plans memory and configures kernels now rather than in the next run().
  Status prepare();
  // Before a run: fails (kFailedPrecondition) for shapes that only the data decide. Calls prepare().
  Result<Shape> output_shape(std::size_t output);
  // The shape an input has now; fails when it is symbolic and not set.
  [[nodiscard]] Result<Shape> input_shape(std::size_t input) const;

  Status run();
  // After a run.
  [[nodiscard]] const void* output_data(std::size_t output) const;

  // A copy of any tensor of the plan that the last launch left in memory. Meant for Profiler::on_step, right after the
  // step that wrote it: later steps reuse the memory.
  [[nodiscard]] Result<HostTensor> snapshot(std::int32_t tensor) const;

  // nullptr detaches.
  void set_profiler(Profiler* profiler) { profiler_ = profiler; }
  // Bytes of activations and workspace that the context holds.
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] int threads() const { return parallel_->threads(); }

 private:
  struct TensorState {
    Shape shape;
    bool resolved = false;
    std::int64_t bytes = 0;
    std::byte* data = nullptr;  // activations and owned outputs
    std::optional<Buffer> own;  // data-dependent activations, outputs
  };
  struct StepState {
    std::unique_ptr<KernelState> kernel;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    bool deferred = false;  // shapes known only during the run
  };
  struct Binding {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
  };
  class RunAllocator;

  Context(std::shared_ptr<const Engine> engine, const ContextOptions& options);
  Status bind_input_symbols();
  Status check_profiles(const std::vector<Shape>& shapes) const;
  Status resolve_tensor(std::size_t id, const SymbolValues& symbols);
  bool step_resolved(std::size_t step) const;
  Status place_activations();
  Status reserve_own(std::size_t id);
  Status configure_step(std::size_t step, const SymbolValues& symbols);
  Status configure_deferred(std::size_t step);
  Status resume_after(std::size_t step);
  Status check_bindings();
  std::int32_t root_of(std::int32_t id) const;
  const void* address_of(std::int32_t id) const;
  void point_step(std::size_t step);
  Status launch(std::size_t step);
  // Bound outputs that are constants, inputs or views of other tensors: no step writes into the bound memory.
  Status copy_outputs();

  std::shared_ptr<const Engine> engine_;
  Allocator* allocator_;
  std::unique_ptr<Parallel> own_pool_;
  Parallel* parallel_;
  Profiler* profiler_ = nullptr;

  std::vector<std::optional<Shape>> given_shapes_;  // by input
  std::vector<Binding> inputs_, outputs_;
  std::vector<std::int32_t> binding_of_;  // by tensor id: index into inputs_ or outputs_, or -1
  std::vector<TensorState> tensors_;
  std::vector<StepState> steps_;
  std::vector<std::size_t> decided_by_data_;  // tensor ids whose shape every run finds anew
  Buffer arena_, workspace_;
  SymbolValues symbols_;      // bound by input shapes
  SymbolValues run_symbols_;  // and by data, during a run
  bool shapes_dirty_ = true;
  bool pointers_dirty_ = true;
};

}  // namespace ingot
