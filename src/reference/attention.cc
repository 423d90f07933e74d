// SPDX-License-Identifier: Apache-2.0
// Attention: softmax(scale * Q * K^T, capped and masked) * V, computed in double throughout.
#include <cmath>
#include <limits>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// [batch, heads, sequence, head size], whatever form the operand had.
struct Heads {
  std::int64_t batch = 0, heads = 0, length = 0, size = 0;
  std::vector<double> values;

  [[nodiscard]] const double* row(std::int64_t b, std::int64_t h, std::int64_t s) const {
    return values.data() + ((b * heads + h) * length + s) * size;
  }
  [[nodiscard]] Shape shape() const { return {batch, heads, length, size}; }
};

// The heads of operand `index` (Q, K, V) from columns of a wider tensor.
Result<Heads> read_columns(const Call& call, std::size_t index, const HostTensor& operand, std::int64_t heads) {
  const Shape& shape = operand.shape();
  const Ints columns = call.attrs->get_ints("columns", {}), sizes = call.attrs->get_ints("head_sizes", {});
  if (shape.size() != 3 || columns.size() != 3 || sizes.size() != 2 || heads < 1 || index > 2)
    return invalid_argument("operand {} of shape {} has no columns of {} heads", index, to_string(shape), heads);
  const std::int64_t first = columns[index], size = sizes[index == 2 ? 1 : 0];
  if (size < 1 || size > shape[2] / heads || first < 0 || first > shape[2] - heads * size)
    return invalid_argument("operand {} of shape {} does not hold {} heads of {} from column {}", index,
                            to_string(shape), heads, size, first);
  Heads out{shape[0], heads, shape[1], size, {}};
  for (std::int64_t b = 0; b < shape[0]; ++b)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t s = 0; s < shape[1]; ++s)
        for (std::int64_t e = 0; e < size; ++e)
          out.values.push_back(operand.as_double((b * shape[1] + s) * shape[2] + first + h * size + e));
  return out;
}

Result<Heads> read_heads(const Call& call, std::size_t index, std::string_view name, std::string_view heads_attribute) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* operand, numeric_operand(call, index, name, 3));
  const Shape& shape = operand->shape();
  constexpr std::size_t kPerm[] = {0, 2, 1, 3};
  if (shape.size() == 4 && call.attrs->get_int("bshd", 0) != 0) {
    INGOT_ASSIGN_OR_RETURN(const HostTensor turned, transpose(*operand, kPerm));
    return Heads{shape[0], shape[2], shape[1], shape[3], to_numbers<double>(turned)};
  }
  if (shape.size() == 4) return Heads{shape[0], shape[1], shape[2], shape[3], to_numbers<double>(*operand)};
  const std::int64_t heads = call.attrs->get_int(heads_attribute, 0);
  if (call.attrs->has("columns")) return read_columns(call, index, *operand, heads);
  if (shape.size() != 3 || heads < 1 || shape[2] % heads != 0)
    return invalid_argument("operand {} ({}) of shape {} does not split into {} of {} heads", index, name,
                            to_string(shape), heads_attribute, heads);
  INGOT_ASSIGN_OR_RETURN(const HostTensor split, operand->reshaped({shape[0], shape[1], heads, shape[2] / heads}));
  INGOT_ASSIGN_OR_RETURN(const HostTensor turned, transpose(split, kPerm));
  return Heads{shape[0], heads, shape[1], shape[2] / heads, to_numbers<double>(turned)};
}

// The past of a cache, then the new entries, along the sequence.
Result<Heads> with_past(const Call& call, std::size_t index, std::string_view name, Heads now, std::int64_t& past) {
  if (optional_operand(call, index) == nullptr) return now;
  INGOT_ASSIGN_OR_RETURN(const Heads before, read_heads(call, index, name, ""));
  if (before.batch != now.batch || before.heads != now.heads || before.size != now.size)
    return invalid_argument("operand {} ({}) of shape {} does not precede {}", index, name, to_string(before.shape()),
                            to_string(now.shape()));
  past = before.length;
  Heads all{now.batch, now.heads, before.length + now.length, now.size, {}};
  for (std::int64_t plane = 0; plane < now.batch * now.heads; ++plane) {
    for (const Heads* part : {&before, static_cast<const Heads*>(&now)}) {
      const std::int64_t count = part->length * part->size;
      all.values.insert(all.values.end(), part->values.begin() + plane * count,
                        part->values.begin() + (plane + 1) * count);
    }
  }
  return all;
}

