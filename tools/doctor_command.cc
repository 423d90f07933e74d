// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "backends/cpu/cpu_backend.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/device.h"
#include "base/thread_pool.h"
#include "commands.h"
#include "images/decode.h"
#include "onnx/import.h"
#include "plan/format.h"

namespace ingot::tools {

namespace {

struct GpuReport {
  int ordinal = 0;
  std::string name;
  std::string state;  // its features, or why it cannot be used
};

// What the driver says of itself.
std::string find_gpus(std::vector<GpuReport>& gpus) {
  const Result<const cuda::Driver*> driver = cuda::driver();
  if (!driver.is_ok()) return driver.status().message();
  int version = 0, count = 0;
  (*driver)->driver_version(&version);
  (*driver)->device_count(&count);
  for (int i = 0; i < count; ++i) {
    const Result<cuda::Device*> device = cuda::Device::get(i);
    if (device.is_ok())
      gpus.push_back({i, (*device)->info().name, fmt::format("{}", fmt::join((*device)->info().features, " "))});
    else
      gpus.push_back({i, "(unusable)", device.status().message()});
  }
  return fmt::format("CUDA {}.{}, {} GPU{}", version / 1000, version % 1000 / 10, count, count == 1 ? "" : "s");
}

}  // namespace

Command add_doctor(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("doctor", "What this build and this machine can do");
  command->add_flag("--json", *json, "For machines");
  return [json]() -> Status {
    const DeviceInfo device = cpu::backend().device();
    std::vector<std::string> tactics;
    for (const Tactic* tactic : cpu::backend().tactics()) tactics.emplace_back(tactic->id());
    const std::vector<images::Format> formats = images::formats();
    std::vector<GpuReport> gpus;
    const std::string driver = find_gpus(gpus);
    const Status compiler = cuda::compiler_available();
    const std::string nvrtc = compiler.is_ok() ? "found" : compiler.message();
    if (*json) {
      nlohmann::json decoded = nlohmann::json::object();
      for (const images::Format& format : formats) decoded[std::string(format.name)] = format.status.to_string();
      const nlohmann::json out = {{"version", INGOT_VERSION},
                                  {"plan_format", plan::kFormatVersion},
                                  {"onnx_opsets", {onnx::kOldestOpset, onnx::kNewestOpset}},
                                  {"image_formats", decoded},
                                  {"devices",
                                   {{{"kind", device.kind},
                                     {"name", device.name},
                                     {"features", device.features},
                                     {"fingerprint", device.fingerprint()},
                                     {"processors", available_processors()},
                                     {"tactics", tactics}}}},
                                  {"cuda", {{"driver", driver}, {"nvrtc", nvrtc}, {"gpus", nlohmann::json::array()}}}};
      nlohmann::json report = out;
      for (const GpuReport& gpu : gpus)
        report["cuda"]["gpus"].push_back({{"ordinal", gpu.ordinal}, {"name", gpu.name}, {"state", gpu.state}});
      std::printf("%s\n", report.dump(1).c_str());
      return Status::ok();
    }
    std::printf("ingot %s, plan format %u, ONNX opsets %d to %d\n\n", INGOT_VERSION, plan::kFormatVersion,
                static_cast<int>(onnx::kOldestOpset), static_cast<int>(onnx::kNewestOpset));
    std::printf("device cpu: %s\n", device.name.c_str());
    std::printf("  processors that this process may use: %d\n", available_processors());
    std::printf("  caches: L1 %lld KiB, L2 %lld KiB, L3 %lld KiB\n", static_cast<long long>(device.l1_bytes >> 10),
                static_cast<long long>(device.l2_bytes >> 10), static_cast<long long>(device.l3_bytes >> 10));
    std::printf("  features: %s\n", fmt::format("{}", fmt::join(device.features, " ")).c_str());
    std::printf("  tactics: %zu\n", tactics.size());
    for (const std::string& id : tactics) std::printf("    %s\n", id.c_str());
    std::printf("images that ImageDecoder takes:\n");
    for (const images::Format& format : formats)
      std::printf("  %s: %s\n", std::string(format.name).c_str(), format.status.to_string().c_str());
    std::printf("\nCUDA driver: %s\nNVRTC (needed to build, not to run): %s\n", driver.c_str(), nvrtc.c_str());
    for (const GpuReport& gpu : gpus)
      std::printf("device cuda:%d: %s\n  %s\n", gpu.ordinal, gpu.name.c_str(), gpu.state.c_str());
    return Status::ok();
  };
}

}  // namespace ingot::tools
