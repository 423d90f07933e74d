// SPDX-License-Identifier: Apache-2.0
// The implementation of tactics_testing.h (in the test program only, by its name).
#include "backends/cpu/tactics_testing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>

#include "base/thread_pool.h"
#include "reference/evaluate.h"

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
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ingot::cpu::testing_tools {
namespace {

constexpr std::size_t kGuard = 64;
constexpr std::byte kPoison{0xff};

bool uses(const Problem& problem, std::string_view function) {
  return problem.attrs.get_string("expr", "").find(function) != std::string::npos;
}

// Operands that index another one.
std::int64_t index_limit(const Problem& problem, std::size_t input) {
  if (input != 1) return 0;
  const Shape& data = problem.inputs[0].shape;
  if (problem.kind == "Gather" || problem.kind == "GatherElements") {
    std::int64_t axis = problem.attrs.get_int("axis", 0);
    if (axis < 0) axis += static_cast<std::int64_t>(data.size());
    return data[static_cast<std::size_t>(axis)];
  }
  if (problem.kind == "GatherND" || problem.kind == "ScatterND") return *std::min_element(data.begin(), data.end());
  return 0;
}

HostTensor random_tensor(const Problem& problem, std::size_t input, const Shape& shape, bool special,
                         std::mt19937& random) {
  const DType type = problem.inputs[input].dtype;
  HostTensor tensor = HostTensor::create(type, shape).value();
  const bool positive = uses(problem, "sqrt(") || uses(problem, "log(") || uses(problem, "pow(");
  const std::int64_t limit = index_limit(problem, input);
  std::normal_distribution<double> normal(0.0, 1.5);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    if (is_float(type)) {
      double value = normal(random);
      if (positive) value = std::abs(value) + 0.05;
      if (special && i % 7 == 3) value = i % 3 == 0 ? std::nan("") : i % 3 == 1 ? HUGE_VAL : -HUGE_VAL;
      if (special && i % 11 == 5) value *= 40;
      // Offsets: some far outside every map, some on the grid.
      if (problem.kind == "DeformConv" && input == 2)
        value = i % 11 == 5 ? value * 40 : i % 7 == 2 ? std::round(value) : i % 97 == 13 ? value * 1e30 : value;
      tensor.set_double(i, value);
    } else if (type == DType::boolean) {
      tensor.set_int(i, static_cast<std::int64_t>(random() % 2));
    } else if (limit > 0) {
      tensor.set_int(i, static_cast<std::int64_t>(random() % static_cast<unsigned>(limit)));
    } else {
      tensor.set_int(i, static_cast<std::int64_t>(random() % 10) + 1);
    }
  }
  return tensor;
}

class Allocator final : public OutputAllocator {
 public:
  Result<void*> allocate(std::size_t output, const Shape& shape) override {
    (void)shape;
    return invalid_argument("output {} was not expected to depend on data", output);
  }
};

// Memory with poison around it.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes), memory_(bytes + 2 * kGuard + 64, kPoison) {}
  std::byte* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    return memory_.data() + (64 - address % 64) + kGuard;
  }
  bool intact() {
    for (std::size_t i = 0; i < 32; ++i)
      if (data()[bytes_ + i] != kPoison || *(data() - 1 - i) != kPoison) return false;
    return true;
  }

 private:
  std::size_t bytes_;
  std::vector<std::byte> memory_;
};

}  // namespace

AllocationCount::AllocationCount() : start_(g_allocations.load()) {}
long AllocationCount::taken() const { return g_allocations.load() - start_; }

Case::Case(std::string_view text) : text_(text) {
  special_ = text.starts_with("!");
  if (special_) text.remove_prefix(1);
  seed_ = static_cast<unsigned>(std::hash<std::string_view>()(text));
  Result<Problem> problem = Problem::parse(text);
  if (!problem.is_ok()) {
    status_ = problem.status();
    return;
  }
  problem_ = *std::move(problem);
  std::mt19937 random(seed_);
  for (std::size_t i = 0; i < problem_.inputs.size(); ++i) {
    Operand& input = problem_.inputs[i];
    if (input.constant && input.value == nullptr)
      input.value = share(random_tensor(problem_, i, input.shape, false, random));
  }
  status_ = make_data(data_, 1);
}

std::string Case::describe() const { return fmt::format("seed {}: {}", seed_, text_); }

