// SPDX-License-Identifier: Apache-2.0
// What the engine catches of plugins that misbehave, and what reaches them.
#include "plugin/kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "plugin/evaluate.h"
#include "plugin/guard.h"
#include "plugin/registry.h"
#include "plugin/test_operators.h"

namespace ingot::plugin {
namespace {

using ::testing::HasSubstr;

class Checking {
 public:
  Checking() { set_checking(true); }
  ~Checking() { set_checking(false); }
};

// The operator's result on [1, 2, 3] of the shape [3], or the error's text.
std::string run(const TestLibrary& test) {
  Registry registry;
  const auto library = registry.add(&test.library);
  if (!library.is_ok()) return library.status().message();
  HostTensor x = HostTensor::create(DType::f32, {3}).value();
  for (int i = 0; i < 3; ++i) x.set_double(i, i + 1);
  const HostTensor* inputs[] = {&x};
  const DType types[] = {DType::f32};
  const auto outputs = evaluate(*(*library)->operators.front(), Attrs(), inputs, types);
  if (!outputs.is_ok()) return outputs.status().message();
  std::string text;
  for (std::int64_t i = 0; i < outputs->front().elements(); ++i)
    text += fmt::format("{} ", outputs->front().as_double(i));
  return text;
}

using Launch = decltype(ingot_plugin_operator::launch);

std::string run(const char* name, Launch launch) {
  TestLibrary test(name);
  test.op.launch = launch;
  return run(test);
}

TEST(PluginKernel, Runs) {
  const Checking checking;
  EXPECT_EQ(run(TestLibrary("Same")), "1 2 3 ");
}

TEST(PluginKernel, WritesBehindTheOutputAreCaught) {
  const Checking checking;
  const std::string error =
      run("Behind", [](void*, const void*, void*, const ingot_plugin_launch* call, ingot_plugin_error*) {
        static_cast<float*>(call->outputs[0].data)[3] = 1;
        return std::int32_t{0};
      });
  EXPECT_THAT(error, HasSubstr("wrote outside of output 0 of shape [3]"));
  EXPECT_THAT(error, HasSubstr("test::Behind"));
}

TEST(PluginKernel, WritesBeforeTheOutputAreCaught) {
  const Checking checking;
  EXPECT_THAT(run("Before",
                  [](void*, const void*, void*, const ingot_plugin_launch* call, ingot_plugin_error*) {
                    static_cast<char*>(call->outputs[0].data)[-5] = 1;
                    return std::int32_t{0};
                  }),
              HasSubstr("5 bytes before its start"));
}

TEST(PluginKernel, WritesIntoInputsAreCaught) {
  const Checking checking;
  EXPECT_THAT(run("Into",
                  [](void*, const void*, void*, const ingot_plugin_launch* call, ingot_plugin_error*) {
                    static_cast<float*>(call->inputs[0].data)[0] += 1;
                    return std::int32_t{0};
                  }),
              HasSubstr("wrote into its input 0"));
}

TEST(PluginKernel, WritesOutsideOfTheWorkspaceAreCaught) {
  const Checking checking;
  TestLibrary test("Workspace");
  test.op.configure = [](void*, const void*, const ingot_plugin_operands*, void**, std::size_t* workspace,
                         ingot_plugin_error*) -> std::int32_t {
    *workspace = 100;
    return 0;
  };
  test.op.launch = [](void*, const void*, void*, const ingot_plugin_launch* call, ingot_plugin_error*) -> std::int32_t {
    static_cast<char*>(call->workspace)[call->workspace_size] = 1;
    return 0;
  };
  EXPECT_THAT(run(test), HasSubstr("outside of its workspace of 100 bytes"));
}

TEST(PluginKernel, CrashesAndExceptionsAreErrors) {
  const Checking checking;
  EXPECT_THAT(run("Crash",
                  [](void*, const void*, void*, const ingot_plugin_launch*, ingot_plugin_error*) -> std::int32_t {
                    std::raise(SIGFPE);
                    return 0;
                  }),
              HasSubstr("its launch function crashed with an arithmetic fault"));
  EXPECT_THAT(run("Throw",
                  [](void*, const void*, void*, const ingot_plugin_launch*, ingot_plugin_error*) -> std::int32_t {
                    throw std::runtime_error("no luck");
                  }),
              HasSubstr("threw an exception: no luck"));
  EXPECT_THAT(
      run("Fail",
          [](void*, const void*, void*, const ingot_plugin_launch*, ingot_plugin_error*) -> std::int32_t { return 1; }),
      HasSubstr("failed without a reason in launch"));
}

TEST(PluginKernel, WrongShapeRulesAreErrors) {
  TestLibrary silent("Silent");
  silent.op.infer = [](void*, const ingot_plugin_infer*, ingot_plugin_error*) -> std::int32_t { return 0; };
  EXPECT_THAT(run(silent), HasSubstr("says nothing about output 0"));
  TestLibrary far("Far");
  far.op.infer = [](void*, const ingot_plugin_infer* call, ingot_plugin_error*) -> std::int32_t {
    call->input_dim(call->host, 0, 4);
    return 0;
  };
  EXPECT_THAT(run(far), HasSubstr("looks at dimension 4 of input 0, which has rank 1"));
  TestLibrary zero("Zero");
  zero.op.infer = [](void*, const ingot_plugin_infer* call, ingot_plugin_error*) -> std::int32_t {
    call->combine(call->host, INGOT_PLUGIN_MOD, call->input_dim(call->host, 0, 0), call->constant(call->host, 0));
    return 0;
  };
  EXPECT_THAT(run(zero), HasSubstr("has no result"));
}

// Dimensions of an output that the data size are -1 where only they decide.
TEST(PluginKernel, DataDependentOutputsAreAllocatedAtLaunch) {
  const Checking checking;
  TestLibrary test("Tail");
  test.op.infer = [](void*, const ingot_plugin_infer* call, ingot_plugin_error*) -> std::int32_t {
    const ingot_plugin_dim dims[] = {call->data_dependent(call->host, 0), call->constant(call->host, 1)};
    call->set_output(call->host, 0, INGOT_PLUGIN_F32, 2, dims);
    return 0;
  };
  test.op.launch = [](void*, const void*, void*, const ingot_plugin_launch* call, ingot_plugin_error*) -> std::int32_t {
    const ingot_plugin_tensor& out = call->outputs[0];
    if (out.data != nullptr || out.rank != 2 || out.dims[0] != -1 || out.dims[1] != 1) return 1;
    const std::int64_t dims[] = {2, 1};
    void* memory = call->allocate_output(call->host, 0, dims, 2);
    if (memory == nullptr) return 2;
    std::memcpy(memory, static_cast<const float*>(call->inputs[0].data) + 1, 2 * sizeof(float));
    return 0;
  };
  EXPECT_EQ(run(test), "2 3 ");
}

TEST(GuardedBuffer, TellsWhatWasDamaged) {
  GuardedBuffer buffer(10);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0U);
  std::fill_n(buffer.data(), buffer.size(), std::byte{1});
  EXPECT_EQ(buffer.damage(), "");
  buffer.data()[12] = std::byte{0};
  EXPECT_EQ(buffer.damage(), "2 bytes behind its end");
}

std::string heard;

std::string text(const ingot_plugin_range& range, std::int32_t rank) {
  std::string out;
  for (const std::int64_t* sizes : {range.dims, range.least, range.typical, range.most})
    out += to_string(Shape(sizes, sizes + rank));
  return out;
}

// What configure hears of an input of this type, at a size of 3.
std::string ranges_of(const Operand& input) {
  TestLibrary test("Ranges");
  test.op.configure = [](void*, const void*, const ingot_plugin_operands* call, void**, std::size_t*,
                         ingot_plugin_error*) -> std::int32_t {
    heard =
        text(call->input_ranges[0], call->inputs[0].rank) + " " + text(call->output_ranges[0], call->outputs[0].rank);
    return 0;
  };
  Registry registry;
  const auto library = registry.add(&test.library);
  if (!library.is_ok()) return library.status().message();
  Problem problem;
  problem.kind = "test::Ranges";
  problem.inputs = problem.outputs = {input};
  KernelOptions options;
  options.combination.inputs = options.combination.outputs = {{DType::f32, INGOT_PLUGIN_LINEAR}};
  const auto kernel = make_kernel(*(*library)->operators.front(), problem, options);
  if (!kernel.is_ok()) return kernel.status().message();
  // At run time operands come without bounds: the kernel has them.
  const Operand at_hand[] = {{DType::f32, {3, 4}, false, nullptr}};
  ConfigureArgs args;
  args.inputs = args.outputs = at_hand;
  heard = "nothing";
  const auto state = (*kernel)->configure(args);
  return state.is_ok() ? heard : state.status().message();
}

TEST(PluginKernel, HearsOfRanges) {
  EXPECT_EQ(ranges_of({DType::f32, {3, 4}, false, nullptr}), "[3, 4][3, 4][3, 4][3, 4] [3, 4][3, 4][3, 4][3, 4]");
  const auto bounds = std::make_shared<const SizeBounds>(SizeBounds{{-1, 4}, {1, 4}, {2, 4}, {8, 4}});
  EXPECT_EQ(ranges_of({DType::f32, {2, 4}, false, nullptr, bounds}),
            "[-1, 4][1, 4][2, 4][8, 4] [-1, 4][1, 4][2, 4][8, 4]");
  const auto unknown = std::make_shared<const SizeBounds>(SizeBounds{{-1, 4}, {-1, 4}, {-1, 4}, {-1, 4}});
  EXPECT_EQ(ranges_of({DType::f32, {2, 4}, false, nullptr, unknown}),
            "[-1, 4][3, 4][3, 4][3, 4] [-1, 4][3, 4][3, 4][3, 4]");
}

}  // namespace
}  // namespace ingot::plugin
