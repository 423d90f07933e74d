// SPDX-License-Identifier: Apache-2.0
// Every CUDA tactic on every problem of the suite that it supports, in the types it may come in, against the reference
// evaluator: poisoned outputs with guards, fresh random inputs. Skips without a GPU; the sources are compiled for all
// architectures wherever NVRTC is.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/tactics.h"
#include "tactics/testing/problem_case.h"

namespace ingot::cuda {
namespace {

using testing_tools::CaseData;
using testing_tools::compare;
using testing_tools::load;
using testing_tools::LoadedKernel;
using testing_tools::ProblemCase;

constexpr std::size_t kGuard = 256;
constexpr unsigned char kPoison = 0xff;

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// The suite's problems, and those of f32 in f16 and bf16 as well.
std::vector<std::string> suite() {
  std::vector<std::string> problems;
  for (const char* file : {INGOT_SUITES "/problems.txt", INGOT_SUITES "/cuda_problems.txt"})
    for (const std::string& line : testing_tools::suite_lines(file))
      if (!line.starts_with("DimTensor(")) problems.push_back(line);
  const std::size_t count = problems.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string line = problems[i];
    if (line.find("f32") == std::string::npos || line.find("f16") != std::string::npos) continue;
    problems.push_back(replace_all(line, "f32", "f16"));
    if (i % 3 == 0) problems.push_back(replace_all(line, "f32", "bf16"));
  }
  return problems;
}

// Expressions: CUDA's functions are within a few units of the last place; the reference rounds every instruction of
// half precision, kernels only the result.
testing_tools::Tolerance tolerance(const Problem& problem, DType type) {
  // The reference rounds the sums of halves before the epilogue makes fp32 of them.
  if (type == DType::f32 && problem.attrs.has("epilogue"))
    if (const DType sums = problem.epilogue()->input_types()[0]; sums == DType::f16 || sums == DType::bf16) type = sums;
  double length = 16;
  for (const Operand& input : problem.inputs)
    if (input.present()) length = std::max(length, static_cast<double>(element_count(input.shape).value_or(1)));
  length = std::min(length, 4096.0);
  if (problem.kind == "Pointwise") length = 1;
  if (problem.kind == "MatMul")
    length = static_cast<double>(std::max<std::int64_t>(16, problem.inputs[0].shape.back()));
  double epsilon = 1e-5;
  double type_epsilon = 0x1p-24;
  if (type == DType::f16) epsilon = 4e-3, type_epsilon = 0x1p-12;
  if (type == DType::bf16) epsilon = 3e-2, type_epsilon = 0x1p-9;
  double of_rms = 8 * type_epsilon + 0x1p-22 * std::sqrt(length);
  // Samples made in pairs of halves: each term of the sum is rounded up to five times, by up to 2^-11 of it (a corner's
  // weight, then four sums). That is a random walk over terms whose squares add up to those of the result; where they
  // cancel, the error is still a part of the rms. Six deviations.
  if (problem.kind == "DeformConv" && type == DType::f16) of_rms += 6 * std::sqrt(5.0 / 3) * 0x1p-11;
  return {epsilon, of_rms};
}

// Operands, outputs (with guards) and workspace of a case on the device.
struct OnDevice {
  std::vector<DeviceMemory> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  DeviceMemory workspace;
};

Result<OnDevice> place(const Device& device, const CaseData& data, const std::vector<Operand>& inputs,
                       std::size_t workspace) {
  OnDevice out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present()) {
      out.inputs.push_back(nullptr);
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, DeviceMemory::upload(device, data.values[i]->bytes()));
    out.inputs.push_back(memory.data());
    out.memory.push_back(std::move(memory));
  }
  for (const HostTensor& expected : data.expected) {
    INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, DeviceMemory::allocate(device, expected.bytes().size() + 2 * kGuard));
    out.outputs.push_back(static_cast<std::byte*>(memory.data()) + kGuard);
    out.memory.push_back(std::move(memory));
  }
  INGOT_ASSIGN_OR_RETURN(out.workspace, DeviceMemory::allocate(device, workspace));
  return out;
}

