// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/dynamic_run.h"

#include <algorithm>

namespace ingot::cuda {
namespace {

CuResult launch_one(const Device& device, const PlannedLaunch& launch, CuFunction function, CuStream stream,
                    void** parameters) {
  CuLaunchAttribute attributes[2];
  CuLaunchConfig config{};
  std::copy_n(launch.grid.begin(), 3, config.grid);
  std::copy_n(launch.block.begin(), 3, config.block);
  config.shared_bytes = launch.shared_bytes;
  config.stream = stream;
  config.attributes = attributes;
  if (launch.dependent && device.overlaps_kernels()) {
    CuLaunchAttribute& attribute = attributes[config.attribute_count++];
    attribute.id = CuLaunchAttribute::kProgrammaticSerialization;
    attribute.allowed = 1;
  }
  if (launch.cluster != std::array<unsigned, 3>{1, 1, 1}) {
    CuLaunchAttribute& attribute = attributes[config.attribute_count++];
    attribute.id = CuLaunchAttribute::kCluster;
    std::copy_n(launch.cluster.begin(), 3, attribute.cluster);
  }
  return device.api().launch_ex(&config, function, parameters, nullptr);
}

}  // namespace

Result<std::vector<BoundLaunch>> bind_launches(std::vector<PlannedLaunch> launches,
                                               std::span<const std::shared_ptr<const Module>> modules) {
  std::vector<BoundLaunch> bound;
  for (PlannedLaunch& launch : launches) {
    if (launch.grid[0] == 0 || launch.grid[1] == 0 || launch.grid[2] == 0) continue;
    if (launch.module >= modules.size()) return internal("{}: no module {}", launch.entry, launch.module);
    INGOT_ASSIGN_OR_RETURN(const CuFunction function,
                           modules[launch.module]->function(launch.entry.c_str(), launch.shared_bytes));
    bound.push_back({std::move(launch), function});
  }
  return bound;
}

Status enqueue(const Device& device, std::span<BoundLaunch> launches, const LaunchPlaces& places) {
  const auto base_of = [&](const PlannedLaunch::Pointer& pointer) -> const void* {
    switch (pointer.place) {
      case Place::kInput: return places.inputs[pointer.index];
      case Place::kOutput: return places.outputs[pointer.index];
      case Place::kWeights: return places.weights[pointer.index].data();
      case Place::kWorkspace: return places.workspace;
      case Place::kData: return places.data;
    }
    return nullptr;
  };
  const auto address = [&](const PlannedLaunch::Pointer& pointer) -> const void* {
    const void* base = base_of(pointer);
    return base == nullptr ? nullptr : static_cast<const std::byte*>(base) + pointer.offset;
  };
  const CuStream stream = DeviceScope::current_stream();
  for (BoundLaunch& bound : launches) {
    PlannedLaunch& launch = bound.planned;
    for (const PlannedLaunch::Pointer& pointer : launch.pointers) {
      const void* value = address(pointer);
      std::memcpy(launch.parameters.data() + pointer.at, &value, sizeof(value));
    }
    for (const PlannedLaunch::Map& map : launch.maps) {
      ingot_cuda::TensorMap value;
      INGOT_RETURN_IF_ERROR(encode(device.api(), map.spec, address(map.pointer), value));
      std::memcpy(launch.parameters.data() + map.pointer.at, &value, sizeof(value));
    }
    void* parameters[] = {launch.parameters.data()};
    if (const CuResult code = launch_one(device, launch, bound.function, stream, parameters); code != 0)
      return cuda_error(device.api(), code, fmt::format("launching {}", launch.entry));
  }
  return Status::ok();
}

DynamicRun::DynamicRun(const Device& device, const PlanArgs& args,
                       std::span<const std::shared_ptr<const Module>> modules, std::span<const DeviceMemory> weights,
                       const LaunchArgs& launch)
    : device_(device),
      inputs_(args.inputs.begin(), args.inputs.end()),
      outputs_(args.outputs.begin(), args.outputs.end()),
      args_{args.problem, args.config, inputs_, outputs_, args.multiprocessors, args.symbols},
      modules_(modules),
      weights_(weights),
      launch_args_(launch),
      output_places_(launch.outputs.begin(), launch.outputs.end()) {}

DynamicRun::~DynamicRun() {
  for (const CuPointer pointer : scratch_) device_.free_on(DeviceScope::current_stream(), pointer);
}

Status DynamicRun::fetch_inputs(const Family& family) {
  if (family.host_inputs == nullptr) return Status::ok();
  for (const std::size_t i : family.host_inputs(args_.problem)) {
    if (i >= inputs_.size() || !inputs_[i].present() || inputs_[i].value != nullptr) continue;
    INGOT_ASSIGN_OR_RETURN(HostTensor value, HostTensor::create(inputs_[i].dtype, inputs_[i].shape));
    INGOT_RETURN_IF_ERROR(read(value.mutable_bytes().data(), launch_args_.inputs[i], value.bytes().size()));
    inputs_[i].value = share(std::move(value));
    inputs_[i].constant = true;
  }
  return Status::ok();
}

Status DynamicRun::run(const Family& family) {
  INGOT_RETURN_IF_ERROR(fetch_inputs(family));
  const Family::Run own = family.run_of == nullptr ? nullptr : family.run_of(args_.problem);
  if (own != nullptr) return own(*this);
  if (family.shapes != nullptr) {
    INGOT_ASSIGN_OR_RETURN(const std::vector<Shape> shapes, family.shapes(args_));
    for (std::size_t i = 0; i < shapes.size() && i < outputs_.size(); ++i)
      if (outputs_[i].present()) INGOT_RETURN_IF_ERROR(decide(i, shapes[i]));
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].present() && output_places_[i] == nullptr)
      return internal("{}: nothing decides the shape of output {}", args_.problem.kind, i);
  if (std::all_of(outputs_.begin(), outputs_.end(), [](const Operand& o) { return elements_of(o) == 0; }))
    return Status::ok();
  INGOT_ASSIGN_OR_RETURN(LaunchPlan plan, family.plan(args_));
  void* work = nullptr;
  void* data = nullptr;
  if (plan.workspace_bytes != 0) {
    INGOT_ASSIGN_OR_RETURN(work, scratch(plan.workspace_bytes));
  }
  if (!plan.data.empty()) {
    INGOT_ASSIGN_OR_RETURN(data, table(plan.data));
  }
  return launch(std::move(plan.launches), work, data);
}

