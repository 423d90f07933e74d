// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan and SequenceMap. Bodies capture nothing: what they need from outside is passed as the last inputs of
// the node and of each body; the others count them in the attribute `captures`.
#include <algorithm>

#include "base/hash.h"
#include "ops/bodies.h"
#include "ops/infer.h"
#include "ops/rules.h"

namespace ingot::ops {
namespace {

// A body's output, with new names for the sizes that mean something inside only.
ir::Type output_type(InferContext& ctx, const ir::Graph& body, std::size_t i) {
  ir::Type type = body.value(body.outputs()[i]).type;
  if (!type.shape) return type;
  std::vector<std::string> known;
  for (std::size_t input = 0; input < ctx.input_count(); ++input) {
    if (!ctx.present(input)) continue;
    if (ctx.shape(input))
      for (const Dim& dim : *ctx.shape(input)) dim.collect_symbols(known);
    if (const auto value = ctx.symbolic_value(input))
      for (const Dim& dim : *value) dim.collect_symbols(known);
  }
  for (Dim& dim : *type.shape) {
    std::vector<std::string> names;
    dim.collect_symbols(names);
    const bool inside =
        std::ranges::any_of(names, [&](const auto& name) { return std::ranges::find(known, name) == known.end(); });
    if (inside) dim = ctx.unknown_dim();
  }
  return type;
}

// What two alternative types have in common.
Result<ir::Type> join(InferContext& ctx, const ir::Type& a, const ir::Type& b) {
  if (a == b) return a;
  // An optional may hold what the other side has for certain.
  if (a.kind == ir::Type::Kind::optional && b.kind != a.kind) {
    INGOT_ASSIGN_OR_RETURN(ir::Type element, join(ctx, *a.element, b));
    return ir::Type::of(a.kind, std::move(element));
  }
  if (b.kind == ir::Type::Kind::optional && b.kind != a.kind) return join(ctx, b, a);
  if (a.kind != b.kind) return invalid_argument("the branches yield {} and {}", a.to_string(), b.to_string());
  if (a.kind == ir::Type::Kind::sequence || a.kind == ir::Type::Kind::optional) {
    INGOT_ASSIGN_OR_RETURN(ir::Type element, join(ctx, *a.element, *b.element));
    return ir::Type::of(a.kind, std::move(element));
  }
  if (a.kind == ir::Type::Kind::map && a.dtype == b.dtype && a.element->dtype == b.element->dtype) return a;
  if (a.dtype != b.dtype) return invalid_argument("the branches yield {} and {}", a.to_string(), b.to_string());
  if (a.rank() < 0 || a.rank() != b.rank()) return ir::Type::tensor(a.dtype, std::nullopt);
  SymShape shape = *a.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != (*b.shape)[i]) shape[i] = ctx.unknown_dim();
  }
  return ir::Type::tensor(a.dtype, std::move(shape));
}

Status expect_counts(const ir::Graph& body, std::string_view what, std::size_t inputs, std::size_t outputs) {
  if (body.inputs().size() == inputs && body.outputs().size() == outputs) return Status::ok();
  return invalid_argument("{} takes {} inputs and yields {} outputs, but must take {} and yield {}", what,
                          body.inputs().size(), body.outputs().size(), inputs, outputs);
}

Status infer_if(InferContext& ctx) {
  const ir::Graph* then_branch = ctx.subgraph("then_branch");
  const ir::Graph* else_branch = ctx.subgraph("else_branch");
  const std::size_t captures = ctx.input_count() - 1;
  INGOT_RETURN_IF_ERROR(expect_counts(*then_branch, "then_branch", captures, ctx.output_count()));
  INGOT_RETURN_IF_ERROR(expect_counts(*else_branch, "else_branch", captures, ctx.output_count()));
  for (std::size_t i = 0; i < ctx.output_count(); ++i) {
    INGOT_ASSIGN_OR_RETURN(ir::Type type,
                           join(ctx, output_type(ctx, *then_branch, i), output_type(ctx, *else_branch, i)));
    ctx.set_type(i, std::move(type));
  }
  return Status::ok();
}

