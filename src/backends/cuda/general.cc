// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/general.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "backends/cpu/axes.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/narrow.h"
#include "backends/cuda/tactics.h"
#include "reference/evaluate.h"

namespace ingot::cuda {
namespace {

using ingot_cuda::GeneralParams;

struct Slot {
  std::string_view name;
  std::size_t first = 0, count = 1;
};

// "A B*8 C" as slots 0, 1 to 8, 9.
std::vector<Slot> slots_of(std::string_view names) {
  std::vector<Slot> slots;
  std::size_t next = 0;
  while (!names.empty()) {
    const std::size_t blank = std::min(names.find(' '), names.size());
    std::string_view name = names.substr(0, blank);
    names.remove_prefix(std::min(blank + 1, names.size()));
    Slot slot{name, next, 1};
    if (const std::size_t star = name.find('*'); star != std::string_view::npos) {
      std::from_chars(name.data() + star + 1, name.data() + name.size(), slot.count);
      slot.name = name.substr(0, star);
    }
    next += slot.count;
    slots.push_back(slot);
  }
  return slots;
}

Slot slot_of(std::string_view names, std::string_view name) {
  for (const Slot& slot : slots_of(names))
    if (slot.name == name) return slot;
  INGOT_CHECK(false, "a general kernel has no '{}'", name);
  return {};
}

std::string define_slots(std::string_view names, std::string_view array) {
  std::string text;
  for (const Slot& slot : slots_of(names))
    text += slot.name.size() != 0 && slot.count > 1
                ? fmt::format("#define {}(i) p.{}[{} + (i)]\n", slot.name, array, slot.first)
                : fmt::format("#define {} p.{}[{}]\n", slot.name, array, slot.first);
  return text;
}

// What sums and comparisons of that type are made in.
std::string_view accumulator(DType type) {
  if (type == DType::f64) return "double";
  if (is_float(type)) return "float";
  return type == DType::u64 ? "unsigned long long" : "long long";
}

std::string operand_definitions(const Problem& problem) {
  std::string text;
  const auto define_operand = [&](const Operand& operand, std::string_view has, std::string_view storage,
                                  std::string_view sum, std::size_t i) {
    text += fmt::format("#define {}_{} {}\n", has, i, operand.present() ? 1 : 0);
    if (!operand.present() || cuda_type(operand.dtype).empty()) return;
    text += fmt::format("using {}{} = {};\nusing {}{} = {};\n", storage, i, cuda_type(operand.dtype), sum, i,
                        accumulator(operand.dtype));
  };
  for (std::size_t i = 0; i < static_cast<std::size_t>(ingot_cuda::kMaxGeneralInputs); ++i)
    define_operand(i < problem.own_inputs() ? problem.inputs[i] : Operand{}, "HAS", "T", "A", i);
  for (std::size_t i = 0; i < static_cast<std::size_t>(ingot_cuda::kMaxGeneralOutputs); ++i)
    define_operand(i < problem.outputs.size() ? problem.outputs[i] : Operand{}, "WANTS", "U", "B", i);
  return text;
}

// Epilogues are of floating results.
bool with_epilogue(const GeneralOp& op, const Problem& problem) {
  return op.epilogue && is_float(problem.inputs[0].dtype);
}

Support supports(const Problem& problem) {
  const GeneralOp& op = *find_general(problem.kind);
  if (problem.own_inputs() > static_cast<std::size_t>(ingot_cuda::kMaxGeneralInputs) ||
      problem.outputs.size() > static_cast<std::size_t>(ingot_cuda::kMaxGeneralOutputs))
    return Support::no(Refusal::kShape, "too many operands");
  if (op.supports != nullptr)
    if (Support own = op.supports(problem); !own.ok()) return own;
  for (const auto* list : {&problem.inputs, &problem.outputs})
    for (const Operand& operand : *list)
      if (operand.present() && !(op.narrow ? loadable(operand.dtype) : !cuda_type(operand.dtype).empty()))
        return Support::no(Refusal::kDType, std::string(to_string(operand.dtype)));
  if (with_epilogue(op, problem)) return epilogue_support(problem);
  if (problem.epilogue_inputs() != 0 || problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  return Support::yes();
}

Result<std::vector<std::string>> sources(const Problem& problem, const std::string&) {
  const GeneralOp& op = *find_general(problem.kind);
  std::string text = operand_definitions(problem);
  text += define_slots(op.sizes, "n") + define_slots(op.numbers, "f");
  if (with_epilogue(op, problem)) {
    INGOT_ASSIGN_OR_RETURN(const std::string epilogue, print_epilogue(problem));
    INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
    text += epilogue + fmt::format("using X0 = {};\n#define HAS_EPILOGUE 1\n", compute_type(expr.input_types()[0]));
  }
  if (op.definitions != nullptr) text += op.definitions(problem);
  text += include("general.cuh");
  if (op.narrow) text += include("narrow.cuh");
  if (op.functions != nullptr) text += op.functions(problem);
  return std::vector<std::string>{assemble(text, op.file)};
}

Result<LaunchPlan> plan(const PlanArgs& args) {
  const GeneralOp& op = *find_general(args.problem.kind);
  GeneralPlan general(op, args);
  INGOT_RETURN_IF_ERROR(op.plan(general));
  INGOT_RETURN_IF_ERROR(general.take().status());
  return general.finish();
}

std::vector<std::size_t> host_inputs(const Problem& problem) {
  const unsigned mask = find_general(problem.kind)->host_inputs;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < problem.own_inputs(); ++i)
    if ((mask >> i & 1U) != 0) out.push_back(i);
  return out;
}

Result<std::vector<Shape>> shapes(const PlanArgs& args) {
  const GeneralOp& op = *find_general(args.problem.kind);
  if (op.shapes == nullptr) return std::vector<Shape>{};
  return op.shapes(args);
}

Family::Run run_of(const Problem& problem) { return find_general(problem.kind)->run; }

std::vector<std::span<const GeneralOp>> tables() {
  return {convolution_ops(), window_ops(),    index_ops(),     order_ops(),    select_ops(),  reduce_ops(),
          norm_ops(),        attention_ops(), recurrent_ops(), quantize_ops(), product_ops(), resize_ops(),
          signal_ops(),      generator_ops(), loss_ops(),      ml_ops(),       text_ops()};
}

}  // namespace

const GeneralOp* find_general(std::string_view kind) {
  for (const std::span<const GeneralOp> table : tables())
    for (const GeneralOp& op : table)
      if (op.kind == kind) return &op;
  return nullptr;
}

Result<std::vector<Shape>> shapes_by_reference(const PlanArgs& args) {
  std::vector<HostTensor> zeros(args.inputs.size());
  std::vector<const HostTensor*> operands(args.inputs.size(), nullptr);
  for (std::size_t i = 0; i < args.inputs.size(); ++i) {
    const Operand& operand = args.inputs[i];
    if (!operand.present()) continue;
    if (operand.value != nullptr) {
      operands[i] = operand.value.get();
      continue;
    }
    INGOT_ASSIGN_OR_RETURN(zeros[i], HostTensor::create(operand.dtype, operand.shape));
    operands[i] = &zeros[i];
  }
  std::vector<DType> types;
  for (const Operand& output : args.problem.outputs) types.push_back(output.dtype);
  reference::Call call;
  call.op = args.problem.kind;
  call.attrs = &args.problem.attrs;
  call.inputs = operands;
  call.output_count = types.size();
  call.output_types = types;
  INGOT_ASSIGN_OR_RETURN(const std::vector<HostTensor> results, reference::evaluate(call));
  std::vector<Shape> out;
  for (const HostTensor& result : results) out.push_back(result.shape());
  return out;
}

GeneralPlan::GeneralPlan(const GeneralOp& op, const PlanArgs& args) : op_(op), args_(args) {
  if (!with_epilogue(op, args.problem)) return;
  p_.columns = static_cast<int>(args.outputs[0].shape.empty() ? 1 : args.outputs[0].shape.back());
  Result<EpilogueLayout> layout = epilogue_layout(args.inputs, args.problem.own_inputs(), args.outputs[0], 1);
  if (!layout.is_ok()) {
    status_ = layout.status();
    return;
  }
  layout_ = std::move(layout).value();
  set_epilogue(layout_, p_);
}

Result<Ints> GeneralPlan::ints(std::size_t input, const Ints& otherwise) const {
  if (input >= args_.inputs.size() || !args_.inputs[input].present()) return otherwise;
  const TensorPtr& value = args_.inputs[input].value;
  if (value == nullptr) return internal("{}: the value of operand {} is not known", problem().kind, input);
  Ints out;
  for (std::int64_t i = 0; i < value->elements(); ++i) out.push_back(value->as_int(i));
  return out;
}

Result<std::int64_t> GeneralPlan::integer(std::size_t input, std::int64_t otherwise) const {
  INGOT_ASSIGN_OR_RETURN(const Ints values, ints(input, {otherwise}));
  if (values.size() != 1)
    return invalid_argument("{}: operand {} has {} elements, 1 is needed", problem().kind, input, values.size());
  return values[0];
}

Result<std::size_t> GeneralPlan::axis(std::int64_t axis, std::size_t rank) const {
  const std::optional<std::size_t> at = cpu::normal_axis(axis, rank);
  if (!at) return invalid_argument("{}: axis {} of rank {}", problem().kind, axis, rank);
  return *at;
}

void GeneralPlan::set(std::string_view name, std::int64_t value) { p_.n[slot_of(op_.sizes, name).first] = value; }

void GeneralPlan::set_all(std::string_view name, const Ints& values) {
  const Slot slot = slot_of(op_.sizes, name);
  if (values.size() > slot.count)
    status_ = unsupported("{}: {} values where {} fit", problem().kind, values.size(), slot.count);
  for (std::size_t i = 0; i < values.size() && i < slot.count; ++i) p_.n[slot.first + i] = values[i];
}

void GeneralPlan::set_at(std::string_view name, std::size_t index, std::int64_t value) {
  const Slot slot = slot_of(op_.sizes, name);
  INGOT_CHECK(index < slot.count, "'{}' has {} values", name, slot.count);
  p_.n[slot.first + index] = value;
}

void GeneralPlan::number(std::string_view name, double value) { p_.f[slot_of(op_.numbers, name).first] = value; }

void GeneralPlan::set_line(const Shape& shape, std::size_t axis) {
  set("OUTER", cpu::product(shape, 0, axis));
  set("LENGTH", shape[axis]);
  set("INNER", cpu::product(shape, axis + 1, shape.size()));
}

PlannedLaunch GeneralPlan::make(std::string entry, std::int64_t units) {
  p_.units = units;
  PlannedLaunch launch = PlannedLaunch::of(std::move(entry), p_);
  for (std::size_t i = 0; i < inputs(); ++i)
    if (problem().inputs[i].present()) launch.point(offsetof(GeneralParams, in) + i * sizeof(void*), Place::kInput, i);
  for (std::size_t i = 0; i < problem().outputs.size(); ++i)
    if (problem().outputs[i].present())
      launch.point(offsetof(GeneralParams, out) + i * sizeof(void*), Place::kOutput, i);
  launch.point(offsetof(GeneralParams, work), Place::kWorkspace, 0);
  launch.point(offsetof(GeneralParams, table), Place::kData, 0);
  if (with_epilogue(op_, problem())) point_epilogue<GeneralParams>(layout_, problem().own_inputs(), launch);
  return launch;
}

Status GeneralPlan::add(std::string entry, std::int64_t units) {
  PlannedLaunch launch = make(std::move(entry), units);
  launch.cover(units, std::int64_t{args_.multiprocessors} * 64);
  plan_.launches.push_back(std::move(launch));
  return Status::ok();
}

Status GeneralPlan::add_blocks(std::string entry, std::int64_t blocks, int threads) {
  PlannedLaunch launch = make(std::move(entry), blocks);
  launch.block = {static_cast<unsigned>(threads), 1, 1};
  launch.grid = {static_cast<unsigned>(std::min<std::int64_t>(blocks, 1 << 30)), 1, 1};
  plan_.launches.push_back(std::move(launch));
  return Status::ok();
}

Result<std::vector<PlannedLaunch>> GeneralPlan::take() {
  INGOT_RETURN_IF_ERROR(Status(status_));
  return plan_.launches;
}

LaunchPlan GeneralPlan::finish() {
  plan_.workspace_bytes = workspace;
  plan_.data = std::move(table);
  return std::move(plan_);
}

const Tactic& general_tactic() {
  static const CudaTactic tactic([] {
    Family family{"cuda.general", 1, {}, supports, sources, plan};
    for (const std::span<const GeneralOp> table : tables())
      for (const GeneralOp& op : table) family.kinds.push_back(op.kind);
    family.host_inputs = host_inputs;
    family.shapes = shapes;
    family.run_of = run_of;
    return family;
  }());
  return tactic;
}

}  // namespace ingot::cuda
