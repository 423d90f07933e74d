// SPDX-License-Identifier: Apache-2.0
#include "plugin/infer.h"

#include <cstring>

#include "plugin/guarded_call.h"
#include "plugin/values.h"

namespace ingot::plugin {
namespace {

// Larger expressions are a runaway rule.
constexpr std::size_t kMaxDims = 1 << 20;
constexpr std::int32_t kMaxRank = 64;

// What `host` points to in the function table. The first wrong use is kept and reported after the rule has returned.
struct Session {
  std::span<const InferInput> inputs;
  const std::function<Dim()>* unknown_dim = nullptr;
  std::vector<Dim> dims;  // handle i + 1
  std::vector<std::optional<InferOutput>> outputs;
  std::string misuse;

  void blame(std::string text) {
    if (misuse.empty()) misuse = std::move(text);
  }
  ingot_plugin_dim add(Dim dim) {
    if (dims.size() >= kMaxDims) {
      blame("it makes more sizes than any shape needs");
      return 0;
    }
    dims.push_back(std::move(dim));
    return static_cast<ingot_plugin_dim>(dims.size());
  }
  const Dim* find(ingot_plugin_dim dim) {
    if (dim >= 1 && static_cast<std::size_t>(dim) <= dims.size()) return &dims[static_cast<std::size_t>(dim) - 1];
    blame(fmt::format("it uses {}, which is no size", dim));
    return nullptr;
  }
  const InferInput* input(std::size_t index) {
    if (index < inputs.size() && inputs[index].present) return &inputs[index];
    blame(index < inputs.size() ? fmt::format("it looks at input {}, which is absent", index)
                                : fmt::format("it looks at input {} of {}", index, inputs.size()));
    return nullptr;
  }
};

Session& session(void* host) { return *static_cast<Session*>(host); }

Dim equal(const Dim& a, const Dim& b) { return Dim(1) - min(Dim(1), max(a - b, b - a)); }
Dim less(const Dim& a, const Dim& b) { return min(Dim(1), max(Dim(0), b - a)); }

std::optional<Dim> combined(std::int32_t operation, const Dim& a, const Dim& b) {
  const bool divides =
      operation == INGOT_PLUGIN_FLOOR_DIV || operation == INGOT_PLUGIN_CEIL_DIV || operation == INGOT_PLUGIN_MOD;
  if (divides && b.is_constant() && b.value() == 0) return std::nullopt;
  switch (operation) {
    case INGOT_PLUGIN_ADD: return a + b;
    case INGOT_PLUGIN_SUB: return a - b;
    case INGOT_PLUGIN_MUL: return a * b;
    case INGOT_PLUGIN_FLOOR_DIV: return floor_div(a, b);
    case INGOT_PLUGIN_CEIL_DIV: return ceil_div(a, b);
    case INGOT_PLUGIN_MOD: return mod(a, b);
    case INGOT_PLUGIN_MIN: return min(a, b);
    case INGOT_PLUGIN_MAX: return max(a, b);
    case INGOT_PLUGIN_EQUAL: return equal(a, b);
    case INGOT_PLUGIN_LESS: return less(a, b);
    default: return std::nullopt;
  }
}

ingot_plugin_dim combine(void* host, std::int32_t operation, ingot_plugin_dim a, ingot_plugin_dim b) {
  Session& s = session(host);
  const Dim* left = s.find(a);
  const Dim* right = s.find(b);
  if (left == nullptr || right == nullptr) return 0;
  std::optional<Dim> result = combined(operation, *left, *right);
  if (result) return s.add(std::move(*result));
  s.blame(fmt::format("operation {} on {} and {} has no result", operation, left->to_string(), right->to_string()));
  return 0;
}

void set_output(void* host, std::size_t output, std::int32_t dtype, std::int32_t rank, const ingot_plugin_dim* dims) {
  Session& s = session(host);
  const auto type = dtype_from_number(dtype);
  if (output >= s.outputs.size()) return;  // the node does not use it
  if (!type || *type == DType::undefined || *type == DType::string)
    return s.blame(fmt::format("it gives output {} the element type {}, which is none", output, dtype));
  if (rank < 0 || rank > kMaxRank || (rank > 0 && dims == nullptr))
    return s.blame(fmt::format("it gives output {} the rank {}", output, rank));
  InferOutput result{*type, {}};
  for (std::int32_t i = 0; i < rank; ++i) {
    const Dim* dim = s.find(dims[i]);
    if (dim == nullptr) return;
    if (dim->is_constant() && dim->value() < 0)
      return s.blame(
          fmt::format("dimension {} of output {} would be {}: the input is too small", i, output, dim->value()));
    result.shape.push_back(*dim);
  }
  s.outputs[output] = std::move(result);
}

void fill(ingot_plugin_infer& call) {
  call.input_present = [](void* host, std::size_t input) -> std::int32_t {
    return input < session(host).inputs.size() && session(host).inputs[input].present ? 1 : 0;
  };
  call.input_type = [](void* host, std::size_t input) -> std::int32_t {
    const InferInput* found = session(host).input(input);
    return found != nullptr ? static_cast<std::int32_t>(found->dtype) : 0;
  };
  call.input_rank = [](void* host, std::size_t input) -> std::int32_t {
    const InferInput* found = session(host).input(input);
    return found != nullptr && found->shape ? static_cast<std::int32_t>(found->shape->size()) : -1;
  };
  call.input_dim = [](void* host, std::size_t input, std::int32_t axis) -> ingot_plugin_dim {
    Session& s = session(host);
    const InferInput* found = s.input(input);
    if (found == nullptr) return 0;
    const auto rank = found->shape ? static_cast<std::int32_t>(found->shape->size()) : 0;
    if (axis >= 0 && axis < rank) return s.add((*found->shape)[static_cast<std::size_t>(axis)]);
    s.blame(found->shape ? fmt::format("it looks at dimension {} of input {}, which has rank {}", axis, input, rank)
                         : fmt::format("it needs the shape of input {}, which is not known", input));
    return 0;
  };
  call.input_value_count = [](void* host, std::size_t input) -> std::int64_t {
    const InferInput* found = session(host).input(input);
    return found != nullptr && found->value ? static_cast<std::int64_t>(found->value->size()) : -1;
  };
  call.input_value = [](void* host, std::size_t input, std::int64_t index) -> ingot_plugin_dim {
    Session& s = session(host);
    const InferInput* found = s.input(input);
    if (found == nullptr) return 0;
    if (found->value && index >= 0 && static_cast<std::size_t>(index) < found->value->size())
      return s.add((*found->value)[static_cast<std::size_t>(index)]);
    s.blame(fmt::format("it needs element {} of input {}, which is not known while the model is read", index, input));
    return 0;
  };
  call.constant = [](void* host, std::int64_t value) { return session(host).add(Dim(value)); };
  call.is_constant = [](void* host, ingot_plugin_dim dim, std::int64_t* value) -> std::int32_t {
    const Dim* found = session(host).find(dim);
    if (found == nullptr || !found->is_constant()) return 0;
    if (value != nullptr) *value = found->value();
    return 1;
  };
  call.combine = combine;
  call.data_dependent = [](void* host, ingot_plugin_dim) {
    Session& s = session(host);
    return s.add((*s.unknown_dim)());
  };
  call.set_output = set_output;
}

Status check_counts(const Operator& op, std::span<const InferInput> inputs, std::size_t outputs) {
  const auto check = [&](std::size_t count, std::int32_t least, std::int32_t most, std::string_view what) {
    if (count >= static_cast<std::size_t>(least) && (most < 0 || count <= static_cast<std::size_t>(most)))
      return Status::ok();
    const std::string wanted = most < 0        ? fmt::format("at least {}", least)
                               : least == most ? std::to_string(least)
                                               : fmt::format("{} to {}", least, most);
    return invalid_argument("{} takes {} {}, the node has {}", op.describe(), wanted, what, count);
  };
  INGOT_RETURN_IF_ERROR(check(inputs.size(), op.api.least_inputs, op.api.most_inputs, "inputs"));
  return check(outputs, op.api.least_outputs, op.api.most_outputs, "outputs");
}

}  // namespace

Result<std::vector<InferOutput>> infer(const Operator& op, const Attrs& attrs, std::span<const InferInput> inputs,
                                       std::size_t outputs, const std::function<Dim()>& unknown_dim) {
  INGOT_RETURN_IF_ERROR(check_counts(op, inputs, outputs));
  INGOT_ASSIGN_OR_RETURN(const Values values, Values::read(op, attrs));
  Session s;
  s.inputs = inputs;
  s.unknown_dim = &unknown_dim;
  s.outputs.resize(outputs);
  ingot_plugin_infer rule{};
  rule.size = sizeof(rule);
  rule.host = &s;
  rule.attributes = values.data();
  rule.attribute_count = values.size();
  rule.input_count = inputs.size();
  rule.output_count = outputs;
  fill(rule);
  const Status status =
      call_guarded(op, "infer", [&](ingot_plugin_error* error) { return op.api.infer(op.api.user, &rule, error); });
  if (!s.misuse.empty()) return invalid_argument("{}: wrong shape rule: {}", op.describe(), s.misuse);
  INGOT_RETURN_IF_ERROR(status);
  std::vector<InferOutput> results;
  for (std::size_t i = 0; i < outputs; ++i) {
    if (!s.outputs[i])
      return invalid_argument("{}: wrong shape rule: it says nothing about output {}", op.describe(), i);
    results.push_back(std::move(*s.outputs[i]));
  }
  return results;
}

}  // namespace ingot::plugin
