// SPDX-License-Identifier: Apache-2.0
// Wrong use of the C API gives codes and messages, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <thread>

#include "ingot/builder.h"

namespace {

using testing::HasSubstr;

TEST(Errors, NullArguments) {
  ingot_engine* engine = nullptr;
  ingot_context* context = nullptr;
  ingot_tensor_info tensor;
  ingot_step_info step;
  std::size_t index = 0;
  const std::int64_t* dims = nullptr;
  std::int32_t rank = 0;
  const void* data = nullptr;
  EXPECT_EQ(ingot_engine_load(nullptr, nullptr, &engine), INGOT_INVALID_ARGUMENT);
  EXPECT_THAT(ingot_last_error(), HasSubstr("path"));
  EXPECT_EQ(ingot_engine_load("x.plan", nullptr, nullptr), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_load_bytes(nullptr, 3, nullptr, &engine), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_input(nullptr, 0, &tensor), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_output(nullptr, 0, &tensor), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_find_input(nullptr, "x", &index), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_find_output(nullptr, "x", &index), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_step(nullptr, 0, &step), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_engine_input_count(nullptr), 0U);
  EXPECT_EQ(ingot_engine_output_count(nullptr), 0U);
  EXPECT_EQ(ingot_engine_step_count(nullptr), 0U);
  EXPECT_EQ(ingot_engine_weight_bytes(nullptr), 0U);
  EXPECT_STREQ(ingot_engine_device(nullptr), "");
  ingot_engine_serialise(nullptr, &data, &index);
  ingot_engine_serialise(nullptr, nullptr, nullptr);
  ingot_engine_destroy(nullptr);
  EXPECT_EQ(ingot_context_create(nullptr, nullptr, &context), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_context_set_input_shape(nullptr, 0, nullptr, 0), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_context_bind_input(nullptr, 0, nullptr, 0), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_context_bind_output(nullptr, 0, nullptr, 0), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_context_output_shape(nullptr, 0, &dims, &rank), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_context_output_data(nullptr, 0, &data), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_context_run(nullptr), INGOT_INVALID_ARGUMENT);
  ingot_context_set_profiler(nullptr, nullptr, nullptr);
  EXPECT_EQ(ingot_context_memory_bytes(nullptr), 0U);
  ingot_graph_counts counts{1, 1, 1, 1, 1};
  ingot_context_graph_counts(nullptr, &counts);
  EXPECT_EQ(counts.captured, 0);
  ingot_context_graph_counts(nullptr, nullptr);
  EXPECT_EQ(ingot_context_threads(nullptr), 0);
  ingot_context_destroy(nullptr);
  EXPECT_EQ(ingot_build_file(nullptr, nullptr, &engine), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_build_bytes(nullptr, 0, nullptr, &engine), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(ingot_build_to_file("x.onnx", nullptr, nullptr), INGOT_INVALID_ARGUMENT);
  EXPECT_EQ(engine, nullptr);
}

TEST(Errors, Files) {
  ingot_engine* engine = nullptr;
  EXPECT_EQ(ingot_engine_load("/no/such.plan", nullptr, &engine), INGOT_NOT_FOUND);
  EXPECT_THAT(ingot_last_error(), HasSubstr("/no/such.plan"));
  EXPECT_EQ(ingot_build_file("/no/such.onnx", nullptr, &engine), INGOT_NOT_FOUND);
  EXPECT_EQ(ingot_engine_load_bytes("not a plan", 10, nullptr, &engine), INGOT_CORRUPT);
  EXPECT_EQ(ingot_build_bytes("not a model", 11, nullptr, &engine), INGOT_CORRUPT);
  EXPECT_EQ(engine, nullptr);
}

TEST(Errors, AreOfTheThread) {
  ingot_engine* engine = nullptr;
  EXPECT_EQ(ingot_engine_load("/no/such.plan", nullptr, &engine), INGOT_NOT_FOUND);
  std::thread([] { EXPECT_STREQ(ingot_last_error(), "no error"); }).join();
}

// A struct of another version of the header: `known` bytes, and `extra` bytes that this library does not know.
struct FutureOptions {
  ingot_load_options options;
  unsigned char extra[16];
};

TEST(Errors, SizesOfOptionStructs) {
  ingot_engine* engine = nullptr;
  FutureOptions future;
  std::memset(&future, 0, sizeof(future));
  const auto load = [&] { return ingot_engine_load("/no/such.plan", &future.options, &engine); };
  EXPECT_EQ(load(), INGOT_INVALID_ARGUMENT) << "size not set";
  future.options.size = sizeof(ingot_load_options);
  EXPECT_EQ(load(), INGOT_NOT_FOUND);
  future.options.size = offsetof(ingot_load_options, skip_weight_verification) + sizeof(std::int32_t);
  EXPECT_EQ(load(), INGOT_NOT_FOUND) << "an older, shorter struct";
  future.options.size = sizeof(future);
  EXPECT_EQ(load(), INGOT_NOT_FOUND) << "a newer, longer struct, its news unused";
  future.extra[3] = 1;
  EXPECT_EQ(load(), INGOT_UNSUPPORTED) << "a newer, longer struct, its news used";
  future.options.size = ~std::size_t{0};
  EXPECT_EQ(load(), INGOT_INVALID_ARGUMENT) << "not a size";
}

TEST(Errors, Names) {
  EXPECT_STREQ(ingot_status_name(INGOT_CORRUPT), "corrupt");
  EXPECT_STREQ(ingot_dtype_name(INGOT_F32), "f32");
  EXPECT_STRNE(ingot_version(), "");
}

}  // namespace
