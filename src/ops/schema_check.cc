// SPDX-License-Identifier: Apache-2.0
#include "ops/schema_check.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ops/rules.h"

namespace ingot::ops {
namespace {

constexpr std::string_view kKindNames[] = {
    "an integer",        "a float",         "a string", "a list of integers",   "a list of floats",
    "a list of strings", "an element type", "a tensor", "a list of dimensions", "a graph"};

AttrKind kind_of_value(const Attr& value) {
  constexpr AttrKind kinds[] = {AttrKind::integer,  AttrKind::number,  AttrKind::text,
                                AttrKind::integers, AttrKind::numbers, AttrKind::texts,
                                AttrKind::dtype,    AttrKind::tensor,  AttrKind::dims};
  return kinds[value.index()];
}

std::string_view name_of(AttrKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

bool class_holds(char type_class, DType type) {
  switch (type_class) {
    case 'F': return is_float(type);
    case 'N': return is_float(type) || is_integer(type);
    case 'R': return is_float(type) || is_integer(type) || type == DType::boolean;
    case 'S': return kind_of(type) != 'c';
    case 'Q': return is_integer(type);
    case 'I': return type == DType::i32 || type == DType::i64;
    default: return true;
  }
}

std::string_view class_name(char type_class) {
  switch (type_class) {
    case 'F': return "a floating type";
    case 'N': return "a number type";
    case 'R': return "a number type or boolean";
    case 'S': return "a number type, boolean or string";
    case 'Q': return "an integer type";
    case 'I': return "i32 or i64";
    default: return "a tensor";
  }
}

std::string arity_text(int least, int most) {
  if (most < 0) return fmt::format("at least {}", least);
  return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

}  // namespace

Status unknown_op(std::string_view name) {
  std::vector<std::string_view> names;
  for (const OpDef& def : all_ops()) names.push_back(def.name);
  return unsupported("there is no operator {}{}", name, suggestion(name, names));
}

Status check_arity(const OpDef& def, std::size_t operands, std::size_t outputs) {
  const auto fits = [](std::size_t count, int least, int most) {
    return count >= static_cast<std::size_t>(least) && (most < 0 || count <= static_cast<std::size_t>(most));
  };
  if (!fits(operands, def.min_inputs, def.max_inputs)) {
    return invalid_argument("{} inputs given, but {} are needed", operands, arity_text(def.min_inputs, def.max_inputs));
  }
  if (!fits(outputs, def.min_outputs, def.max_outputs)) {
    return invalid_argument("{} outputs asked for, but there are {}", outputs,
                            arity_text(def.min_outputs, def.max_outputs));
  }
  return Status::ok();
}

Status check_attrs(const OpDef& def, const Attrs& attrs) {
  for (const auto& [name, value] : attrs.entries()) {
    const auto spec = std::ranges::find(def.attrs, std::string_view(name), &AttrSpec::name);
    if (spec == def.attrs.end()) {
      std::vector<std::string_view> names;
      for (const AttrSpec& known : def.attrs) names.push_back(known.name);
      return invalid_argument("unknown attribute \"{}\"{}", name, suggestion(name, names));
    }
    if (kind_of_value(value) != spec->kind) {
      return invalid_argument("attribute {} is {}, but must be {}", name, name_of(kind_of_value(value)),
                              name_of(spec->kind));
    }
    if (spec->kind == AttrKind::tensor && std::get<TensorPtr>(value) == nullptr) {
      return invalid_argument("attribute {} holds no tensor", name);
    }
  }
  for (const AttrSpec& spec : def.attrs) {
    if (spec.required && spec.kind != AttrKind::graph && !attrs.has(spec.name)) {
      return invalid_argument("attribute {} ({}) is missing", spec.name, name_of(spec.kind));
    }
  }
  return Status::ok();
}

const OperandSpec* operand_spec(const std::vector<OperandSpec>& specs, std::size_t index) {
  if (index < specs.size()) return &specs[index];
  return !specs.empty() && specs.back().repeated ? &specs.back() : nullptr;
}

Status check_types(const OpDef& def, const InferContext& ctx) {
  std::map<std::string_view, std::size_t> bound;  // type word -> the input that decided it
  for (std::size_t i = 0; i < ctx.input_count(); ++i) {
    const OperandSpec* spec = operand_spec(def.inputs, i);
    INGOT_CHECK(spec != nullptr, "arity of {} is not checked", def.name);
    if (!ctx.present(i)) {
      if (spec->optional) continue;
      return invalid_argument("{} is missing", ctx.input_name(i));
    }
    if (spec->type == "any") continue;
    if (!ctx.type(i).is_tensor()) return invalid_argument("{} must be a tensor", ctx.input_name(i));
    if (spec->type.empty()) continue;
    const DType type = ctx.dtype(i);
    if (std::islower(spec->type.front()) != 0) {
      if (to_string(type) == spec->type) continue;
      return invalid_argument("{} is {}, but must be {}", ctx.input_name(i), to_string(type), spec->type);
    }
    if (!class_holds(spec->type.front(), type)) {
      return invalid_argument("{} is {}, but must be {}", ctx.input_name(i), to_string(type),
                              class_name(spec->type.front()));
    }
    const auto [at, fresh] = bound.emplace(spec->type, i);
    if (!fresh && ctx.dtype(at->second) != type) {
      return invalid_argument("{} is {}, but must be {} as is {}", ctx.input_name(i), to_string(type),
                              to_string(ctx.dtype(at->second)), ctx.input_name(at->second));
    }
  }
  return Status::ok();
}

}  // namespace ingot::ops
