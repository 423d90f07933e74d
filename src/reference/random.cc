// SPDX-License-Identifier: Apache-2.0
// Random operators. Element i depends on the seed and i alone, so a run repeats itself exactly and any other
// implementation can compute the elements in any order. Without a seed the seed is 0.
#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

class Stream {
 public:
  explicit Stream(const Attrs& attrs) : key_(mix(std::bit_cast<std::uint64_t>(attrs.get_float("seed", 0) + 0.0))) {}

  // In [0, 1).
  [[nodiscard]] double uniform(std::int64_t i) const {
    const std::uint64_t bits = mix(key_ + (static_cast<std::uint64_t>(i) + 1) * 0x9e3779b97f4a7c15U);
    return static_cast<double>(bits >> 11) * 0x1p-53;
  }
  [[nodiscard]] double normal(std::int64_t i) const {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(2 * i)));
    return radius * std::cos(2 * std::numbers::pi * uniform(2 * i + 1));
  }

 private:
  // The finaliser of splitmix64: every bit of the result depends on every bit of v.
  static std::uint64_t mix(std::uint64_t v) {
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9U;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebU;
    return v ^ (v >> 31);
  }

  std::uint64_t key_;
};

template <typename Draw>
Result<Outputs> draw_all(DType dtype, const Shape& shape, Draw&& draw) {
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(dtype, shape));
  for (std::int64_t i = 0; i < out.elements(); ++i) out.set_double(i, draw(i));
  return outputs_of(std::move(out));
}

DType asked_type(const Call& call, DType otherwise) {
  return output_type(call, 0, call.attrs->get_dtype("dtype", otherwise));
}

Result<Outputs> draw_uniform(const Call& call, DType dtype, const Shape& shape) {
  const double low = call.attrs->get_float("low", 0);
  const double high = call.attrs->get_float("high", 1);
  return draw_all(dtype, shape,
                  [&, stream = Stream(*call.attrs)](std::int64_t i) { return low + stream.uniform(i) * (high - low); });
}

Result<Outputs> draw_normal(const Call& call, DType dtype, const Shape& shape) {
  const double mean = call.attrs->get_float("mean", 0);
  const double scale = call.attrs->get_float("scale", 1);
  return draw_all(dtype, shape,
                  [&, stream = Stream(*call.attrs)](std::int64_t i) { return mean + scale * stream.normal(i); });
}

using Draw = Result<Outputs> (*)(const Call&, DType, const Shape&);

template <Draw kDraw>
Result<Outputs> evaluate_random(const Call& call) {
  return kDraw(call, asked_type(call, DType::f32), call.attrs->get_ints("shape", {}));
}

template <Draw kDraw>
Result<Outputs> evaluate_random_like(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* like, required_operand(call, 0, "input"));
  return kDraw(call, asked_type(call, like->dtype()), like->shape());
}

Result<Outputs> evaluate_bernoulli(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* p, numeric_operand(call, 0, "input"));
  return draw_all(asked_type(call, p->dtype()), p->shape(), [&, stream = Stream(*call.attrs)](std::int64_t i) {
    return stream.uniform(i) < p->as_double(i) ? 1.0 : 0.0;
  });
}

// The rows of the input are logarithms of probabilities that need not sum to one.
Result<Outputs> evaluate_multinomial(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* input, numeric_operand(call, 0, "input", 2));
  const std::int64_t samples = call.attrs->get_int("sample_size", 1);
  const std::int64_t classes = input->shape().back();
  if (input->rank() != 2 || classes == 0)
    return invalid_argument("operand 0 (input) of shape {} is no [batch, classes]", to_string(input->shape()));
  std::vector<double> weights = to_numbers<double>(*input);
  for (auto row = weights.begin(); row != weights.end(); row += classes) {
    const double top = *std::max_element(row, row + classes);
    double sum = 0;
    for (auto at = row; at != row + classes; ++at) *at = sum += std::exp(*at - top);
  }
  return draw_all(asked_type(call, DType::i32), {input->shape()[0], samples},
                  [&, stream = Stream(*call.attrs)](std::int64_t i) {
                    const auto row = weights.begin() + i / samples * classes;
                    const auto last = row + classes - 1;
                    return static_cast<double>(std::upper_bound(row, last, stream.uniform(i) * *last) - row);
                  });
}

constexpr Row kRows[] = {
    {"RandomUniform", evaluate_random<draw_uniform>},
    {"RandomUniformLike", evaluate_random_like<draw_uniform>},
    {"RandomNormal", evaluate_random<draw_normal>},
    {"RandomNormalLike", evaluate_random_like<draw_normal>},
    {"Bernoulli", evaluate_bernoulli},
    {"Multinomial", evaluate_multinomial},
};

}  // namespace

std::span<const Row> random_rows() { return kRows; }

}  // namespace ingot::reference
