// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/attention_shape.h"

#include <cmath>

namespace ingot::cpu {

Result<HeadView> head_view(const Shape& shape, bool bshd, std::int64_t heads) {
  HeadView view;
  if (shape.size() == 4 && !bshd)
    view = {shape[0], shape[1], shape[2], shape[3], 0, shape[2] * shape[3], shape[3]};
  else if (shape.size() == 4)
    view = {shape[0], shape[2], shape[1], shape[3], 0, shape[3], shape[2] * shape[3]};
  else if (shape.size() == 3 && heads > 0 && shape[2] % heads == 0)
    view = {shape[0], heads, shape[1], shape[2] / heads, 0, shape[2] / heads, shape[2]};
  else
    return invalid_argument("Attention: {} does not split into heads", to_string(shape));
  view.batch = view.heads * view.length * view.size;
  return view;
}

Result<HeadView> attention_operand(const Attrs& attrs, std::size_t operand, const Shape& shape) {
  const std::int64_t heads = attrs.get_int(operand == 0 ? "q_num_heads" : "kv_num_heads", 0);
  if (!attrs.has("columns")) return head_view(shape, attrs.get_int("bshd", 0) != 0, heads);
  const Ints columns = attrs.get_ints("columns", {}), sizes = attrs.get_ints("head_sizes", {});
  if (columns.size() != 3 || sizes.size() != 2 || shape.size() != 3 || heads < 1)
    return invalid_argument("Attention: no columns of {} heads in {}", heads, to_string(shape));
  const std::int64_t size = sizes[operand == 2 ? 1 : 0], first = columns[operand];
  if (size < 1 || size > shape[2] / heads || first < 0 || first > shape[2] - heads * size)
    return invalid_argument("Attention: {} heads of {} from column {} are not within {}", heads, size, first,
                            to_string(shape));
  return HeadView{shape[0], heads, shape[1], size, shape[1] * shape[2], size, shape[2], first};
}

bool has_mask(std::span<const Operand> inputs) { return inputs.size() > 3 && inputs[3].present(); }

Result<AttentionShape> attention_shape(const Attrs& attrs, std::span<const Operand> inputs, const Operand& output) {
  AttentionShape out;
  auto& [q, k, v, y, mask_strides, mask_batches, scale] = out;
  INGOT_ASSIGN_OR_RETURN(q, attention_operand(attrs, 0, inputs[0].shape));
  INGOT_ASSIGN_OR_RETURN(k, attention_operand(attrs, 1, inputs[1].shape));
  INGOT_ASSIGN_OR_RETURN(v, attention_operand(attrs, 2, inputs[2].shape));
  INGOT_ASSIGN_OR_RETURN(y, head_view(output.shape, attrs.get_int("bshd", 0) != 0, attrs.get_int("q_num_heads", 0)));
  if (k.heads < 1 || q.heads % k.heads != 0 || v.heads != k.heads || v.length != k.length || q.size != k.size ||
      k.batches != q.batches || v.batches != q.batches || y.batches != q.batches || y.heads != q.heads ||
      y.length != q.length || y.size != v.size)
    return invalid_argument("Attention: {}, {} and {} do not fit one another or the output {}",
                            to_string(inputs[0].shape), to_string(inputs[1].shape), to_string(inputs[2].shape),
                            to_string(output.shape));
  scale = attrs.get_float("scale", 1 / std::sqrt(static_cast<double>(q.size)));
  if (!has_mask(inputs)) return out;
  const Shape& mask = inputs[3].shape;
  if (mask.empty() || mask.size() > 4 || mask.back() != k.length)
    return unsupported("Attention: a mask of shape {} for {} keys", to_string(mask), k.length);
  mask_batches = std::max<std::int64_t>(1, q.batches);
  if (attrs.get_int("mask_repeats", 0) != 0) {
    mask_batches = mask[0];
    if (mask.size() != 4 || mask_batches < 1 || q.batches % mask_batches != 0)
      return invalid_argument("Attention: a mask of shape {} does not repeat in a batch of {}", to_string(mask),
                              q.batches);
  }
  const std::int64_t full[] = {mask_batches, q.heads, q.length, k.length};
  std::int64_t stride = 1;
  for (std::size_t i = 1; i <= mask.size(); ++i) {
    const std::int64_t size = mask[mask.size() - i];
    if (size != 1 && size != full[4 - i])
      return invalid_argument("Attention: a mask of shape {} for {} queries and {} keys", to_string(mask), q.length,
                              k.length);
    mask_strides[4 - i] = size == 1 ? 0 : stride;
    stride *= size;
  }
  return out;
}

Support attention_support(const Problem& problem) {
  for (std::size_t i = 4; i < problem.own_inputs(); ++i)
    if (problem.inputs[i].present()) return Support::no(Refusal::kAttribute, "a cache");
  for (std::size_t i = 1; i < problem.outputs.size(); ++i)
    if (problem.outputs[i].present()) return Support::no(Refusal::kAttribute, "more than one output");
  if (problem.attrs.get_float("softcap", 0) != 0 || problem.attrs.get_int("left_window_size", -1) >= 0 ||
      problem.attrs.get_int("right_window_size", -1) >= 0)
    return Support::no(Refusal::kAttribute, "softcap or window");
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  const auto shape = attention_shape(problem.attrs, problem.inputs, problem.outputs[0]);
  return shape.is_ok() ? Support::yes() : Support::no(Refusal::kShape, shape.status().message());
}

}  // namespace ingot::cpu
