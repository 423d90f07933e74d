// SPDX-License-Identifier: Apache-2.0
// The engine that the tests of the C++ layer share: the digits network, for batches of 1 to 16.
#pragma once

#include <cmath>
#include <vector>

#include "ingot/builder.hpp"

namespace ingot_test {

inline const ingot::Engine& digits() {
  static const ingot::Engine engine = [] {
    ingot::BuildOptions options;
    options.shape_texts = {"batch:1x1x16"};
    options.time_budget_seconds = 5;
    return ingot::build(INGOT_DIGITS, options).value();
  }();
  return engine;
}

inline std::vector<float> image(std::size_t batch) {
  std::vector<float> pixels(batch * static_cast<std::size_t>(digits().input(0).value().shape[2]) *
                            static_cast<std::size_t>(digits().input(0).value().shape[3]));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = 0.5F + 0.5F * std::sin(static_cast<float>(i));
  return pixels;
}

inline std::vector<std::int64_t> image_shape(std::size_t batch) {
  const ingot::TensorInfo info = digits().input(0).value();
  std::vector<std::int64_t> shape(info.shape.begin(), info.shape.end());
  shape[0] = static_cast<std::int64_t>(batch);
  return shape;
}

// Binds and runs; the outcome of output 0.
inline std::vector<float> scores(ingot::Context& context, const std::vector<float>& pixels, std::size_t batch) {
  context.set_input_shape(0, image_shape(batch)).check();
  context.bind_input<float>(0, pixels).check();
  context.run().check();
  const ingot::TensorView<float> out = context.output<float>(0).value();
  return {out.data.begin(), out.data.end()};
}

}  // namespace ingot_test
