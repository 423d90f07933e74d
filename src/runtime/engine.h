// SPDX-License-Identifier: Apache-2.0
// Engine: a loaded plan with its kernels. Immutable and shared between threads; contexts keep it alive.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/cuda/device.h"
#include "base/status.h"
#include "plan/plan.h"
#include "tactics/tactic.h"
#include "tensor/size_bounds.h"

namespace ingot {

// A step that the runtime does itself (plan::kControlFlow, plan::kObjectStep).
struct RuntimeStep {
  Problem problem;
  bool control_flow = false;
};

// A program of the plan with what its steps run.
struct LoadedProgram {
  const plan::Program* program = nullptr;
  std::vector<TensorPtr> constants;                         // by tensor id
  std::vector<cuda::DeviceMemory> device_constants;         // by tensor id, for a plan of a GPU
  std::vector<std::unique_ptr<Kernel>> kernels;             // by step; null for a step of the runtime
  std::vector<std::unique_ptr<RuntimeStep>> runtime_steps;  // by step; null for a kernel
};

struct LoadOptions {
  bool verify_weights = true;           // check every weight chunk's hash (at about memory speed)
  int cuda_device = 0;                  // where a plan for a GPU goes
  bool allow_embedded_plugins = false;  // run plugin libraries that the plan holds: it must be trusted as a program is
};

class Engine {
 public:
  // Maps the file; pages are read as they are used.
  static Result<std::shared_ptr<const Engine>> load_file(const std::string& path, const LoadOptions& options = {});
  // Copies the bytes.
  static Result<std::shared_ptr<const Engine>> load_bytes(std::span<const std::byte> bytes,
                                                          const LoadOptions& options = {});

  [[nodiscard]] const plan::Plan& plan() const { return plan_; }
  // The plan file, as it was loaded.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] const plan::Tensor& tensor(std::int32_t id) const {
    return plan_.tensors[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] std::size_t input_count() const { return plan_.inputs.size(); }
  [[nodiscard]] std::size_t output_count() const { return plan_.outputs.size(); }
  [[nodiscard]] const plan::Tensor& input(std::size_t i) const { return tensor(plan_.inputs[i]); }
  [[nodiscard]] const plan::Tensor& output(std::size_t i) const { return tensor(plan_.outputs[i]); }
  // Index by ONNX name; an error lists the names there are.
  [[nodiscard]] Result<std::size_t> find_input(std::string_view name) const;
  [[nodiscard]] Result<std::size_t> find_output(std::string_view name) const;

  [[nodiscard]] const LoadedProgram& main() const { return main_; }
  // By index into Plan::programs.
  [[nodiscard]] const LoadedProgram& body(std::int32_t index) const { return bodies_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] std::size_t weight_bytes() const;
  // The GPU that the plan runs on; null for the CPU.
  [[nodiscard]] cuda::Device* cuda_device() const { return cuda_device_; }

 private:
  static Result<std::shared_ptr<const Engine>> load(std::shared_ptr<const void> owner, std::span<const std::byte> bytes,
                                                    const LoadOptions& options);
  Status check_device(const DeviceInfo& device) const;
  Result<LoadedProgram> load_program(const plan::Program& program, const Backend& backend) const;
  Status load_step(const plan::Step& step, const Backend& backend, const DeviceInfo& device, LoadedProgram& out) const;

  std::shared_ptr<const void> owner_;  // of the bytes that the plan views
  std::span<const std::byte> bytes_;
  plan::Plan plan_;
  cuda::Device* cuda_device_ = nullptr;
  SymbolRanges ranges_;  // that the build was given
  LoadedProgram main_;
  std::vector<LoadedProgram> bodies_;
};

}  // namespace ingot