// Multiplies the leading dimension of the non-constant inputs that share it.
Status Case::make_data(Data& data, std::int64_t leading_factor) const {
  std::mt19937 random(seed_ + 1);
  data = {};
  data.inputs = problem_.inputs;
  data.outputs = problem_.outputs;
  const Shape& first = problem_.inputs.empty() ? Shape() : problem_.inputs[0].shape;
  std::vector<const HostTensor*> operands;
  for (std::size_t i = 0; i < data.inputs.size(); ++i) {
    Operand& input = data.inputs[i];
    if (!input.constant && input.shape.size() == first.size() && !first.empty() && input.shape[0] == first[0])
      input.shape[0] *= leading_factor;
    if (!input.present())
      data.values.push_back(nullptr);
    else if (input.constant)
      data.values.push_back(input.value);
    else
      data.values.push_back(share(random_tensor(problem_, i, input.shape, special_, random)));
    operands.push_back(data.values.back().get());
  }
  reference::Call call;
  call.op = problem_.kind;
  call.attrs = &problem_.attrs;
  call.inputs = operands;
  call.output_count = problem_.outputs.size();
  std::vector<DType> types;
  for (const Operand& output : problem_.outputs) types.push_back(output.dtype);
  call.output_types = types;
  if (problem_.kind == "DimTensor") {
    const SymShape dims = std::get<SymShape>(*problem_.attrs.find("dims"));
    HostTensor expected = HostTensor::create(DType::i64, problem_.outputs[0].shape).value();
    for (std::size_t i = 0; i < dims.size(); ++i) expected.set_int(static_cast<std::int64_t>(i), dims[i].value());
    data.expected.push_back(std::move(expected));
    return Status::ok();
  }
  INGOT_ASSIGN_OR_RETURN(data.expected, reference::evaluate(call));
  for (std::size_t i = 0; i < data.outputs.size() && i < data.expected.size(); ++i) {
    if (leading_factor == 1 && data.outputs[i].present() && data.outputs[i].shape != data.expected[i].shape())
      return invalid_argument("the problem says output {} is {}, but it is {}", i, to_string(data.outputs[i].shape),
                              to_string(data.expected[i].shape()));
    data.outputs[i].shape = data.expected[i].shape();
  }
  return Status::ok();
}

void Case::check(const Tactic& tactic, const std::string& config, const DeviceInfo& device) const {
  SCOPED_TRACE(fmt::format("{} '{}'", tactic.id(), config));
  Result<Packed> packed = tactic.prepare(problem_, config, device);
  ASSERT_TRUE(packed.is_ok()) << packed.status().to_string();
  // As in a plan: aligned copies of the blobs, and a problem without the values that were packed away.
  std::vector<HostTensor> blobs;
  std::vector<std::span<const std::byte>> spans;
  for (const auto& blob : packed->blobs) {
    blobs.push_back(HostTensor::create(DType::u8, {static_cast<std::int64_t>(blob.size())}).value());
    if (!blob.empty()) std::memcpy(blobs.back().mutable_bytes().data(), blob.data(), blob.size());
  }
  for (const HostTensor& blob : blobs) spans.push_back(blob.bytes());
  Problem stripped = problem_;
  for (std::size_t i = 0; i < stripped.inputs.size(); ++i)
    if (std::find(packed->keep_inputs.begin(), packed->keep_inputs.end(), i) == packed->keep_inputs.end())
      stripped.inputs[i].value = nullptr;
  Result<std::unique_ptr<Kernel>> kernel = tactic.load(stripped, config, spans);
  ASSERT_TRUE(kernel.is_ok()) << kernel.status().to_string();
  for (const int threads : {1, 2}) launch(tactic, **kernel, *packed, data_, threads, false);
  if ((*kernel)->in_place_input() >= 0) launch(tactic, **kernel, *packed, data_, 1, true);
  Data other;
  if (make_data(other, 3).is_ok() && !other.expected.empty()) launch(tactic, **kernel, *packed, other, 2, false);
}

