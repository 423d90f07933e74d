// SPDX-License-Identifier: Apache-2.0
// FlexAttention with the graphs score_mod or prob_mod: attention spelt out, with the graphs' nodes in their places.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "onnx/model_context.h"
#include "onnx/node_draft.h"
#include "onnx/scope.h"

namespace ingot::onnx {

using NamedBodies = std::vector<std::pair<std::string, const GraphProto*>>;

// Leaves the draft as the last node.
Status lower_flex_attention(ModelContext& context, const NamedBodies& bodies, NodeDraft& draft, Scope& scope);

}  // namespace ingot::onnx
