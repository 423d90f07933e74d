// SPDX-License-Identifier: Apache-2.0
// Every tactic on every problem of the suite that it supports, with every config, against the reference evaluator: with
// one and two threads, in place where the kernel can, and at another size of the leading dimension.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "base/thread_pool.h"
#include "tactics/testing/problem_case.h"

namespace {
std::atomic<long> g_allocations{0};
}  // namespace

// GCC sees through the pair and takes malloc and free for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ingot::cpu {
namespace {

using testing_tools::CaseData;
using testing_tools::compare;
using testing_tools::load;
using testing_tools::LoadedKernel;
using testing_tools::ProblemCase;

constexpr std::size_t kAlignment = 64, kGuard = 64;
constexpr std::byte kPoison{0xff};

// Aligned memory with poison around it.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes), memory_(bytes + 2 * kGuard + kAlignment, kPoison) {}
  std::byte* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    return memory_.data() + (kAlignment - address % kAlignment) + kGuard;
  }
  bool intact() {
    const auto poisoned = [](const std::byte* from) {
      return std::all_of(from, from + kGuard, [](std::byte b) { return b == kPoison; });
    };
    return poisoned(data() - kGuard) && poisoned(data() + bytes_);
  }

 private:
  std::size_t bytes_;
  std::vector<std::byte> memory_;
};

class NoAllocator final : public OutputAllocator {
 public:
  Result<void*> allocate(std::size_t output, const Shape&) override {
    return invalid_argument("output {} was not expected to depend on data", output);
  }
};

// How many numbers go into one, about.
double reduction_length(const Problem& problem) {
  if (problem.kind == "Pointwise") return 1;
  if (problem.kind == "MatMul") return static_cast<double>(std::max<std::int64_t>(problem.inputs[0].shape.back(), 16));
  if (problem.kind == "Conv" || problem.kind == "DeformConv") {
    const Shape& w = problem.inputs[1].shape;
    double all = 1;
    for (const std::int64_t size : w) all *= static_cast<double>(std::max<std::int64_t>(size, 1));
    return all / static_cast<double>(w[0]);
  }
  double in = 1;
  for (const Operand& input : problem.inputs)
    if (input.present()) in = std::max(in, static_cast<double>(element_count(input.shape).value_or(1)));
  return std::min(in, 1024.0);
}

testing_tools::Tolerance tolerance(const Tactic& tactic, const Problem& problem, DType type) {
  const bool winograd = tactic.id().find("winograd") != std::string_view::npos;
  return {type == DType::f16    ? 1e-3
          : type == DType::bf16 ? 8e-3
                                : 4e-6,
          winograd ? 1e-4 : 2e-6 * std::sqrt(reduction_length(problem))};
}

class Tactics : public testing::TestWithParam<std::string> {
 protected:
  void check(const Tactic& tactic, const std::string& config, const CaseData& data) const {
    SCOPED_TRACE(fmt::format("{} '{}'", tactic.id(), config));
    const Result<LoadedKernel> loaded = load(tactic, case_.problem(), config, backend().device());
    ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
    for (const int threads : {1, 2}) launch(tactic, *loaded, data, threads, false, false);
    if (loaded->kernel->in_place_input() >= 0) launch(tactic, *loaded, data, 1, true, false);
    const Result<CaseData> other = case_.data(3);
    if (other.is_ok() && !other->expected.empty()) launch(tactic, *loaded, *other, 2, false, true);
  }

  ProblemCase case_{GetParam()};

