// SPDX-License-Identifier: Apache-2.0
// With fixed shapes a run neither allocates nor locks (oneDNN, which does, left out). The functions below stand before
// the C library's for the whole process, libingot.so included, and count while asked to.
#ifndef INGOT_SANITIZED  // sanitizers put their own functions there
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "capi/digits_testing.h"

extern "C" {
// The C library's own entries.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0}, locks{0};

void count(std::atomic<int>& counter) {
  if (counting.load(std::memory_order_relaxed)) counter.fetch_add(1, std::memory_order_relaxed);
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// operator new ends in malloc, so counting here covers C++ too.
extern "C" {
#define INGOT_HOOK __attribute__((visibility("default"), used))
INGOT_HOOK void* malloc(std::size_t size) {
  count(allocations);
  return __libc_malloc(size);
}
INGOT_HOOK void* calloc(std::size_t items, std::size_t size) {
  count(allocations);
  return __libc_calloc(items, size);
}
INGOT_HOOK void* realloc(void* memory, std::size_t size) {
  count(allocations);
  return __libc_realloc(memory, size);
}
INGOT_HOOK void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count(allocations);
  return __libc_memalign(alignment, size);
}
INGOT_HOOK int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  count(allocations);
  *memory = __libc_memalign(alignment, size);
  return *memory != nullptr ? 0 : ENOMEM;
}
INGOT_HOOK int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_lock");
  count(locks);
  return real(mutex);
}
#undef INGOT_HOOK
}

namespace {

class SteadyState : public testing::TestWithParam<int> {};

TEST_P(SteadyState, NeitherAllocatesNorLocks) {
  ingot::BuildOptions options;
  options.shape_texts = {"batch:1x4x16"};
  options.disabled_tactics = {"onednn.*"};
  const ingot::Engine engine = ingot::build(INGOT_DIGITS, options).value();
  ingot::Context context = engine.create_context({.threads = GetParam()}).value();
  ASSERT_EQ(context.threads(), GetParam());
  const std::vector<float> pixels = ingot_test::image(4);
  const std::vector<float> expected = ingot_test::scores(context, pixels, 4);
  std::vector<float> bound(expected.size());
  context.bind_output<float>(0, bound).check();
  context.run().check();

  allocations = locks = 0;
  counting = true;
  ingot_status status = INGOT_OK;
  for (int i = 0; i < 20 && status == INGOT_OK; ++i) status = ingot_context_run(context.get());
  counting = false;
  EXPECT_EQ(status, INGOT_OK);
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(locks, 0);
  EXPECT_EQ(bound, expected);
}
INSTANTIATE_TEST_SUITE_P(Threads, SteadyState, testing::Values(1, 2));

// The counters count: a new shape allocates inside the library.
TEST(SteadyStateCounters, Count) {
  ingot::Context context = ingot_test::digits().create_context({.threads = 1}).value();
  const std::vector<std::int64_t> shape = ingot_test::image_shape(2);
  allocations = locks = 0;
  counting = true;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  ingot_context_set_input_shape(context.get(), 0, shape.data(), 4);
  ingot_context_run(context.get());
  counting = false;
  EXPECT_GT(allocations, 0);
  EXPECT_GE(locks, 1);
}

}  // namespace
#endif
