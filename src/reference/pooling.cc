// SPDX-License-Identifier: Apache-2.0
// Pools over windows and over whole planes. Activations are [N, C, spatial...]; evaluate.cc has turned channels_last.
#include <cmath>

#include "reference/families.h"
#include "reference/window.h"

namespace ingot::reference {

namespace {

struct Pool {
  const HostTensor* x = nullptr;
  Shape fine;
  Shape coarse;
  Window window;
  Shape shape;  // of the result
};

Result<Pool> read_pool(const Call& call) {
  Pool pool;
  INGOT_ASSIGN_OR_RETURN(pool.x, numeric_operand(call, 0, "X", 2));
  pool.fine = spatial_of(pool.x->shape());
  const Ints kernel = call.attrs->get_ints("kernel_shape", {});
  if (kernel.size() != pool.fine.size())
    return invalid_argument("kernel_shape has {} elements; operand 0 (X) has {} spatial axes", kernel.size(),
                            pool.fine.size());
  INGOT_ASSIGN_OR_RETURN(pool.window, read_window(*call.attrs, kernel));
  INGOT_ASSIGN_OR_RETURN(pool.coarse, resolve_coarse(*call.attrs, pool.fine, pool.window));
  pool.shape = {pool.x->shape()[0], pool.x->shape()[1]};
  pool.shape.insert(pool.shape.end(), pool.coarse.begin(), pool.coarse.end());
  INGOT_RETURN_IF_ERROR(HostTensor::create(DType::u8, pool.shape).status());
  return pool;
}

// Calls body(result index, source index) for every element of every window, in the order of the kernel's taps.
template <typename Body>
void for_each_window_element(const Pool& pool, Body&& body) {
  const std::int64_t planes = pool.shape[0] * pool.shape[1];
  const std::int64_t in_plane = product(pool.fine);
  const std::int64_t out_plane = product(pool.coarse);
  const std::int64_t step = pool.window.rank() == 0 ? 1 : pool.window.strides.back();
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    Shape tap(pool.window.rank(), 0);
    do {
      for_each_tap_run(pool.window, tap, pool.coarse, pool.fine, [&](std::int64_t o, std::int64_t i, std::int64_t run) {
        for (std::int64_t k = 0; k < run; ++k)
          body(to_size(plane * out_plane + o + k), to_size(plane * in_plane + i + k * step));
      });
    } while (next_index(tap, pool.window.kernel));
  }
}

// How many elements each window averages over: those inside the tensor, or inside the padded tensor.
std::vector<std::int64_t> window_sizes(const Pool& pool, bool include_pad) {
  Window window = pool.window;
  Shape fine = pool.fine;
  if (include_pad) {
    for (std::size_t axis = 0; axis < fine.size(); ++axis) {
      fine[axis] += window.pads_begin[axis] + window.pads_end[axis];
      window.pads_begin[axis] = 0;
    }
  }
  std::vector<std::int64_t> sizes(to_size(product(pool.coarse)), 0);
  Shape tap(window.rank(), 0);
  do {
    for_each_tap_run(window, tap, pool.coarse, fine, [&](std::int64_t o, std::int64_t, std::int64_t run) {
      for (std::int64_t k = 0; k < run; ++k) ++sizes[to_size(o + k)];
    });
  } while (next_index(tap, window.kernel));
  return sizes;
}

Result<Outputs> evaluate_average_pool(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Pool pool, read_pool(call));
  const std::vector<double> x = to_numbers<double>(*pool.x);
  std::vector<double> y(to_size(product(pool.shape)), 0);
  for_each_window_element(pool, [&](std::size_t to, std::size_t from) { y[to] += x[from]; });
  const auto sizes = window_sizes(pool, call.attrs->get_int("count_include_pad", 0) != 0);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] /= static_cast<double>(sizes[i % sizes.size()]);
  return single_output(output_type(call, 0, pool.x->dtype()), pool.shape, y);
}

Result<Outputs> evaluate_lp_pool(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Pool pool, read_pool(call));
  const double p = static_cast<double>(call.attrs->get_int("p", 2));
  const std::vector<double> x = to_numbers<double>(*pool.x);
  std::vector<double> y(to_size(product(pool.shape)), 0);
  for_each_window_element(pool, [&](std::size_t to, std::size_t from) { y[to] += std::pow(std::abs(x[from]), p); });
  for (double& value : y) value = std::pow(value, 1 / p);
  return single_output(output_type(call, 0, pool.x->dtype()), pool.shape, y);
}

// Indices count elements of [N, C, spatial...]; storage_order 1 counts the spatial ones column-major.
Result<Outputs> evaluate_max_pool(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const Pool pool, read_pool(call));
  return with_number_type(pool.x->dtype(), [&](auto zero) -> Result<Outputs> {
    using T = decltype(zero);
    const std::vector<T> x = to_numbers<T>(*pool.x);
    const Limits limits = limits_of(pool.x->dtype());
    const T lowest = is_float(pool.x->dtype()) ? static_cast<T>(limits.lowest_float) : static_cast<T>(limits.lowest);
    std::vector<T> y(to_size(product(pool.shape)), lowest);
    std::vector<std::int64_t> indices(y.size(), -1);
    for_each_window_element(pool, [&](std::size_t to, std::size_t from) {
      if (indices[to] >= 0 && !(x[from] > y[to]) && x[from] == x[from]) return;
      y[to] = x[from];
      indices[to] = to_signed(from);
    });
    INGOT_ASSIGN_OR_RETURN(Outputs outputs, single_output(output_type(call, 0, pool.x->dtype()), pool.shape, y));
    if (call.output_count < 2) return outputs;
    if (call.attrs->get_int("storage_order", 0) != 0) {
      const std::int64_t plane = product(pool.fine);
      const Shape strides = strides_of(pool.fine);
      for (std::int64_t& index : indices) {
        if (index < 0) continue;
        std::int64_t turned = 0;
        for (std::size_t axis = pool.fine.size(); axis-- > 0;)
          turned = turned * pool.fine[axis] + index % plane / strides[axis] % pool.fine[axis];
        index += turned - index % plane;
      }
    }
    INGOT_ASSIGN_OR_RETURN(HostTensor where, from_numbers(DType::i64, pool.shape, indices));
    outputs.push_back(std::move(where));
    return outputs;
  });
}

// A global pool is the pool whose window is the whole plane.
template <Kernel kPool>
Result<Outputs> evaluate_global(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 2));
  Attrs attrs = *call.attrs;
  attrs.set("kernel_shape", Ints(spatial_of(x->shape())));
  Call whole = call;
  whole.attrs = &attrs;
  return kPool(whole);
}

constexpr Row kRows[] = {
    {"AveragePool", evaluate_average_pool},
    {"MaxPool", evaluate_max_pool},
    {"LpPool", evaluate_lp_pool},
    {"GlobalAveragePool", evaluate_global<evaluate_average_pool>},
    {"GlobalMaxPool", evaluate_global<evaluate_max_pool>},
    {"GlobalLpPool", evaluate_global<evaluate_lp_pool>},
};

}  // namespace

std::span<const Row> pooling_rows() { return kRows; }

}  // namespace ingot::reference
