// SPDX-License-Identifier: Apache-2.0
#include "builder/lower.h"

#include <algorithm>
#include <map>
#include <set>

#include "plan/bounds.h"
#include "tactics/problem_check.h"

namespace ingot::builder {
namespace {

using ir::kNoValue;
using ir::ValueId;
using plan::Storage;

constexpr std::string_view kViews[] = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"};

// No tactic knows these, even where all operands are dense.
const std::set<std::string_view> kObjectOnly = {"OptionalHasElement", "OptionalGetElement"};

class Lowering {
 public:
  // `known`: symbols that are bound before the program runs. Bodies are added to `programs`.
  Lowering(const ir::Graph& graph, const SymbolValues& symbols, const SymbolRanges& ranges, std::set<std::string> known,
           std::vector<LoweredProgram>& programs)
      : graph_(graph), symbols_(symbols), ranges_(ranges), known_symbols_(std::move(known)), programs_(programs) {}

  Result<LoweredProgram> run() {
    while (unknown_size_ > 1 && !all_fit()) unknown_size_ /= 2;
    for (const ValueId id : graph_.inputs()) {
      INGOT_ASSIGN_OR_RETURN(const std::int32_t tensor, add_tensor(graph_.value(id), Storage::input));
      out_.inputs.push_back(tensor);
      if (graph_.value(id).type.shape) know_symbols(*graph_.value(id).type.shape);
    }
    for (const ir::NodeId id : graph_.nodes())
      if (Status status = add_node(graph_.node(id)); !status.is_ok())
        return std::move(status).annotate(fmt::format("node '{}' ({})", graph_.node(id).name, graph_.node(id).op));
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(const std::int32_t tensor, add_output(graph_.value(graph_.outputs()[i])));
      // The binding's name belongs to the position, whatever value has come to stand there.
      out_.tensors[static_cast<std::size_t>(tensor)].name = graph_.output_names()[i];
      out_.outputs.push_back(tensor);
    }
    return std::move(out_);
  }

 private:
  Result<std::int32_t> add_tensor(const ir::Value& value, Storage storage) {
    if (!has_form_of_objects(value.type))
      return unsupported("value '{}' of type {} cannot stand in a plan", value.name, value.type.to_string());
    plan::Tensor tensor;
    tensor.name = value.name;
    tensor.dtype = value.type.dtype;
    tensor.storage = storage;
    if (is_object(value.type)) {
      tensor.type = value.type.to_string();
      for (const ir::Type* type = &value.type; type != nullptr; type = type->element.get()) tensor.dtype = type->dtype;
    }
    // What an object is made of is known to nobody before it is there, but strings have a shape like any tensor.
    if (value.type.is_tensor() && value.type.shape) tensor.shape = *value.type.shape;
    ids_[value.id] = static_cast<std::int32_t>(out_.tensors.size());
    out_.tensors.push_back(std::move(tensor));
    out_.constants.push_back(value.constant);
    return ids_[value.id];
  }

  // Tensors, maps, sequences of either, and any of these as an optional: what the runtime holds as lists of tensors.
  static bool has_form_of_objects(const ir::Type& type) {
    const ir::Type* inner = &type;
    using Kind = ir::Type::Kind;
    for (const Kind kind : {Kind::optional, Kind::sequence, Kind::map}) {
      if (inner == nullptr || inner->kind != kind) continue;
      const bool key = kind != Kind::map || inner->dtype == DType::string || inner->dtype == DType::i64;
      inner = key ? inner->element.get() : nullptr;
    }
    return inner != nullptr && inner->is_tensor();
  }

  static bool is_object(const ir::Type& type) {
    return !type.is_tensor() || !type.shape || type.dtype == DType::string;
  }

  // The tensor of a value; constants are added where they are first used.
  Result<std::int32_t> tensor_of(ValueId id) {
    if (id == kNoValue) return -1;
    if (const auto found = ids_.find(id); found != ids_.end()) return found->second;
    const ir::Value& value = graph_.value(id);
    if (value.constant == nullptr) return internal("value '{}' is used before it is produced", value.name);
    return add_tensor(value, Storage::constant);
  }

