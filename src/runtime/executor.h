// SPDX-License-Identifier: Apache-2.0
// Executor: runs one program of an engine: shapes, memory, bindings, kernel states. A context has one for the main
// program, and executors have one for each body that a control-flow step has run.
//
// Belongs to one thread at a time. With fixed shapes and dense tensors a run neither allocates nor locks.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/parallel.h"
#include "base/status.h"
#include "runtime/buffer.h"
#include "runtime/engine.h"
#include "runtime/hooks.h"
#include "runtime/object.h"

namespace ingot {

// What a loop carries from one iteration to the next: memory that changes hands with the body's output, or an object.
struct Carried {
  explicit Carried(Allocator& allocator) : buffer(allocator) {}
  Buffer buffer;
  Object object;
  Value value;  // a view of either
};

class Executor {
 public:
  Executor(const Engine& engine, const LoadedProgram& loaded, Allocator& allocator, Parallel& parallel);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // See Context for these.
  Status set_input_shape(std::size_t input, Shape shape);
  [[nodiscard]] Result<Shape> input_shape(std::size_t input) const;
  Status bind_input(std::size_t input, const void* data, std::size_t bytes);
  Status bind_output(std::size_t output, void* data, std::size_t bytes);
  // Shape and memory in one, or an object, of which a copy is kept.
  Status bind_value(std::size_t input, const Value& value);
  Status prepare();
  Result<Shape> output_shape(std::size_t output);
  Status run();
  // The two halves of run(). The first does what the host has to do for the present shapes and bindings, allocations
  // included; the second only enqueues where the program does not need the host, so that it can be captured.
  Status settle();
  Status launch_steps();
  // From any thread: the run in progress ends before the next iteration of a loop. No effect on later runs.
  void cancel() { cancelled_ = true; }
  void forget_cancel() { cancelled_ = false; }
  void set_profiler(Profiler* profiler) { profiler_ = profiler; }
  // For a plan of a GPU: where its kernels go. The executor's allocator then gives device memory, its bindings are
  // device memory, and outputs stay unbound.
  void set_stream(const cuda::Stream* stream) { stream_ = stream; }
  // Whether a run needs the host between its steps, so that it cannot be captured. Known after prepare().
  [[nodiscard]] bool needs_host() const { return needs_host_; }
  // Input shapes that were configured stay so, the latest `most` of them: a return to one of them configures nothing.
  // `on_drop` hears the number of one that is about to go with its kernel states. Without this call only the present
  // shapes are kept.
  void keep_configurations(std::size_t most, std::function<void(std::uint64_t)> on_drop);
  // The present shapes' number, which no others ever get. Known after prepare().
  [[nodiscard]] std::uint64_t configuration() const { return configuration_; }
  // Whether all steps have run with the present configuration: what they allocate at first is there.
  [[nodiscard]] bool has_run() const { return has_run_; }
  // How often memory of this executor that steps are pointed to has moved.
  [[nodiscard]] std::uint64_t memory_moves() const { return memory_moves_; }
  // Where input or output `i` is bound; null: nowhere.
  [[nodiscard]] const void* bound_input(std::size_t i) const { return inputs_[i].data; }
  [[nodiscard]] const void* bound_output(std::size_t i) const { return outputs_[i].data; }
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] Result<HostTensor> snapshot(std::int32_t tensor) const;

  // --- for control flow and steps on objects ------------------------------------------------------------------------
  // What symbols mean outside: for those that the program's own inputs do not bind.
  void set_outer_symbols(const SymbolValues& symbols);
  [[nodiscard]] const SymbolValues& symbols() const { return run_symbols_; }
  [[nodiscard]] const LoadedProgram& loaded() const { return loaded_; }
  [[nodiscard]] Allocator& allocator() const { return *allocator_; }
  [[nodiscard]] Value value_of(std::int32_t tensor) const;  // -1: an absent one
  [[nodiscard]] Value output(std::size_t output) const { return value_of(loaded_.program->outputs[output]); }
  // Moves an output out; the program gets the memory that `to` had.
  Status take_output(std::size_t output, Carried& to);
  // Stores the result of a step; the shape of a dense one is decided by this where it was open.
  Status set_value(std::int32_t tensor, const Value& value);
  // Whether cancel() was called for the program that all this is part of.
  [[nodiscard]] bool is_cancelled() const { return root_->cancelled_.load(std::memory_order_relaxed); }
  // The executor of a step's body, made when first asked for.
  Executor& body(std::size_t step, std::size_t which);

