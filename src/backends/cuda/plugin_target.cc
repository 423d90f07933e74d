// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plugin_target.h"

#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda_tactic.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/plugin_loan.h"
#include "backends/cuda/source.h"

namespace ingot::cuda {
namespace {

class CudaTarget final : public plugin::Target {
 public:
  CudaTarget(Device& device, std::shared_ptr<const Module> converter)
      : device_(device), converter_(std::move(converter)) {}
  [[nodiscard]] std::int32_t device() const override { return INGOT_PLUGIN_CUDA; }
  [[nodiscard]] std::int32_t ordinal() const override { return device_.ordinal(); }
  [[nodiscard]] void* stream() const override { return DeviceScope::current_stream(); }

  Status to_format(const void* from, DType dtype, const Shape& shape, const plugin::Format& format,
                   void* to) const override {
    return convert(from, dtype, shape, format, to, true);
  }
  Status from_format(const void* from, const plugin::Format& format, const Shape& shape, DType dtype,
                     void* to) const override {
    return convert(from, dtype, shape, format, to, false);
  }
  Status copy(void* to, const void* from, std::size_t bytes) const override {
    if (bytes == 0) return Status::ok();
    INGOT_CUDA_RETURN_IF_ERROR(device_.api(),
                               copy_on_device(reinterpret_cast<CuPointer>(to), reinterpret_cast<CuPointer>(from), bytes,
                                              DeviceScope::current_stream()),
                               "copying an operand of a plugin");
    return Status::ok();
  }
  Result<std::shared_ptr<void>> keep(std::span<const std::byte> bytes) const override {
    INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, DeviceMemory::upload(device_, bytes));
    auto kept = std::make_shared<DeviceMemory>(std::move(memory));
    return std::shared_ptr<void>(kept, kept->data());
  }
  Result<std::unique_ptr<plugin::Loan>> lend() const override { return make_plugin_loan(device_); }
  Status finish() const override {
    INGOT_CUDA_RETURN_IF_ERROR(device_.api(), stream_synchronize(DeviceScope::current_stream()),
                               "waiting for a plugin's kernels");
    return Status::ok();
  }

 private:
  Status convert(const void* from, DType dtype, const Shape& shape, const plugin::Format& format, void* to,
                 bool into) const {
    const auto count = element_count(shape).value_or(0);
    if (count == 0) return Status::ok();
    if (converter_ == nullptr) return corrupt("a plugin step without the code that converts its operands");
    ingot_cuda::PluginFormatParams p{};
    p.in = from;
    p.out = to;
    p.spatial = 1;
    p.channels = shape.size() < 2 ? count : shape[1];
    for (std::size_t i = 2; i < shape.size(); ++i) p.spatial *= shape[i];
    p.channels_last =
        format.layout == INGOT_PLUGIN_CHANNELS_LAST || format.layout == INGOT_PLUGIN_CHANNELS_LAST_8 ? 1 : 0;
    p.block = format.layout == INGOT_PLUGIN_CHANNELS_LAST_8                  ? 8
              : p.channels_last != 0 || format.layout == INGOT_PLUGIN_LINEAR ? 1
                                                                             : format.layout;
    p.padded_channels = (p.channels + p.block - 1) / p.block * p.block;
    const std::int64_t batches = count / (p.channels * p.spatial);
    p.units = batches * p.spatial * (into ? p.padded_channels : p.channels);
    const auto model_type = static_cast<int>(dtype), plugin_type = static_cast<int>(format.dtype);
    p.in_type = into ? model_type : plugin_type;
    p.out_type = into ? plugin_type : model_type;
    p.into = into ? 1 : 0;
    INGOT_ASSIGN_OR_RETURN(const CuFunction function, converter_->function("plugin_format", 0));
    constexpr std::int64_t kThreads = 256;
    const std::int64_t most = std::int64_t{device_.multiprocessors()} * 32;
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((p.units + kThreads - 1) / kThreads, most));
    void* parameters[] = {&p};
    INGOT_CUDA_RETURN_IF_ERROR(
        device_.api(),
        launch(function, blocks, 1, 1, kThreads, 1, 1, 0, DeviceScope::current_stream(), parameters, nullptr),
        "converting an operand of a plugin");
    return Status::ok();
  }

  Device& device_;
  std::shared_ptr<const Module> converter_;
};

bool converts(const Problem& problem, const plugin::Combination& combination) {
  const auto any = [](const std::vector<Operand>& operands, const std::vector<plugin::Format>& formats) {
    for (std::size_t i = 0; i < operands.size() && i < formats.size(); ++i)
      if (operands[i].present() && !formats[i].is_linear(operands[i].dtype)) return true;
    return false;
  };
  return any(problem.inputs, combination.inputs) || any(problem.outputs, combination.outputs);
}

}  // namespace

Result<std::vector<std::byte>> plugin_converter(const Problem& problem, const plugin::Combination& combination,
                                                const DeviceInfo& device) {
  if (!converts(problem, combination)) return std::vector<std::byte>();
  INGOT_ASSIGN_OR_RETURN(const std::string arch, arch_of(device));
  INGOT_ASSIGN_OR_RETURN(Compiled compiled, compile("plugin formats", assemble("", "plugin_format.cu"), arch));
  return std::move(compiled.cubin);
}

Result<std::shared_ptr<const plugin::Target>> plugin_target(Device& device, std::span<const std::byte> converter) {
  std::shared_ptr<const Module> module;
  if (!converter.empty()) {
    INGOT_ASSIGN_OR_RETURN(module, Module::load(device, converter));
  }
  return std::shared_ptr<const plugin::Target>(std::make_shared<CudaTarget>(device, std::move(module)));
}

}  // namespace ingot::cuda
