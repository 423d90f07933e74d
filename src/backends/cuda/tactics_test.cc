// SPDX-License-Identifier: Apache-2.0
// Every CUDA tactic on every problem of the suite that it supports, in the types it may come in, against the reference
// evaluator: poisoned outputs with guards, fresh random inputs. Skips without a GPU; the sources are compiled for all
// architectures wherever NVRTC is.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/tactics.h"
#include "reference/evaluate.h"

namespace ingot::cuda {
namespace {

constexpr std::size_t kGuard = 256;
constexpr unsigned char kPoison = 0xff;

std::vector<std::string> suite_lines(const char* file_name) {
  std::vector<std::string> problems;
  std::ifstream file(std::string(INGOT_SUITES) + "/" + file_name);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && !line.starts_with('#') && !line.starts_with("DimTensor(")) problems.push_back(line);
  return problems;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// The suite's problems, and those of f32 in f16 and bf16 as well.
std::vector<std::string> suite() {
  std::vector<std::string> problems = suite_lines("problems.txt");
  for (const std::string& line : suite_lines("cuda_problems.txt")) problems.push_back(line);
  const std::size_t count = problems.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string line = problems[i];
    if (line.find("f32") == std::string::npos || line.find("f16") != std::string::npos) continue;
    problems.push_back(replace_all(line, "f32", "f16"));
    if (i % 3 == 0) problems.push_back(replace_all(line, "f32", "bf16"));
  }
  return problems;
}

// Below what the integers of an operand must stay because they are indices; 0 when they are none.
std::int64_t index_limit(const Problem& problem, std::size_t input) {
  const std::string& kind = problem.kind;
  const Shape& data = problem.inputs[0].shape;
  if (input == 1 && (kind == "Gather" || kind == "GatherElements" || kind == "ScatterElements")) {
    const auto rank = static_cast<std::int64_t>(data.size());
    const std::int64_t axis = problem.attrs.get_int("axis", 0);
    return data[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)];
  }
  if (input == 1 && (kind == "GatherND" || kind == "ScatterND")) return *std::min_element(data.begin(), data.end());
  if (input == 1 && kind.ends_with("Loss")) return data[1];
  if (input == 2 && kind == "RoiAlign") return data[0];
  return 0;
}

HostTensor random_tensor(const Problem& problem, std::size_t input, bool special, std::mt19937& random) {
  const Operand& operand = problem.inputs[input];
  HostTensor tensor = HostTensor::create(operand.dtype, operand.shape).value();
  const std::string text = problem.attrs.get_string("expr", "");
  const bool positive = text.find("sqrt(") != std::string::npos || text.find("log(") != std::string::npos ||
                        text.find("pow(") != std::string::npos;
  const std::int64_t limit = index_limit(problem, input);
  std::normal_distribution<double> normal(0.0, 1.5);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    if (is_float(operand.dtype)) {
      double value = normal(random);
      if (positive) value = std::abs(value) + 0.05;
      // Variances and scales of quantised values; coordinates and boxes of some size.
      if ((problem.kind == "BatchNormalization" && input == 4) ||
          (problem.kind.find("Quantize") != std::string::npos && input == 1) ||
          (problem.kind == "QLinearConv" && (input == 1 || input == 4 || input == 6)))
        value = std::abs(value) + 0.05;
      if (problem.kind == "Resize" && input == 2) value = i < 2 ? 1 : 2;
      if (problem.kind == "RoiAlign" && input == 1) value = std::abs(value) * 3 + (i % 4 >= 2 ? 4 : 0);
      if (problem.kind == "Cast") value *= 100;
      if (special && i % 7 == 3) value = i % 3 == 0 ? std::nan("") : i % 3 == 1 ? HUGE_VAL : -HUGE_VAL;
      if (problem.kind == "DeformConv" && input == 2)
        value = i % 11 == 5 ? value * 40 : i % 7 == 2 ? std::round(value) : value;
      tensor.set_double(i, value);
    } else if (operand.dtype == DType::boolean) {
      tensor.set_int(i, static_cast<std::int64_t>(random() % 2));
    } else if (limit > 0) {
      tensor.set_int(i, static_cast<std::int64_t>(random() % static_cast<unsigned>(limit)));
    } else {
      tensor.set_int(i, static_cast<std::int64_t>(random() % 10) + 1);
    }
  }
  return tensor;
}

