// SPDX-License-Identifier: Apache-2.0
// ONNX bytes -> import -> canonical graph. Nothing is executed but what folding computes.
#include <cstring>
#include <new>

#include "fuzz_target.h"
#include "onnx/import.h"
#include "passes/pipeline.h"
#include "wire_tree.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ingot;
  try {
    const auto imported = onnx::import_bytes(std::as_bytes(std::span(data, size)), "");
    if (!imported.is_ok()) return 0;
    const Status canonical = passes::canonicalise(**imported, {});
    (void)canonical;
  } catch (const std::bad_alloc&) {  // the C interface makes an error of it
  }
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned int seed) {
  using namespace ingot::fuzz;
  Random random(seed);
  auto tree = parse_wire(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!tree) return size;
  for (std::size_t changes = 1 + pick(random, 3); changes > 0; --changes) mutate_wire(*tree, random);
  const std::string out = print_wire(*tree);
  if (out.size() > max_size) return size;
  std::memcpy(data, out.data(), out.size());
  return out.size();
}