class CudaTactics : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const Result<const Backend*> found = backend(0);
    if (!found.is_ok()) GTEST_SKIP() << found.status().to_string();
    backend_ = *found;
    device_ = *Device::get(0);
  }

  void check(const Tactic& tactic, const std::string& config, const Problem& problem, const CaseData& data) {
    SCOPED_TRACE(fmt::format("{} '{}'", tactic.id(), config));
    const Result<LoadedKernel> loaded = load(tactic, problem, config, backend_->device());
    if (!loaded.is_ok() && loaded.status().code() == StatusCode::kResourceExhausted) return;  // spills
    ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
    const std::vector<Operand> inputs = loaded->operands(data.inputs);
    const SymbolValues symbols;
    const ConfigureArgs configure{.inputs = inputs, .outputs = data.outputs, .symbols = &symbols};
    Result<std::unique_ptr<KernelState>> state = loaded->kernel->configure(configure);
    ASSERT_TRUE(state.is_ok()) << state.status().to_string();
    Result<OnDevice> placed = place(*device_, data, inputs, (*state)->workspace_bytes);
    ASSERT_TRUE(placed.is_ok()) << placed.status().to_string();
    const std::unique_ptr<Stream> stream = Stream::create(*device_).value();
    for (std::size_t i = 0; i < data.expected.size(); ++i)
      ASSERT_TRUE(stream
                      ->set_bytes(static_cast<std::byte*>(placed->outputs[i]) - kGuard, kPoison,
                                  data.expected[i].bytes().size() + 2 * kGuard)
                      .is_ok());
    ASSERT_TRUE(stream->set_bytes(placed->workspace.data(), kPoison, (*state)->workspace_bytes).is_ok());
    LaunchArgs args;
    args.inputs = placed->inputs;
    args.outputs = placed->outputs;
    args.workspace = {static_cast<std::byte*>(placed->workspace.data()), (*state)->workspace_bytes};
    args.state = state->get();
    const DeviceScope scope(*device_, stream->handle());
    // Twice: what a launch leaves behind (counters) must serve the next one.
    for (int turn = 0; turn < 2; ++turn) {
      const Status launched = loaded->kernel->launch(args);
      ASSERT_TRUE(launched.is_ok()) << launched.to_string();
    }
    for (std::size_t i = 0; i < data.expected.size(); ++i) {
      if (!data.outputs[i].present()) continue;
      const std::size_t bytes = data.expected[i].bytes().size();
      std::vector<std::byte> host(bytes + 2 * kGuard);
      ASSERT_TRUE(
          stream->copy_to_host(host.data(), static_cast<std::byte*>(placed->outputs[i]) - kGuard, host.size()).is_ok());
      const Status finished = stream->synchronize();
      if (!finished.is_ok()) {
        std::fprintf(stderr, "the device failed (%s): %s\n", finished.to_string().c_str(), GetParam().c_str());
        std::_Exit(70);  // nothing after this would run
      }
      for (std::size_t g = 0; g < kGuard; ++g)
        ASSERT_TRUE(host[g] == std::byte{kPoison} && host[kGuard + bytes + g] == std::byte{kPoison})
            << "wrote outside output " << i;
      compare(data.expected[i], host.data() + kGuard, i, tolerance(problem, data.expected[i].dtype()));
    }
  }

  const Backend* backend_ = nullptr;
  Device* device_ = nullptr;
};

