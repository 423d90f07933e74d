// SPDX-License-Identifier: Apache-2.0
// Scan of opset 8: every operand has a batch in front, the sequences of a batch may differ in length, and the scanned
// axis is the one behind the batch. It becomes a Scan over the batch, whose body is today's Scan over one sequence.
//
// Sequences are scanned to the longest one's end all the same; behind the end of a sequence its state stays as it is
// and its outputs are zero, as in ONNX Runtime (the specification leaves them open).
#include <algorithm>

#include "onnx/control_flow.h"
#include "ops/infer.h"

namespace ingot::onnx {
namespace {

struct BatchedScan {
  std::vector<ir::ValueId> operands;  // states, then what is scanned
  std::size_t states = 0;
  Ints directions;
  ir::ValueId lengths = ir::kNoValue;  // with it, the last operand says per step whether the sequence goes on
};

ir::Type element_of(ir::Type type, std::size_t dims) {
  if (!type.shape) return type;
  if (type.shape->size() < dims) {
    type.shape.reset();
  } else {
    type.shape->erase(type.shape->begin(), type.shape->begin() + static_cast<std::ptrdiff_t>(dims));
  }
  return type;
}

Result<BatchedScan> read_scan(NodeDraft& draft) {
  BatchedScan scan;
  INGOT_ASSIGN_OR_RETURN(const auto scanned, draft.take<std::int64_t>("num_scan_inputs"));
  const std::size_t count = std::max<std::size_t>(draft.inputs.size(), 1) - 1;
  if (!scanned || *scanned < 1 || static_cast<std::size_t>(*scanned) > count)
    return invalid_argument("num_scan_inputs is {}, with {} inputs behind sequence_lens", scanned.value_or(0), count);
  for (std::size_t i = 1; i < draft.inputs.size(); ++i) {
    INGOT_RETURN_IF_ERROR(draft.require_input(i));
    const ir::Type& type = draft.input_type(i);
    const std::size_t least = i <= count - static_cast<std::size_t>(*scanned) ? 1 : 2;
    if (!type.is_tensor() || (type.shape && type.shape->size() < least))
      return invalid_argument("input {} must be a tensor of at least {} dimensions, not {}", i, least,
                              type.to_string());
    scan.operands.push_back(draft.inputs[i]);
  }
  scan.states = count - static_cast<std::size_t>(*scanned);
  INGOT_ASSIGN_OR_RETURN(auto directions, draft.take<Ints>("directions"));
  scan.directions = directions ? std::move(*directions) : Ints(static_cast<std::size_t>(*scanned), 0);
  if (scan.directions.size() != static_cast<std::size_t>(*scanned))
    return invalid_argument("directions has {} entries for {} scanned inputs", scan.directions.size(), *scanned);
  if (draft.has_input(0)) scan.lengths = draft.inputs[0];
  return scan;
}

// Turns what is scanned backwards, within each sequence's length, and adds whether a step is within it.
Status apply_lengths(NodeDraft& draft, BatchedScan& scan) {
  for (std::size_t i = 0; i < scan.directions.size(); ++i) {
    if (scan.directions[i] == 0) continue;
    ir::ValueId& operand = scan.operands[scan.states + i];
    INGOT_ASSIGN_OR_RETURN(
        operand, draft.emit("ReverseSequence", {operand, scan.lengths}, {{"batch_axis", 0}, {"time_axis", 1}}));
    scan.directions[i] = 0;
  }
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId shape,
                         draft.emit("Shape", {scan.operands[scan.states]}, {{"start", 1}, {"end", 2}}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId longest, draft.emit("Squeeze", {shape, draft.add_ints("axes", {0})}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId steps,
                         draft.emit("Range", {draft.add_scalar("first", DType::i64, 0), longest,
                                              draft.add_scalar("step", DType::i64, 1)}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId column,
                         draft.emit("Unsqueeze", {scan.lengths, draft.add_ints("axis", {1})}));
  INGOT_ASSIGN_OR_RETURN(const ir::ValueId goes_on, draft.emit("Less", {steps, column}));
  scan.operands.push_back(goes_on);
  scan.directions.push_back(0);
  return Status::ok();
}

// Behind the end of a sequence: the state as it was, outputs of zero. `goes_on` is the body's input number `place`.
Status hold_after_end(ir::Graph& body, std::size_t states, std::size_t place) {
  const ir::ValueId goes_on = body.inputs()[place];
  std::vector<ir::ValueId> outputs = body.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ir::Value& result = body.value(outputs[i]);
    ir::ValueId otherwise = i < states ? body.inputs()[i] : ir::kNoValue;
    if (otherwise == ir::kNoValue) {
      INGOT_ASSIGN_OR_RETURN(HostTensor zero, HostTensor::create(result.type.dtype, {}));
      otherwise = body.add_constant("", share(std::move(zero)));
    }
    const std::string name = fmt::format("{}#held", result.name);
    INGOT_ASSIGN_OR_RETURN(const ir::NodeId held,
                           ops::add_node(body, "Where", name, {goes_on, outputs[i], otherwise}, {}, {name}));
    outputs[i] = body.node(held).outputs[0];
  }
  body.set_outputs(std::move(outputs));
  return Status::ok();
}

Result<std::shared_ptr<ir::Graph>> import_step(ModelContext& context, const GraphProto& proto, const BatchedScan& scan,
                                               const std::vector<Capture>& captures, const Scope& scope) {
  std::vector<ir::Type> types;
  for (std::size_t i = 0; i < scan.operands.size(); ++i)
    types.push_back(element_of(scope.graph.value(scan.operands[i]).type, i < scan.states ? 1 : 2));
  if (scan.lengths == ir::kNoValue) return import_body(context, proto, scope, types, captures);
  GraphProto extended = proto;
  extended.add_input()->set_name(fmt::format("{}#goes_on", proto.name()));
  INGOT_ASSIGN_OR_RETURN(std::shared_ptr<ir::Graph> body, import_body(context, extended, scope, types, captures));
  const std::size_t place = scan.operands.size() - 1;
  const std::size_t captured = captured_values(captures, scope.graph).size();
  if (body->inputs().size() != scan.operands.size() + captured || body->outputs().size() < scan.states)
    return invalid_argument("the body takes {} inputs and yields {} outputs, but must take {} and yield at least {}",
                            proto.input_size(), proto.output_size(), place, scan.states);
  INGOT_RETURN_IF_ERROR(hold_after_end(*body, scan.states, place));
  return body;
}

Attrs scan_attributes(std::size_t scanned, std::size_t captured) {
  Attrs attrs{{"num_scan_inputs", static_cast<std::int64_t>(scanned)}};
  if (captured > 0) attrs.set("captures", static_cast<std::int64_t>(captured));
  return attrs;
}

}  // namespace

Result<ir::NodeId> import_batched_scan(ModelContext& context, const GraphProto& proto, NodeDraft& draft, Scope& scope) {
  INGOT_ASSIGN_OR_RETURN(BatchedScan scan, read_scan(draft));
  if (scan.lengths != ir::kNoValue) INGOT_RETURN_IF_ERROR(apply_lengths(draft, scan));
  INGOT_ASSIGN_OR_RETURN(const std::vector<Capture> captures, find_captures({{"body", &proto}}, scope));
  const std::vector<ir::ValueId> captured = captured_values(captures, scope.graph);
  auto step = import_step(context, proto, scan, captures, scope);
  if (!step.is_ok()) return std::move(step).status().annotate("body");

  // One sequence of the batch.
  auto sequence = std::make_shared<ir::Graph>();
  sequence->name = (*step)->name + ".batch";
  std::vector<ir::ValueId> inputs;
  for (const ir::ValueId operand : scan.operands) {
    const ir::Value& value = scope.graph.value(operand);
    inputs.push_back(sequence->add_input(value.name, element_of(value.type, 1)));
  }
  for (const ir::ValueId value : captured)
    inputs.push_back(sequence->add_input(scope.graph.value(value).name, scope.graph.value(value).type));
  std::vector<std::string> names;
  for (const ir::ValueId output : (*step)->outputs()) names.push_back((*step)->value(output).name);
  Attrs attrs = scan_attributes(scan.operands.size() - scan.states, captured.size());
  attrs.set("scan_input_directions", scan.directions);
  INGOT_ASSIGN_OR_RETURN(const ir::NodeId inner, add_node_with_bodies(*sequence, "Scan", draft.name, inputs, attrs,
                                                                      names, {{"body", std::move(*step)}}));
  sequence->set_outputs(sequence->node(inner).outputs);

  draft.inputs = scan.operands;
  draft.inputs.insert(draft.inputs.end(), captured.begin(), captured.end());
  draft.outputs.resize(std::max(draft.outputs.size(), names.size()));
  return add_node_with_bodies(scope.graph, "Scan", draft.name, draft.inputs,
                              scan_attributes(scan.operands.size(), captured.size()), draft.outputs,
                              {{"body", std::move(sequence)}});
}

}  // namespace ingot::onnx