struct Case {
  explicit Case(std::string_view text) {
    // "~": the CPU has a plain tactic only; "!": NaN and infinities among the inputs.
    while (text.starts_with("!") || text.starts_with("~")) {
      special = special || text.starts_with("!");
      text.remove_prefix(1);
    }
    seed = static_cast<unsigned>(std::hash<std::string_view>()(text));
    if (const char* given = std::getenv("INGOT_TEST_SEED")) seed += static_cast<unsigned>(std::atoi(given));
    Result<Problem> parsed = Problem::parse(text);
    status = parsed.status();
    if (!parsed.is_ok()) return;
    problem = *std::move(parsed);
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
      Operand& input = problem.inputs[i];
      if (!input.present()) {
        values.push_back(nullptr);
        continue;
      }
      if (input.value == nullptr)
        values.push_back(share(random_tensor(problem, i, special, random)));
      else
        values.push_back(input.value);
      if (input.constant) input.value = values.back();
    }
  }

  // The reference's results, in the problem's types.
  Status evaluate() {
    std::vector<const HostTensor*> operands;
    for (const TensorPtr& value : values) operands.push_back(value.get());
    reference::Call call;
    call.op = problem.kind;
    call.attrs = &problem.attrs;
    call.inputs = operands;
    call.output_count = problem.outputs.size();
    std::vector<DType> types;
    for (const Operand& output : problem.outputs) types.push_back(output.dtype);
    call.output_types = types;
    INGOT_ASSIGN_OR_RETURN(expected, reference::evaluate(call));
    return Status::ok();
  }

  [[nodiscard]] double reduction_length() const {
    if (problem.kind == "Pointwise") return 1;
    double most = 16;
    for (const Operand& input : problem.inputs)
      if (input.present()) most = std::max(most, static_cast<double>(element_count(input.shape).value_or(1)));
    if (problem.kind == "MatMul")
      return static_cast<double>(std::max<std::int64_t>(16, problem.inputs[0].shape.back()));
    return std::min(most, 4096.0);
  }

  Problem problem;
  std::vector<TensorPtr> values;
  std::vector<HostTensor> expected;
  Status status;
  unsigned seed = 0;
  bool special = false;
};

void compare(const Case& test_case, std::size_t output, const HostTensor& expected, const std::byte* got) {
  const HostTensor actual =
      HostTensor::view(expected.dtype(), expected.shape(), {got, expected.bytes().size()}, nullptr).value();
  double sum = 0;
  std::int64_t finite = 0;
  for (std::int64_t i = 0; i < expected.elements(); ++i) {
    const double value = expected.as_double(i);
    if (!std::isfinite(value) || std::abs(value) > 1e6) continue;
    sum += value * value;
    ++finite;
  }
  const double rms = finite > 0 ? std::sqrt(sum / static_cast<double>(finite)) : 1;
  // Expressions: CUDA's functions are within a few units of the last place; the reference rounds every instruction of
  // half precision, kernels only the result.
  double epsilon = 1e-5;
  double type_epsilon = 0x1p-24;
  if (expected.dtype() == DType::f16) epsilon = 4e-3, type_epsilon = 0x1p-12;
  if (expected.dtype() == DType::bf16) epsilon = 3e-2, type_epsilon = 0x1p-9;
  const double tolerance = 8 * type_epsilon + 0x1p-22 * std::sqrt(test_case.reduction_length());
  int shown = 0;
  for (std::int64_t i = 0; i < expected.elements() && shown < 3; ++i) {
    const double want = expected.as_double(i), have = actual.as_double(i);
    bool same = false;
    if (is_float(expected.dtype()))
      same = std::isnan(want) ? std::isnan(have)
                              : want == have || std::abs(want - have) <=
                                                    epsilon * std::abs(want) + tolerance * std::min(rms, 1e3) + 1e-30;
    else
      same = expected.as_int(i) == actual.as_int(i);
    if (same) continue;
    ++shown;
    ADD_FAILURE() << "output " << output << " element " << i << ": " << have << ", expected " << want << " (rms " << rms
                  << ")";
  }
}