 private:
  struct TensorSize {
    Shape shape;
    bool resolved = false;
    std::int64_t bytes = 0;
    std::int64_t place = -1;  // of an activation in the arena; -1: it has memory of its own
  };
  struct TensorState : TensorSize {
    std::optional<Buffer> own;  // data-dependent activations, outputs
    Object object;
  };
  struct StepKernel {
    std::unique_ptr<KernelState> kernel;
    bool deferred = false;  // shapes known only during the run
  };
  struct StepState : StepKernel {
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    std::vector<std::unique_ptr<Executor>> bodies;
  };
  using InputShapes = std::vector<std::optional<Shape>>;
  // What the input shapes decide, while other shapes are at work.
  struct Configuration {
    std::uint64_t number = 0;
    InputShapes inputs;
    SymbolValues symbols;
    std::vector<TensorSize> tensors;
    std::vector<StepKernel> steps;
    std::vector<std::size_t> decided_by_data;
    bool needs_host = false, has_run = false;
  };
  struct Binding {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
  };
  class RunAllocator;

  [[nodiscard]] const plan::Program& program() const { return *loaded_.program; }
  [[nodiscard]] const plan::Tensor& tensor(std::int32_t id) const {
    return program().tensors[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] const plan::Tensor& input(std::size_t i) const { return tensor(program().inputs[i]); }
  [[nodiscard]] const plan::Tensor& output_tensor(std::size_t i) const { return tensor(program().outputs[i]); }
  [[nodiscard]] TensorState& state_of(std::int32_t id) { return tensors_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const TensorState& state_of(std::int32_t id) const { return tensors_[static_cast<std::size_t>(id)]; }

  // Of an object that is one tensor of a planned shape (strings) and that is there.
  [[nodiscard]] std::optional<Shape> object_shape(std::int32_t id) const;
  Result<InputShapes> input_shapes() const;
  Status bind_input_symbols(const InputShapes& shapes);
  Status configure();
  void put_by();
  bool take_up(const InputShapes& shapes);
  // Memory that steps are pointed to.
  Status reserve(Buffer& buffer, std::size_t bytes);
  Status resolve_tensor(std::size_t id, const SymbolValues& symbols);
  bool step_resolved(std::size_t step) const;
  // In the arena, which is not there where no tensor in it has elements.
  [[nodiscard]] bool is_placed(const TensorSize& tensor) const { return tensor.place >= 0 && arena_.data() != nullptr; }
  Status place_activations();
  Status reserve_own(std::size_t id);
  Status decide_shape(std::int32_t id, const Shape& shape);
  Status configure_step(std::size_t step, const SymbolValues& symbols);
  Status configure_deferred(std::size_t step);
  Status resume_after(std::size_t step);
  Status check_bindings();
  std::int32_t root_of(std::int32_t id) const;
  const void* address_of(std::int32_t id) const;
  void point_step(std::size_t step);
  Status launch(std::size_t step);
  Status run_step(std::size_t step);
  // Bound outputs that are constants, inputs or views of other tensors: no step writes into the bound memory.
  Status copy_outputs();
  // A value into memory of this executor, wherever either lies.
  Status copy_in(void* to, const Value& value) const;
  Status annotate(Status status, std::size_t step) const;

  const Engine& engine_;
  const LoadedProgram& loaded_;
  Allocator* allocator_;
  Parallel* parallel_;
  Profiler* profiler_ = nullptr;
  const cuda::Stream* stream_ = nullptr;

  std::atomic<bool> cancelled_{false};
  const Executor* root_ = this;  // the outermost program's
  InputShapes given_shapes_;     // by input
  std::vector<Binding> inputs_, outputs_;
  std::vector<std::optional<Buffer>> uploads_;  // by input: host values on their way to a GPU
  std::vector<std::int32_t> binding_of_;        // by tensor id: index into inputs_ or outputs_, or -1
  std::vector<TensorState> tensors_;
  std::vector<StepState> steps_;
  std::vector<std::size_t> decided_by_data_;  // tensor ids whose shape every run finds anew
  Buffer arena_, workspace_;
  SymbolValues outer_symbols_;
  SymbolValues symbols_;      // bound by input shapes
  SymbolValues run_symbols_;  // and by data, during a run
  std::size_t most_configurations_ = 1;
  std::function<void(std::uint64_t)> on_drop_;
  std::vector<Configuration> put_by_;  // the latest last
  InputShapes configured_;             // whose sizes and kernel states are in tensors_ and steps_
  std::uint64_t configuration_ = 0, configurations_ = 0;
  std::uint64_t memory_moves_ = 0;
  bool needs_host_ = false;
  bool has_run_ = false;
  bool is_configured_ = false;  // all of them: prepare() did not fail
  bool shapes_dirty_ = true;
  bool pointers_dirty_ = true;
  bool symbols_grew_ = true;  // since run_symbols_ was last symbols_
};

}  // namespace ingot