void Case::launch(const Tactic& tactic, const Kernel& kernel, const Packed& packed, const Data& data, int threads,
                  bool in_place) const {
  SCOPED_TRACE(fmt::format("{} threads{}, first output {}", threads, in_place ? ", in place" : "",
                           to_string(data.outputs.empty() ? Shape() : data.outputs[0].shape)));
  ThreadPool pool(threads);
  ConfigureArgs configure;
  std::vector<Operand> inputs = data.inputs;
  std::vector<const void*> pointers;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool kept = std::find(packed.keep_inputs.begin(), packed.keep_inputs.end(), i) != packed.keep_inputs.end();
    const bool gone = !inputs[i].present() || (inputs[i].constant && !kept);
    if (gone) inputs[i].value = nullptr;
    pointers.push_back(gone ? nullptr : data.values[i]->bytes().data());
  }
  configure.inputs = inputs;
  configure.outputs = data.outputs;
  const SymbolValues symbols;
  configure.symbols = &symbols;
  configure.threads = threads;
  Result<std::unique_ptr<KernelState>> state = kernel.configure(configure);
  // A kernel may decline sizes that its problem does not have (constants that fix them, for one).
  if (&data != &data_ && !state.is_ok() && state.status().code() == StatusCode::kUnsupported) return;
  ASSERT_TRUE(state.is_ok()) << state.status().to_string();

  std::vector<Guarded> memory;
  std::vector<void*> outputs;
  for (std::size_t i = 0; i < data.outputs.size(); ++i) memory.emplace_back(data.expected[i].bytes().size());
  for (std::size_t i = 0; i < data.outputs.size(); ++i)
    outputs.push_back(data.outputs[i].present() ? memory[i].data() : nullptr);
  if (in_place) {
    const auto input = static_cast<std::size_t>(kernel.in_place_input());
    ASSERT_EQ(data.values[input]->bytes().size(), data.expected[0].bytes().size());
    if (!data.expected[0].bytes().empty())
      std::memcpy(outputs[0], data.values[input]->bytes().data(), data.expected[0].bytes().size());
    pointers[input] = outputs[0];
  }
  Guarded workspace((*state)->workspace_bytes);
  Allocator allocator;
  LaunchArgs args;
  args.inputs = pointers;
  args.outputs = outputs;
  args.workspace = {workspace.data(), (*state)->workspace_bytes};
  args.state = state->get();
  args.parallel = &pool;
  args.allocator = &allocator;
  const AllocationCount allocations;
  const Status status = kernel.launch(args);
  const long taken = allocations.taken();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  if (!tactic.is_plain() && tactic.id().starts_with("cpu.")) {
    EXPECT_EQ(taken, 0) << "allocations during launch";
  }
  EXPECT_TRUE(workspace.intact()) << "wrote outside the workspace";
  const double tolerance =
      tactic.id().find("winograd") != std::string_view::npos ? 1e-4 : 2e-6 * std::sqrt(reduction_length());
  for (std::size_t i = 0; i < data.outputs.size(); ++i) {
    if (!data.outputs[i].present()) continue;
    EXPECT_TRUE(memory[i].intact()) << "wrote outside output " << i;
    compare(data.expected[i], memory[i].data(), i, tolerance);
  }
}

double Case::reduction_length() const {
  double in = 1;
  for (const Operand& input : problem_.inputs)
    if (input.present()) in = std::max(in, static_cast<double>(element_count(input.shape).value_or(1)));
  if (problem_.kind == "Pointwise") return 1;
  if (problem_.kind == "Conv" || problem_.kind == "DeformConv" || problem_.kind == "MatMul") {
    const Shape& w = problem_.inputs[1].shape;
    double all = 1;
    for (const std::int64_t size : w) all *= static_cast<double>(std::max<std::int64_t>(size, 1));
    return problem_.kind != "MatMul" ? all / static_cast<double>(w[0])
                                     : static_cast<double>(std::max<std::int64_t>(problem_.inputs[0].shape.back(), 16));
  }
  return std::min(in, 1024.0);
}

void Case::compare(const HostTensor& expected, const std::byte* got, std::size_t output, double tolerance) const {
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
  double epsilon = 4e-6;
  if (expected.dtype() == DType::f16) epsilon = 1e-3;
  if (expected.dtype() == DType::bf16) epsilon = 8e-3;
  int shown = 0;
  for (std::int64_t i = 0; i < expected.elements() && shown < 5; ++i) {
    bool same = false;
    if (is_float(expected.dtype())) {
      const double want = expected.as_double(i);
      const double have = actual.as_double(i);
      same = std::isnan(want) ? std::isnan(have)
                              : want == have || std::abs(want - have) <=
                                                    epsilon * std::abs(want) + tolerance * std::min(rms, 1e3) + 1e-30;
    } else {
      same = expected.as_int(i) == actual.as_int(i);
    }
    if (same) continue;
    ++shown;
    ADD_FAILURE() << "output " << output << " element " << i << ": " << actual.as_double(i) << ", expected "
                  << expected.as_double(i);
  }
}

}  // namespace ingot::cpu::testing_tools