// How many inputs from `fixed` on carry state; the rest are captures.
Result<std::size_t> state_count(const InferContext& ctx, std::size_t fixed) {
  const std::int64_t captures = ctx.attrs().get_int("captures", 0);
  if (captures < 0 || ctx.input_count() < fixed + static_cast<std::size_t>(captures)) {
    return invalid_argument("attribute captures is {}, which does not fit {} inputs", captures, ctx.input_count());
  }
  return ctx.input_count() - fixed - static_cast<std::size_t>(captures);
}

// The type of a carried value: what goes in and what the body makes of it.
Status set_states(InferContext& ctx, const ir::Graph& body, std::size_t first_input, std::size_t first_output,
                  std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!ctx.present(first_input + i)) return invalid_argument("{} is missing", ctx.input_name(first_input + i));
    INGOT_ASSIGN_OR_RETURN(ir::Type type,
                           join(ctx, ctx.type(first_input + i), output_type(ctx, body, first_output + i)));
    ctx.set_type(i, std::move(type));
  }
  return Status::ok();
}

// The body's per-iteration value, stacked along `axis`.
Result<ir::Type> stacked(const ir::Type& element, std::int64_t axis, Dim count) {
  if (!element.is_tensor()) return invalid_argument("a scan output must be a tensor, not {}", element.to_string());
  if (!element.shape) return element;
  SymShape shape = *element.shape;
  INGOT_ASSIGN_OR_RETURN(const std::size_t place, normalize_axis(axis, shape.size() + 1, "scan output axis"));
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(place), std::move(count));
  return ir::Type::tensor(element.dtype, std::move(shape));
}

Status infer_loop(InferContext& ctx) {
  const ir::Graph& body = *ctx.subgraph("body");
  INGOT_ASSIGN_OR_RETURN(const std::size_t states, state_count(ctx, 2));
  if (states > ctx.output_count())
    return invalid_argument("{} values are carried, but there are only {} outputs", states, ctx.output_count());
  INGOT_RETURN_IF_ERROR(expect_counts(body, "body", ctx.input_count(), ctx.output_count() + 1));
  INGOT_RETURN_IF_ERROR(set_states(ctx, body, 2, 1, states));
  // The condition may end the loop before the trip count.
  const Dim count = ctx.unknown_dim();
  for (std::size_t i = states; i < ctx.output_count(); ++i) {
    INGOT_ASSIGN_OR_RETURN(ir::Type type, stacked(output_type(ctx, body, i + 1), 0, count));
    ctx.set_type(i, std::move(type));
  }
  return Status::ok();
}

Status infer_scan(InferContext& ctx) {
  const ir::Graph& body = *ctx.subgraph("body");
  const std::int64_t scans = ctx.attrs().get_int("num_scan_inputs", 0);
  if (scans < 1 || static_cast<std::size_t>(scans) > ctx.input_count()) {
    return invalid_argument("attribute num_scan_inputs is {}, which does not fit {} inputs", scans, ctx.input_count());
  }
  INGOT_ASSIGN_OR_RETURN(const std::size_t states, state_count(ctx, static_cast<std::size_t>(scans)));
  if (states > ctx.output_count())
    return invalid_argument("{} values are carried, but there are only {} outputs", states, ctx.output_count());
  INGOT_RETURN_IF_ERROR(expect_counts(body, "body", ctx.input_count(), ctx.output_count()));
  INGOT_RETURN_IF_ERROR(set_states(ctx, body, 0, 0, states));
  const Ints in_axes = ctx.attrs().get_ints("scan_input_axes", Ints(static_cast<std::size_t>(scans), 0));
  const Ints out_axes = ctx.attrs().get_ints("scan_output_axes", Ints(ctx.output_count() - states, 0));
  if (in_axes.size() != static_cast<std::size_t>(scans) || out_axes.size() != ctx.output_count() - states) {
    return invalid_argument("attributes scan_input_axes and scan_output_axes take one entry per scan input and output");
  }
  std::optional<Dim> count;
  if (ctx.present(states) && ctx.shape(states)) {
    INGOT_ASSIGN_OR_RETURN(const std::size_t axis,
                           normalize_axis(in_axes[0], ctx.shape(states)->size(), "scan input axis"));
    count = (*ctx.shape(states))[axis];
  }
  if (!count) count = ctx.unknown_dim();
  for (std::size_t i = states; i < ctx.output_count(); ++i) {
    INGOT_ASSIGN_OR_RETURN(ir::Type type, stacked(output_type(ctx, body, i), out_axes[i - states], *count));
    ctx.set_type(i, std::move(type));
  }
  return Status::ok();
}

