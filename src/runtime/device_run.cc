// SPDX-License-Identifier: Apache-2.0
#include "runtime/device_run.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_set>
#include <utility>

#include "backends/cuda/nvtx.h"

namespace ingot {
namespace {

constexpr int kMostGraphs = 1024;
// CU_STREAM_LEGACY, which cannot be captured.
void* const kLegacyStream = reinterpret_cast<void*>(1);

// On a stream of the context's own: up to this size the driver takes a copy of pageable memory into its command buffer,
// and waits for nothing.
constexpr std::size_t kDriverCopies = std::size_t{64} << 10;

// What kernels read and write at once. A wrong address would be an error of the GPU, after which nothing runs there.
Status check_alignment(std::string_view what, std::string_view name, const void* data) {
  constexpr std::uintptr_t kAlignment = 16;
  if (reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0) return Status::ok();
  return invalid_argument("{} '{}' at {} in memory of the GPU is not aligned to {} bytes", what, name, data,
                          kAlignment);
}

class DeviceAllocator final : public Allocator {
 public:
  DeviceAllocator(const cuda::Device& device, cuda::CuStream stream) : device_(device), stream_(stream) {}
  void* allocate(std::size_t bytes, std::size_t) override {
    bytes = std::max<std::size_t>(bytes, 1);
    cuda::CuPointer pointer = 0;
    if (cuda::DeviceScope::memory() == cuda::DeviceScope::Memory::kRun) {
      const Result<cuda::CuPointer> pooled = device_.allocate_on(stream_, bytes);
      if (!pooled.is_ok()) return nullptr;
      pointer = *pooled;
      pooled_.insert(pointer);
    } else if (!device_.make_current().is_ok() || device_.api().memory_allocate(&pointer, bytes) != 0) {
      return nullptr;
    }
    return reinterpret_cast<void*>(pointer);
  }
  bool copy(void* to, const void* from, std::size_t bytes) override {
    return cuda::copy_on_device(device_, to, from, bytes).is_ok();
  }
  void deallocate(void* memory, std::size_t) override {
    const auto pointer = reinterpret_cast<cuda::CuPointer>(memory);
    // Outside of every scope the runs are over.
    if (pooled_.erase(pointer) != 0 && cuda::DeviceScope::current_stream() == stream_)
      device_.free_on(stream_, pointer);
    else if (device_.make_current().is_ok())
      device_.api().memory_free(pointer);
  }

