// SPDX-License-Identifier: Apache-2.0
// What cuda.attention_decode takes, and how it shares keys out; its results are a matter of tactics_test.cc.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <set>

#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/kernels/params.h"
#include "backends/cuda/tactics.h"
#include "tactics/testing/problem_case.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::AttentionParams;

constexpr int kMultiprocessors = 132;

Problem parse(std::string_view text) {
  Result<Problem> problem = Problem::parse(text);
  EXPECT_TRUE(problem.is_ok()) << text << ": " << problem.status().to_string();
  return *std::move(problem);
}

DeviceInfo device_of(const char* arch) {
  DeviceInfo device;
  device.kind = "cuda";
  device.features = {arch};
  return device;
}

const CudaTactic& tactic() { return dynamic_cast<const CudaTactic&>(attention_decode_tactic()); }

LaunchPlan plan_of(const Problem& problem, const std::string& config, const std::vector<Operand>& inputs) {
  Result<LaunchPlan> plan =
      tactic().family().plan({problem, config, inputs, problem.outputs, kMultiprocessors, nullptr});
  EXPECT_TRUE(plan.is_ok()) << plan.status().to_string();
  return plan.is_ok() ? *std::move(plan) : LaunchPlan{};
}

AttentionParams params_of(const PlannedLaunch& launch) {
  AttentionParams params;
  EXPECT_EQ(launch.parameters.size(), sizeof(params));
  std::memcpy(&params, launch.parameters.data(), sizeof(params));
  return params;
}

constexpr const char* kDecode = "Attention(f16[1,32,1,128], f16[1,8,4096,128], f16[1,8,4096,128]) -> (f16[1,32,1,128])";

TEST(AttentionDecode, TakesFewQueriesOrSaysWhyNot) {
  const auto support = [&](const char* text, const char* arch) {
    return tactic().supports(parse(text), device_of(arch));
  };
  for (const char* arch : {"sm_80", "sm_89", "sm_90a"})
    for (const char* text : {
             kDecode,
             "Attention(f32[2,4,16,80], f32[2,2,1,80], f32[2,2,1,80], boolean[2,4,16,1]) -> (f32[2,4,16,80])",
             "Attention(bf16[1,3,4,64], bf16[1,9,2,64], bf16[1,9,2,64], f32[3,9]) -> (bf16[1,3,4,64]) {bshd=1}",
             "Attention(f16[1,3,5,33], f16[1,1,77,33], f16[1,1,77,31]) -> (f16[1,3,5,31]) {is_causal=1}",
         })
      EXPECT_TRUE(support(text, arch).ok()) << arch << " " << text;
  const auto refused = [&](const char* text, Refusal reason, const char* detail) {
    const Support answer = support(text, "sm_90a");
    EXPECT_FALSE(answer.ok()) << text;
    EXPECT_EQ(answer.reason, reason) << text << ": " << answer.detail;
    EXPECT_NE(answer.detail.find(detail), std::string::npos) << text << ": " << answer.detail;
  };
  refused("Attention(f16[1,2,17,64], f16[1,2,99,64], f16[1,2,99,64]) -> (f16[1,2,17,64])", Refusal::kNotWorthIt,
          "many queries");
  refused("Attention(f64[1,2,1,64], f64[1,2,99,64], f64[1,2,99,64]) -> (f64[1,2,1,64])", Refusal::kDType, "");
  refused("Attention(f16[1,2,1,264], f16[1,2,99,264], f16[1,2,99,264]) -> (f16[1,2,1,264])", Refusal::kShape, "264");
  refused("Attention(f16[1,2,1,64], f16[1,2,99,64], f16[1,2,99,64]) -> (f16[1,2,1,64]) {softcap=2.0}",
          Refusal::kAttribute, "softcap");
  refused("Attention(f16[1,2,1,64], f16[1,2,99,64], f16[1,2,99,64], f16[1,50]) -> (f16[1,2,1,64])", Refusal::kShape,
          "mask");
  refused(
      "Attention(f32[1,2,1,8], f32[1,2,1,8], f32[1,2,1,8], _, f32[1,2,9,8], f32[1,2,9,8]) -> (f32[1,2,1,8], "
      "f32[1,2,10,8], f32[1,2,10,8])",
      Refusal::kAttribute, "a cache");
}

TEST(AttentionDecode, HasConfigsForEveryHeadAndNumberOfRows) {
  for (const int size : {8, 64, 80, 128, 192, 256})
    for (const int heads : {1, 2, 4, 32})
      for (const int queries : {1, 8, 16})
        for (const char* mask : {"", ", f16[1,1,1,4096]"}) {
          const std::string q = fmt::format("f16[1,{},{},{}]", heads, queries, size);
          const std::string k = fmt::format("f16[1,1,4096,{}]", size);
          const std::string text = fmt::format("Attention({}, {}, {}{}) -> ({})", q, k, k, mask, q);
          EXPECT_FALSE(tactic().configs(parse(text), device_of("sm_90a")).empty()) << text;
        }
}

