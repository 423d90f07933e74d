// SPDX-License-Identifier: Apache-2.0
// The table of all canonical operators, put together from the families.
#include <algorithm>

#include "ops/ml.h"
#include "ops/rules.h"
#include "ops/sequence.h"

namespace ingot::ops {
namespace {

std::vector<OperandSpec> parse_signature(std::string_view text) {
  std::vector<OperandSpec> operands;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    OperandSpec spec;
    if (const std::size_t colon = word.find(':'); colon != std::string_view::npos) {
      spec.type = word.substr(colon + 1);
      word = word.substr(0, colon);
    }
    for (; word.ends_with('?') || word.ends_with('*'); word.remove_suffix(1)) {
      (word.back() == '?' ? spec.optional : spec.repeated) = true;
    }
    spec.name = word;
    operands.push_back(spec);
  }
  return operands;
}

void count(const std::vector<OperandSpec>& operands, int& least, int& most) {
  least = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].optional) least = static_cast<int>(i) + 1;
  }
  most = !operands.empty() && operands.back().repeated ? -1 : static_cast<int>(operands.size());
}

Table build() {
  Table table;
  add_attention_ops(table);
  add_control_flow_ops(table);
  add_convolution_ops(table);
  add_einsum_ops(table);
  add_gather_scatter_ops(table);
  add_generator_ops(table);
  add_linear_attention_ops(table);
  add_loss_ops(table);
  add_matmul_ops(table);
  add_ml_ops(table);
  add_movement_ops(table);
  add_normalization_ops(table);
  add_pointwise_ops(table);
  add_pooling_ops(table);
  add_quantize_ops(table);
  add_recurrent_ops(table);
  add_reduce_ops(table);
  add_resize_ops(table);
  add_selection_ops(table);
  add_sequence_ops(table);
  add_shape_ops(table);
  add_signal_ops(table);
  add_string_ops(table);
  add_vision_ops(table);
  std::ranges::sort(table, {}, &OpDef::name);
  INGOT_CHECK(std::ranges::adjacent_find(table, {}, &OpDef::name) == table.end(), "an operator is in the table twice");
  return table;
}

const Table& table() {
  static const Table the_table = build();
  return the_table;
}

}  // namespace

OpDef make_op(std::string_view name, std::string_view inputs, std::string_view outputs, InferFn infer,
              std::vector<AttrSpec> attrs, Traits traits) {
  OpDef def;
  def.name = name;
  def.infer = infer;
  def.attrs = std::move(attrs);
  def.pure = traits.pure;
  def.epilogue = traits.epilogue;
  def.inputs = parse_signature(inputs);
  def.outputs = parse_signature(outputs);
  count(def.inputs, def.min_inputs, def.max_inputs);
  count(def.outputs, def.min_outputs, def.max_outputs);
  if (traits.channels_last) def.attrs.push_back({"channels_last", AttrKind::integer});
  if (traits.epilogue) {
    def.attrs.push_back({"epilogue", AttrKind::text});
    def.attrs.push_back({"epilogue_inputs", AttrKind::integer});
  }
  return def;
}

const OpDef* find_op(std::string_view name) {
  const auto at = std::ranges::lower_bound(table(), name, {}, &OpDef::name);
  return at != table().end() && at->name == name ? &*at : nullptr;
}

std::span<const OpDef> all_ops() { return table(); }

}  // namespace ingot::ops
