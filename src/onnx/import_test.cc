// SPDX-License-Identifier: Apache-2.0
// Whole models: what is accepted, and what each kind of bad input is told.
#include "onnx/import.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/verify.h"
#include "onnx/test_model.h"

namespace ingot::onnx {
namespace {

using namespace testing;
using ::testing::HasSubstr;

TestModel relu_model() {
  TestModel model;
  one_node(model, "Relu", {"N", 3});
  return model;
}

void expect_error(const TestModel& model, StatusCode code, const std::string& part) {
  const auto graph = model.run();
  ASSERT_FALSE(graph.is_ok());
  EXPECT_EQ(graph.status().code(), code) << graph.status().to_string();
  EXPECT_THAT(graph.status().message(), HasSubstr(part));
}

Status status_of_text(const std::string& text) { return import_bytes(std::as_bytes(std::span(text)), "").status(); }

TEST(Import, SimpleModel) {
  TestModel model = relu_model();
  model.proto.set_producer_name("tests");
  ModelInfo info;
  const auto graph = model.run({}, &info);
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_TRUE(ir::verify(**graph).is_ok());
  EXPECT_EQ(ops_of(**graph), "Relu");
  EXPECT_EQ(output_type(**graph), "f32[N, 3]");
  EXPECT_EQ((*graph)->value((*graph)->outputs()[0]).name, "y");
  EXPECT_EQ(info.producer_name, "tests");
  EXPECT_EQ(info.opsets.at(""), 20);
  EXPECT_TRUE(info.warnings.empty());
}

TEST(Import, NotAModel) {
  EXPECT_EQ(status_of_text("").code(), StatusCode::kCorrupt);
  EXPECT_THAT(status_of_text("").message(), HasSubstr("empty"));
  EXPECT_EQ(status_of_text("hello, this is no model\n").code(), StatusCode::kCorrupt);
  EXPECT_THAT(status_of_text("hello, this is no model\n").message(), HasSubstr("text"));
  EXPECT_THAT(status_of_text("version https://git-lfs.github.com/spec/v1\n").message(), HasSubstr("Git LFS"));
  EXPECT_THAT(status_of_text("PK\x03\x04 some").message(), HasSubstr("zip"));
  EXPECT_EQ(import_file("/nonexistent/model.onnx").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(import_file("/tmp").status().code(), StatusCode::kInvalidArgument);
}

TEST(Import, EveryTruncationIsAnError) {
  TestModel model = relu_model();
  add_floats(model.graph(), "w", {20});
  const std::string bytes = model.proto.SerializeAsString();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    const auto graph = import_bytes(std::as_bytes(std::span(cut)), "");
    ASSERT_FALSE(graph.is_ok()) << size;
  }
}

TEST(Import, AnyFlippedByteIsHandled) {
  TestModel model = relu_model();
  add_floats(model.graph(), "w", {2});
  std::string bytes = model.proto.SerializeAsString();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      (void)import_bytes(std::as_bytes(std::span(bytes)), "").is_ok();
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
    }
  }
}

TEST(Import, Versions) {
  TestModel newer(99);
  expect_error(newer, StatusCode::kUnsupported, "opset 99 is not supported; this build knows opsets 1 to 28");
  TestModel ir(20, 99);
  expect_error(ir, StatusCode::kUnsupported, "IR version 99 is not supported; this build knows versions 3 to 14");
  TestModel none = relu_model();
  none.proto.clear_opset_import();
  expect_error(none, StatusCode::kCorrupt, "no operator set");
}

