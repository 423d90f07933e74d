// SPDX-License-Identifier: Apache-2.0
// The rewrites, by the file they live in. pipeline.cc says when each set runs and why there.
#pragma once

#include "passes/pass_manager.h"

namespace ingot::passes {

Rules constant_folding_rules();   // constant_folding.cc
Rules shape_folding_rules();      // shape_folding.cc
Rules identity_rules();           // identities.cc
Rules quantization_rules();       // quantization.cc
Rules float_product_rules();      // quantization.cc
Rules dynamic_quantize_rules();   // quantization.cc
Rules integer_product_rules();    // integer_products.cc
Rules reshape_rules();            // reshapes.cc
Rules transpose_rules();          // transposes.cc
Rules einsum_rules();             // einsum.cc
Rules matmul_rules();             // matmul.cc
Rules matmul_transpose_rules();   // matmul.cc
Rules batch_norm_rules();         // batch_norm.cc
Rules weight_folding_rules();     // weight_folding.cc
Rules take_channels_rules();      // channel_parts.cc
Rules part_convolution_rules();   // channel_parts.cc
Rules alpha_rules();              // weight_folding.cc
Rules pad_folding_rules();        // pad_folding.cc
Rules roll_rules();               // rolls.cc
Rules strided_slice_rules();      // strided_slices.cc
Rules layer_norm_rules();         // layer_norm.cc
Rules rms_norm_rules();           // rms_norm.cc
Rules group_norm_rules();         // group_norm.cc
Rules deform_conv_rules();        // deform_conv.cc
Rules attention_rules();          // attention.cc
Rules attention_cache_rules();    // attention_cache.cc
Rules attention_rows_rules();     // attention_rows.cc
Rules attention_columns_rules();  // attention_columns.cc
Rules conv_transpose_rules();     // conv_transpose.cc
Rules channels_last_rules();      // channels_last.cc
Rules integer_layout_rules();     // channels_last.cc
Rules transpose_sinking_rules();  // transpose_sinking.cc
Rules reshape_sinking_rules();    // reshape_sinking.cc
Rules lift_pointwise_rules();     // pointwise.cc
Rules compose_pointwise_rules();  // pointwise.cc
Rules epilogue_rules();           // epilogue.cc
Rules integer_epilogue_rules();   // epilogue.cc
Rules merge_products_rules();     // merge_products.cc

Status merge_common_subexpressions(ir::Graph& graph, Session& session);  // common_subexpressions.cc
Status order_rows(ir::Graph& graph, Session& session);                   // row_orders.cc
Status remove_dead_code(ir::Graph& graph, Session& session);             // common_subexpressions.cc
Status widen_half(ir::Graph& graph, Session& session);                   // widen_half.cc
Status refine_types(ir::Graph& graph, Session& session);                 // shape_folding.cc

}  // namespace ingot::passes