// One row of one head of keys still is work for all multiprocessors, and the tuner may choose how many parts.
TEST(AttentionDecode, SharesKeysOut) {
  const Problem problem = parse(kDecode);
  const std::vector<std::string> configs = tactic().configs(problem, device_of("sm_90a"));
  std::set<unsigned> parts;
  for (const std::string& config : configs) {
    const LaunchPlan plan = plan_of(problem, config, problem.inputs);
    ASSERT_EQ(plan.launches.size(), 2U) << config;
    const PlannedLaunch& launch = plan.launches[0];
    const PlannedLaunch& meet = plan.launches[1];
    EXPECT_EQ(launch.grid[0], 8U) << "queries of four heads are rows of one block";
    EXPECT_EQ(launch.grid[2], 1U);
    EXPECT_GE(launch.grid[0] * launch.grid[1], 128U) << config;
    EXPECT_EQ(params_of(launch).parts, static_cast<int>(launch.grid[1]));
    EXPECT_EQ(meet.grid[0], 32U);
    // Every row and part has 128 sums, a largest score and a total.
    EXPECT_EQ(plan.workspace_bytes, std::size_t{32} * launch.grid[1] * (128 + 2) * 4);
    EXPECT_LE(launch.shared_bytes, 99U << 10);
    parts.insert(launch.grid[1]);
  }
  EXPECT_GE(parts.size(), 3U);
}

TEST(AttentionDecode, FewKeysOrManyHeadsMeetNowhere) {
  for (const char* text : {
           "Attention(f16[1,4,1,64], f16[1,4,9,64], f16[1,4,9,64]) -> (f16[1,4,1,64])",
           "Attention(f32[1,4,1,64], f32[1,4,9,64], f32[1,4,9,64]) -> (f32[1,4,1,64])",
           "Attention(f16[64,32,1,64], f16[64,32,999,64], f16[64,32,999,64]) -> (f16[64,32,1,64])",
           "Attention(f16[1,4,2,64], f16[1,4,999,64], f16[1,4,999,64]) -> (f16[1,4,2,64]) {is_causal=1}",
       }) {
    const Problem problem = parse(text);
    const LaunchPlan plan = plan_of(problem, tactic().configs(problem, device_of("sm_90a")).at(0), problem.inputs);
    EXPECT_EQ(plan.launches.size(), 1U) << text;
    EXPECT_EQ(plan.workspace_bytes, 0U) << text;
  }
}

// A cache that grows: the code stays, the launches follow.
TEST(AttentionDecode, KeysMayGrow) {
  const Problem problem = parse(kDecode);
  const std::string config = tactic().configs(problem, device_of("sm_90a")).at(0);
  unsigned before = 0;
  for (const std::int64_t keys : {1, 63, 64, 65, 300, 1000, 131072}) {
    std::vector<Operand> inputs = problem.inputs;
    inputs[1].shape[2] = inputs[2].shape[2] = keys;
    const LaunchPlan plan = plan_of(problem, config, inputs);
    ASSERT_FALSE(plan.launches.empty());
    const AttentionParams params = params_of(plan.launches[0]);
    EXPECT_EQ(params.keys, keys);
    EXPECT_EQ(params.k_head, keys * 128);
    EXPECT_EQ(plan.launches.size(), params.parts > 1 ? 2U : 1U);
    EXPECT_GE(plan.launches[0].grid[1], before) << keys;
    EXPECT_LE(params.parts, keys);
    before = plan.launches[0].grid[1];
  }
  EXPECT_GE(before * 8, 132U);
  // Queries of a prompt, beyond what the tactic is chosen for.
  std::vector<Operand> inputs = problem.inputs;
  std::vector<Operand> outputs = problem.outputs;
  inputs[0].shape[2] = outputs[0].shape[2] = 1000;
  const Result<LaunchPlan> plan = tactic().family().plan({problem, config, inputs, outputs, kMultiprocessors, nullptr});
  ASSERT_TRUE(plan.is_ok()) << plan.status().to_string();
  EXPECT_EQ(plan->launches[0].grid[0], 8U * 250U);  // 4 heads of 1000 queries in blocks of 16 rows
  inputs[0].shape[3] = inputs[1].shape[3] = 64;
  EXPECT_FALSE(tactic().family().plan({problem, config, inputs, outputs, kMultiprocessors, nullptr}).is_ok());
}

// The same, run: code for 300 keys and one query gives the reference's results for others. Skips without a GPU.
class AttentionDecodeGrows : public testing::TestWithParam<const char*> {};

