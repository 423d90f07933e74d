// SPDX-License-Identifier: Apache-2.0
// Signal processing: window functions, Fourier transforms, mel filter banks. Complex numbers are a last dimension of 2.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

using Complex = std::complex<double>;

// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N)
struct CosineWindow {
  double a0, a1, a2;
};
constexpr CosineWindow kHann{0.5, 0.5, 0}, kHamming{25.0 / 46, 21.0 / 46, 0}, kBlackman{0.42, 0.5, 0.08};

template <const CosineWindow& kWindow>
Result<Outputs> evaluate_window(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const std::int64_t size, int_operand(call, 0, "size"));
  const bool periodic = call.attrs->get_int("periodic", 1) != 0;
  const DType dtype = output_type(call, 0, call.attrs->get_dtype("output_datatype", DType::f32));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(dtype, {size}));
  const double period = static_cast<double>(std::max(std::int64_t{1}, periodic ? size : size - 1));
  for (std::int64_t n = 0; n < size; ++n) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(n) / period;
    out.set_double(n, kWindow.a0 - kWindow.a1 * std::cos(angle) + kWindow.a2 * std::cos(2 * angle));
  }
  return outputs_of(std::move(out));
}

// The discrete Fourier transform of a fixed length, by splitting off prime factors.
class Transform {
 public:
  Transform(std::int64_t length, bool inverse) : roots_(to_size(length)) {
    for (std::size_t k = 0; k < roots_.size(); ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
      roots_[k] = std::polar(1.0, inverse ? angle : -angle);
    }
  }
  [[nodiscard]] std::vector<Complex> apply(const std::vector<Complex>& in) const {
    std::vector<Complex> out(in.size());
    if (!in.empty()) split(in.data(), 1, in.size(), out.data());
    return out;
  }

 private:
  // Without the care that the language takes of infinities, which costs most of the time.
  static Complex times(Complex a, Complex b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

  // Transforms the n numbers in[0], in[step], ...; step * n is the whole length.
  void split(const Complex* in, std::size_t step, std::size_t n, Complex* out) const {
    if (n == 1) {
      *out = *in;
      return;
    }
    std::size_t p = 2;
    while (p * p <= n && n % p != 0) ++p;
    if (n % p != 0) p = n;
    const std::size_t m = n / p;
    for (std::size_t q = 0; q < p; ++q) split(in + q * step, step * p, m, out + q * m);
    if (p == 2) {
      for (std::size_t k = 0; k < m; ++k) {
        const Complex even = out[k];
        const Complex odd = times(out[m + k], roots_[k * step]);
        out[k] = even + odd;
        out[m + k] = even - odd;
      }
      return;
    }
    std::vector<Complex> column(p);
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t q = 0; q < p; ++q) column[q] = out[q * m + k];
      for (std::size_t r = 0; r < p; ++r) {
        Complex sum = 0;
        for (std::size_t q = 0; q < p; ++q) sum += times(column[q], roots_[q * (k + r * m) % n * step]);
        out[r * m + k] = sum;
      }
    }
  }

  std::vector<Complex> roots_;
};

Result<std::int64_t> optional_length(const Call& call, std::size_t index, std::string_view name,
                                     std::int64_t otherwise) {
  if (optional_operand(call, index) == nullptr) return otherwise;
  INGOT_ASSIGN_OR_RETURN(const std::int64_t length, int_operand(call, index, name));
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (length < 1 || length > kMost) return invalid_argument("operand {} ({}) is {}", index, name, length);
  return length;
}

Result<const HostTensor*> signal_operand(const Call& call, std::size_t min_rank) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* signal, numeric_operand(call, 0, "signal", min_rank));
  const std::int64_t parts = signal->shape().back();
  if (parts != 1 && parts != 2)
    return invalid_argument("operand 0 of shape {} needs a last dimension of 1 (real) or 2 (complex)",
                            to_string(signal->shape()));
  return signal;
}