TEST_P(CudaTactics, MatchReference) {
  const ProblemCase test_case(GetParam());
  SCOPED_TRACE(test_case.describe());
  ASSERT_TRUE(test_case.status().is_ok()) << test_case.status().to_string();
  const Problem& problem = test_case.problem();
  Result<CaseData> data = failed_precondition("not evaluated");
  int solved = 0;
  std::string reasons;
  bool known = false;
  for (const Tactic* tactic : backend_->tactics()) {
    const Support support = tactic->supports(problem, backend_->device());
    if (support.reason != Refusal::kKind) known = true;
    if (tactic->is_plain()) continue;  // runs on the host
    if (!support.ok()) {
      if (support.reason != Refusal::kKind)
        reasons += fmt::format("{}: {} {}; ", tactic->id(), to_string(support.reason), support.detail);
      continue;
    }
    if (solved++ == 0) {
      data = test_case.data();
      ASSERT_TRUE(data.is_ok()) << data.status().to_string();
    }
    for (const std::string& config : tactic->configs(problem, backend_->device())) {
      check(*tactic, config, problem, *data);
      if (HasFatalFailure()) return;
    }
  }
  if (solved == 0) GTEST_SKIP() << (known ? "refused: " + reasons : "no tactic knows this kind");
}

INSTANTIATE_TEST_SUITE_P(Suite, CudaTactics, testing::ValuesIn(suite()),
                         [](const testing::TestParamInfo<std::string>& param_info) {
                           return testing_tools::suite_test_name(param_info.index, param_info.param);
                         });

// Where nothing is timed the first config is what runs.
TEST(CudaConfigs, GuessTilesByTheProblem) {
  DeviceInfo device;
  device.kind = "cuda";
  device.features = {"sm_90a"};
  const auto first = [&](const char* text) {
    const Result<Problem> problem = Problem::parse(text);
    EXPECT_TRUE(problem.is_ok()) << problem.status().to_string();
    return hopper_gemm_tactic().configs(*problem, device).at(0);
  };
  const std::string large = first("MatMul(f16[8192,4096], const f16[4096,4096]) -> (f16[8192,4096])");
  EXPECT_FALSE(large.starts_with("64x")) << large;
  const std::string small = first(
      "Conv(f16[1,14,14,256], const f16[256,256,3,3]) -> (f16[1,14,14,256]) {channels_last=1, pads=[1, 1, 1, 1]}");
  EXPECT_TRUE(small.starts_with("64x")) << small;
}

// Every source of the suite, first config, for every architecture.
TEST(CudaSources, Compile) {
  if (const Status status = compiler_available(); !status.is_ok()) GTEST_SKIP() << status.to_string();
  DeviceInfo device;
  device.kind = "cuda";
  device.features = {"sm_90a"};
  int compiled = 0;
  const char* const all = std::getenv("INGOT_TEST_ALL_SOURCES");
  std::map<std::string, int> of_kind;
  for (const std::string& line : suite()) {
    const ProblemCase test_case(line);
    ASSERT_TRUE(test_case.status().is_ok()) << line;
    const Problem& problem = test_case.problem();
    for (const Tactic* tactic : tactic_table()) {
      if (tactic->is_plain() || !tactic->supports(problem, device).ok()) continue;
      const std::string type(to_string(problem.inputs.empty() ? DType::f32 : problem.inputs[0].dtype));
      if (all == nullptr && of_kind[fmt::format("{} {} {}", tactic->id(), problem.kind, type)]++ >= 1) continue;
      const auto* generated = dynamic_cast<const CudaTactic*>(tactic);
      if (generated == nullptr) continue;  // a library's
      const Family& family = generated->family();
      const std::string config = tactic->configs(problem, device)[0];
      // Bytes: as good as none where tiles are tuned; what serves every case may keep a few indices in memory.
      const int most_spilled = config.empty() ? 64 : 16;
      const Result<std::vector<std::string>> sources = family.sources(problem, config);
      ASSERT_TRUE(sources.is_ok()) << sources.status().to_string();
      for (const std::string& source : *sources)
        for (const std::string_view arch : {"sm_80", "sm_89", "sm_90a"}) {
          if (!family.arch.empty() && arch != family.arch) continue;
          const Result<Compiled> result = compile(std::string(tactic->id()), source, std::string(arch));
          ASSERT_TRUE(result.is_ok()) << line << "\n" << config << "\n" << result.status().to_string();
          EXPECT_LE(result->spill_bytes, most_spilled) << arch << " " << config << " " << line;
          ++compiled;
        }
    }
  }
  EXPECT_GT(compiled, 0);
}

}  // namespace
}  // namespace ingot::cuda