 private:
  const cuda::Device& device_;
  cuda::CuStream stream_;
  std::unordered_set<cuda::CuPointer> pooled_;
};

}  // namespace

Result<std::unique_ptr<DeviceRun>> DeviceRun::create(const Engine& engine, const Options& options) {
  if (options.graphs < 0 || options.graphs > kMostGraphs)
    return invalid_argument("{} captured graphs: 0 to {}", options.graphs, kMostGraphs);
  const cuda::Device& device = *engine.cuda_device();
  std::unique_ptr<DeviceRun> run(new DeviceRun(engine, options.stream == kLegacyStream ? 0 : options.graphs));
  run->borrowed_ = options.stream != nullptr;
  if (run->borrowed_) {
    run->stream_ = cuda::Stream::borrow(device, static_cast<cuda::CuStream>(options.stream));
    INGOT_ASSIGN_OR_RETURN(run->read_, cuda::Event::create(device));
    INGOT_ASSIGN_OR_RETURN(run->done_, cuda::Event::create(device));
  } else {
    INGOT_ASSIGN_OR_RETURN(run->stream_, cuda::Stream::create(device));
  }
  run->allocator_ = std::make_unique<DeviceAllocator>(device, run->stream_->handle());
  run->staging_ = std::make_unique<cuda::Staging>(device, *run->stream_, options.parallel);
  run->inputs_.resize(engine.input_count());
  run->outputs_.resize(engine.output_count());
  return run;
}

void DeviceRun::attach(Executor& executor) {
  executor.set_stream(stream_.get());
  executor.keep_configurations(std::max<std::size_t>(graphs_.most(), 1), [this](std::uint64_t configuration) {
    static_cast<void>(wait());  // a run on its way uses the kernels' states, which go next
    graphs_.drop(configuration);
  });
}

Status DeviceRun::wait() const {
  if (!borrowed_) return stream_->synchronize();
  // The caller may have destroyed its stream.
  INGOT_RETURN_IF_ERROR(engine_.cuda_device()->make_current());
  return done_->wait();
}

Status DeviceRun::elsewhere(std::string_view what, std::string_view name) const {
  return invalid_argument("{} '{}' is in memory of another GPU than cuda:{}, which the engine was loaded for", what,
                          name, engine_.cuda_device()->ordinal());
}

Status DeviceRun::bind_input(Executor& executor, std::size_t index, const void* data, std::size_t bytes) {
  if (index >= inputs_.size()) return invalid_argument("input {} of {}", index, inputs_.size());
  Input& input = inputs_[index];
  const cuda::MemoryKind kind = engine_.cuda_device()->kind_of(data, bytes);
  if (kind == cuda::MemoryKind::kOtherDevice) return elsewhere("input", engine_.input(index).name);
  input.in_place = kind == cuda::MemoryKind::kDevice ? data : nullptr;
  input.pinned = kind == cuda::MemoryKind::kPinned;
  input.host = input.in_place != nullptr ? nullptr : data;
  if (input.in_place != nullptr) {
    INGOT_RETURN_IF_ERROR(check_alignment("input", engine_.input(index).name, data));
    return executor.bind_input(index, data, bytes);
  }
  if (bytes > input.device.size() || input.device.data() == nullptr) {
    graphs_.clear();
    INGOT_ASSIGN_OR_RETURN(input.device,
                           cuda::DeviceMemory::allocate(*engine_.cuda_device(), std::max<std::size_t>(bytes, 1)));
  }
  return executor.bind_input(index, data == nullptr ? nullptr : input.device.data(), bytes);
}

Status DeviceRun::bind_output(Executor& executor, std::size_t index, void* data, std::size_t bytes) {
  if (index >= outputs_.size()) return invalid_argument("output {} of {}", index, outputs_.size());
  const cuda::MemoryKind kind = engine_.cuda_device()->kind_of(data, bytes);
  if (kind == cuda::MemoryKind::kOtherDevice) return elsewhere("output", engine_.output(index).name);
  const bool in_place = kind == cuda::MemoryKind::kDevice;
  if (in_place) INGOT_RETURN_IF_ERROR(check_alignment("output", engine_.output(index).name, data));
  if (in_place || outputs_[index].in_place)
    INGOT_RETURN_IF_ERROR(executor.bind_output(index, in_place ? data : nullptr, in_place ? bytes : 0));
  outputs_[index].in_place = in_place;
  outputs_[index].pinned = kind == cuda::MemoryKind::kPinned;
  outputs_[index].bound = data;
  outputs_[index].bound_bytes = bytes;
  return Status::ok();
}

Status DeviceRun::copy_in(const Executor& executor) {
  staging_->begin();
  reads_caller_ = false;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    const Value value = executor.value_of(engine_.plan().inputs[i]);
    // Dense values that were bound as objects are in memory of the executor's.
    if (input.host == nullptr || value.object != nullptr || executor.bound_input(i) != input.device.data()) continue;
    // On the caller's stream a copy may begin after this returns, even a small one of memory that is page-locked by
    // then.
    const bool direct = input.pinned || (!borrowed_ && value.bytes <= kDriverCopies);
    reads_caller_ = reads_caller_ || input.pinned;
    Status status = direct ? stream_->copy_to_device(input.device.data(), input.host, value.bytes)
                           : staging_->to_device(input.device.data(), input.host, value.bytes);
    if (!status.is_ok()) return std::move(status).annotate(fmt::format("input '{}'", engine_.input(i).name));
  }
  return reads_caller_ && borrowed_ ? read_->record(*stream_) : Status::ok();
}

Status DeviceRun::copy_out(const Executor& executor) {
  bool copied = false;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    output.value = {};
    Value value = executor.output(i);
    if (value.object != nullptr || output.in_place) {
      output.value = std::move(value);
      continue;
    }
    copied = true;
    void* to = output.bound;
    if (to == nullptr) {
      if (output.own.dtype() != value.dtype || output.own.shape() != value.shape) {
        INGOT_ASSIGN_OR_RETURN(output.own, HostTensor::create(value.dtype, value.shape));
      }
      to = output.own.mutable_bytes().data();
    } else if (output.bound_bytes < value.bytes) {
      return invalid_argument("output '{}' of shape {} needs {} bytes, bound were {}", engine_.output(i).name,
                              to_string(value.shape), value.bytes, output.bound_bytes);
    }
    Status status = output.pinned && output.bound != nullptr ? stream_->copy_to_host(to, value.data, value.bytes)
                                                             : staging_->to_host(to, value.data, value.bytes);
    if (!status.is_ok()) return std::move(status).annotate(fmt::format("output '{}'", engine_.output(i).name));
    value.data = to;
    value.on_device = false;
    output.value = std::move(value);
  }
  if (!copied && borrowed_) return reads_caller_ ? read_->wait() : Status::ok();
  INGOT_RETURN_IF_ERROR(staging_->finish());
  INGOT_RETURN_IF_ERROR(stream_->synchronize());
  staging_->stream_is_idle();
  return Status::ok();
}