Result<void*> DynamicRun::scratch(std::size_t bytes) {
  const CuStream stream = DeviceScope::current_stream();
  bytes = std::max<std::size_t>(bytes, 1);
  INGOT_ASSIGN_OR_RETURN(const CuPointer pointer, device_.allocate_on(stream, bytes));
  scratch_.push_back(pointer);
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), set_bytes(pointer, 0, bytes, stream), "clearing memory");
  return reinterpret_cast<void*>(pointer);
}

Result<void*> DynamicRun::table(std::span<const std::byte> bytes) {
  const CuStream stream = DeviceScope::current_stream();
  INGOT_ASSIGN_OR_RETURN(const CuPointer pointer, device_.allocate_on(stream, std::max<std::size_t>(bytes.size(), 1)));
  scratch_.push_back(pointer);
  if (bytes.empty()) return reinterpret_cast<void*>(pointer);
  // From pageable memory: the call returns once the bytes have been read.
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), copy_to_device(pointer, bytes.data(), bytes.size(), stream),
                             "copying a table to the device");
  return reinterpret_cast<void*>(pointer);
}

Status DynamicRun::launch(std::vector<PlannedLaunch> launches, void* work, void* data) {
  INGOT_ASSIGN_OR_RETURN(std::vector<BoundLaunch> bound, bind_launches(std::move(launches), modules_));
  return enqueue(device_, bound, {launch_args_.inputs, output_places_, weights_, work, data});
}

Status DynamicRun::read(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return Status::ok();
  const CuStream stream = DeviceScope::current_stream();
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), copy_to_host(to, reinterpret_cast<CuPointer>(from), bytes, stream),
                             "copying from the device");
  INGOT_CUDA_RETURN_IF_ERROR(device_.api(), stream_synchronize(stream), "waiting for the stream");
  return Status::ok();
}

Status DynamicRun::decide(std::size_t index, const Shape& shape) {
  Operand& output = outputs_[index];
  if (!output.present()) return Status::ok();
  if (output_places_[index] == nullptr) {
    if (launch_args_.allocator == nullptr) return internal("output {} has no memory", index);
    INGOT_ASSIGN_OR_RETURN(output_places_[index], launch_args_.allocator->allocate(index, shape));
    output.shape = shape;
  } else if (output.shape != shape) {
    return internal("output {}: computed {}, planned {}", index, to_string(shape), to_string(output.shape));
  }
  return Status::ok();
}

}  // namespace ingot::cuda