// What is added to each score: -infinity where a key may not be seen.
struct Bias {
  bool present = false;
  bool boolean = false;
  Shape strides;  // of the mask in [batch, heads, queries, keys]
  std::int64_t keys = 0;
  std::int64_t batches = 1;  // of the mask, where it repeats; else of the operands
  std::vector<double> mask;
  bool causal = false;
  std::int64_t left = -1, right = -1;
  std::vector<std::int64_t> offsets;  // per batch: keys before the first query
  std::vector<std::int64_t> valid;    // per batch: keys that are not padding

  [[nodiscard]] double at(std::int64_t b, std::int64_t h, std::int64_t query, std::int64_t key) const {
    const std::int64_t position = query + offsets[to_size(b)];
    if (key >= valid[to_size(b)] || (causal && key > position) || (left >= 0 && key < position - left) ||
        (right >= 0 && key > position + right))
      return kMinusInfinity;
    if (!present) return 0;
    if (key >= keys) return kMinusInfinity;
    const double value =
        mask[to_size(b % batches * strides[0] + h * strides[1] + query * strides[2] + key * strides[3])];
    if (boolean) return value != 0 ? 0 : kMinusInfinity;
    return value;
  }
};

Result<Bias> read_bias(const Call& call, const Heads& q, const Heads& k, std::int64_t past) {
  Bias bias;
  bias.causal = call.attrs->get_int("is_causal", 0) != 0;
  // Beyond any sequence, and small enough to be added to a position.
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  bias.left = std::min(call.attrs->get_int("left_window_size", -1), kFar);
  bias.right = std::min(call.attrs->get_int("right_window_size", -1), kFar);
  bias.offsets.assign(to_size(q.batch), past);
  bias.valid.assign(to_size(q.batch), k.length);
  if (optional_operand(call, 6) != nullptr) {
    INGOT_ASSIGN_OR_RETURN(bias.valid, ints_operand(call, 6, "nonpad_kv_seqlen"));
    if (to_signed(bias.valid.size()) != q.batch)
      return invalid_argument("operand 6 (nonpad_kv_seqlen) has {} elements for a batch of {}", bias.valid.size(),
                              q.batch);
    for (std::int64_t& length : bias.valid) length = std::clamp(length, -kFar, kFar);
    if (optional_operand(call, 4) == nullptr)
      for (std::size_t b = 0; b < bias.valid.size(); ++b) bias.offsets[b] = bias.valid[b] - q.length;
  }
  if (optional_operand(call, 3) == nullptr) return bias;
  INGOT_ASSIGN_OR_RETURN(const HostTensor* mask, numeric_operand(call, 3, "attn_mask", 1));
  bias.present = true;
  bias.boolean = mask->dtype() == DType::boolean;
  bias.keys = mask->shape().back();
  if (bias.keys > k.length)
    return invalid_argument("operand 3 (attn_mask) of shape {} is for more than {} keys", to_string(mask->shape()),
                            k.length);
  bias.batches = std::max<std::int64_t>(1, q.batch);
  if (call.attrs->get_int("mask_repeats", 0) != 0) {
    bias.batches = mask->shape()[0];
    if (mask->rank() != 4 || bias.batches < 1 || q.batch % bias.batches != 0)
      return invalid_argument("operand 3 (attn_mask) of shape {} does not repeat in a batch of {}",
                              to_string(mask->shape()), q.batch);
  }
  auto strides = broadcast_strides(mask->shape(), {bias.batches, q.heads, q.length, bias.keys});
  if (!strides.is_ok()) return std::move(strides).status().annotate("operand 3 (attn_mask)");
  bias.strides = std::move(strides).value();
  bias.mask = to_numbers<double>(*mask);
  return bias;
}

// One query's row of scores on its way to probabilities; false when no key may be seen.
bool softmax_row(std::vector<double>& scores, const std::vector<double>& bias) {
  double top = kMinusInfinity;
  double top_bias = kMinusInfinity;
  for (std::size_t j = 0; j < scores.size(); ++j) {
    top = std::max(top, scores[j]);
    top_bias = std::max(top_bias, bias[j]);
  }
  if (top_bias == kMinusInfinity) {
    scores.assign(scores.size(), 0);
    return false;
  }
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - top);
  for (double& score : scores) score /= sum;
  return true;
}