bool DeviceRun::can_capture(const Executor& executor) const {
  return graphs_.most() > 0 && executor.has_run() && !executor.needs_host();
}

const cuda::CapturedGraph* DeviceRun::find_graph(const Executor& executor) {
  graphs_.begin(executor.configuration(), executor.memory_moves());
  for (std::size_t i = 0; i < inputs_.size(); ++i) graphs_.add_address(executor.bound_input(i));
  for (std::size_t i = 0; i < outputs_.size(); ++i) graphs_.add_address(executor.bound_output(i));
  return graphs_.find();
}

Result<const cuda::CapturedGraph*> DeviceRun::capture(Executor& executor) {
  const cuda::Device& device = *engine_.cuda_device();
  // The caller's may be a blocking stream, whose capture ends with an error when anybody uses the legacy stream
  // meanwhile.
  if (borrowed_ && recorder_ == nullptr) {
    INGOT_ASSIGN_OR_RETURN(recorder_, cuda::Stream::create(device));
  }
  const cuda::Stream& stream = borrowed_ ? *recorder_ : *stream_;
  return graphs_.capture(device, stream, [&] {
    const cuda::DeviceScope scope(*engine_.cuda_device(), stream.handle());
    return executor.launch_steps();
  });
}

GraphCounts DeviceRun::graph_counts() const {
  GraphCounts counts = graphs_.counts();
  counts.replayed = replayed_;
  counts.stepwise = stepwise_;
  return counts;
}

Status DeviceRun::run(Executor& executor, bool allow_graph) {
  const cuda::DeviceScope scope(*engine_.cuda_device(), stream_->handle());
  INGOT_RETURN_IF_ERROR(engine_.cuda_device()->make_current());
  INGOT_RETURN_IF_ERROR(executor.settle());
  if (Status status = enqueue(executor, allow_graph); !status.is_ok()) {
    // What was enqueued so far may still use the caller's memory.
    static_cast<void>(stream_->synchronize());
    staging_->stream_is_idle();
    return status;
  }
  return borrowed_ ? done_->record(*stream_) : Status::ok();
}

Status DeviceRun::launch_steps(Executor& executor) {
  const cuda::DeviceScope scope(*engine_.cuda_device(), stream_->handle(), cuda::DeviceScope::Memory::kRun);
  return executor.launch_steps();
}

Status DeviceRun::enqueue(Executor& executor, bool allow_graph) {
  INGOT_RETURN_IF_ERROR(copy_in(executor));
  if (allow_graph && can_capture(executor)) {
    const cuda::CapturedGraph* graph = find_graph(executor);
    if (graph != nullptr) {
      ++replayed_;
    } else {
      INGOT_ASSIGN_OR_RETURN(graph, capture(executor));
    }
    const cuda::NvtxRange range("captured graph");
    INGOT_RETURN_IF_ERROR(graph->launch(stream_->handle()));
  } else {
    ++stepwise_;
    INGOT_RETURN_IF_ERROR(launch_steps(executor));
  }
  return copy_out(executor);
}

Result<double> DeviceRun::time(Executor& executor, int runs) {
  const cuda::DeviceScope scope(*engine_.cuda_device(), stream_->handle());
  INGOT_RETURN_IF_ERROR(engine_.cuda_device()->make_current());
  INGOT_RETURN_IF_ERROR(executor.settle());
  if (!executor.has_run()) return failed_precondition("run the context before timing it");
  const cuda::CapturedGraph* graph = nullptr;
  if (can_capture(executor)) {
    graph = find_graph(executor);
    if (graph == nullptr) {
      INGOT_ASSIGN_OR_RETURN(graph, capture(executor));
    }
  }
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<cuda::Stopwatch> watch, cuda::Stopwatch::create(*engine_.cuda_device()));
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < runs; ++i) {
    INGOT_RETURN_IF_ERROR(executor.settle());
    INGOT_RETURN_IF_ERROR(watch->start(*stream_));
    INGOT_RETURN_IF_ERROR(graph != nullptr ? graph->launch(stream_->handle()) : launch_steps(executor));
    INGOT_RETURN_IF_ERROR(watch->stop(*stream_));
    INGOT_ASSIGN_OR_RETURN(const double microseconds, watch->microseconds());
    best = std::min(best, microseconds);
  }
  return best;
}

}  // namespace ingot
