// SPDX-License-Identifier: Apache-2.0
#include "ir/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/verify.h"
#include "tensor/tensor_text.h"

namespace ingot::ir {
namespace {

Type random_type(std::mt19937& random, int depth) {
  switch (depth > 3 ? 0 : random() % 12) {
    case 1: return Type::of(Type::Kind::sequence, random_type(random, depth + 1));
    case 2: return Type::of(Type::Kind::optional, random_type(random, depth + 1));
    case 3: {
      Type type = Type::of(Type::Kind::map, random_type(random, depth + 1));
      type.dtype = DType::i64;
      return type;
    }
    case 4: return {};
    case 5: return Type::tensor(DType::f16, std::nullopt);
    case 6: return Type::tensor(DType::f32, SymShape{});
    default:
      return Type::tensor(DType::f32, SymShape{Dim::symbol("N"), floor_div(Dim::symbol("H") + Dim(1), Dim(2)), Dim(3)});
  }
}

std::string random_name(std::mt19937& random) {
  const char* names[] = {"", "x", "/model.0/conv/Conv_output_0", "a b", "q\"uote", "\xff\xfe", "1", "_", "const", "%"};
  return names[random() % 10];
}

HostTensor random_constant(std::mt19937& random) {
  const DType types[] = {DType::f32, DType::f16,    DType::i64, DType::u8, DType::boolean,
                         DType::c64, DType::string, DType::i4,  DType::f64};
  const DType dtype = types[random() % 9];
  HostTensor tensor =
      HostTensor::create(dtype, {static_cast<std::int64_t>(random() % 3), static_cast<std::int64_t>(random() % 20)})
          .value();
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    if (dtype == DType::string) tensor.strings()[static_cast<std::size_t>(i)] = random_name(random);
    tensor.set_double(i, random() % 50 == 0 ? std::nan("") : (static_cast<double>(random() % 1000) - 500) / 7);
  }
  return tensor;
}

std::shared_ptr<Graph> random_graph(std::mt19937& random, int depth) {
  auto graph = std::make_shared<Graph>();
  graph->name = random_name(random);
  std::vector<ValueId> values;
  for (unsigned n = random() % 4; n > 0; --n)
    values.push_back(graph->add_input(random_name(random), random_type(random, 0)));
  for (unsigned n = 1 + random() % 12; n > 0; --n) {
    if (random() % 4 == 0) {
      values.push_back(graph->add_constant(random_name(random), share(random_constant(random))));
      continue;
    }
    std::vector<ValueId> inputs;
    for (unsigned k = random() % 4; k > 0; --k)
      inputs.push_back(values.empty() || random() % 5 == 0 ? kNoValue : values[random() % values.size()]);
    std::vector<Graph::NewOutput> outputs;
    for (unsigned k = random() % 3; k > 0; --k)
      outputs.push_back({random_name(random), random_type(random, 0), random() % 5 != 0});
    Attrs attrs;
    if (random() % 2 == 0) attrs = {{"axis", std::int64_t{1}}, {"mode", random_name(random)}, {"scale", 2.0}};
    const char* ops[] = {"Relu", "custom.domain::Op", "const", "odd op", "_", "subgraphs"};
    const NodeId id = *graph->add_node(ops[random() % 6], random_name(random), inputs, attrs, std::move(outputs));
    for (const ValueId output : graph->node(id).outputs)
      if (output != kNoValue) values.push_back(output);
    if (depth < 2 && random() % 6 == 0)
      graph->node(id).subgraphs.emplace_back("then branch", random_graph(random, depth + 1));
  }
  std::vector<ValueId> outputs;
  std::vector<std::string> names;
  for (unsigned n = values.empty() ? 0 : random() % 3; n > 0; --n) {
    outputs.push_back(values[random() % values.size()]);
    names.push_back(random() % 2 == 0 ? graph->value(outputs.back()).name : random_name(random));
  }
  graph->set_outputs(outputs, names);
  return graph;
}

constexpr std::string_view kExample = R"(graph "example" (%x: f32[N, 4]) -> (%y as "scores", %/block/s) {
  const %w: f32[4] = [0.5, 1.0, 1.5, 2.0]
  %/block/s: i64[2] ~[N, 4] = Shape(%x)
  %y: f32[N, 4], _ = custom::Op(%x, %w, _) {axis=1} "node \"name\"" subgraphs("body"=graph "" (%i: f32[?]) -> (%i) {
  })
  () = Sink(%y)
}
)";

