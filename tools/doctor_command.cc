// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "backends/cpu/cpu_backend.h"
#include "base/thread_pool.h"
#include "commands.h"
#include "images/decode.h"
#include "onnx/import.h"
#include "plan/format.h"

namespace ingot::tools {

Command add_doctor(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("doctor", "What this build and this machine can do");
  command->add_flag("--json", *json, "For machines");
  return [json]() -> Status {
    const DeviceInfo device = cpu::backend().device();
    std::vector<std::string> tactics;
    for (const Tactic* tactic : cpu::backend().tactics()) tactics.emplace_back(tactic->id());
    const std::vector<images::Format> formats = images::formats();
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
                                     {"tactics", tactics}}}}};
      std::printf("%s\n", out.dump(1).c_str());
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
    return Status::ok();
  };
}

}  // namespace ingot::tools