TEST(Import, UnsupportedOperatorsAreReportedTogether) {
  TestModel model(13);
  one_node(model, "Gelu", {1});
  add_node(model.graph(), "NoSuchOp", {"x"}, {"z"});
  add_node(model.graph(), "Upsample", {"x"}, {"u"});
  TestModel::import(model.proto, "com.acme", 3);
  add_node(model.graph(), "Deform", {"x"}, {"d"}, "com.acme");
  NodeProto& branch = add_node(model.graph(), "If", {"c"}, {"i"});
  add_node(add_body(branch, "then_branch"), "InBody", {"x"}, {"b"});
  const Status status = model.run().status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("5 of the model's nodes"));
  EXPECT_THAT(status.message(), HasSubstr("node \"the_Gelu\" (Gelu, opset 13): the operator exists from opset 20 on"));
  EXPECT_THAT(status.message(),
              HasSubstr("node \"the_NoSuchOp\" (NoSuchOp, opset 13): there is no such ONNX operator"));
  EXPECT_THAT(status.message(),
              HasSubstr("node \"the_Upsample\" (Upsample, opset 13): the operator was removed after opset 9"));
  EXPECT_THAT(status.message(), HasSubstr("node \"the_Deform\" (com.acme::Deform, opset 3): no plugin library that "
                                          "serves domain \"com.acme\" is loaded"));
  EXPECT_THAT(status.message(), HasSubstr("the_InBody"));
}