TEST(GraphText, PrintsWhatItParses) {
  const auto graph = parse(kExample);
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(print(**graph), kExample);
  EXPECT_TRUE(verify(**graph).is_ok());
  EXPECT_EQ((*graph)->value((*graph)->find_value("/block/s")).symbolic_value,
            (std::vector<Dim>{Dim::symbol("N"), Dim(4)}));
  EXPECT_THAT((*graph)->output_names(), testing::ElementsAre("scores", "/block/s"));
}

TEST(GraphText, RandomGraphsRoundTrip) {
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    const auto graph = random_graph(random, 0);
    const std::string text = print_full(*graph);
    const auto back = parse(text);
    ASSERT_TRUE(back.is_ok()) << back.status().to_string() << "\n" << text;
    ASSERT_TRUE(verify(**back).is_ok()) << verify(**back).to_string() << text;
    ASSERT_EQ(print_full(**back), text);
    for (const ValueId id : graph->values()) {
      const auto& constant = graph->value(id).constant;
      if (constant == nullptr) continue;
      const HostTensor* read = (*back)->constant((*back)->find_value(graph->value(id).name));
      ASSERT_NE(read, nullptr);
      EXPECT_TRUE(same_content(*constant, *read)) << tensor_text(*constant);
    }
  }
}

TEST(GraphText, LargeConstantsPrintAsHashes) {
  Graph graph;
  graph.add_constant("w", share(HostTensor::create(DType::f32, {100}).value()));
  EXPECT_THAT(print(graph), testing::HasSubstr("const %w: f32[100] = blob("));
  EXPECT_THAT(parse(print(graph)).status().message(), testing::HasSubstr("printed without its content"));
  EXPECT_EQ(print(graph, {.max_constant_elements = 100}),
            print(**parse(print(graph, {.max_constant_elements = 100})), {.max_constant_elements = 100}));
  EXPECT_TRUE(parse(print_full(graph)).is_ok());
}

TEST(GraphText, RefusesBadText) {
  for (const char* text :
       {"", "graph", "graph \"g\" (", "graph \"g\" () -> (%x) { }", "graph \"g\" (%x: f32[1], %x: f32[1]) -> () { }",
        "graph \"g\" () -> () { %y: f32[1] = Relu(%x) }", "graph \"g\" () -> () { const %c: f32[2] = [1.0] }",
        "graph \"g\" () -> () { const %c: f32[1000000000000] = [1.0] }",
        "graph \"g\" () -> () { const %c: f32[N] = [1.0] }",
        "graph \"g\" () -> () { const %c: f32[1] = <i32[1] 0x00000000> }", "graph \"g\" () -> () { } x",
        "graph \"g\" (%x: f32[1]) -> () { %y: f32[1] = Relu(%x) {axis=} }", "graph \"g\" (%x: seq<) -> () { }"})
    EXPECT_FALSE(parse(text).is_ok()) << text;
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "graph \"\" () -> () { () = If() subgraphs(\"b\"=";
  EXPECT_THAT(parse(deep).status().message(), testing::HasSubstr("too deeply"));
  std::string type = "graph \"\" (%x: ";
  for (int i = 0; i < 1000; ++i) type += "seq<";
  EXPECT_THAT(parse(type).status().message(), testing::HasSubstr("too deeply"));
}

TEST(GraphText, SurvivesDamagedText) {
  std::mt19937 random(23);
  for (int round = 0; round < 3000; ++round) {
    std::string text(kExample);
    for (unsigned n = 1 + random() % 3; n > 0; --n) text[random() % text.size()] = static_cast<char>(random() % 128);
    const auto graph = parse(text);
    EXPECT_TRUE(!graph.is_ok() || parse(print_full(**graph)).is_ok()) << text;
  }
}

TEST(Type, ChecksCompatibility) {
  const Dim n = Dim::symbol("N");
  const auto f32 = [](std::optional<SymShape> shape) { return Type::tensor(DType::f32, std::move(shape)); };
  EXPECT_TRUE(check_compatible(f32(SymShape{n}), f32(SymShape{Dim(3)})).is_ok());
  EXPECT_TRUE(check_compatible(f32(std::nullopt), f32(SymShape{Dim(3)})).is_ok());
  EXPECT_FALSE(check_compatible(f32(SymShape{n}), f32(SymShape{n + Dim(1)})).is_ok());
  EXPECT_FALSE(check_compatible(f32(SymShape{}), f32(SymShape{n})).is_ok());
  EXPECT_FALSE(check_compatible(f32(SymShape{n}), Type::tensor(DType::f16, SymShape{n})).is_ok());
  EXPECT_FALSE(check_compatible(f32(SymShape{n}), Type::of(Type::Kind::sequence, f32(SymShape{n}))).is_ok());
}

}  // namespace
}  // namespace ingot::ir