// The sequence of what one iteration yields; what it knows of sizes has no name outside.
Result<ir::Type> collected(const ir::Type& element) {
  if (!element.is_tensor())
    return invalid_argument("the body of SequenceMap must yield tensors, not {}", element.to_string());
  const bool fixed = element.shape && concrete(*element.shape);
  return ir::Type::of(ir::Type::Kind::sequence, fixed ? element : ir::Type::tensor(element.dtype, std::nullopt));
}

Status infer_sequence_map(InferContext& ctx) {
  const ir::Graph& body = *ctx.subgraph("body");
  INGOT_RETURN_IF_ERROR(state_count(ctx, 1).status());
  INGOT_RETURN_IF_ERROR(expect_counts(body, "body", ctx.input_count(), ctx.output_count()));
  if (ctx.type(0).kind != ir::Type::Kind::sequence)
    return invalid_argument("{} must be a sequence, not {}", ctx.input_name(0), ctx.type(0).to_string());
  for (std::size_t i = 0; i < ctx.input_count(); ++i)
    if (ctx.present(i) && ctx.type(i).kind == ir::Type::Kind::sequence && !ctx.type(i).element->is_tensor())
      return invalid_argument("{} must be a sequence of tensors, not {}", ctx.input_name(i), ctx.type(i).to_string());
  for (std::size_t i = 0; i < ctx.output_count(); ++i) {
    INGOT_ASSIGN_OR_RETURN(ir::Type type, collected(body.value(body.outputs()[i]).type));
    ctx.set_type(i, std::move(type));
  }
  return Status::ok();
}

// A body's input as long as nothing speaks against it: like what goes in. `loosen` is told where the body makes
// something else of it.
void assume(ir::Value& input, const ir::Type& type) {
  if (type.is_tensor() && input.type.is_tensor() && type.dtype == input.type.dtype && type.shape) input.type = type;
  if (!type.is_tensor() && type.kind == input.type.kind) input.type = type;
}

// The same type without any shape.
ir::Type without_shapes(const ir::Type& type) {
  if (type.is_tensor() || type.element == nullptr) return ir::Type::tensor(type.dtype, std::nullopt);
  return ir::Type::of(type.kind, without_shapes(*type.element));
}

// True when it had to change. `prefix` makes names for sizes that differ from one iteration to the next.
bool loosen(ir::Value& input, const ir::Type& result, const std::string& prefix) {
  if (!input.type.is_tensor() && input.type.kind != ir::Type::Kind::map) {
    const ir::Type open = without_shapes(input.type);
    if (input.type == result || input.type == open) return false;
    input.type = open;
    return true;
  }
  if (!input.type.is_tensor() || !input.type.shape) return false;
  if (!result.is_tensor() || !result.shape || result.shape->size() != input.type.shape->size()) {
    input.type.shape.reset();
    return true;
  }
  bool changed = false;
  for (std::size_t i = 0; i < result.shape->size(); ++i) {
    Dim& dim = (*input.type.shape)[i];
    const Dim open = Dim::symbol(fmt::format("{}.{}", prefix, i));
    if (dim == (*result.shape)[i] || dim == open) continue;
    dim = open;
    changed = true;
  }
  return changed;
}

}  // namespace

