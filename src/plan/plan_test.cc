// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <tuple>

#include <gtest/gtest.h>

#include "plan/memory_plan.h"
#include "plan/reader.h"
#include "plan/strings.h"
#include "plan/symbols.h"
#include "plan/writer.h"

namespace ingot::plan {
namespace {

// A small plan with every feature: constant, alias, symbolic shapes, a profile, candidates.
struct Sample {
  std::vector<std::byte> weights = std::vector<std::byte>(5000, std::byte{7});
  std::vector<std::byte> texts = encode_strings({"a", ""});
  Plan plan;
  Sample() {
    plan.engine_version = "test";
    plan.device_kind = "cpu";
    plan.device_fingerprint = "cpu  l2=1";
    plan.blobs = {std::span<const std::byte>(weights).first(16), weights};
    plan.tensors = {{"x", DType::f32, {Dim::symbol("N"), 4}, Storage::input, -1, -1, -1},
                    {"w", DType::f32, {4}, Storage::constant, 0, -1, -1},
                    {"t", DType::f32, {Dim::symbol("N"), 4}, Storage::activation, -1, -1, -1},
                    {"v", DType::f32, {Dim::symbol("N") * Dim(4)}, Storage::alias, -1, 2, -1},
                    {"y", DType::f32, {Dim::symbol("N") * Dim(4)}, Storage::output, -1, -1, -1}};
    plan.steps = {{"a", "cpu.plain", 1, "", "Add", {0, 1}, {2}, {1}, false, 1.5F},
                  {"b", "cpu.plain", 1, "c", "Abs", {3}, {4}, {}, false, 0}};
    plan.inputs = {0};
    plan.outputs = {4};
    plan.profiles = {{{0, {1, 4}, {2, 4}, {8, 4}}}};
    plan.candidates = {{0, "cpu.plain", "", 1.5F, ""}};
    plan.provenance = {{"model", "m.onnx"}};
    // Two bodies, the second of which refers to the first; an object, and a constant one.
    plan.blobs.emplace_back(texts);
    Program leaf;
    leaf.tensors = {{"i", DType::f32, {Dim::symbol("M")}, Storage::input, -1, -1, -1},
                    {"o", DType::f32, {Dim::symbol("M")}, Storage::output, -1, -1, -1}};
    leaf.steps = {{"neg", "cpu.plain", 1, "", "Neg", {0}, {1}, {}, false, 0}};
    leaf.inputs = {0};
    leaf.outputs = {1};
    Program outer = leaf;
    outer.tensors.push_back({"words", DType::string, {2}, Storage::constant, 2, -1, -1, "string[2]"});
    outer.tensors.push_back({"seq", DType::f32, {}, Storage::activation, -1, -1, -1, "seq<f32[?]>"});
    outer.steps = {{"if", std::string(kControlFlow), 1, "", "If", {0, 0}, {1}, {}, true, 0, {0, 0}},
                   {"s", std::string(kObjectStep), 1, "", "SequenceConstruct", {0}, {3}, {}, false, 0}};
    plan.programs = {leaf, outer};
    plan.steps[1].programs = {1};
  }
};

TEST(Plan, RoundTrips) {
  const Sample sample;
  const std::vector<std::byte> file = write(sample.plan).value();
  const Plan read_back = read(file).value();
  ASSERT_EQ(read_back.tensors.size(), sample.plan.tensors.size());
  for (std::size_t i = 0; i < read_back.tensors.size(); ++i) {
    EXPECT_EQ(read_back.tensors[i].name, sample.plan.tensors[i].name);
    EXPECT_EQ(to_string(read_back.tensors[i].shape), to_string(sample.plan.tensors[i].shape));
    EXPECT_EQ(read_back.tensors[i].alias_of, sample.plan.tensors[i].alias_of);
  }
  EXPECT_EQ(read_back.steps[1].config, "c");
  EXPECT_EQ(read_back.steps[0].blobs, std::vector<std::int32_t>{1});
  EXPECT_EQ(read_back.profiles[0][0].max, (Shape{8, 4}));
  EXPECT_TRUE(std::equal(read_back.blobs[1].begin(), read_back.blobs[1].end(), sample.weights.begin()));
  ASSERT_EQ(read_back.programs.size(), 2U);
  EXPECT_EQ(read_back.programs[1].steps[0].programs, (std::vector<std::int32_t>{0, 0}));
  EXPECT_EQ(read_back.programs[1].tensors[3].type, "seq<f32[?]>");
  EXPECT_EQ(read_back.steps[1].programs, std::vector<std::int32_t>{1});
  EXPECT_EQ(write(read_back).value(), file) << "writing is deterministic";
}

TEST(Plan, EveryTruncationIsCorrupt) {
  const Sample sample;
  const std::vector<std::byte> file = write(sample.plan).value();
  for (std::size_t size = 0; size < file.size(); size += size < 128 ? 1 : 61) {
    // A copy of its own, so that the sanitizer sees a read past the end.
    const std::vector<std::byte> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(read(cut).status().code(), StatusCode::kCorrupt) << size;
  }
}

TEST(Plan, EveryFlippedByteIsCaught) {
  const Sample sample;
  std::vector<std::byte> file = write(sample.plan).value();
  for (std::size_t i = 0; i < file.size(); ++i) {
    for (const auto flip : {std::byte{1}, std::byte{0xff}}) {
      file[i] ^= flip;
      const Status status = read(file).status();
      EXPECT_TRUE(status.code() == StatusCode::kCorrupt || status.code() == StatusCode::kIncompatible)
          << i << ": " << status.to_string();
      file[i] ^= flip;
    }
  }
}

TEST(Plan, NonsenseIsRefused) {
  const auto refused = [](auto change) {
    Sample sample;
    change(sample.plan);
    return validate(sample.plan).code() == StatusCode::kCorrupt;
  };
  EXPECT_TRUE(refused([](Plan& p) { p.outputs = {5}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.outputs = {-1}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.inputs = {1}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.steps[0].inputs = {4, 1}; }));  // read before written
  EXPECT_TRUE(refused([](Plan& p) { p.steps[1].outputs = {2}; }));    // written twice
  EXPECT_TRUE(refused([](Plan& p) { p.steps[0].outputs = {0}; }));    // an input overwritten
  EXPECT_TRUE(refused([](Plan& p) { p.steps[0].blobs = {3}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.tensors[3].alias_of = 3; }));
  EXPECT_TRUE(refused([](Plan& p) { p.tensors[3].alias_of = 4; }));
  EXPECT_TRUE(refused([](Plan& p) { p.tensors[1].blob = 1; }));  // wrong size
  EXPECT_TRUE(refused([](Plan& p) { p.tensors[1].shape = {Dim(std::int64_t{1} << 62)}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.tensors[2].arena_offset = 0; }));
  EXPECT_TRUE(refused([](Plan& p) { p.profiles[0][0].min = {9, 4}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.steps[1].programs = {2}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.programs[0].steps[0].programs = {0}; }));  // itself
  EXPECT_TRUE(refused([](Plan& p) { p.programs[0].steps[0].programs = {1}; }));  // a later one
  EXPECT_TRUE(refused([](Plan& p) { p.programs[1].steps[0].programs = {-1}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.programs[0].outputs = {7}; }));
  EXPECT_TRUE(refused([](Plan& p) { p.programs[1].tensors[2].shape = {3}; }));  // two strings
  EXPECT_TRUE(refused([](Plan& p) { p.programs[1].tensors[2].blob = 1; }));     // no strings
  EXPECT_TRUE(refused([](Plan& p) { p.programs[1].tensors[3].arena_offset = 0; }));
  EXPECT_TRUE(refused([](Plan& p) { p.programs[1].steps[1].tactic = "cpu.plain"; }));
  EXPECT_TRUE(refused([](Plan& p) {
    p.programs[1].tensors[3].type.clear();
    p.programs[1].tensors[3].dtype = DType::string;
  }));
}

// x -> a -> b -> c -> y, every tensor of 100 bytes: c may lie where a was.
TEST(Plan, LiveTensorsMustNotShareMemory) {
  const auto status = [](std::int64_t a, std::int64_t b, std::int64_t c) {
    Plan plan;
    plan.tensors = {{"x", DType::f32, {25}, Storage::input, -1, -1, -1},
                    {"a", DType::f32, {25}, Storage::activation, -1, -1, a},
                    {"b", DType::f32, {25}, Storage::activation, -1, -1, b},
                    {"c", DType::f32, {25}, Storage::activation, -1, -1, c},
                    {"y", DType::f32, {25}, Storage::output, -1, -1, -1}};
    for (std::int32_t i = 0; i < 4; ++i)
      plan.steps.push_back({std::string(1, "abcy"[i]), "cpu.plain", 1, "", "Neg", {i}, {i + 1}, {}, false, 0});
    plan.inputs = {0};
    plan.outputs = {4};
    plan.arena_bytes = 512;
    return validate(plan);
  };
  EXPECT_TRUE(status(0, 128, 0).is_ok()) << status(0, 128, 0).to_string();
  EXPECT_TRUE(status(128, 0, 128).is_ok());
  for (const auto& [a, b, c] : {std::tuple(0, 0, 128), std::tuple(0, 64, 192), std::tuple(64, 0, 192)})
    EXPECT_EQ(status(a, b, c).message(), "plan: 'b' and 'a' share memory in step 'b'");
  EXPECT_EQ(status(256, 128, 64).message(), "plan: 'c' and 'b' share memory in step 'c'");
}

TEST(MemoryPlan, LiveBuffersNeverOverlap) {
  std::uint32_t seed = 12345;
  const auto random = [&](std::uint32_t limit) {
    seed = seed * 1664525U + 1013904223U;
    return static_cast<std::int32_t>((seed >> 8) % limit);
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<BufferUse> buffers;
    for (int i = 0; i < 40; ++i) {
      const std::int32_t first = random(100);
      buffers.push_back({random(5000), first, first + random(20)});
    }
    const MemoryPlan plan = plan_memory(buffers);
    for (std::size_t a = 0; a < buffers.size(); ++a) {
      EXPECT_EQ(plan.offsets[a] % 64, 0);
      EXPECT_LE(plan.offsets[a] + buffers[a].bytes, plan.arena_bytes);
      for (std::size_t b = 0; b < a; ++b) {
        const bool live_together =
            buffers[a].first_step <= buffers[b].last_step && buffers[b].first_step <= buffers[a].last_step;
        const bool apart = plan.offsets[a] + buffers[a].bytes <= plan.offsets[b] ||
                           plan.offsets[b] + buffers[b].bytes <= plan.offsets[a];
        EXPECT_TRUE(!live_together || apart || buffers[a].bytes == 0 || buffers[b].bytes == 0);
      }
    }
  }
}

TEST(Symbols, BindAndCheck) {
  SymbolValues symbols;
  const SymShape pattern = {Dim::symbol("N"), 3, Dim::symbol("H")};
  EXPECT_TRUE(bind_symbols("x", pattern, {2, 3, 8}, symbols).is_ok());
  EXPECT_EQ(symbols["H"], 8);
  EXPECT_EQ(bind_symbols("x", pattern, {2, 4, 8}, symbols).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(bind_symbols("x", pattern, {2, 3}, symbols).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(bind_symbols("y", {Dim::symbol("N")}, {3}, symbols).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(resolve({Dim::symbol("N") * Dim::symbol("H")}, symbols).value(), Shape{16});
  EXPECT_EQ(resolve({Dim::symbol("Z")}, symbols).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(resolve({Dim::symbol("N") - Dim(3)}, symbols).status().code(), StatusCode::kInvalidArgument);
}

TEST(Symbols, LinearDimensionsAreSolved) {
  SymbolValues symbols{{"N", 2}};
  const Dim n = Dim::symbol("N"), a = Dim::symbol("A"), b = Dim::symbol("B"), c = Dim::symbol("C");
  EXPECT_TRUE(bind_symbols("x", {a * n + Dim(3), b - Dim(1)}, {9, 4}, symbols).is_ok());
  EXPECT_EQ(symbols["A"], 3);
  EXPECT_EQ(symbols["B"], 5);
  // No whole solution, a negative one, more than one, two unknowns: left to what comes later.
  for (const Dim& dim : {c * Dim(2), c + Dim(8), floor_div(c, Dim(2)), c * Dim::symbol("D")})
    EXPECT_TRUE(bind_symbols("x", {dim}, {7}, symbols).is_ok());
  EXPECT_FALSE(symbols.contains("C"));
}

}  // namespace
}  // namespace ingot::plan
