// SPDX-License-Identifier: Apache-2.0
// A model may read files in its own folder and nothing else.
#include "onnx/external_data.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/test_model.h"

namespace ingot::onnx {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ExternalDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_ / "model" / "sub");
    write(root_ / "model" / "w.bin", {1.0F, 2.0F, 3.0F, 4.0F});
    write(root_ / "model" / "sub" / "w.bin", {5.0F});
    write(root_ / "secret.bin", {9.0F});
    fs::create_symlink("../secret.bin", root_ / "model" / "link.bin");
    fs::create_directory_symlink("..", root_ / "model" / "up");
  }
  static void write(const fs::path& path, std::initializer_list<float> values) {
    std::ofstream file(path, std::ios::binary);
    for (const float value : values) file.write(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  [[nodiscard]] std::string folder() const { return (root_ / "model").string(); }
  [[nodiscard]] Status error(const std::string& location, std::int64_t offset = 0, std::int64_t count = 1) const {
    return ExternalData(folder()).read(location, offset, DType::f32, {count}).status();
  }

  fs::path root_ = fs::path(INGOT_ONNX_TEST_DIR) / "external";
};

TEST_F(ExternalDataTest, ReadsInsideTheFolder) {
  const ExternalData external(folder());
  EXPECT_EQ(external.read("w.bin", 4, DType::f32, {2}).value().as_double(1), 3.0);
  EXPECT_EQ(external.read("./sub//w.bin", 0, DType::f32, {1}).value().as_double(0), 5.0);
  EXPECT_EQ(external.read("w.bin", 16, DType::f32, {0}).value().elements(), 0);
}

TEST_F(ExternalDataTest, RefusesWhatLeadsOutside) {
  for (const char* location : {"../secret.bin", "sub/../../secret.bin", "/etc/hostname", "C:\\secret.bin", "", ".",
                               "link.bin", "up/secret.bin", "sub", "w.bin/x"}) {
    EXPECT_EQ(error(location).code(), StatusCode::kInvalidArgument) << location << ": " << error(location).to_string();
  }
  EXPECT_THAT(error("../secret.bin").message(), HasSubstr("'..'"));
  EXPECT_THAT(error("link.bin").message(), HasSubstr("symbolic link"));
  EXPECT_THAT(error("/etc/hostname").message(), HasSubstr("absolute"));
  EXPECT_EQ(error("none.bin").code(), StatusCode::kNotFound);
}

TEST_F(ExternalDataTest, ChecksOffsetAndLength) {
  EXPECT_EQ(error("w.bin", 0, 5).code(), StatusCode::kCorrupt);
  EXPECT_EQ(error("w.bin", 13, 1).code(), StatusCode::kCorrupt);
  EXPECT_EQ(error("w.bin", INT64_MAX, 1).code(), StatusCode::kCorrupt);
  EXPECT_EQ(error("w.bin", -1, 1).code(), StatusCode::kCorrupt);
  EXPECT_EQ(error("w.bin", 0, std::int64_t{1} << 40).code(), StatusCode::kCorrupt);
}

TEST_F(ExternalDataTest, ThroughAModel) {
  testing::TestModel model;
  testing::one_node(model, "Add", {2}, {"x", "w"});
  TensorProto& tensor = *model.graph().add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(1);
  tensor.add_dims(2);
  tensor.set_data_location(1);
  const auto add = [&](const char* key, const char* value) {
    auto* entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  };
  add("location", "w.bin");
  add("offset", "8");
  add("length", "8");
  const auto graph = model.run({}, nullptr, folder());
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  EXPECT_EQ((*graph)->constant((*graph)->find_value("w"))->as_double(0), 3.0);
  EXPECT_THAT(model.run().status().message(),
              HasSubstr("initializer \"w\": external data 'w.bin': a model read from memory"));
  tensor.mutable_external_data(2)->set_value("4");
  EXPECT_THAT(model.run({}, nullptr, folder()).status().message(), HasSubstr("length 4 for a tensor of 8 bytes"));
  tensor.mutable_external_data(1)->set_value("-8");
  EXPECT_THAT(model.run({}, nullptr, folder()).status().message(), HasSubstr("'-8' is no offset"));
}

}  // namespace
}  // namespace ingot::onnx