struct Loaded {
  Packed packed;
  std::vector<HostTensor> blobs;
  std::unique_ptr<Kernel> kernel;
};

Result<Loaded> load(const Tactic& tactic, const Problem& problem, const std::string& config, const DeviceInfo& device) {
  Loaded out;
  INGOT_ASSIGN_OR_RETURN(out.packed, tactic.prepare(problem, config, device));
  std::vector<std::span<const std::byte>> spans;
  for (const auto& blob : out.packed.blobs) {
    out.blobs.push_back(HostTensor::create(DType::u8, {static_cast<std::int64_t>(blob.size())}).value());
    std::copy(blob.begin(), blob.end(), out.blobs.back().mutable_bytes().begin());
  }
  for (const HostTensor& blob : out.blobs) spans.push_back(blob.bytes());
  Problem stripped = problem;
  for (std::size_t i = 0; i < stripped.inputs.size(); ++i)
    if (std::find(out.packed.keep_inputs.begin(), out.packed.keep_inputs.end(), i) == out.packed.keep_inputs.end())
      stripped.inputs[i].value = nullptr;
  INGOT_ASSIGN_OR_RETURN(out.kernel, tactic.load(stripped, config, spans));
  return out;
}

// Operands, outputs (with guards) and workspace of a case on the device.
struct OnDevice {
  std::vector<DeviceMemory> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  DeviceMemory workspace;
};

