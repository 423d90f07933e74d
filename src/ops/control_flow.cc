// SPDX-License-Identifier: Apache-2.0
// If, Loop and Scan. Bodies capture nothing: what they need from outside is passed as the last inputs of the node and
// of each body; Loop and Scan count them in the attribute `captures`.
#include "ops/rules.h"

namespace ingot::ops {
namespace {

const ir::Type& output_type(const ir::Graph& graph, std::size_t i) { return graph.value(graph.outputs()[i]).type; }

// What two alternative types have in common.
Result<ir::Type> join(InferContext& ctx, const ir::Type& a, const ir::Type& b) {
  if (a == b) return a;
  if (a.kind != b.kind) return invalid_argument("the branches yield {} and {}", a.to_string(), b.to_string());
  if (!a.is_tensor()) return a;
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
    INGOT_ASSIGN_OR_RETURN(ir::Type type, join(ctx, output_type(*then_branch, i), output_type(*else_branch, i)));
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
    INGOT_ASSIGN_OR_RETURN(ir::Type type, join(ctx, ctx.type(first_input + i), output_type(body, first_output + i)));
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
    INGOT_ASSIGN_OR_RETURN(ir::Type type, stacked(output_type(body, i + 1), 0, count));
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
    INGOT_ASSIGN_OR_RETURN(ir::Type type, stacked(output_type(body, i), out_axes[i - states], *count));
    ctx.set_type(i, std::move(type));
  }
  return Status::ok();
}

}  // namespace

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
}

}  // namespace ingot::ops
