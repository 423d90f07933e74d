// SPDX-License-Identifier: Apache-2.0
// The names and operand orders by which deformable convolution is written in ONNX files besides ONNX's own. All become
// DeformConv.
#pragma once

#include "onnx/onnx.pb.h"
#include "onnx/op_table.h"

namespace ingot::onnx {

// The row of a node that is a deformable convolution by its name, in whatever domain; nullptr otherwise. A node
// `Plugin` is one when its attribute `name` is "DCNv2". Also the row of a node that is the core of DCNv3 or DCNv4.
const OpRow* find_deform_spelling(const NodeProto& node);

// deform_points.cc: only the latter.
const OpRow* find_deform_points_spelling(const NodeProto& node);

}  // namespace ingot::onnx
