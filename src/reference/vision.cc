// SPDX-License-Identifier: Apache-2.0
// AffineGrid, Col2Im, MaxUnpool, Det and ImageDecoder.
#include <algorithm>
#include <cmath>

#include "images/decode.h"
#include "reference/families.h"
#include "reference/window.h"

namespace ingot::reference {

namespace {

Result<Outputs> evaluate_affine_grid(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* theta, numeric_operand(call, 0, "theta", 3));
  INGOT_ASSIGN_OR_RETURN(const Ints size, ints_operand(call, 1, "size"));
  const std::int64_t axes = to_signed(size.size()) - 2;
  if (axes < 2 || axes > 3 || theta->shape() != Shape{size[0], axes, axes + 1})
    return invalid_argument("operand 0 (theta) of shape {} does not fit size {}", to_string(theta->shape()),
                            to_string(size));
  const bool corners = call.attrs->get_int("align_corners", 0) != 0;
  const Shape extent(size.begin() + 2, size.end());
  Shape shape{size[0]};
  shape.insert(shape.end(), extent.begin(), extent.end());
  shape.push_back(axes);
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(output_type(call, 0, theta->dtype()), shape));
  if (out.elements() == 0) return outputs_of(std::move(out));
  const auto coordinate = [&](std::int64_t i, std::int64_t n) {
    if (corners) return n == 1 ? 0.0 : 2 * static_cast<double>(i) / static_cast<double>(n - 1) - 1;
    return (2 * static_cast<double>(i) + 1) / static_cast<double>(n) - 1;
  };
  std::int64_t to = 0;
  for (std::int64_t n = 0; n < size[0]; ++n) {
    Shape index(extent.size(), 0);
    do {
      for (std::int64_t row = 0; row < axes; ++row) {
        // The coordinates of a point are x, y, z: the last axis first.
        const std::int64_t first = (n * axes + row) * (axes + 1);
        double sum = theta->as_double(first + axes);
        for (std::int64_t k = 0; k < axes; ++k) {
          const std::size_t axis = to_size(axes - 1 - k);
          sum += theta->as_double(first + k) * coordinate(index[axis], extent[axis]);
        }
        out.set_double(to++, sum);
      }
    } while (next_index(index, extent));
  }
  return outputs_of(std::move(out));
}

Result<Outputs> evaluate_col2im(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* in, numeric_operand(call, 0, "input", 3));
  INGOT_ASSIGN_OR_RETURN(const Shape image, ints_operand(call, 1, "image_shape"));
  INGOT_ASSIGN_OR_RETURN(const Shape block, ints_operand(call, 2, "block_shape"));
  if (image.size() != block.size())
    return invalid_argument("image_shape and block_shape have {} and {} elements", image.size(), block.size());
  if (image.empty())
    return invalid_argument("operand 1 (image_shape) has no elements: an image has one dimension at least");
  INGOT_ASSIGN_OR_RETURN(Window window, read_window(*call.attrs, block));
  INGOT_ASSIGN_OR_RETURN(const Shape coarse, resolve_coarse(*call.attrs, image, window));
  const std::optional<std::int64_t> taps = element_count(block);
  const std::optional<std::int64_t> positions = element_count(coarse);
  const Shape& from = in->shape();
  if (!taps || !positions || from.size() != 3 || from[1] % *taps != 0 || from[2] != *positions)
    return invalid_argument("operand 0 (input) of shape {} does not hold blocks {} of an image {}", to_string(from),
                            to_string(block), to_string(image));
  Shape shape{from[0], from[1] / *taps};
  shape.insert(shape.end(), image.begin(), image.end());
  const std::optional<std::int64_t> count = element_count(shape);
  if (!count) return invalid_argument("an image of shape {} is too large", to_string(image));
  const std::vector<double> x = to_numbers<double>(*in);
  std::vector<double> y(to_size(*count), 0);
  const std::int64_t pixels = product(image);
  Shape tap(block.size(), 0);
  std::int64_t number = 0;
  do {
    for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
      const double* column = x.data() + (plane * *taps + number) * *positions;
      double* fine = y.data() + plane * pixels;
      for_each_tap_run(window, tap, coarse, image, [&](std::int64_t at, std::int64_t to, std::int64_t run) {
        for (std::int64_t i = 0; i < run; ++i) fine[to + i * window.strides.back()] += column[at + i];
      });
    }
    ++number;
  } while (next_index(tap, block));
  return single_output(output_type(call, 0, in->dtype()), shape, y);
}

