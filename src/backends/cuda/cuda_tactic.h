// SPDX-License-Identifier: Apache-2.0
// CudaTactic: a family of generated kernels as a tactic. A family is a few functions: the sources of a problem, the
// packing of its weights, and the launches for one set of shapes; everything else is the same for all of them.
//
// What a plan keeps: blob 0 counts the modules, then come their cubins, then the packed weights.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/tensor_map.h"
#include "tactics/tactic.h"

namespace ingot::cuda {

// The largest second and third dimension of a grid, on every device.
constexpr std::int64_t kMaxGridYZ = 65535;

// Where a pointer in a kernel's parameters comes from at launch.
enum class Place : std::uint8_t { kInput, kOutput, kWeights, kWorkspace, kData };

struct PlannedLaunch {
  struct Pointer {
    std::size_t at = 0;  // in the parameters
    Place place = Place::kInput;
    std::size_t index = 0;
    std::size_t offset = 0;  // bytes
  };
  // A description of what lies there instead of its address.
  struct Map {
    Pointer pointer;
    TensorMapSpec spec;
  };
  std::string entry;
  std::size_t module = 0;
  std::array<unsigned, 3> grid = {1, 1, 1}, block = {256, 1, 1};
  std::array<unsigned, 3> cluster = {1, 1, 1};  // blocks that run together; beyond one: sm_90 and up
  // The kernel waits (wait_for_inputs) before it touches memory that others write, so it may begin ahead of time.
  bool dependent = false;
  unsigned shared_bytes = 0;
  std::vector<std::byte> parameters;
  std::vector<Pointer> pointers;
  std::vector<Map> maps;

  template <typename P>
  static PlannedLaunch of(std::string entry_name, const P& values) {
    PlannedLaunch launch;
    launch.entry = std::move(entry_name);
    launch.parameters.resize(sizeof(P));
    std::memcpy(launch.parameters.data(), &values, sizeof(P));
    return launch;
  }
  PlannedLaunch& point(std::size_t at, Place place, std::size_t index, std::size_t offset = 0) {
    pointers.push_back({at, place, index, offset});
    return *this;
  }
  // Enough blocks of 256 for that many units, at most `limit`.
  PlannedLaunch& cover(std::int64_t units, std::int64_t limit);
};

struct LaunchPlan {
  std::vector<PlannedLaunch> launches;
  std::size_t workspace_bytes = 0;
  // What the launches keep on the device: counters (zero, and left zero by kernels), tables. Uploaded once.
  std::vector<std::byte> data;
};

struct PlanArgs {
  const Problem& problem;
  const std::string& config;
  std::span<const Operand> inputs, outputs;  // actual shapes
  int multiprocessors = 1;
  const SymbolValues* symbols = nullptr;
};

class DynamicRun;

struct Family {
  std::string_view id;
  int version = 1;
  std::vector<std::string_view> kinds;
  Support (*supports)(const Problem& problem);
  Result<std::vector<std::string>> (*sources)(const Problem& problem, const std::string& config);
  Result<LaunchPlan> (*plan)(const PlanArgs& args);
  std::vector<std::string> (*configs)(const Problem& problem) = nullptr;
  Result<Packed> (*pack)(const Problem& problem) = nullptr;  // weights; null: all constants are kept
  int (*in_place)(const Problem& problem) = nullptr;
  Result<Packed> (*pack_for)(const Problem& problem, const std::string& config) = nullptr;  // where configs differ
  std::string_view arch = {};  // the only one it is for; empty: all
  // For launches that are planned anew in every run: the operands whose values plan() reads, where they are no
  // constants (they are copied to the host first), and the shapes of outputs that only the data decide.
  std::vector<std::size_t> (*host_inputs)(const Problem& problem) = nullptr;
  Result<std::vector<Shape>> (*shapes)(const PlanArgs& args) = nullptr;
  // Takes the place of plan() where launches depend on what earlier ones found; null when they do not.
  using Run = Status (*)(DynamicRun& run);
  Run (*run_of)(const Problem& problem) = nullptr;
};

class CudaTactic final : public Tactic {
 public:
  explicit CudaTactic(Family family) : family_(std::move(family)) {}
  [[nodiscard]] std::string_view id() const override { return family_.id; }
  [[nodiscard]] int version() const override { return family_.version; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override;
  [[nodiscard]] std::vector<std::string> configs(const Problem& problem, const DeviceInfo& device) const override;
  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo& device) const override;
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override;
  // The machine code alone, as prepare() makes it; from the compiler's cache where it was made before.
  Result<std::vector<std::vector<std::byte>>> compile(const Problem& problem, const std::string& config,
                                                      const DeviceInfo& device) const;
  [[nodiscard]] bool decides_shapes() const override { return family_.shapes != nullptr || family_.run_of != nullptr; }
  [[nodiscard]] const Family& family() const { return family_; }

 private:
  Family family_;
};

// "sm_90a" among the features.
Result<std::string> arch_of(const DeviceInfo& device);

std::int64_t elements_of(const Operand& operand);

}  // namespace ingot::cuda
