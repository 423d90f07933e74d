// SPDX-License-Identifier: Apache-2.0
// run_plan FILE.plan: runs it on zeros, every symbolic size 1.
#include <cstdio>

#include <ingot/ingot.hpp>

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const ingot::Engine engine = ingot::Engine::load(argv[1]).value();
  ingot::Context context = engine.create_context({.threads = 1}).value();
  std::vector<std::vector<float>> inputs;
  for (std::size_t i = 0; i < engine.input_count(); ++i) {
    const ingot::TensorInfo info = engine.input(i).value();
    std::vector<std::int64_t> shape(info.shape.begin(), info.shape.end());
    std::size_t count = 1;
    for (std::int64_t& size : shape) count *= static_cast<std::size_t>(size = size < 0 ? 1 : size);
    context.set_input_shape(i, shape).check();
    context.bind_input<float>(i, inputs.emplace_back(count)).check();
  }
  context.run().check();
  for (std::size_t i = 0; i < engine.output_count(); ++i)
    std::printf("%s: %zu elements\n", engine.output(i).value().name.data(),
                context.output<float>(i).value().data.size());
  return 0;
} catch (const ingot::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
}