TEST(Import, UnsortedNodesAreSorted) {
  TestModel model;
  add_input(model.graph(), "x", {1});
  add_output(model.graph(), "y");
  add_node(model.graph(), "Relu", {"t"}, {"y"});
  add_node(model.graph(), "Neg", {"x"}, {"t"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(ops_of(**graph), "Neg Relu");
}

TEST(Import, Cycle) {
  TestModel model = relu_model();
  add_node(model.graph(), "Neg", {"b"}, {"a"});
  add_node(model.graph(), "Abs", {"a"}, {"b"});
  add_node(model.graph(), "Exp", {"b"}, {"behind"});
  expect_error(model, StatusCode::kInvalidArgument, "is part of a cycle");
}

TEST(Import, MalformedGraphs) {
  TestModel twice = relu_model();
  add_node(twice.graph(), "Neg", {"x"}, {"y"});
  expect_error(twice, StatusCode::kInvalidArgument, "output \"y\" is already produced by node \"the_Relu\"");

  TestModel input_again = relu_model();
  add_node(input_again.graph(), "Neg", {"y"}, {"x"});
  expect_error(input_again, StatusCode::kInvalidArgument, "has the name of a graph input");

  TestModel dangling = relu_model();
  add_node(dangling.graph(), "Neg", {"nowhere"}, {"z"});
  expect_error(dangling, StatusCode::kInvalidArgument, "node \"the_Neg\" (Neg): input \"nowhere\"");

  TestModel no_outputs = relu_model();
  no_outputs.graph().clear_output();
  expect_error(no_outputs, StatusCode::kInvalidArgument, "no outputs");

  TestModel unknown_output = relu_model();
  add_output(unknown_output.graph(), "ghost");
  expect_error(unknown_output, StatusCode::kInvalidArgument, "\"ghost\" is produced by nothing");

  TestModel bad_dtype = relu_model();
  bad_dtype.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(77);
  expect_error(bad_dtype, StatusCode::kInvalidArgument, "77 is not the number of a known element type");

  TestModel huge;
  one_node(huge, "Relu", {std::int64_t{1} << 62});
  expect_error(huge, StatusCode::kInvalidArgument, "too large");

  TestModel untyped = relu_model();
  untyped.graph().mutable_input(0)->clear_type();
  expect_error(untyped, StatusCode::kInvalidArgument, "input \"x\" has no type");

  TestModel attribute = relu_model();
  attribute.graph().mutable_node(0)->add_attribute()->set_name("alpha");
  expect_error(attribute, StatusCode::kInvalidArgument, "neither type nor value");

  TestModel unknown_attribute = relu_model();
  set(*unknown_attribute.graph().mutable_node(0), "alhpa", 1.0F);
  expect_error(unknown_attribute, StatusCode::kInvalidArgument, "node \"the_Relu\" (Relu)");

  TestModel sparse = relu_model();
  sparse.graph().add_sparse_initializer();
  expect_error(sparse, StatusCode::kUnsupported, "sparse");
}

TEST(Import, SymbolsOfDimensions) {
  TestModel model;
  add_input(model.graph(), "x/1", {"batch size", "", "batch-size", 4});
  add_output(model.graph(), "y");
  add_node(model.graph(), "Relu", {"x/1"}, {"y"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ(output_type(**graph), "f32[batch_size, x_1_1, batch_size_2, 4]");
}

TEST(Import, InputShapes) {
  TestModel model;
  add_input(model.graph(), "a", {"N", "T"});
  add_input(model.graph(), "b", {"N", "T"});
  add_output(model.graph(), "y");
  add_node(model.graph(), "Add", {"a", "b"}, {"y"});
  const auto graph = model.run({.input_shapes = {{"a", {Dim(8), Dim::symbol("L")}}}});
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ((*graph)->value((*graph)->inputs()[1]).type.to_string(), "f32[8, L]");
  EXPECT_THAT(model.run({.input_shapes = {{"c", {Dim(1)}}}}).status().message(), HasSubstr("the inputs are: a, b"));
  EXPECT_THAT(model.run({.input_shapes = {{"a", {Dim(1)}}}}).status().message(), HasSubstr("has rank 2"));
  EXPECT_THAT(model.run({.input_shapes = {{"a", {Dim(1), Dim(2)}}, {"b", {Dim(3), Dim(2)}}}}).status().message(),
              HasSubstr("dimension N is given as both 1 and 3"));
}

TEST(Import, InitializerThatIsAlsoAnInput) {
  TestModel model(9, 3);
  add_input(model.graph(), "x", {2});
  add_input(model.graph(), "w", {2});
  add_floats(model.graph(), "w", {2});
  add_output(model.graph(), "y");
  add_node(model.graph(), "Add", {"x", "w"}, {"y"});
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ((*graph)->inputs().size(), 1U);
  EXPECT_NE((*graph)->constant((*graph)->find_value("w")), nullptr);
}

TEST(Import, WrongDeclaredOutputIsAWarning) {
  TestModel model = relu_model();
  set_tensor_type(*model.graph().mutable_output(0), "y", DType::i64, {1});
  ModelInfo info;
  ASSERT_TRUE(model.run({}, &info).is_ok());
  ASSERT_EQ(info.warnings.size(), 1U);
  EXPECT_THAT(info.warnings[0], HasSubstr("declared as i64[1]"));
}

TEST(Import, ConstantNodes) {
  TestModel model;
  one_node(model, "Relu", {1});
  const auto add = [&](const char* name) -> NodeProto& { return add_node(model.graph(), "Constant", {}, {name}); };
  set(add("i"), "value_int", std::int64_t{1} << 60);
  set(add("is"), "value_ints", {1, 2, 3});
  set(add("f"), "value_float", 0.5F);
  set(add("s"), "value_string", "text");
  auto& floats = add_attribute(add("fs"), "value_floats", AttributeType::numbers);
  floats.add_floats(1.5F);
  const auto graph = model.run();
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  const auto constant = [&](const char* name) { return (*graph)->constant((*graph)->find_value(name)); };
  EXPECT_EQ(constant("i")->as_int(0), std::int64_t{1} << 60);
  EXPECT_EQ(constant("i")->rank(), 0);
  EXPECT_EQ(constant("is")->shape(), Shape{3});
  EXPECT_EQ(constant("f")->as_double(0), 0.5);
  EXPECT_EQ(constant("s")->strings().at(0), "text");
  EXPECT_EQ(constant("fs")->as_double(0), 1.5);
  set(add("bad"), "value_ints", std::int64_t{1});
  expect_error(model, StatusCode::kInvalidArgument, "value_ints");
}

}  // namespace
}  // namespace ingot::onnx