 private:
  void launch(const Tactic& tactic, const LoadedKernel& loaded, const CaseData& data, int threads, bool in_place,
              bool other_sizes) const {
    SCOPED_TRACE(fmt::format("{} threads{}, first output {}", threads, in_place ? ", in place" : "",
                             to_string(data.outputs.empty() ? Shape() : data.outputs[0].shape)));
    const Kernel& kernel = *loaded.kernel;
    ThreadPool pool(threads);
    const std::vector<Operand> inputs = loaded.operands(data.inputs);
    const SymbolValues symbols;
    const Result<std::unique_ptr<KernelState>> state =
        kernel.configure({.inputs = inputs, .outputs = data.outputs, .symbols = &symbols, .threads = threads});
    // A kernel may decline sizes that its problem does not have (constants that fix them, for one).
    if (other_sizes && !state.is_ok() && state.status().code() == StatusCode::kUnsupported) return;
    ASSERT_TRUE(state.is_ok()) << state.status().to_string();

    std::vector<const void*> pointers;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      pointers.push_back(inputs[i].present() ? data.values[i]->bytes().data() : nullptr);
    std::vector<Guarded> memory;
    std::vector<void*> outputs;
    for (const HostTensor& expected : data.expected) memory.emplace_back(expected.bytes().size());
    for (std::size_t i = 0; i < data.outputs.size(); ++i)
      outputs.push_back(data.outputs[i].present() ? memory[i].data() : nullptr);
    if (in_place) {
      const auto input = static_cast<std::size_t>(kernel.in_place_input());
      const std::span<const std::byte> bytes = data.values[input]->bytes();
      ASSERT_EQ(bytes.size(), data.expected[0].bytes().size());
      std::copy(bytes.begin(), bytes.end(), memory[0].data());
      pointers[input] = outputs[0];
    }
    Guarded workspace((*state)->workspace_bytes);
    NoAllocator allocator;
    LaunchArgs args;
    args.inputs = pointers;
    args.outputs = outputs;
    args.workspace = {workspace.data(), (*state)->workspace_bytes};
    args.state = state->get();
    args.parallel = &pool;
    args.allocator = &allocator;
    const long before = g_allocations.load();
    const Status status = kernel.launch(args);
    const long allocated = g_allocations.load() - before;
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    if (!tactic.is_plain() && !tactic.may_allocate()) {
      EXPECT_EQ(allocated, 0) << "allocations during launch";
    }
    EXPECT_TRUE(workspace.intact()) << "wrote outside the workspace";
    for (std::size_t i = 0; i < data.outputs.size(); ++i) {
      if (!data.outputs[i].present()) continue;
      EXPECT_TRUE(memory[i].intact()) << "wrote outside output " << i;
      compare(data.expected[i], memory[i].data(), i, tolerance(tactic, case_.problem(), data.expected[i].dtype()));
    }
  }
};

TEST_P(Tactics, MatchReference) {
  SCOPED_TRACE(case_.describe());
  ASSERT_TRUE(case_.status().is_ok()) << case_.status().to_string();
  const Result<CaseData> data = case_.data();
  ASSERT_TRUE(data.is_ok()) << data.status().to_string();
  int solved = 0;
  for (const Tactic* tactic : backend().tactics()) {
    const Support support = tactic->supports(case_.problem(), backend().device());
    if (!support.ok()) continue;
    if (!tactic->is_plain()) ++solved;
    for (const std::string& config : tactic->configs(case_.problem(), backend().device()))
      check(*tactic, config, *data);
  }
  EXPECT_EQ(solved == 0, case_.plain_only()) << "problems.txt says otherwise";
}

const std::vector<std::string>& suite() {
  static const std::vector<std::string> lines = testing_tools::suite_lines(INGOT_SUITES "/problems.txt");
  return lines;
}

INSTANTIATE_TEST_SUITE_P(Suite, Tactics, testing::ValuesIn(suite()),
                         [](const testing::TestParamInfo<std::string>& param_info) {
                           return testing_tools::suite_test_name(param_info.index, param_info.param);
                         });

TEST(Backend, HasTheSuite) { EXPECT_GT(suite().size(), 100U); }

TEST(Backend, TableEndsWithPlain) {
  const auto table = backend().tactics();
  ASSERT_FALSE(table.empty());
  EXPECT_TRUE(table.back()->is_plain());
  for (const Tactic* tactic : table)
    EXPECT_EQ(backend().find(tactic->id()), tactic) << "two tactics named " << tactic->id();
}

// Memory for an output whose shape the data decide is of the planned type: what is computed must be too.
TEST(PlainTactic, RefusesToStoreAnotherType) {
  const ProblemCase made("NonZero(f32[3]) -> (i64[1,3])");
  ASSERT_TRUE(made.status().is_ok());
  Problem problem = made.problem();
  problem.outputs[0].dtype = DType::u8;
  const Result<LoadedKernel> loaded = load(*backend().tactics().back(), problem, "", backend().device());
  ASSERT_TRUE(loaded.is_ok()) << loaded.status().to_string();
  const Result<std::unique_ptr<KernelState>> state =
      loaded->kernel->configure({.inputs = problem.inputs, .outputs = problem.outputs, .symbols = nullptr});
  ASSERT_TRUE(state.is_ok()) << state.status().to_string();
  const float x[] = {1, 0, 2};
  const void* const inputs[] = {x};
  void* const outputs[] = {nullptr};
  NoAllocator allocator;
  LaunchArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.state = state->get();
  args.allocator = &allocator;
  const Status status = loaded->kernel->launch(args);
  EXPECT_EQ(status.code(), StatusCode::kInternal) << status.to_string();
  EXPECT_NE(status.message().find("planned u8"), std::string::npos) << status.to_string();
}

TEST(Backend, KnowsTheDevice) {
  const DeviceInfo device = backend().device();
  EXPECT_EQ(device.kind, "cpu");
  EXPECT_TRUE(std::is_sorted(device.features.begin(), device.features.end()));
  EXPECT_GE(device.threads, 1);
}

}  // namespace
}  // namespace ingot::cpu