Result<Outputs> evaluate_dft(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, signal_operand(call, 2));
  std::int64_t axis_operand = -2;
  if (optional_operand(call, 2) != nullptr) {
    INGOT_ASSIGN_OR_RETURN(axis_operand, int_operand(call, 2, "axis"));
  }
  INGOT_ASSIGN_OR_RETURN(const std::size_t axis, normalize_axis(axis_operand, in->shape().size(), "axis"));
  if (axis + 1 == in->shape().size()) return invalid_argument("axis {} holds the parts of numbers", axis_operand);
  const bool inverse = call.attrs->get_int("inverse", 0) != 0;
  const bool onesided = call.attrs->get_int("onesided", 0) != 0;
  const bool to_real = inverse && onesided;
  const std::int64_t dim = in->shape()[axis];
  INGOT_ASSIGN_OR_RETURN(const std::int64_t length,
                         optional_length(call, 1, "dft_length", to_real ? 2 * (dim - 1) : dim));
  if (length < 1) return invalid_argument("operand 0 of shape {} is empty along axis {}", to_string(in->shape()), axis);
  Shape shape = in->shape();
  shape[axis] = onesided && !inverse ? length / 2 + 1 : length;
  shape.back() = to_real ? 1 : 2;
  const std::int64_t in_parts = in->shape().back();
  const std::int64_t out_parts = shape.back();
  const std::int64_t inner = product(shape, axis + 1, shape.size() - 1);
  const std::int64_t lines = product(shape, 0, axis) * inner;
  const std::vector<double> x = to_numbers<double>(*in);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(output_type(call, 0, in->dtype()), shape));
  const Transform transform(length, inverse);
  std::vector<Complex> line(to_size(length));
  for (std::int64_t l = 0; l < lines; ++l) {
    std::fill(line.begin(), line.end(), Complex{});
    // A one-sided spectrum has the bins up to the middle; the others are their conjugates.
    const std::int64_t read = std::min(dim, to_real ? length / 2 + 1 : length);
    for (std::int64_t i = 0; i < read; ++i) {
      const double* number = x.data() + ((l / inner * dim + i) * inner + l % inner) * in_parts;
      line[to_size(i)] = {number[0], in_parts == 2 ? number[1] : 0};
      if (to_real && i > 0 && 2 * i < length) line[to_size(length - i)] = std::conj(line[to_size(i)]);
    }
    if (to_real) {  // bins that must be real
      line[0].imag(0);
      if (length % 2 == 0) line[to_size(length / 2)].imag(0);
    }
    const std::vector<Complex> result = transform.apply(line);
    const double scale = inverse ? 1.0 / static_cast<double>(length) : 1;
    for (std::int64_t i = 0; i < shape[axis]; ++i) {
      const std::int64_t to = ((l / inner * shape[axis] + i) * inner + l % inner) * out_parts;
      out.set_double(to, result[to_size(i)].real() * scale);
      if (out_parts == 2) out.set_double(to + 1, result[to_size(i)].imag() * scale);
    }
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_stft(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* signal, signal_operand(call, 3));
  if (signal->rank() != 3)
    return invalid_argument("operand 0 (signal) of shape {} needs rank 3", to_string(signal->shape()));
  const std::int64_t samples = signal->shape()[1];
  const std::int64_t parts = signal->shape()[2];
  INGOT_ASSIGN_OR_RETURN(const std::int64_t step, int_operand(call, 1, "frame_step"));
  if (step < 1) return invalid_argument("operand 1 (frame_step) is {}", step);
  const HostTensor* window = optional_operand(call, 2);
  INGOT_ASSIGN_OR_RETURN(const std::int64_t length,
                         optional_length(call, 3, "frame_length", window != nullptr ? window->elements() : samples));
  std::vector<double> weights(to_size(length), 1);
  if (window != nullptr) {
    INGOT_ASSIGN_OR_RETURN(weights, vector_operand(call, 2, "window", length));
  }
  if (length < 1 || length > samples)
    return invalid_argument("a frame of {} does not fit into a signal of {}", length, samples);
  const std::int64_t frames = 1 + (samples - length) / step;
  const std::int64_t bins = call.attrs->get_int("onesided", 1) != 0 ? length / 2 + 1 : length;
  const std::vector<double> x = to_numbers<double>(*signal);
  INGOT_ASSIGN_OR_RETURN(
      HostTensor out, HostTensor::create(output_type(call, 0, signal->dtype()), {signal->shape()[0], frames, bins, 2}));
  const Transform transform(length, false);
  std::vector<Complex> frame(to_size(length));
  for (std::int64_t f = 0; f < signal->shape()[0] * frames; ++f) {
    const double* first = x.data() + (f / frames * samples + f % frames * step) * parts;
    for (std::int64_t i = 0; i < length; ++i) {
      const Complex number{first[i * parts], parts == 2 ? first[i * parts + 1] : 0};
      frame[to_size(i)] = number * weights[to_size(i)];
    }
    const std::vector<Complex> result = transform.apply(frame);
    for (std::int64_t k = 0; k < bins; ++k) {
      out.set_double((f * bins + k) * 2, result[to_size(k)].real());
      out.set_double((f * bins + k) * 2 + 1, result[to_size(k)].imag());
    }
  }
  return outputs_of(std::move(out));
}

