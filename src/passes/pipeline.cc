// SPDX-License-Identifier: Apache-2.0
#include "passes/pipeline.h"

#include "passes/inline_if.h"
#include "passes/rules.h"

namespace ingot::passes {
namespace {

// Keeps a graph tidy: cheap, and every later pass relies on its forms (one Reshape, one Transpose, no no-ops).
Rules tidy_rules() {
  return identity_rules() + shape_folding_rules() + constant_folding_rules() + reshape_rules() + transpose_rules();
}

}  // namespace

std::vector<Pass> standard_pipeline(const Options& options) {
  std::vector<Pass> passes;
  const auto add = [&](std::string name, auto body) { passes.push_back({std::move(name), body}); };

  // Shapes first: exporters compute them in the graph, and what they feed (Reshape, Expand, Slice) is understood by the
  // rest only once they are numbers or symbols. Folding reveals shapes, which reveal more to fold, hence the second
  // round after the types are recomputed.
  add("dead_code", &remove_dead_code);
  add("fold", identity_rules() + shape_folding_rules() + constant_folding_rules());
  add("refine_types", &refine_types);
  // Exporters write many branches whose condition is a matter of ranks and sizes. What an inlined one reveals may
  // decide the next.
  add("control_flow", &decide_control_flow);
  add("fold_again", identity_rules() + shape_folding_rules() + constant_folding_rules());
  add("control_flow_again", &decide_control_flow);
  // Long chains of index arithmetic, of which nothing may be rewritten before they are recognised.
  add("deform_conv", deform_conv_rules());
  if (options.fuse_attention) add("attention_cache", attention_cache_rules());
  if (options.expand_quantized) {
    // While Q and DQ are still nodes, which say what is quantised and how.
    if (options.integer_products) add("integer_products", integer_product_rules());
    add("quantization", quantization_rules() + constant_folding_rules() +
                            (options.integer_products ? Rules() : float_product_rules() + dynamic_quantize_rules()));
  }
  add("widen_half", &widen_half);
  add("common_subexpressions", &merge_common_subexpressions);
  add("tidy", tidy_rules() + einsum_rules() + matmul_rules());
  add("refine_types_again", &refine_types);
  // Equal nodes must be one node before fusion: patterns ask whether two operands are the same value.
  add("common_subexpressions_again", &merge_common_subexpressions);
  add("control_flow_last", &decide_control_flow);
  add("tidy_again", tidy_rules() + einsum_rules() + matmul_rules());
  add("slices", roll_rules() + strided_slice_rules() + tidy_rules());

  // Before anything merges Mul and Add into other nodes: the patterns are made of these.
  add("norms", layer_norm_rules() + rms_norm_rules() + group_norm_rules() + tidy_rules());
  // Recognised by its transposes and scales, so before products absorb either.
  if (options.fuse_attention) add("attention", attention_rules() + tidy_rules());
  // A weight is scaled once, in double, before layouts and epilogues hide the product.
  add("weights", batch_norm_rules() + weight_folding_rules() + pad_folding_rules() + take_channels_rules() +
                     (options.part_convolutions ? part_convolution_rules() : Rules()) + tidy_rules());

  if (options.channels_last) {
    // After weight folding, which knows the ONNX layout only; before composition, so that broadcast operands are still
    // seen one by one.
    add("layout", channels_last_rules() + transpose_sinking_rules() + reshape_sinking_rules() + tidy_rules() +
                      (options.integer_products ? integer_layout_rules() : Rules()));
    add("layout_constants", &merge_common_subexpressions);
    // Normalisation over channels is over the trailing axis only now.
    add("layout_norms", layer_norm_rules() + rms_norm_rules() + tidy_rules());
  } else {
    add("transposes", transpose_sinking_rules() + reshape_sinking_rules() + tidy_rules());
  }
  // In the layout that was chosen: rearranging phases moves whole pixels when channels are last.
  add("transposed_convolutions", conv_transpose_rules() + tidy_rules());
  // What transposes are left next to products cost nothing inside them.
  add("products", matmul_transpose_rules() + weight_folding_rules() + alpha_rules() + tidy_rules());

  // Composition before epilogues, so that one epilogue takes the whole chain.
  add("pointwise", lift_pointwise_rules() + compose_pointwise_rules());
  add("pointwise_common", &merge_common_subexpressions);
  // Products have their weights and biases; elementwise chains are single nodes, and epilogues do not hide them yet.
  if (options.fuse_attention) add("attention_rows", attention_rows_rules() + merge_products_rules());
  add("row_orders", &order_rows);
  if (options.fuse_epilogues)
    add("epilogues",
        epilogue_rules() + compose_pointwise_rules() + (options.integer_products ? integer_epilogue_rules() : Rules()));
  // Last, when products are merged and transposes have moved: what parts their results only moves columns.
  if (options.fuse_attention) add("attention_columns", attention_columns_rules() + reshape_rules() + identity_rules());
  add("final_tidy", identity_rules() + constant_folding_rules() + reshape_rules());
  add("final_dead_code", &remove_dead_code);
  return passes;
}

Status canonicalise(ir::Graph& graph, const Options& options) {
  return run_passes(graph, standard_pipeline(options), options);
}

}  // namespace ingot::passes