// The indices count elements of the tensor that was pooled, whose sizes follow from the window; a larger output_shape
// surrounds it with zeros at the ends.
Result<Outputs> evaluate_max_unpool(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* indices, numeric_operand(call, 1, "I", 3));
  if (indices->shape() != x->shape())
    return invalid_argument("operands of shapes {} and {} differ", to_string(x->shape()), to_string(indices->shape()));
  INGOT_ASSIGN_OR_RETURN(const Window window, read_window(*call.attrs, call.attrs->get_ints("kernel_shape", {})));
  if (window.rank() != x->shape().size() - 2)
    return invalid_argument("kernel_shape has {} elements for {}", window.rank(), to_string(x->shape()));
  Shape pooled = x->shape();
  for (std::size_t axis = 0; axis < window.rank(); ++axis) {
    std::int64_t& size = pooled[axis + 2];
    if (__builtin_mul_overflow(size - 1, window.strides[axis], &size))
      return invalid_argument("operand 0 (X) of shape {} is too large", to_string(x->shape()));
    size += window.kernel[axis] - window.pads_begin[axis] - window.pads_end[axis];
  }
  INGOT_ASSIGN_OR_RETURN(const Shape shape, ints_operand(call, 2, "output_shape", pooled));
  if (shape.size() != pooled.size()) return invalid_argument("operand 2 (output_shape) is {}", to_string(shape));
  INGOT_ASSIGN_OR_RETURN(HostTensor out, HostTensor::create(output_type(call, 0, x->dtype()), shape));
  const std::optional<std::int64_t> count = element_count(pooled);
  if (!count) return invalid_argument("the window gives the shape {}", to_string(pooled));
  const Shape strides = strides_of(pooled);
  const Shape to_strides = strides_of(shape);
  for (std::int64_t i = 0; i < x->elements(); ++i) {
    const std::int64_t at = indices->as_int(i);
    if (at < 0 || at >= *count) return invalid_argument("operand 1 (I) has {} for {} elements", at, *count);
    std::int64_t to = 0;
    bool inside = true;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const std::int64_t place = at / strides[axis] % pooled[axis];
      inside = inside && place < shape[axis];
      to += place * to_strides[axis];
    }
    if (inside) out.set_double(to, x->as_double(i));
  }
  return outputs_of(std::move(out));
}

double determinant(double* m, std::int64_t n) {
  double result = 1;
  for (std::int64_t column = 0; column < n; ++column) {
    std::int64_t pivot = column;
    for (std::int64_t row = column + 1; row < n; ++row)
      if (std::abs(m[row * n + column]) > std::abs(m[pivot * n + column])) pivot = row;
    if (m[pivot * n + column] == 0) return 0;
    if (pivot != column) {
      std::swap_ranges(m + pivot * n, m + (pivot + 1) * n, m + column * n);
      result = -result;
    }
    result *= m[column * n + column];
    for (std::int64_t row = column + 1; row < n; ++row) {
      const double factor = m[row * n + column] / m[column * n + column];
      for (std::int64_t k = column; k < n; ++k) m[row * n + k] -= factor * m[column * n + k];
    }
  }
  return result;
}

Result<Outputs> evaluate_det(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 2));
  const std::int64_t n = x->shape().back();
  const Shape shape(x->shape().begin(), x->shape().end() - 2);
  if (x->shape()[shape.size()] != n)
    return invalid_argument("operand 0 (X) of shape {} holds no square matrices", to_string(x->shape()));
  std::vector<double> matrices = to_numbers<double>(*x);
  std::vector<double> values(to_size(product(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = determinant(matrices.data() + to_signed(i) * n * n, n);
  return single_output(output_type(call, 0, x->dtype()), shape, values);
}

Result<Outputs> evaluate_image_decoder(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* file, numeric_operand(call, 0, "encoded_stream"));
  const std::string name = call.attrs->get_string("pixel_format", "RGB");
  const std::optional<images::PixelFormat> format = images::pixel_format_from_string(name);
  if (!format) return invalid_argument("attribute pixel_format is '{}', not RGB, BGR or Grayscale", name);
  Result<HostTensor> image = images::decode(file->bytes(), *format);
  // ONNX: what cannot be decoded gives an empty image. Lack of a library or of memory says nothing of the file.
  if (image.status().code() == StatusCode::kCorrupt)
    image = HostTensor::create(DType::u8, {0, 0, *format == images::PixelFormat::grayscale ? 1 : 3});
  INGOT_RETURN_IF_ERROR(image.status());
  return outputs_of(*std::move(image));
}

constexpr Row kRows[] = {
    {"AffineGrid", evaluate_affine_grid},     {"Col2Im", evaluate_col2im},
    {"MaxUnpool", evaluate_max_unpool},       {"Det", evaluate_det},
    {"ImageDecoder", evaluate_image_decoder},
};

}  // namespace

std::span<const Row> vision_rows() { return kRows; }

}  // namespace ingot::reference
