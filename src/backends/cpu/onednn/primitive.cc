// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn/primitive.h"

#include <string_view>

namespace ingot::cpu::onednn {
namespace {

// What a create function of the library made, owned.
template <typename Ptr, typename F, typename... Args>
Result<Ptr> created(const char* what, F function, Args... args) {
  typename Ptr::pointer object = nullptr;
  INGOT_RETURN_IF_ERROR(check(function(&object, args...), what));
  return Ptr(object);
}

Result<AttrPtr> make_attributes(const Share& share, const PostOps& ops) {
  INGOT_ASSIGN_OR_RETURN(AttrPtr attr, created<AttrPtr>("attributes", lib().primitive_attr_create));
  INGOT_RETURN_IF_ERROR(
      check(lib().primitive_attr_set_scratchpad_mode(attr.get(), dnnl_scratchpad_mode_user), "scratchpad"));
  INGOT_ASSIGN_OR_RETURN(const PostOpsPtr list, created<PostOpsPtr>("post-operations", lib().post_ops_create));
  if (ops.added >= 0)
    INGOT_RETURN_IF_ERROR(check(lib().post_ops_append_binary(list.get(), dnnl_binary_add, &share.dst), "addition"));
  if (ops.eltwise != dnnl_alg_kind_undef)
    INGOT_RETURN_IF_ERROR(
        check(lib().post_ops_append_eltwise(list.get(), 1.0F, ops.eltwise, ops.alpha, ops.beta), "activation"));
  INGOT_RETURN_IF_ERROR(check(lib().primitive_attr_set_post_ops(attr.get(), list.get()), "post-operations"));
  return attr;
}

}  // namespace

Result<PrimitiveDescPtr> describe(const Work& work, const Share& share, bool has_bias, const PostOps& ops,
                                  const dnnl_memory_desc_t* weights) {
  INGOT_ASSIGN_OR_RETURN(const AttrPtr attr, make_attributes(share, ops));
  if (weights == nullptr) weights = &share.weights;
  const dnnl_memory_desc_t* const bias = has_bias ? &share.bias : nullptr;
  const auto finish = [&](const_dnnl_op_desc_t op) {
    return created<PrimitiveDescPtr>("primitive", lib().primitive_desc_create, op,
                                     static_cast<const_dnnl_primitive_attr_t>(attr.get()), lib().engine, nullptr);
  };
  if (!work.is_conv) {
    dnnl_matmul_desc_t op;
    INGOT_RETURN_IF_ERROR(check(lib().matmul_desc_init(&op, &share.src, weights, bias, &share.dst), "matrix product"));
    return finish(&op);
  }
  dnnl_convolution_desc_t op;
  INGOT_RETURN_IF_ERROR(check(lib().dilated_convolution_forward_desc_init(
                                  &op, dnnl_forward_inference, dnnl_convolution_direct, &share.src, weights, bias,
                                  &share.dst, share.strides, share.dilations, share.pad_begin, share.pad_end),
                              "convolution"));
  return finish(&op);
}

bool is_reference(const PrimitiveDescPtr& desc) {
  const char* name = nullptr;
  return lib().primitive_desc_query(desc.get(), dnnl_query_impl_info_str, 0, &name) == dnnl_success &&
         name != nullptr && std::string_view(name).starts_with("ref");
}

const dnnl_memory_desc_t& weights_of(const PrimitiveDescPtr& desc) {
  return *lib().primitive_desc_query_md(desc.get(), dnnl_query_weights_md, 0);
}

const dnnl_memory_desc_t& scratchpad_of(const PrimitiveDescPtr& desc) {
  return *lib().primitive_desc_query_md(desc.get(), dnnl_query_scratchpad_md, 0);
}

Result<PrimitivePtr> make_primitive(const PrimitiveDescPtr& desc) {
  return created<PrimitivePtr>("primitive", lib().primitive_create,
                               static_cast<const_dnnl_primitive_desc_t>(desc.get()));
}

Result<MemoryPtr> make_memory(const dnnl_memory_desc_t& desc, const void* data) {
  return created<MemoryPtr>("memory", lib().memory_create, &desc, lib().engine, const_cast<void*>(data));
}

Result<StreamPtr> make_stream() {
  return created<StreamPtr>("stream", lib().stream_create, lib().engine,
                            static_cast<unsigned>(dnnl_stream_default_flags));
}

Status reorder(const dnnl_memory_desc_t& from, const void* source, const dnnl_memory_desc_t& to, void* target) {
  const dnnl_engine_t engine = lib().engine;
  INGOT_ASSIGN_OR_RETURN(
      const PrimitiveDescPtr desc,
      created<PrimitiveDescPtr>("reorder", lib().reorder_primitive_desc_create, &from, engine, &to, engine, nullptr));
  INGOT_ASSIGN_OR_RETURN(const PrimitivePtr primitive, make_primitive(desc));
  INGOT_ASSIGN_OR_RETURN(const MemoryPtr in, make_memory(from, source));
  INGOT_ASSIGN_OR_RETURN(const MemoryPtr out, make_memory(to, target));
  INGOT_ASSIGN_OR_RETURN(const StreamPtr stream, make_stream());
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, in.get()}, {DNNL_ARG_TO, out.get()}};
  INGOT_RETURN_IF_ERROR(check(lib().primitive_execute(primitive.get(), stream.get(), 2, args), "reorder"));
  return check(lib().stream_wait(stream.get()), "reorder");
}

}  // namespace ingot::cpu::onednn
