// SPDX-License-Identifier: Apache-2.0
// Operands that other tactics want as constants and that only a run brings: each launch makes the problem with these
// values and solves it by the tactic that takes it then. Launches allocate.
//
// cpu.late_weights: weights that a kernel packs; the config names the tactic and its own config.
// cpu.late_parameters: small integer operands that decide what goes where (the ends of a Slice, the sizes of a Resize);
// what was made is kept while they stay the same. Outputs may have sizes that only these values decide.
#include <algorithm>
#include <cstring>

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/late_shapes.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct Row {
  std::string_view kind;
  std::vector<std::size_t> operands;  // that are to be constants
};

const std::vector<Row>& weight_rows() {
  static const std::vector<Row> rows{{"Conv", {1}},       {"DeformConv", {1}}, {"ConvInteger", {1, 3}},
                                     {"LSTM", {1, 2, 3}}, {"GRU", {1, 2, 3}},  {"RNN", {1, 2, 3}}};
  return rows;
}

const Row* find_row(const std::vector<Row>& rows, std::string_view kind) {
  const auto row = std::find_if(rows.begin(), rows.end(), [kind](const Row& r) { return r.kind == kind; });
  return row == rows.end() ? nullptr : &*row;
}

bool is_late(const Problem& problem, std::size_t operand) {
  return problem.has_input(operand) && !problem.inputs[operand].constant;
}

bool any_late(const Problem& problem, const std::vector<std::size_t>& operands) {
  return std::any_of(operands.begin(), operands.end(), [&](std::size_t i) { return is_late(problem, i); });
}

// A kernel that was made during a run, with what it works on.
struct Made {
  std::vector<HostTensor> blobs;
  std::vector<std::span<const std::byte>> views;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<KernelState> state;
};

struct LateState final : KernelState {
  std::vector<Operand> inputs, outputs;
  int threads = 1;
  Made made;
  HostTensor workspace;
  std::vector<std::byte> key;  // the values that `made` was made for
};

Status make(const Tactic& tactic, const std::string& config, const Problem& problem, int threads, Made& made) {
  made = Made();
  INGOT_ASSIGN_OR_RETURN(const Packed packed, tactic.prepare(problem, config, backend().device()));
  for (const std::vector<std::byte>& blob : packed.blobs) {  // aligned, as kernels may expect
    INGOT_ASSIGN_OR_RETURN(HostTensor memory, HostTensor::create(DType::u8, {static_cast<std::int64_t>(blob.size())}));
    std::copy(blob.begin(), blob.end(), memory.mutable_bytes().data());
    made.blobs.push_back(std::move(memory));
  }
  for (const HostTensor& blob : made.blobs) made.views.push_back(blob.bytes());
  INGOT_ASSIGN_OR_RETURN(made.kernel, tactic.load(problem, config, made.views));
  const SymbolValues none;
  INGOT_ASSIGN_OR_RETURN(
      made.state, made.kernel->configure(
                      {.inputs = problem.inputs, .outputs = problem.outputs, .symbols = &none, .threads = threads}));
  return Status::ok();
}

class LateKernel final : public Kernel {
 public:
  // tactic: null for the first that supports the problem once it is known.
  LateKernel(Problem problem, std::vector<std::size_t> operands, const Tactic* tactic, std::string config)
      : problem_(std::move(problem)), operands_(std::move(operands)), tactic_(tactic), config_(std::move(config)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<LateState>();
    state->inputs.assign(args.inputs.begin(), args.inputs.end());
    state->outputs.assign(args.outputs.begin(), args.outputs.end());
    state->threads = args.threads;
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    auto& state = static_cast<LateState&>(*args.state);
    Problem problem{problem_.kind, state.inputs, state.outputs, problem_.attrs};
    std::vector<std::byte> key;
    for (const std::size_t i : operands_) {
      if (!is_late(problem, i)) continue;
      Operand& operand = problem.inputs[i];
      const std::int64_t count = element_count(operand.shape).value_or(0);
      const auto size = static_cast<std::size_t>(bytes_of(operand.dtype, count).value_or(0));
      const std::span<const std::byte> bytes(static_cast<const std::byte*>(args.inputs[i]), size);
      operand.constant = true;
      if (tactic_ != nullptr) {
        INGOT_ASSIGN_OR_RETURN(HostTensor view, HostTensor::view(operand.dtype, operand.shape, bytes, nullptr));
        operand.value = share(std::move(view));
      } else {
        INGOT_ASSIGN_OR_RETURN(HostTensor copy, HostTensor::create(operand.dtype, operand.shape));
        std::copy(bytes.begin(), bytes.end(), copy.mutable_bytes().data());
        operand.value = share(std::move(copy));
        key.insert(key.end(), bytes.begin(), bytes.end());
      }
    }
    std::vector<void*> outputs(args.outputs.begin(), args.outputs.end());
    bool plain = false;  // which also says best what is wrong with bad values
    if (tactic_ == nullptr) {
      Result<Shape> shape = late_shape(problem);
      plain = !shape.is_ok();
      if (!plain) INGOT_RETURN_IF_ERROR(place_output(args, *std::move(shape), problem, outputs));
    }
    if (state.made.kernel == nullptr || tactic_ != nullptr || key != state.key) {
      INGOT_RETURN_IF_ERROR(solve(problem, plain, state));
      state.key = std::move(key);
    }
    const KernelState& inner = *state.made.state;
    if (inner.workspace_bytes > state.workspace.bytes().size()) {
      INGOT_ASSIGN_OR_RETURN(state.workspace,
                             HostTensor::create(DType::u8, {static_cast<std::int64_t>(inner.workspace_bytes)}));
    }
    LaunchArgs launched = args;
    launched.outputs = outputs;
    launched.workspace = state.workspace.mutable_bytes().first(inner.workspace_bytes);
    launched.state = state.made.state.get();
    return state.made.kernel->launch(launched);
  }

