// SPDX-License-Identifier: Apache-2.0
// Operators of sequence models beside attention: rotary embedding, cache updates, reversal.
#include <cstring>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// Rotates pairs of features by angles given as cosine and sine per position.
Result<Outputs> evaluate_rotary(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* cosine, numeric_operand(call, 1, "cos_cache", 2));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* sine, numeric_operand(call, 2, "sin_cache", 2));
  const Shape& shape = x->shape();
  const bool flat = shape.size() == 3;  // [batch, sequence, heads * size]; otherwise [batch, heads, sequence, size]
  const std::int64_t heads = flat ? call.attrs->get_int("num_heads", 0) : shape[1];
  if (shape.size() > 4 || heads < 1 || (flat && shape[2] % heads != 0))
    return invalid_argument("operand 0 (X) of shape {} does not split into {} heads", to_string(shape), heads);
  const std::int64_t batch = shape[0];
  const std::int64_t length = flat ? shape[1] : shape[2];
  const std::int64_t size = flat ? shape[2] / heads : shape[3];
  std::int64_t rotated = call.attrs->get_int("rotary_embedding_dim", 0);
  if (rotated == 0) rotated = size;
  const std::int64_t half = rotated / 2;
  if (rotated < 0 || rotated > size || rotated % 2 != 0)
    return invalid_argument("rotary_embedding_dim is {} for heads of {}", rotated, size);
  const HostTensor* ids_operand = optional_operand(call, 3);
  Ints rows(to_size(batch * length));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = to_signed(i);
  if (ids_operand != nullptr) {
    rows = to_numbers<std::int64_t>(*ids_operand);
    if (ids_operand->shape() != Shape{batch, length})
      return invalid_argument("operand 3 (position_ids) has shape {}", to_string(ids_operand->shape()));
  }
  const std::int64_t known = product(cosine->shape(), 0, cosine->shape().size() - 1);
  if (cosine->shape() != sine->shape() || cosine->shape().back() != half)
    return invalid_argument("operand 1 (cos_cache) has shape {}; its last dimension must be {}",
                            to_string(cosine->shape()), half);
  for (std::int64_t row : rows)
    if (row < 0 || row >= known)
      return invalid_argument("operand 3 (position_ids) has the position {} of {}", row, known);
  const bool interleaved = call.attrs->get_int("interleaved", 0) != 0;
  const std::vector<double> cosines = to_numbers<double>(*cosine);
  const std::vector<double> sines = to_numbers<double>(*sine);
  std::vector<double> values = to_numbers<double>(*x);
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t s = 0; s < length; ++s) {
        double* head = values.data() + (flat ? (b * length + s) * heads + h : (b * heads + h) * length + s) * size;
        const std::int64_t row = rows[to_size(b * length + s)] * half;
        for (std::int64_t i = 0; i < half; ++i) {
          double& first = head[interleaved ? 2 * i : i];
          double& second = head[interleaved ? 2 * i + 1 : half + i];
          const double c = cosines[to_size(row + i)];
          const double si = sines[to_size(row + i)];
          const double real = c * first - si * second;
          second = si * first + c * second;
          first = real;
        }
      }
    }
  }
  return single_output(output_type(call, 0, x->dtype()), shape, values);
}

// Writes an update into a cache along the sequence axis, at a place of its own for each sample.
Result<Outputs> evaluate_tensor_scatter(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* past, required_operand(call, 0, "past_cache"));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* update, required_operand(call, 1, "update"));
  const Shape& shape = past->shape();
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(call.attrs->get_int("axis", -2), shape.size(), "axis"));
  Shape wanted = shape;
  if (update->rank() == past->rank()) wanted[axis] = update->shape()[axis];
  if (axis == 0 || update->shape() != wanted || wanted[axis] > shape[axis] || update->dtype() != past->dtype())
    return invalid_argument("operand 1 (update) of shape {} does not fit a cache of shape {} along axis {}",
                            to_string(update->shape()), to_string(shape), axis);
  INGOT_ASSIGN_OR_RETURN(const Ints starts, ints_operand(call, 2, "write_indices", Ints(to_size(shape[0]), 0)));
  if (to_signed(starts.size()) != shape[0])
    return invalid_argument("operand 2 (write_indices) has {} elements for a batch of {}", starts.size(), shape[0]);
  const bool circular = call.attrs->get_string("mode", "linear") == "circular";
  for (std::int64_t start : starts)
    if (start < 0 || (!circular && start > shape[axis] - wanted[axis]))
      return invalid_argument("operand 2 (write_indices) has the index {}, out of range for {} of {} positions", start,
                              wanted[axis], shape[axis]);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(past->dtype(), shape));
  if (out.elements() == 0) return outputs_of(std::move(out));
  std::memcpy(out.mutable_data<std::byte>(), past->data<std::byte>(), past->bytes().size());
  const std::int64_t block = product(shape, axis + 1, shape.size()) * element_bytes(*past);
  const std::int64_t lines = product(shape, 0, axis);
  for (std::int64_t line = 0; line < lines; ++line) {
    const std::int64_t start = starts[to_size(line / (lines / shape[0]))] % shape[axis];
    for (std::int64_t i = 0; i < wanted[axis]; ++i)
      std::memcpy(out.mutable_data<std::byte>() + (line * shape[axis] + (start + i) % shape[axis]) * block,
                  update->data<std::byte>() + (line * wanted[axis] + i) * block, to_size(block));
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_reverse_sequence(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, required_operand(call, 0, "input"));
  INGOT_ASSIGN_OR_RETURN(const Ints lengths, ints_operand(call, 1, "sequence_lens"));
  const std::int64_t batch_axis = call.attrs->get_int("batch_axis", 1);
  const std::int64_t time_axis = call.attrs->get_int("time_axis", 0);
  if (in->rank() < 2 || batch_axis + time_axis != 1 || batch_axis * time_axis != 0)
    return invalid_argument("batch_axis {} and time_axis {} must be 0 and 1 of operand 0 (input) of shape {}",
                            batch_axis, time_axis, to_string(in->shape()));
  const Shape& shape = in->shape();
  const std::int64_t steps = shape[to_size(time_axis)];
  if (to_signed(lengths.size()) != shape[to_size(batch_axis)])
    return invalid_argument("operand 1 (sequence_lens) has {} elements for a batch of {}", lengths.size(),
                            shape[to_size(batch_axis)]);
  for (std::int64_t length : lengths)
    if (length < 0 || length > steps)
      return invalid_argument("operand 1 (sequence_lens) has the length {} of {} steps", length, steps);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(in->dtype(), shape));
  if (out.elements() == 0) return outputs_of(std::move(out));
  const std::int64_t block = product(shape, 2, shape.size()) * element_bytes(*in);
  const auto offset = [&](std::int64_t b, std::int64_t t) {
    return (batch_axis == 0 ? b * steps + t : t * to_signed(lengths.size()) + b) * block;
  };
  for (std::int64_t b = 0; b < to_signed(lengths.size()); ++b)
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::int64_t length = lengths[to_size(b)];
      std::memcpy(out.mutable_data<std::byte>() + offset(b, t),
                  in->data<std::byte>() + offset(b, t < length ? length - 1 - t : t), to_size(block));
    }
  return outputs_of(std::move(out));
}

constexpr Row kRows[] = {
    {"RotaryEmbedding", evaluate_rotary},
    {"TensorScatter", evaluate_tensor_scatter, 0},
    {"ReverseSequence", evaluate_reverse_sequence, 0},
};

}  // namespace

std::span<const Row> sequence_rows() { return kRows; }

}  // namespace ingot::reference