TEST_P(AttentionDecodeGrows, MatchesReference) {
  const Result<const Backend*> found = backend(0);
  if (!found.is_ok()) GTEST_SKIP() << found.status().to_string();
  Device& device = **Device::get(0);
  const auto text_of = [](int queries, int keys) {
    return fmt::format(
        "Attention({0}[2,6,{1},64], {0}[2,2,{2},64], {0}[2,2,{2},64], boolean[2,1,1,{2}]) -> "
        "({0}[2,6,{1},64])",
        GetParam(), queries, keys);
  };
  const Problem problem = parse(text_of(1, 300));
  for (const std::string& config : tactic().configs(problem, (*found)->device())) {
    const auto loaded = testing_tools::load(tactic(), problem, config, (*found)->device());
    ASSERT_TRUE(loaded.is_ok()) << config << ": " << loaded.status().to_string();
    for (const auto& [queries, keys] : {std::pair{1, 1}, {1, 299}, {1, 5000}, {3, 64}, {16, 1500}, {200, 130}}) {
      SCOPED_TRACE(fmt::format("'{}' {} queries, {} keys", config, queries, keys));
      const testing_tools::ProblemCase test_case(text_of(queries, keys));
      const Result<testing_tools::CaseData> data = test_case.data();
      ASSERT_TRUE(data.is_ok()) << data.status().to_string();
      const SymbolValues symbols;
      const auto state =
          loaded->kernel->configure({.inputs = data->inputs, .outputs = data->outputs, .symbols = &symbols});
      ASSERT_TRUE(state.is_ok()) << state.status().to_string();
      std::vector<DeviceMemory> memory;
      LaunchArgs args;
      std::vector<const void*> inputs;
      for (const TensorPtr& value : data->values) {
        memory.push_back(DeviceMemory::upload(device, value->bytes()).value());
        inputs.push_back(memory.back().data());
      }
      std::vector<std::byte> result(data->expected[0].bytes().size());
      memory.push_back(DeviceMemory::allocate(device, result.size()).value());
      std::vector<void*> outputs = {memory.back().data()};
      memory.push_back(DeviceMemory::allocate(device, (*state)->workspace_bytes).value());
      args.inputs = inputs;
      args.outputs = outputs;
      args.workspace = {static_cast<std::byte*>(memory.back().data()), (*state)->workspace_bytes};
      args.state = state->get();
      const std::unique_ptr<Stream> stream = Stream::create(device).value();
      const DeviceScope scope(device, stream->handle());
      ASSERT_TRUE(stream->set_bytes(args.workspace.data(), 0xff, args.workspace.size()).is_ok());
      ASSERT_TRUE(loaded->kernel->launch(args).is_ok());
      ASSERT_TRUE(stream->copy_to_host(result.data(), outputs[0], result.size()).is_ok());
      const Status finished = stream->synchronize();
      ASSERT_TRUE(finished.is_ok()) << finished.to_string();
      const bool half = problem.inputs[0].dtype != DType::f32;
      testing_tools::compare(data->expected[0], result.data(), 0, {half ? 4e-3 : 1e-5, half ? 8 * 0x1p-12 : 2e-5});
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Types, AttentionDecodeGrows, testing::Values("f16", "f32"),
                         [](const testing::TestParamInfo<const char*>& param_info) {
                           return std::string(param_info.param);
                         });

// Every config, for head sizes and rows that differ in what a thread holds: no register goes to memory.
TEST(AttentionDecode, CompilesWithoutSpills) {
  if (const Status status = compiler_available(); !status.is_ok()) GTEST_SKIP() << status.to_string();
  std::set<std::string> seen;
  for (const char* text : {
           kDecode,
           "Attention(bf16[1,8,16,64], bf16[1,1,900,64], bf16[1,1,900,64], f32[1,8,16,900]) -> (bf16[1,8,16,64])",
           "Attention(f16[1,8,16,128], f16[1,1,900,128], f16[1,1,900,128], f16[900]) -> (f16[1,8,16,128])",
           "Attention(f16[1,8,2,256], f16[1,2,900,256], f16[1,2,900,256], boolean[2,900]) -> (f16[1,8,2,256])",
           "Attention(f32[1,8,1,128], f32[1,1,900,128], f32[1,1,900,128], f32[900]) -> (f32[1,8,1,128])",
           "Attention(f32[1,1,1,64], f32[1,1,900,64], f32[1,1,900,64]) -> (f32[1,1,1,64])",
           "Attention(f32[1,8,4,256], f32[1,1,900,256], f32[1,1,900,256], boolean[900]) -> (f32[1,8,4,256])",
           "Attention(f16[1,3,5,33], f16[1,1,900,33], f16[1,1,900,31]) -> (f16[1,3,5,31]) {is_causal=1}",
       }) {
    const Problem problem = parse(text);
    for (const std::string& config : tactic().configs(problem, device_of("sm_90a"))) {
      const Result<std::vector<std::string>> sources = tactic().family().sources(problem, config);
      ASSERT_TRUE(sources.is_ok()) << sources.status().to_string();
      if (!seen.insert(sources->at(0)).second) continue;
      for (const char* arch : {"sm_80", "sm_89", "sm_90a"}) {
        const Result<Compiled> result = compile("cuda.attention_decode", sources->at(0), arch);
        ASSERT_TRUE(result.is_ok()) << text << "\n" << config << "\n" << result.status().to_string();
        EXPECT_EQ(result->spill_bytes, 0) << arch << " '" << config << "' " << text;
      }
    }
  }
}

}  // namespace
}  // namespace ingot::cuda
