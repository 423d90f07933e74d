// SPDX-License-Identifier: Apache-2.0
// MatMul (with the bias, alpha and transposes that passes fold into it) and Gemm.
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

// y[m, n] += a[m, k] * b[k, n], the matrices dense.
template <typename T>
void add_product(const T* a, const T* b, T* y, std::int64_t m, std::int64_t n, std::int64_t k) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t p = 0; p < k; ++p) {
      const T factor = a[i * k + p];
      for (std::int64_t j = 0; j < n; ++j) y[i * n + j] += factor * b[p * n + j];
    }
}

// The numbers of a tensor, with the last two axes of its shape swapped when asked.
template <typename T>
std::vector<T> matrices(const HostTensor& tensor, Shape& shape, bool transposed) {
  std::vector<T> values = to_numbers<T>(tensor);
  if (!transposed) return values;
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t columns = shape.back();
  std::swap(shape[shape.size() - 2], shape.back());
  std::vector<T> turned(values.size());
  const std::int64_t plane = rows * columns;
  for (std::int64_t i = 0; i < to_signed(values.size()); ++i) {
    const std::int64_t at = i % plane;
    turned[to_size(i - at + at % columns * rows + at / columns)] = values[to_size(i)];
  }
  return turned;
}

template <typename T>
void scale(std::vector<T>& values, double factor) {
  if (factor == 1) return;
  for (T& value : values) value = static_cast<T>(static_cast<double>(value) * factor);
}

// y += factor * bias, the bias broadcasting to y.
template <typename T>
Status add_bias(const Call& call, double factor, const Shape& shape, std::vector<T>& y) {
  if (optional_operand(call, 2) == nullptr) return Status::ok();
  INGOT_ASSIGN_OR_RETURN(const HostTensor* bias, numeric_operand(call, 2, "bias"));
  INGOT_ASSIGN_OR_RETURN(const Shape strides, broadcast_strides(bias->shape(), shape));
  std::vector<T> values = to_numbers<T>(*bias);
  scale(values, factor);
  std::size_t i = 0;
  for_each_element(shape, {strides}, [&](const auto& offsets) { y[i++] += values[to_size(offsets[0])]; });
  return Status::ok();
}

template <typename T>
Result<Outputs> multiply(const Call& call, const HostTensor& a_tensor, const HostTensor& b_tensor) {
  Shape as = a_tensor.shape();
  Shape bs = b_tensor.shape();
  const bool vector_a = as.size() == 1;
  const bool vector_b = bs.size() == 1;
  if (vector_a) as.insert(as.begin(), 1);
  if (vector_b) bs.push_back(1);
  const std::vector<T> a = matrices<T>(a_tensor, as, !vector_a && call.attrs->get_int("transA", 0) != 0);
  const std::vector<T> b = matrices<T>(b_tensor, bs, !vector_b && call.attrs->get_int("transB", 0) != 0);
  const std::int64_t m = as[as.size() - 2];
  const std::int64_t k = as.back();
  const std::int64_t n = bs.back();
  if (bs[bs.size() - 2] != k)
    return invalid_argument("operands A {} and B {} disagree in the common dimension", to_string(a_tensor.shape()),
                            to_string(b_tensor.shape()));
  const Shape a_batch(as.begin(), as.end() - 2);
  const Shape b_batch(bs.begin(), bs.end() - 2);
  INGOT_ASSIGN_OR_RETURN(const Shape batch, broadcast_shapes({a_batch, b_batch}));
  INGOT_ASSIGN_OR_RETURN(const Shape a_strides, broadcast_strides(a_batch, batch));
  INGOT_ASSIGN_OR_RETURN(const Shape b_strides, broadcast_strides(b_batch, batch));
  Shape shape = batch;
  if (!vector_a) shape.push_back(m);
  if (!vector_b) shape.push_back(n);
  const std::optional<std::int64_t> count = element_count(shape);
  if (!count) return invalid_argument("the product of shape {} is too large", to_string(shape));
  std::vector<T> y(to_size(*count), T{0});
  T* to = y.data();
  for_each_element(batch, {a_strides, b_strides}, [&](const auto& at) {
    add_product(a.data() + at[0] * m * k, b.data() + at[1] * k * n, to, m, n, k);
    to += m * n;
  });
  scale(y, call.attrs->get_float("alpha", 1));
  // MatMul has no beta; Gemm's operand C is what a bias is to MatMul.
  INGOT_RETURN_IF_ERROR(add_bias(call, call.attrs->get_float("beta", 1), shape, y));
  return single_output(output_type(call, 0, a_tensor.dtype()), std::move(shape), y);
}

Result<Outputs> evaluate_matmul(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* a, numeric_operand(call, 0, "A", call.op == "Gemm" ? 2 : 1));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* b, numeric_operand(call, 1, "B", call.op == "Gemm" ? 2 : 1));
  if (call.op == "Gemm" && (a->rank() != 2 || b->rank() != 2))
    return invalid_argument("operands A {} and B {} must be matrices", to_string(a->shape()), to_string(b->shape()));
  return with_number_type(a->dtype(), [&](auto zero) { return multiply<decltype(zero)>(call, *a, *b); });
}

constexpr Row kRows[] = {{"MatMul", evaluate_matmul}, {"Gemm", evaluate_matmul}};

}  // namespace

std::span<const Row> matmul_rows() { return kRows; }

}  // namespace ingot::reference