Result<OnDevice> place(const Device& device, const Case& test_case, const Packed& packed, std::size_t workspace) {
  OnDevice out;
  for (std::size_t i = 0; i < test_case.values.size(); ++i) {
    const TensorPtr& value = test_case.values[i];
    const bool kept = std::find(packed.keep_inputs.begin(), packed.keep_inputs.end(), i) != packed.keep_inputs.end();
    if (value == nullptr || (test_case.problem.inputs[i].constant && !kept)) {
      out.inputs.push_back(nullptr);
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(DeviceMemory memory, DeviceMemory::upload(device, value->bytes()));
    out.inputs.push_back(memory.data());
    out.memory.push_back(std::move(memory));
  }
  for (const HostTensor& expected : test_case.expected) {
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

  void check(const Tactic& tactic, const std::string& config, const Case& test_case) {
    SCOPED_TRACE(fmt::format("{} '{}'", tactic.id(), config));
    Result<Loaded> loaded = load(tactic, test_case.problem, config, backend_->device());
    if (!loaded.is_ok() && loaded.status().code() == StatusCode::kResourceExhausted) return;  // spills
    ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
    // As in a plan: weights that were packed away are no operands any more.
    std::vector<Operand> inputs = test_case.problem.inputs;
    const std::vector<std::size_t>& kept = loaded->packed.keep_inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].constant && std::find(kept.begin(), kept.end(), i) == kept.end()) inputs[i] = {};
    ConfigureArgs configure;
    configure.inputs = inputs;
    configure.outputs = test_case.problem.outputs;
    const SymbolValues symbols;
    configure.symbols = &symbols;
    Result<std::unique_ptr<KernelState>> state = loaded->kernel->configure(configure);
    ASSERT_TRUE(state.is_ok()) << state.status().to_string();
    Result<OnDevice> placed = place(*device_, test_case, loaded->packed, (*state)->workspace_bytes);
    ASSERT_TRUE(placed.is_ok()) << placed.status().to_string();
    const std::unique_ptr<Stream> stream = Stream::create(*device_).value();
    for (std::size_t i = 0; i < test_case.expected.size(); ++i)
      ASSERT_TRUE(stream
                      ->set_bytes(static_cast<std::byte*>(placed->outputs[i]) - kGuard, kPoison,
                                  test_case.expected[i].bytes().size() + 2 * kGuard)
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
    for (std::size_t i = 0; i < test_case.expected.size(); ++i) {
      if (!test_case.problem.outputs[i].present()) continue;
      const std::size_t bytes = test_case.expected[i].bytes().size();
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
      compare(test_case, i, test_case.expected[i], host.data() + kGuard);
    }
  }

  const Backend* backend_ = nullptr;
  Device* device_ = nullptr;
};

TEST_P(CudaTactics, MatchReference) {
  Case test_case(GetParam());
  SCOPED_TRACE(fmt::format("seed {}: {}", test_case.seed, GetParam()));
  ASSERT_TRUE(test_case.status.is_ok()) << test_case.status.to_string();
  int solved = 0;
  std::string reasons;
  bool known = false;
  for (const Tactic* tactic : backend_->tactics()) {
    const Support support = tactic->supports(test_case.problem, backend_->device());
    if (support.reason != Refusal::kKind) known = true;
    if (tactic->is_plain()) continue;  // runs on the host
    if (!support.ok()) {
      if (support.reason != Refusal::kKind)
        reasons += fmt::format("{}: {} {}; ", tactic->id(), to_string(support.reason), support.detail);
      continue;
    }
    if (solved++ == 0) {
      const Status evaluated = test_case.evaluate();
      ASSERT_TRUE(evaluated.is_ok()) << evaluated.to_string();
    }
    for (const std::string& config : tactic->configs(test_case.problem, backend_->device())) {
      check(*tactic, config, test_case);
      if (HasFatalFailure()) return;
    }
  }
  if (solved == 0) GTEST_SKIP() << (known ? "refused: " + reasons : "no tactic knows this kind");
}

INSTANTIATE_TEST_SUITE_P(Suite, CudaTactics, testing::ValuesIn(suite()),
                         [](const testing::TestParamInfo<std::string>& param_info) {
                           std::string kind = param_info.param.substr(0, param_info.param.find('('));
                           std::erase(kind, '!');
                           std::erase(kind, '~');
                           return std::to_string(param_info.index) + "_" + kind;
                         });

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
    const Case test_case(line);
    ASSERT_TRUE(test_case.status.is_ok()) << line;
    for (const Tactic* tactic : tactic_table()) {
      if (tactic->is_plain() || !tactic->supports(test_case.problem, device).ok()) continue;
      const std::string type(
          to_string(test_case.problem.inputs.empty() ? DType::f32 : test_case.problem.inputs[0].dtype));
      if (all == nullptr && of_kind[fmt::format("{} {} {}", tactic->id(), test_case.problem.kind, type)]++ >= 1)
        continue;
      const auto* generated = dynamic_cast<const CudaTactic*>(tactic);
      if (generated == nullptr) continue;  // a library's
      const Family& family = generated->family();
      const std::string config = tactic->configs(test_case.problem, device)[0];
      const Result<std::vector<std::string>> sources = family.sources(test_case.problem, config);
      ASSERT_TRUE(sources.is_ok()) << sources.status().to_string();
      for (const std::string& source : *sources)
        for (const std::string_view arch : {"sm_80", "sm_89", "sm_90a"}) {
          if (!family.arch.empty() && arch != family.arch) continue;
          const Result<Compiled> result = compile(std::string(tactic->id()), source, std::string(arch));
          ASSERT_TRUE(result.is_ok()) << line << "\n" << config << "\n" << result.status().to_string();
          EXPECT_LE(result->spill_bytes, config.empty() ? 64 : 16) << arch << " " << config << " " << line;
          ++compiled;
        }
    }
  }
  EXPECT_GT(compiled, 0);
}

}  // namespace
}  // namespace ingot::cuda