// Triangles of height 1 whose corners are equally spaced in mel and fall on bins of the spectrum.
Result<Outputs> evaluate_mel_weight_matrix(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const std::int64_t bands, int_operand(call, 0, "num_mel_bins"));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t length, int_operand(call, 1, "dft_length"));
  INGOT_ASSIGN_OR_RETURN(const std::int64_t rate, int_operand(call, 2, "sample_rate"));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> lower, vector_operand(call, 3, "lower_edge_hertz", 1));
  INGOT_ASSIGN_OR_RETURN(const std::vector<double> upper, vector_operand(call, 4, "upper_edge_hertz", 1));
  constexpr std::int64_t kMost = 1 << 24;
  if (bands < 1 || bands > kMost || length < 1 || length > kMost || rate < 1 || lower.empty() || upper.empty())
    return invalid_argument("{} bands of a spectrum of {} at {} Hz are not possible", bands, length, rate);
  const auto to_mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double low = to_mel(lower[0]);
  const double step = (to_mel(upper[0]) - low) / static_cast<double>(bands + 2);
  const std::int64_t bins = length / 2 + 1;
  const auto corner = [&](std::int64_t i) {
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + low) / 2595) - 1);
    return truncate_to_int(std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate)));
  };
  std::vector<double> values(to_size(bins * bands), 0);
  for (std::int64_t band = 0; band < bands; ++band) {
    const std::int64_t left = corner(band), center = corner(band + 1), right = corner(band + 2);
    if (left < 0 || center < left || right < center || center >= bins || right > bins)
      return invalid_argument("the band edges {} and {} Hz do not lie in the spectrum of {} Hz", lower[0], upper[0],
                              rate);
    const auto at = [&](std::int64_t bin) -> double& { return values[to_size(bin * bands + band)]; };
    for (std::int64_t bin = left; bin < center; ++bin)
      at(bin) = static_cast<double>(bin - left) / static_cast<double>(center - left);
    at(center) = 1;
    for (std::int64_t bin = center; bin < right; ++bin)
      at(bin) = static_cast<double>(right - bin) / static_cast<double>(right - center);
  }
  return single_output(output_type(call, 0, call.attrs->get_dtype("output_datatype", DType::f32)), {bins, bands},
                       values);
}

constexpr Row kRows[] = {
    {"HannWindow", evaluate_window<kHann>},
    {"HammingWindow", evaluate_window<kHamming>},
    {"BlackmanWindow", evaluate_window<kBlackman>},
    {"DFT", evaluate_dft},
    {"STFT", evaluate_stft},
    {"MelWeightMatrix", evaluate_mel_weight_matrix},
};

}  // namespace

std::span<const Row> signal_rows() { return kRows; }

}  // namespace ingot::reference
