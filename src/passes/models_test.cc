// SPDX-License-Identifier: Apache-2.0
// The pipeline over networks as exporters wrote them, from a folder of complete ONNX files (INGOT_FILLED_MODELS; the
// tests skip without it). Prints what operators are left: where a fusion is missing, it shows here.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include <gtest/gtest.h>

#include "ir/text.h"
#include "onnx/import.h"
#include "passes/graph_test_util.h"
#include "passes/pipeline.h"

namespace ingot::passes {
namespace {

namespace fs = std::filesystem;

std::map<std::string, int> operators(const ir::Graph& graph) {
  std::map<std::string, int> counts;
  for (ir::NodeId id : graph.nodes()) ++counts[graph.node(id).op];
  return counts;
}

// The difference of the outputs relative to their root mean square; naive arithmetic, so for small networks only.
void compare(const ir::Graph& before, const ir::Graph& after) {
  for (ir::ValueId input : before.inputs())
    if (!concrete(before.value(input).type.shape.value_or(SymShape{Dim::symbol("?")}))) return;  // needs numbers to run
  const auto expected = testing::run(before), actual = testing::run(after);
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    ASSERT_EQ(tensor.shape(), actual.at(name).shape());
    double square = 0, worst = 0;
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
      square += tensor.as_double(i) * tensor.as_double(i);
      worst = std::max(worst, std::abs(tensor.as_double(i) - actual.at(name).as_double(i)));
    }
    const double rms = std::sqrt(square / static_cast<double>(std::max<std::int64_t>(1, tensor.elements())));
    std::cout << "    " << name << ": rms " << rms << ", worst difference " << worst << std::endl;
    EXPECT_LE(worst, 1e-4 * rms) << name;
  }
}

TEST(Models, PipelineLeavesWhatItShould) {
  const char* folder = std::getenv("INGOT_FILLED_MODELS");
  if (folder == nullptr || !fs::exists(folder)) GTEST_SKIP() << "INGOT_FILLED_MODELS names no folder";
  const char* only = std::getenv("INGOT_ONLY");
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    if (only != nullptr && entry.path().stem().string().find(only) == std::string::npos) continue;
    SCOPED_TRACE(entry.path().stem().string());
    auto graph = onnx::import_file(entry.path().string());
    if (!graph.is_ok()) {
      ADD_FAILURE() << graph.status().to_string();
      continue;
    }
    const std::size_t before = (*graph)->node_count();
    const auto original = std::getenv("INGOT_COMPARE") != nullptr ? (*graph)->clone() : nullptr;
    Options options;
    options.channels_last = std::getenv("INGOT_CHANNELS_FIRST") == nullptr;
    std::vector<PassTime> times;
    options.times = &times;
    if (std::getenv("INGOT_TRACE") != nullptr)
      options.trace = [](const TraceEvent& event) {
        std::cout << event.number << " " << event.pass << " " << event.rule << ": " << event.nodes << "\n";
      };
    if (const char* stop = std::getenv("INGOT_STOP_AFTER")) options.stop_after = std::atoi(stop);
    const Status status = canonicalise(**graph, options);
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    double total = 0;
    for (const PassTime& time : times) total += time.milliseconds;
    std::cout << entry.path().stem().string() << ": " << before << " -> " << (*graph)->node_count() << " nodes, "
              << static_cast<int>(total) << " ms\n   ";
    for (const auto& [op, number] : operators(**graph)) std::cout << " " << op << ":" << number;
    std::cout << std::endl;
    if (original != nullptr) compare(*original, **graph);
    if (std::getenv("INGOT_PRINT") != nullptr) std::cout << ir::print(**graph) << "\n";
    if (std::getenv("INGOT_TIMES") != nullptr)
      for (const PassTime& time : times)
        std::cout << "    " << time.pass << " " << time.patches << " patches " << time.milliseconds << " ms\n";
  }
}

}  // namespace
}  // namespace ingot::passes