Status infer_bodies(const ir::Graph& graph, ir::Node& node) {
  const bool loop = node.op == "Loop";
  const bool scan = node.op == "Scan";
  const bool sequence_map = node.op == "SequenceMap";
  const auto captures = static_cast<std::size_t>(std::max<std::int64_t>(node.attrs.get_int("captures", 0), 0));
  const auto scans = static_cast<std::size_t>(std::max<std::int64_t>(node.attrs.get_int("num_scan_inputs", 0), 0));
  const std::size_t first_operand = node.op == "If" ? 1 : 0;
  const std::size_t first_state = loop ? 2 : 0;
  for (auto& [attribute, body] : node.subgraphs) {
    const std::size_t count = body->inputs().size();
    if (node.inputs.size() != count + first_operand || count < first_state + captures + scans)
      continue;  // infer() says it
    const std::size_t states = loop || scan ? count - first_state - captures - scans : 0;
    if (body->outputs().size() < states + (loop ? 1 : 0)) continue;
    for (std::size_t i = 0; i < count; ++i) {
      const ir::ValueId outer = node.inputs[first_operand + i];
      if (outer == ir::kNoValue || (loop && i < 2)) continue;
      ir::Value& input = body->value(body->inputs()[i]);
      const ir::Value& value = graph.value(outer);
      if (sequence_map) {
        const bool element = i + captures < count && value.type.kind == ir::Type::Kind::sequence;
        assume(input, element ? *value.type.element : value.type);
        continue;
      }
      const bool slice = scan && i >= states && i < states + scans;
      const bool state = (loop || scan) && !slice && i >= first_state && i < first_state + states;
      if (!slice) assume(input, value.type);
      if (!slice && !state) input.symbolic_value = value.symbolic_value;
      if (!slice || !value.type.shape || value.type.shape->empty()) continue;
      const Ints axes = node.attrs.get_ints("scan_input_axes", {});
      INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(i - states < axes.size() ? axes[i - states] : 0,
                                                                    value.type.shape->size(), "scan input axis"));
      ir::Type type = value.type;
      type.shape->erase(type.shape->begin() + static_cast<std::ptrdiff_t>(axis));
      assume(input, type);
    }
    const std::string prefix = fmt::format("_state.s{:08x}", hash_text(body->name) & 0xffffffffU);
    // Each round opens at least one dimension or one rank, so this ends.
    for (bool changed = true; changed;) {
      INGOT_RETURN_IF_ERROR(infer_graph(*body));
      changed = false;
      for (std::size_t i = 0; i < states; ++i) {
        const ir::Type& result = body->value(body->outputs()[i + (loop ? 1 : 0)]).type;
        changed =
            loosen(body->value(body->inputs()[first_state + i]), result, fmt::format("{}.{}", prefix, i)) || changed;
      }
    }
  }
  return Status::ok();
}

void add_control_flow_ops(Table& table) {
  const AttrSpec body{"body", AttrKind::graph, true};
  const AttrSpec captures{"captures", AttrKind::integer};
  table.push_back(make_op("If", "cond:boolean captures*?:any", "outputs*", infer_if,
                          {{"then_branch", AttrKind::graph, true}, {"else_branch", AttrKind::graph, true}}));
  table.push_back(make_op("Loop", "M?:i64 cond?:boolean v_initial*?:any", "v_final_and_scan_outputs*", infer_loop,
                          {body, captures}));
  table.push_back(make_op("Scan", "initial_state_and_scan_inputs*:any", "final_state_and_scan_outputs*", infer_scan,
                          {body,
                           captures,
                           {"num_scan_inputs", AttrKind::integer, true},
                           {"scan_input_axes", AttrKind::integers},
                           {"scan_input_directions", AttrKind::integers},
                           {"scan_output_axes", AttrKind::integers},
                           {"scan_output_directions", AttrKind::integers}}));
  table.push_back(make_op("SequenceMap", "input_sequence_and_additional_inputs*:any", "out_sequence*",
                          infer_sequence_map, {body, captures}));
}

}  // namespace ingot::ops
