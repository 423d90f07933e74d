// SPDX-License-Identifier: Apache-2.0
#include "builder/shape_options.h"

#include <gtest/gtest.h>

namespace ingot::builder {
namespace {

// Inputs: image f32[N, 3, H, H], onnx::mask i64[N, T], fixed f32[2].
ir::Graph sample() {
  ir::Graph graph;
  const Dim n = Dim::symbol("N");
  const Dim h = Dim::symbol("H");
  graph.add_input("image", ir::Type::tensor(DType::f32, SymShape{n, 3, h, h}));
  graph.add_input("onnx::mask", ir::Type::tensor(DType::i64, SymShape{n, Dim::symbol("T")}));
  graph.add_input("fixed", ir::Type::tensor(DType::f32, SymShape{2}));
  return graph;
}

std::string text_of(const std::vector<ShapeRange>& ranges) {
  std::string out;
  for (const ShapeRange& r : ranges) out += r.input + to_string(r.min) + to_string(r.opt) + to_string(r.max) + ";";
  return out;
}

TEST(ShapeOptions, SymbolsReachEveryInputThatHasThem) {
  EXPECT_EQ(text_of(parse_shapes(sample(), {"N:1x8x64", "H:224", "T:16x128x512"}).value()),
            "image[1, 3, 224, 224][8, 3, 224, 224][64, 3, 224, 224];onnx::mask[1, 16][8, 128][64, 512];");
}

TEST(ShapeOptions, WholeInputs) {
  EXPECT_EQ(text_of(parse_shapes(sample(), {"image:1x3x8x8"}).value()), "image[1, 3, 8, 8][1, 3, 8, 8][1, 3, 8, 8];");
  EXPECT_EQ(text_of(parse_shapes(sample(), {"onnx::mask:1x1:2x8:4x16"}).value()), "onnx::mask[1, 1][2, 8][4, 16];");
}

TEST(ShapeOptions, MistakesAreNamed) {
  const auto message = [](const std::string& text) {
    const auto result = parse_shapes(sample(), {text});
    return result.is_ok() ? std::string("accepted") : result.status().message();
  };
  EXPECT_NE(message("M:1").find("neither an input ('image', 'onnx::mask', 'fixed') nor a symbolic dimension (N, H, T)"),
            std::string::npos);
  EXPECT_NE(message("N").find("expected NAME:MINxOPTxMAX"), std::string::npos);
  EXPECT_NE(message("N:1x2").find("SIZE or MINxOPTxMAX"), std::string::npos);
  EXPECT_NE(message("N:4x2x8").find("min <= opt <= max"), std::string::npos);
  EXPECT_NE(message("N:1xx2").find("is not a size"), std::string::npos);
  EXPECT_NE(message("N:99999999999999999999").find("is not a size"), std::string::npos);
  EXPECT_NE(message("N:1x8x64").find("give its range too"), std::string::npos) << "H and T are still open";
  EXPECT_NE(message("onnx::mask:1x1:2x2").find("one shape, or min:opt:max"), std::string::npos);
}

}  // namespace
}  // namespace ingot::builder
