// SPDX-License-Identifier: Apache-2.0
// build_plan MODEL.onnx OUT.plan
#include <cstdio>

#include <ingot/builder.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  ingot::BuildOptions options;
  options.time_budget_seconds = 0;
  const ingot::Status status = ingot::build_to_file(argv[1], argv[2], options);
  if (!status.is_ok()) std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return static_cast<int>(status.code());
}