Result<Outputs> evaluate_attention(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* q_tensor, numeric_operand(call, 0, "Q", 3));
  INGOT_ASSIGN_OR_RETURN(const Heads q, read_heads(call, 0, "Q", "q_num_heads"));
  INGOT_ASSIGN_OR_RETURN(Heads k_now, read_heads(call, 1, "K", "kv_num_heads"));
  INGOT_ASSIGN_OR_RETURN(Heads v_now, read_heads(call, 2, "V", "kv_num_heads"));
  std::int64_t past = 0;
  INGOT_ASSIGN_OR_RETURN(const Heads v, with_past(call, 5, "past_value", std::move(v_now), past));
  INGOT_ASSIGN_OR_RETURN(const Heads k, with_past(call, 4, "past_key", std::move(k_now), past));
  if (k.batch != q.batch || v.batch != q.batch || k.heads != v.heads || k.length != v.length || k.size != q.size ||
      k.heads < 1 || q.heads % k.heads != 0)
    return invalid_argument("operands Q {}, K {} and V {} do not fit one another", to_string(q.shape()),
                            to_string(k.shape()), to_string(v.shape()));
  INGOT_ASSIGN_OR_RETURN(const Bias bias, read_bias(call, q, k, past));
  const double scale = call.attrs->get_float("scale", 1 / std::sqrt(static_cast<double>(q.size)));
  const double cap = call.attrs->get_float("softcap", 0);
  const std::int64_t mode = call.attrs->get_int("qk_matmul_output_mode", 0);
  const std::int64_t repeats = q.heads / k.heads;

  // Y is [batch, sequence, heads * size] when Q was of rank 3, [batch, sequence, heads, size] with bshd=1: either way
  // the heads of one position stand together.
  const bool bshd = call.attrs->get_int("bshd", 0) != 0;
  const bool flat = q_tensor->rank() == 3 || bshd;
  std::vector<double> y(to_size(q.batch * q.heads * q.length * v.size), 0);
  std::vector<double> qk;
  std::vector<double> scores(to_size(k.length));
  std::vector<double> biases(to_size(k.length));
  const auto emit = [&](std::int64_t when) {
    if (mode == when && call.output_count > 3) qk.insert(qk.end(), scores.begin(), scores.end());
  };
  for (std::int64_t b = 0; b < q.batch; ++b) {
    for (std::int64_t h = 0; h < q.heads; ++h) {
      for (std::int64_t i = 0; i < q.length; ++i) {
        const double* query = q.row(b, h, i);
        for (std::int64_t j = 0; j < k.length; ++j) {
          const double* key = k.row(b, h / repeats, j);
          double sum = 0;
          for (std::int64_t e = 0; e < q.size; ++e) sum += query[e] * key[e];
          scores[to_size(j)] = sum * scale;
          biases[to_size(j)] = bias.at(b, h, i, j);
        }
        emit(0);
        if (cap != 0)
          for (double& score : scores) score = cap * std::tanh(score / cap);
        emit(1);
        for (std::size_t j = 0; j < scores.size(); ++j) scores[j] += biases[j];
        emit(2);
        const bool any = softmax_row(scores, biases);
        emit(3);
        double* to = y.data() + (flat ? (b * q.length + i) * q.heads + h : (b * q.heads + h) * q.length + i) * v.size;
        for (std::int64_t j = 0; any && j < k.length; ++j) {
          // A key that may not be seen contributes nothing, even when its value is not a number.
          if (biases[to_size(j)] == kMinusInfinity) continue;
          const double* value = v.row(b, h / repeats, j);
          for (std::int64_t e = 0; e < v.size; ++e) to[e] += scores[to_size(j)] * value[e];
        }
      }
    }
  }
  const DType dtype = q_tensor->dtype();
  Shape shape{q.batch, q.heads, q.length, v.size};
  if (flat) shape = bshd ? Shape{q.batch, q.length, q.heads, v.size} : Shape{q.batch, q.length, q.heads * v.size};
  INGOT_ASSIGN_OR_RETURN(Outputs outputs, single_output(output_type(call, 0, dtype), shape, y));
  const std::vector<double>* more[] = {&k.values, &v.values, &qk};
  const Shape shapes[] = {k.shape(), v.shape(), {q.batch, q.heads, q.length, k.length}};
  for (std::size_t o = 1; o < call.output_count && o <= 3; ++o) {
    const DType type = output_type(call, o, o == 3 ? dtype : call.inputs[o]->dtype());
    INGOT_ASSIGN_OR_RETURN(HostTensor extra, from_numbers(type, shapes[o - 1], *more[o - 1]));
    outputs.push_back(std::move(extra));
  }
  return outputs;
}

constexpr Row kRows[] = {{"Attention", evaluate_attention}};

}  // namespace

std::span<const Row> attention_rows() { return kRows; }

}  // namespace ingot::reference