  [[nodiscard]] bool allocates_outputs() const override { return tactic_ == nullptr; }

 private:
  // Memory for the output where the run has not placed it.
  static Status place_output(const LaunchArgs& args, Shape shape, Problem& problem, std::vector<void*>& outputs) {
    if (outputs[0] == nullptr) {
      if (!problem.outputs[0].present() || args.allocator == nullptr) return Status::ok();
      INGOT_ASSIGN_OR_RETURN(outputs[0], args.allocator->allocate(0, shape));
    } else if (shape != problem.outputs[0].shape) {
      return internal("{}: the output has shape {}, planned {}", problem.kind, to_string(shape),
                      to_string(problem.outputs[0].shape));
    }
    problem.outputs[0].shape = std::move(shape);
    return Status::ok();
  }

  Status solve(const Problem& problem, bool plain, LateState& state) const {
    const DeviceInfo device = backend().device();
    if (plain) return make(plain_tactic(), "", problem, state.threads, state.made);
    if (tactic_ != nullptr && tactic_->supports(problem, device).ok())
      return make(*tactic_, config_, problem, state.threads, state.made);
    for (const Tactic* tactic : tactic_table()) {
      if (tactic->may_allocate() || !tactic->supports(problem, device).ok()) continue;
      Status status = make(*tactic, tactic->configs(problem, device).front(), problem, state.threads, state.made);
      if (status.is_ok() || tactic->is_plain()) return status;
    }
    return internal("{}: not even a plain tactic", problem.kind);
  }

  Problem problem_;
  std::vector<std::size_t> operands_;
  const Tactic* tactic_;
  std::string config_;
};

class LateWeights final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.late_weights"; }
  [[nodiscard]] bool may_allocate() const override { return true; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override {
    const Row* row = find_row(weight_rows(), problem.kind);
    if (row == nullptr) return Support::no(Refusal::kKind);
    if (!any_late(problem, row->operands)) return Support::no(Refusal::kNotWorthIt, "all weights are constant");
    return configs(problem, device).empty() ? Support::no(Refusal::kConstant, "nor would another tactic pack them")
                                            : Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem& problem, const DeviceInfo& device) const override {
    Problem fixed = problem;
    for (const std::size_t i : find_row(weight_rows(), problem.kind)->operands)
      if (problem.has_input(i)) fixed.inputs[i].constant = true;
    std::vector<std::string> configs;
    for (const Tactic* tactic : tactic_table()) {
      if (tactic->is_plain() || tactic->may_allocate() || !tactic->supports(fixed, device).ok()) continue;
      for (const std::string& config : tactic->configs(fixed, device))
        configs.push_back(fmt::format("{} {}", tactic->id(), config));
    }
    return configs;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>>) const override {
    const std::size_t space = config.find(' ');
    const Row* row = find_row(weight_rows(), problem.kind);
    const Tactic* tactic = backend().find(std::string_view(config).substr(0, space));
    if (space == std::string::npos || row == nullptr || tactic == nullptr || tactic->may_allocate())
      return corrupt("{}: no tactic packs weights by '{}'", problem.kind, config);
    return std::unique_ptr<Kernel>(
        std::make_unique<LateKernel>(problem, row->operands, tactic, config.substr(space + 1)));
  }
};

class LateParameters final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.late_parameters"; }
  [[nodiscard]] bool may_allocate() const override { return true; }
  [[nodiscard]] bool decides_shapes() const override { return true; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    const std::vector<std::size_t> operands = late_operands(problem.kind);
    if (operands.empty()) return Support::no(Refusal::kKind);
    if (!any_late(problem, operands)) return Support::no(Refusal::kNotWorthIt, "all parameters are constant");
    if (problem.inputs[0].dtype == DType::string) return Support::no(Refusal::kDType, "strings");
    if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
    for (std::size_t i = 1; i < problem.outputs.size(); ++i)
      if (problem.outputs[i].present()) return Support::no(Refusal::kShape, "several outputs");
    return Support::yes();
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    return std::unique_ptr<Kernel>(
        std::make_unique<LateKernel>(problem, late_operands(problem.kind), nullptr, std::string()));
  }
};

}  // namespace

const Tactic& late_weights_tactic() {
  static const LateWeights tactic;
  return tactic;
}

const Tactic& late_parameters_tactic() {
  static const LateParameters tactic;
  return tactic;
}

}  // namespace ingot::cpu
