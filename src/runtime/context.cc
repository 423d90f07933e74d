// SPDX-License-Identifier: Apache-2.0
#include "runtime/context.h"

#include <algorithm>

#include "base/thread_pool.h"

namespace ingot {

Result<std::unique_ptr<Context>> Context::create(std::shared_ptr<const Engine> engine, const ContextOptions& options) {
  if (engine == nullptr) return invalid_argument("a context needs an engine");
  std::unique_ptr<Parallel> pool;
  if (options.parallel == nullptr) pool = std::make_unique<ThreadPool>(options.threads);
  std::unique_ptr<DeviceRun> device;
  if (engine->cuda_device() != nullptr) {
    INGOT_ASSIGN_OR_RETURN(
        device, DeviceRun::create(*engine, {.stream = options.cuda_stream,
                                            .graphs = options.cuda_graphs,
                                            .parallel = options.parallel != nullptr ? options.parallel : pool.get()}));
  }
  return std::unique_ptr<Context>(new Context(std::move(engine), options, std::move(pool), std::move(device)));
}

Context::Context(std::shared_ptr<const Engine> engine, const ContextOptions& options, std::unique_ptr<Parallel> pool,
                 std::unique_ptr<DeviceRun> device)
    : engine_(std::move(engine)),
      own_pool_(std::move(pool)),
      parallel_(options.parallel != nullptr ? options.parallel : own_pool_.get()),
      device_(std::move(device)),
      executor_(*engine_, engine_->main(),
                device_ != nullptr             ? device_->allocator()
                : options.allocator != nullptr ? *options.allocator
                                               : default_allocator(),
                *parallel_) {
  if (device_ != nullptr) device_->attach(executor_);
}

Context::~Context() {
  // Where it fails the driver is gone, and the memory with it.
  if (device_ != nullptr) static_cast<void>(device_->wait());
}

Status Context::set_input_shape(std::size_t input, Shape shape) {
  profile_checked_ = false;
  return executor_.set_input_shape(input, std::move(shape));
}

Status Context::bind_input(std::size_t input, const void* data, std::size_t bytes) {
  if (device_ != nullptr) return device_->bind_input(executor_, input, data, bytes);
  return executor_.bind_input(input, data, bytes);
}

Status Context::bind_value(std::size_t input, const Value& value) {
  profile_checked_ = false;
  if (device_ != nullptr) {
    if (value.object != nullptr) {
      // Its copy to the device goes before the runs that read it, and behind those that read the one before.
      const cuda::DeviceScope scope(*engine_->cuda_device(), device_->stream().handle());
      return executor_.bind_value(input, value);
    }
    INGOT_RETURN_IF_ERROR(set_input_shape(input, value.shape));
    return device_->bind_input(executor_, input, value.data, value.bytes);
  }
  return executor_.bind_value(input, value);
}

Status Context::bind_output(std::size_t output, void* data, std::size_t bytes) {
  if (device_ != nullptr) return device_->bind_output(executor_, output, data, bytes);
  return executor_.bind_output(output, data, bytes);
}

Result<Shape> Context::input_shape(std::size_t input) const { return executor_.input_shape(input); }

Result<Shape> Context::output_shape(std::size_t output) {
  INGOT_RETURN_IF_ERROR(prepare());
  return executor_.output_shape(output);
}

Status Context::prepare() {
  if (!profile_checked_) INGOT_RETURN_IF_ERROR(check_profiles());
  profile_checked_ = true;
  std::optional<cuda::DeviceScope> scope;
  if (device_ != nullptr) scope.emplace(*engine_->cuda_device(), device_->stream().handle());
  return executor_.prepare();
}

Status Context::run() {
  executor_.forget_cancel();
  INGOT_RETURN_IF_ERROR(prepare());
  if (device_ != nullptr) return device_->run(executor_, !profiled_);
  return executor_.run();
}

Result<double> Context::time_on_device(int runs) {
  if (device_ == nullptr) return failed_precondition("the engine runs on the CPU");
  INGOT_RETURN_IF_ERROR(prepare());
  return device_->time(executor_, runs);
}

const void* Context::output_data(std::size_t output) const {
  if (output >= engine_->output_count()) return nullptr;
  const Value value = output_value(output);
  if (value.object == nullptr) return value.data;
  const bool one = value.object->present && value.object->items.size() == 1;
  return one && !engine_->output(output).is_sequence() ? value.object->items[0]->bytes().data() : nullptr;
}

Status Context::check_profiles() const {
  const plan::Plan& plan = engine_->plan();
  Status first;
  for (const plan::Profile& profile : plan.profiles) {
    Status status;
    for (const plan::ProfileRange& range : profile) {
      const auto input = std::find(plan.inputs.begin(), plan.inputs.end(), range.input) - plan.inputs.begin();
      INGOT_ASSIGN_OR_RETURN(const Shape shape, input_shape(static_cast<std::size_t>(input)));
      for (std::size_t axis = 0; axis < shape.size() && status.is_ok(); ++axis)
        if (shape[axis] < range.min[axis] || shape[axis] > range.max[axis])
          status = invalid_argument("input '{}' of shape {}: dimension {} lies outside the engine's range {} to {}",
                                    engine_->tensor(range.input).name, to_string(shape), axis, range.min[axis],
                                    range.max[axis]);
    }
    if (status.is_ok()) return status;
    if (first.is_ok()) first = std::move(status);
  }
  return first;
}

}  // namespace ingot
