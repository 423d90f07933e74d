// SPDX-License-Identifier: Apache-2.0
#include "reference/evaluate.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "reference/copy.h"
#include "reference/expression.h"
#include "reference/families.h"
#include "reference/ml.h"
#include "reference/storage.h"

namespace ingot::reference {

namespace {

const Row* find_row(std::string_view op) {
  static const std::map<std::string_view, Row> table = [] {
    std::map<std::string_view, Row> rows;
    for (const auto family : {attention_rows(),        cast_rows(),          convolution_rows(),
                              cumulative_rows(),       deform_conv_rows(),   deform_points_rows(),
                              einsum_rows(),           expression_rows(),    gather_rows(),
                              generator_rows(),        grid_sample_rows(),   integer_rows(),
                              linear_attention_rows(), loss_rows(),          matmul_nbits_rows(),
                              matmul_rows(),           movement_rows(),      normalization_rows(),
                              pointwise_rows(),        pooling_rows(),       quantize_rows(),
                              random_rows(),           recurrent_rows(),     reduce_rows(),
                              region_rows(),           resize_rows(),        scatter_rows(),
                              selection_rows(),        sequence_rows(),      shape_rows(),
                              signal_rows(),           softmax_rows(),       squeeze_excite_rows(),
                              string_rows(),           tfidf_rows(),         unique_rows(),
                              vision_rows(),           label_encoder_rows(), pairwise_coupling_rows(),
                              tree_ensemble_rows(),    row_matmul_rows()})
      for (const Row& row : family) rows.emplace(row.op, row);
    return rows;
  }();
  const auto row = table.find(op);
  return row == table.end() ? nullptr : &row->second;
}

Result<Outputs> run_kernel(const Row& row, const Call& call) {
  if (row.data_operand >= 0) {
    const HostTensor* data = optional_operand(call, to_size(row.data_operand));
    if (data != nullptr && WideStorage::needed_for(data->dtype())) return run_widened(row.kernel, call, data->dtype());
  }
  return row.kernel(call);
}

// [N, spatial..., C] <-> [N, C, spatial...].
Result<HostTensor> move_channels(const HostTensor& tensor, bool to_front) {
  std::vector<std::size_t> perm(tensor.shape().size());
  std::iota(perm.begin(), perm.end(), std::size_t{0});
  if (to_front) {
    std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
  } else {
    std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  }
  return transpose(tensor, perm);
}

// Kernels know [N, C, spatial...] alone, so channels_last is a transpose of the first operand and of the outputs that
// have its rank. MaxPool's Indices keep counting elements of [N, C, spatial...].
Result<Outputs> run_channels_last(const Row& row, const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 2));
  INGOT_ASSIGN_OR_RETURN(const HostTensor turned, move_channels(*x, true));
  std::vector<const HostTensor*> inputs(call.inputs.begin(), call.inputs.end());
  inputs[0] = &turned;
  Call inner = call;
  inner.inputs = inputs;
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, run_kernel(row, inner));
  for (HostTensor& output : outputs) {
    if (output.rank() != x->rank()) continue;
    INGOT_ASSIGN_OR_RETURN(output, move_channels(output, false));
  }
  return outputs;
}

Result<Outputs> run_in_layout(const Row& row, const Call& call) {
  if (call.attrs->get_int("channels_last", 0) != 0) return run_channels_last(row, call);
  return run_kernel(row, call);
}

// The operator's own result stays in double (an integer result in its type) until the epilogue has been applied.
Result<Outputs> run_with_epilogue(const Row& row, const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, Expr::parse(call.attrs->get_string("epilogue", "")));
  const std::int64_t extra = call.attrs->get_int("epilogue_inputs", 0);
  if (extra < 0 || extra > to_signed(call.inputs.size()) || expr.input_types().empty())
    return invalid_argument("epilogue_inputs is {} with {} operands", extra, call.inputs.size());
  const std::size_t own = call.inputs.size() - to_size(extra);
  const DType own_type = expr.input_types()[0];
  std::vector<DType> types(call.output_types.begin(), call.output_types.end());
  if (types.empty()) types.push_back(own_type);
  types[0] = is_float(own_type) ? DType::f64 : own_type;
  Call inner = call;
  inner.inputs = call.inputs.first(own);
  inner.output_types = types;
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, run_in_layout(row, inner));
  std::vector<const HostTensor*> operands{&outputs[0]};
  for (std::size_t k = own; k < call.inputs.size(); ++k) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, numeric_operand(call, k, "of the epilogue"));
    operands.push_back(operand);
  }
  INGOT_ASSIGN_OR_RETURN(HostTensor result, apply_expression(expr, operands, output_type(call, 0, expr.result_type())));
  if (result.shape() != outputs[0].shape())
    return invalid_argument("the epilogue's operands of shape {} do not broadcast to {}", to_string(result.shape()),
                            to_string(outputs[0].shape()));
  outputs[0] = std::move(result);
  return outputs;
}

}  // namespace

bool supports(std::string_view op) { return find_row(op) != nullptr; }

Result<std::vector<HostTensor>> evaluate(const Call& call) {
  const Row* row = find_row(call.op);
  if (row == nullptr) return unsupported("the reference evaluator does not know the operator {}", call.op);
  INGOT_CHECK(call.attrs != nullptr, "a call needs attributes, if empty ones");
  INGOT_ASSIGN_OR_RETURN(Outputs outputs,
                         call.attrs->has("epilogue") ? run_with_epilogue(*row, call) : run_in_layout(*row, call));
  if (row->finish != nullptr) {
    INGOT_ASSIGN_OR_RETURN(outputs, row->finish(call, std::move(outputs)));
  }
  if (outputs.size() < call.output_count)
    return unsupported("{} has {} outputs here, but {} are asked for", call.op, outputs.size(), call.output_count);
  outputs.resize(call.output_count);
  return outputs;
}

}  // namespace ingot::reference
