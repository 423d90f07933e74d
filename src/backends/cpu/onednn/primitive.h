// SPDX-License-Identifier: Apache-2.0
// oneDNN primitives for shares of work, and weights in the layouts that they ask for.
#pragma once

#include "backends/cpu/onednn/post_ops.h"
#include "backends/cpu/onednn/work.h"

namespace ingot::cpu::onednn {

// For the calling thread alone: call under SingleThreaded. `weights` replaces the share's free choice of layout.
Result<PrimitiveDescPtr> describe(const Work& work, const Share& share, bool has_bias, const PostOps& ops,
                                  const dnnl_memory_desc_t* weights = nullptr);

// True for the library's plain loops, which nobody wants.
bool is_reference(const PrimitiveDescPtr& desc);

const dnnl_memory_desc_t& weights_of(const PrimitiveDescPtr& desc);
const dnnl_memory_desc_t& scratchpad_of(const PrimitiveDescPtr& desc);

Result<PrimitivePtr> make_primitive(const PrimitiveDescPtr& desc);
// An object over memory that the library does not own; `data` null: set before use.
Result<MemoryPtr> make_memory(const dnnl_memory_desc_t& desc, const void* data);
Result<StreamPtr> make_stream();

Status reorder(const dnnl_memory_desc_t& from, const void* source, const dnnl_memory_desc_t& to, void* target);

}  // namespace ingot::cpu::onednn
