// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plugin_run.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "backends/cuda/plugin_target.h"
#include "base/parallel.h"

namespace ingot::cuda {
namespace {

constexpr std::size_t kGuard = 4096;
constexpr std::byte kPattern{0xc3};

// Memory of the device with a known pattern before and behind.
class Guarded {
 public:
  static Result<Guarded> create(const Device& device, const Stream& stream, std::size_t bytes, std::byte fill) {
    Guarded out;
    out.size_ = bytes;
    INGOT_ASSIGN_OR_RETURN(out.memory_, DeviceMemory::allocate(device, bytes + 2 * kGuard));
    INGOT_RETURN_IF_ERROR(
        stream.set_bytes(out.memory_.data(), std::to_integer<unsigned char>(kPattern), bytes + 2 * kGuard));
    if (bytes > 0) INGOT_RETURN_IF_ERROR(stream.set_bytes(out.data(), std::to_integer<unsigned char>(fill), bytes));
    return out;
  }
  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(memory_.data()) + kGuard; }
  [[nodiscard]] std::size_t size() const { return size_; }

  // The content, once the stream is done; fails where a guard is not whole.
  Result<std::vector<std::byte>> read(const Stream& stream, const std::string& what) const {
    std::vector<std::byte> all(size_ + 2 * kGuard);
    INGOT_RETURN_IF_ERROR(stream.copy_to_host(all.data(), memory_.data(), all.size()));
    INGOT_RETURN_IF_ERROR(stream.synchronize());
    const auto inside = all.begin() + static_cast<std::ptrdiff_t>(kGuard);
    const auto behind = inside + static_cast<std::ptrdiff_t>(size_);
    const auto damaged = [](auto begin, auto end) {
      return std::count_if(begin, end, [](std::byte b) { return b != kPattern; });
    };
    if (const auto count = damaged(all.begin(), inside); count > 0)
      return invalid_argument("it wrote outside of {}: {} bytes before it", what, count);
    if (const auto count = damaged(behind, all.end()); count > 0)
      return invalid_argument("it wrote outside of {}: {} bytes behind its end", what, count);
    return std::vector<std::byte>(inside, behind);
  }

 private:
  DeviceMemory memory_;
  std::size_t size_ = 0;
};

class GuardedOutputs final : public OutputAllocator {
 public:
  GuardedOutputs(const Device& device, const Stream& stream, const Problem& problem, std::byte fill)
      : device_(device), stream_(stream), problem_(problem), fill_(fill) {}

  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    if (output >= problem_.outputs.size()) return invalid_argument("output {} of {}", output, problem_.outputs.size());
    const auto count = element_count(shape);
    const auto bytes = count ? bytes_of(problem_.outputs[output].dtype, *count) : std::nullopt;
    if (!bytes) return invalid_argument("output {} of shape {}", output, to_string(shape));
    INGOT_ASSIGN_OR_RETURN(Guarded memory, Guarded::create(device_, stream_, static_cast<std::size_t>(*bytes), fill_));
    void* data = memory.data();
    made_.insert_or_assign(output, std::make_pair(shape, std::move(memory)));
    return data;
  }

  Result<std::vector<HostTensor>> read() const {
    std::vector<HostTensor> results(problem_.outputs.size());
    for (const auto& [output, made] : made_) {
      const auto& [shape, memory] = made;
      INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes,
                             memory.read(stream_, fmt::format("output {} of shape {}", output, to_string(shape))));
      INGOT_ASSIGN_OR_RETURN(results[output], HostTensor::create(problem_.outputs[output].dtype, shape));
      std::ranges::copy(bytes, results[output].mutable_bytes().begin());
    }
    return results;
  }

 private:
  const Device& device_;
  const Stream& stream_;
  const Problem& problem_;
  std::byte fill_;
  std::map<std::size_t, std::pair<Shape, Guarded>> made_;
};

}  // namespace

Result<std::vector<HostTensor>> run_plugin(Device& device, const DeviceInfo& info, const plugin::Operator& op,
                                           const Problem& problem, std::span<const HostTensor* const> inputs,
                                           plugin::KernelOptions options, std::byte fill) {
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Stream> stream, Stream::create(device));
  const DeviceScope scope(device, stream->handle());
  INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> converter, plugin_converter(problem, options.combination, info));
  INGOT_ASSIGN_OR_RETURN(std::shared_ptr<const plugin::Target> target, plugin_target(device, converter));
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel,
                         plugin::make_kernel(op, problem, std::move(options), std::move(target)));
  ConfigureArgs configure;
  configure.inputs = problem.inputs;
  configure.outputs = problem.outputs;
  INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<KernelState> state, kernel->configure(configure));

  std::vector<Guarded> operands;
  std::vector<const void*> in;
  for (const HostTensor* tensor : inputs) {
    const std::size_t bytes = tensor == nullptr ? 0 : tensor->bytes().size();
    INGOT_ASSIGN_OR_RETURN(Guarded memory, Guarded::create(device, *stream, bytes, fill));
    if (bytes > 0) INGOT_RETURN_IF_ERROR(stream->copy_to_device(memory.data(), tensor->bytes().data(), bytes));
    in.push_back(tensor == nullptr ? nullptr : memory.data());
    operands.push_back(std::move(memory));
  }
  GuardedOutputs outputs(device, *stream, problem, fill);
  std::vector<void*> out;
  for (std::size_t i = 0; i < problem.outputs.size(); ++i) {
    const Operand& operand = problem.outputs[i];
    out.push_back(nullptr);
    if (!operand.present() || std::ranges::find(operand.shape, -1) != operand.shape.end()) continue;
    INGOT_ASSIGN_OR_RETURN(out.back(), outputs.allocate(i, operand.shape));
  }
  INGOT_ASSIGN_OR_RETURN(const Guarded workspace, Guarded::create(device, *stream, state->workspace_bytes, fill));
  Serial serial;
  LaunchArgs args;
  args.inputs = in;
  args.outputs = out;
  args.workspace = {workspace.data(), workspace.size()};
  args.state = state.get();
  args.parallel = &serial;
  args.allocator = &outputs;
  INGOT_RETURN_IF_ERROR(kernel->launch(args));
  INGOT_RETURN_IF_ERROR(stream->synchronize());

  INGOT_ASSIGN_OR_RETURN(std::vector<HostTensor> results, outputs.read());
  INGOT_RETURN_IF_ERROR(workspace.read(*stream, fmt::format("its workspace of {} bytes", workspace.size())).status());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    INGOT_ASSIGN_OR_RETURN(const std::vector<std::byte> after, operands[i].read(*stream, fmt::format("input {}", i)));
    if (inputs[i] != nullptr && !op.has_flag(INGOT_PLUGIN_MUST_ALIAS) && !std::ranges::equal(after, inputs[i]->bytes()))
      return invalid_argument("it wrote into its input {}", i);
  }
  return results;
}

}  // namespace ingot::cuda
