// SPDX-License-Identifier: Apache-2.0
// Plan bytes -> engine -> one run on zeros. Memory is bounded, so that a forged size ends as a refused allocation.
#include <cstdlib>
#include <cstring>
#include <new>

#include "fuzz_target.h"
#include "plan/reader.h"
#include "plan/writer.h"
#include "plan_mutator.h"
#include "runtime/context.h"
#include "runtime/engine.h"

namespace {

using namespace ingot;

constexpr std::size_t kMostBytes = std::size_t{16} << 20;

class BoundedAllocator final : public Allocator {
 public:
  void* allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes > kMostBytes) return nullptr;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  void deallocate(void* memory, std::size_t) override { std::free(memory); }
};

Status run(std::span<const std::byte> bytes) {
  INGOT_ASSIGN_OR_RETURN(auto engine, Engine::load_bytes(bytes));
  BoundedAllocator allocator;
  ContextOptions options;
  options.threads = 1;
  options.allocator = &allocator;
  INGOT_ASSIGN_OR_RETURN(auto context, Context::create(engine, options));
  std::vector<std::vector<std::byte>> inputs;
  for (std::size_t i = 0; i < engine->input_count(); ++i) {
    Shape shape;
    for (const Dim& dim : engine->input(i).shape) shape.push_back(dim.constant().value_or(2));
    const auto count = element_count(shape);
    const auto size = count ? bytes_of(engine->input(i).dtype, *count) : std::nullopt;
    if (!size || static_cast<std::size_t>(*size) > kMostBytes) return resource_exhausted("a large input");
    inputs.emplace_back(static_cast<std::size_t>(*size) + 1);
    INGOT_RETURN_IF_ERROR(context->set_input_shape(i, shape));
    INGOT_RETURN_IF_ERROR(context->bind_input(i, inputs.back().data(), static_cast<std::size_t>(*size)));
  }
  return context->run();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Status status = run(std::as_bytes(std::span(data, size)));
    (void)status;
  } catch (const std::bad_alloc&) {  // the C interface makes an error of it
  }
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned int seed) {
  fuzz::Random random(seed);
  const TensorPtr aligned = [&] {
    auto copy = HostTensor::create(DType::u8, {static_cast<std::int64_t>(size)});
    if (size > 0) std::memcpy(copy.value().mutable_bytes().data(), data, size);
    return share(std::move(copy).value());
  }();
  Result<plan::Plan> plan = plan::read(aligned->bytes());
  if (!plan.is_ok()) return size;
  for (std::size_t changes = 1 + fuzz::pick(random, 2); changes > 0; --changes) fuzz::mutate_plan(*plan, random);
  const auto written = plan::write(*plan);
  if (!written.is_ok() || written->size() > max_size) return size;
  std::memcpy(data, written->data(), written->size());
  return written->size();
}