  // Whether no tensor is beyond all reason, as one of many unknown dimensions is unless they count as small.
  bool all_fit() const {
    constexpr double kMost = 0x1p34;
    return std::ranges::all_of(graph_.nodes(), [&](const ir::NodeId id) {
      return std::ranges::all_of(graph_.node(id).outputs, [&](const ValueId output) {
        if (output == kNoValue || !graph_.value(output).type.shape) return true;
        double elements = 1;
        for (const std::int64_t size : opt_shape(*graph_.value(output).type.shape))
          elements *= static_cast<double>(size);
        return elements <= kMost;
      });
    });
  }

  // A shape for problem texts: symbols at their opt values.
  Shape opt_shape(const SymShape& shape) const {
    Shape out;
    for (const Dim& dim : shape) {
      SymbolValues symbols = symbols_;
      std::vector<std::string> names;
      dim.collect_symbols(names);
      for (const std::string& name : names) symbols.emplace(name, unknown_size_);
      const Result<std::int64_t> value = dim.evaluate(symbols);
      out.push_back(value.is_ok() ? std::max<std::int64_t>(*value, 0) : unknown_size_);
    }
    return out;
  }

  Operand operand(std::int32_t id) const {
    Operand out;
    if (id < 0) return out;
    const plan::Tensor& tensor = out_.tensors[static_cast<std::size_t>(id)];
    out.dtype = tensor.dtype;
    out.shape = opt_shape(tensor.shape);
    out.constant = tensor.storage == Storage::constant;
    out.value = out_.constants[static_cast<std::size_t>(id)];
    return out;
  }

  bool is_view(const ir::Node& node) const {
    if (std::find(std::begin(kViews), std::end(kViews), node.op) == std::end(kViews)) return false;
    const ir::Value& in = graph_.value(node.inputs[0]);
    const ir::Value& out = graph_.value(node.outputs[0]);
    // A constant that is reshaped, and an output, need bytes of their own.
    return in.constant == nullptr && !graph_.is_output(out.id) && !is_object(in.type) && !is_object(out.type);
  }

