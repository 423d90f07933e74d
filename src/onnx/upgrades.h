// SPDX-License-Identifier: Apache-2.0
// The upgrade functions of the operator table (see UpgradeFn in op_table.h), one file for each family.
#pragma once

#include "onnx/node_draft.h"

namespace ingot::onnx {

// upgrade_early.cc: what opsets 1 to 6 wrote otherwise becomes the form of opset 7, which the others below take on
Status upgrade_early(std::string_view onnx_op, NodeDraft& draft);

// upgrade_attributes.cc: attributes that became inputs or changed their meaning
Status upgrade_axes(NodeDraft& draft);  // Squeeze, Unsqueeze, reductions: axes is input 1
Status upgrade_clip(NodeDraft& draft);
Status upgrade_col2im(NodeDraft& draft);
Status upgrade_dft(NodeDraft& draft);
Status upgrade_grid_sample(NodeDraft& draft);
Status upgrade_pad(NodeDraft& draft);
Status upgrade_roi_align(NodeDraft& draft);
Status upgrade_scatter(NodeDraft& draft);
Status upgrade_stft(NodeDraft& draft);
Status upgrade_slice(NodeDraft& draft);
Status upgrade_split(NodeDraft& draft);
Status upgrade_top_k(NodeDraft& draft);

// deform_spellings.cc: by the name that the model uses, see deform_spellings.h
Status upgrade_deform_conv(NodeDraft& draft);
// deform_points.cc: the same of DCNv3 and DCNv4
Status upgrade_deform_points(NodeDraft& draft);

// upgrade_lowering.cc: operators that become others
Status upgrade_cast_like(NodeDraft& draft);
Status upgrade_dropout(NodeDraft& draft);
Status upgrade_gemm(NodeDraft& draft);

// upgrade_normalization.cc
Status upgrade_batch_normalization(NodeDraft& draft);
Status upgrade_group_normalization(NodeDraft& draft);
Status upgrade_softmax(NodeDraft& draft);  // LogSoftmax and Hardmax too

// upgrade_resize.cc
Status require_sums(const NodeDraft& draft);  // of elements of input 0
Status upgrade_resize(NodeDraft& draft);
Status upgrade_upsample(NodeDraft& draft);

// upgrade_window.cc: auto_pad becomes pads wherever the sizes are known
Status upgrade_pool(NodeDraft& draft);
Status upgrade_conv(NodeDraft& draft);
Status upgrade_qlinear_conv(NodeDraft& draft);
Status upgrade_conv_transpose(NodeDraft& draft);

}  // namespace ingot::onnx