  // Symbols of an output that no input shape decides.
  bool has_unknown_size(const SymShape& shape) const {
    std::vector<std::string> names;
    for (const Dim& dim : shape) dim.collect_symbols(names);
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return !known_symbols_.contains(name); });
  }

  void know_symbols(const SymShape& shape) {
    std::vector<std::string> names;
    for (const Dim& dim : shape) dim.collect_symbols(names);
    known_symbols_.insert(names.begin(), names.end());
  }

  Status add_node(const ir::Node& node) {
    if (is_view(node)) {
      INGOT_ASSIGN_OR_RETURN(const std::int32_t source, tensor_of(node.inputs[0]));
      INGOT_ASSIGN_OR_RETURN(const std::int32_t alias, add_tensor(graph_.value(node.outputs[0]), Storage::alias));
      out_.tensors[static_cast<std::size_t>(alias)].alias_of = source;
      return Status::ok();
    }
    LoweredStep step;
    step.name = node.name.empty() ? node.op : node.name;
    step.problem.kind = node.op;
    step.problem.attrs = node.attrs;
    for (const ValueId id : node.inputs) {
      INGOT_ASSIGN_OR_RETURN(const std::int32_t tensor, tensor_of(id));
      step.inputs.push_back(tensor);
      step.problem.inputs.push_back(operand(tensor));
    }
    if (!node.subgraphs.empty()) INGOT_RETURN_IF_ERROR(add_bodies(node, step));
    for (const ValueId id : node.outputs) {
      std::int32_t tensor = -1;
      if (id != kNoValue) {
        const Storage storage = graph_.is_output(id) ? Storage::output : Storage::activation;
        INGOT_ASSIGN_OR_RETURN(tensor, add_tensor(graph_.value(id), storage));
        const SymShape& shape = out_.tensors[static_cast<std::size_t>(tensor)].shape;
        if (has_unknown_size(shape)) {
          step.data_dependent = true;
          know_symbols(shape);
        }
      }
      step.outputs.push_back(tensor);
      step.problem.outputs.push_back(operand(tensor));
    }
    INGOT_RETURN_IF_ERROR(check_sizes(step.problem));
    if (step.problem.is_plugin()) plan::add_bounds(step.inputs, step.outputs, out_.tensors, ranges_, step.problem);
    step.on_objects = node.subgraphs.empty() && touches_objects(step);
    out_.steps.push_back(std::move(step));
    return Status::ok();
  }

  // Symbols that the step itself decides are not known to its bodies.
  Status add_bodies(const ir::Node& node, LoweredStep& step) {
    std::vector<std::string_view> order = {"body"};
    if (node.op == "If") order = {"then_branch", "else_branch"};
    for (const std::string_view name : order) {
      const auto found =
          std::find_if(node.subgraphs.begin(), node.subgraphs.end(), [&](const auto& s) { return s.first == name; });
      if (found == node.subgraphs.end()) return internal("no {}", name);
      Result<LoweredProgram> body = Lowering(*found->second, symbols_, ranges_, known_symbols_, programs_).run();
      if (!body.is_ok()) return std::move(body).status().annotate(name);
      step.programs.push_back(static_cast<std::int32_t>(programs_.size()));
      programs_.push_back(std::move(body).value());
    }
    return Status::ok();
  }

  bool touches_objects(const LoweredStep& step) const {
    const auto object = [&](std::int32_t id) {
      return id >= 0 && out_.tensors[static_cast<std::size_t>(id)].is_object();
    };
    return std::any_of(step.inputs.begin(), step.inputs.end(), object) ||
           std::any_of(step.outputs.begin(), step.outputs.end(), object) || kObjectOnly.contains(step.problem.kind);
  }

  // A graph output that is a constant, a graph input, or the same value as another output is copied.
  Result<std::int32_t> add_output(const ir::Value& value) {
    const auto found = ids_.find(value.id);
    if (found != ids_.end() && out_.tensors[static_cast<std::size_t>(found->second)].storage == Storage::output &&
        std::find(out_.outputs.begin(), out_.outputs.end(), found->second) == out_.outputs.end())
      return found->second;
    INGOT_ASSIGN_OR_RETURN(const std::int32_t source, tensor_of(value.id));
    plan::Tensor tensor = out_.tensors[static_cast<std::size_t>(source)];
    tensor.storage = Storage::output;
    tensor.alias_of = -1;
    const auto id = static_cast<std::int32_t>(out_.tensors.size());
    out_.tensors.push_back(std::move(tensor));
    out_.constants.push_back(nullptr);
    LoweredStep step;
    step.name = value.name;
    step.problem.kind = "Identity";
    step.inputs = {source};
    step.outputs = {id};
    step.problem.inputs = {operand(source)};
    step.problem.outputs = {operand(id)};
    step.on_objects = touches_objects(step);
    out_.steps.push_back(std::move(step));
    return id;
  }

  const ir::Graph& graph_;
  const SymbolValues& symbols_;
  const SymbolRanges& ranges_;
  std::int64_t unknown_size_ = kUnknownSize;
  LoweredProgram out_;
  std::map<ValueId, std::int32_t> ids_;
  std::set<std::string> known_symbols_;
  std::vector<LoweredProgram>& programs_;
};

}  // namespace

std::string Lowered::to_string() const {
  std::string text;
  const auto add = [&](const LoweredProgram& program) {
    for (const LoweredStep& step : program.steps)
      text += fmt::format("{}  # {}\n", step.problem.to_string(), step.name);
  };
  for (std::size_t i = 0; i < programs.size(); ++i) {
    text += fmt::format("program {}:\n", i);
    add(programs[i]);
  }
  if (!programs.empty()) text += "main program:\n";
  add(*this);
  return text;
}

Result<Lowered> lower(const ir::Graph& graph, const SymbolValues& symbols, const SymbolRanges& ranges) {
  Lowered out;
  INGOT_ASSIGN_OR_RETURN(static_cast<LoweredProgram&>(out), Lowering(graph, symbols, ranges, {}, out.programs).run());
  return out;
}

}  // namespace ingot::builder
