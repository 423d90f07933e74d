// SPDX-License-Identifier: Apache-2.0
// Models as real exporters wrote them, from a folder that is not part of the repository (INGOT_MODELS, or shared/models
// beside the checkout). Their large weights are stripped; zeros stand in for them here.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "ir/verify.h"
#include "onnx/graph_importer.h"
#include "onnx/onnx.pb.h"
#include "onnx/support_check.h"

namespace ingot::onnx {
namespace {

namespace fs = std::filesystem;

fs::path models_folder() {
  const char* given = std::getenv("INGOT_MODELS");
  return given != nullptr ? fs::path(given) : fs::path(INGOT_SOURCE_DIR) / ".." / "shared" / "models";
}

void refill(TensorProto& tensor) {
  const bool empty = tensor.raw_data().empty() && tensor.float_data_size() + tensor.int32_data_size() +
                                                          tensor.int64_data_size() + tensor.double_data_size() +
                                                          tensor.uint64_data_size() + tensor.string_data_size() ==
                                                      0;
  const auto dtype = dtype_from_number(tensor.data_type());
  const auto count = element_count(Shape(tensor.dims().begin(), tensor.dims().end()));
  if (!empty || !dtype || !count) return;
  tensor.mutable_raw_data()->resize(static_cast<std::size_t>(bytes_of(*dtype, *count).value_or(0)));
}

void refill(GraphProto& graph) {
  for (TensorProto& tensor : *graph.mutable_initializer()) refill(tensor);
  for (NodeProto& node : *graph.mutable_node()) {
    for (AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) refill(*attribute.mutable_g());
    }
  }
}

Result<std::shared_ptr<ir::Graph>> import_model(const fs::path& path, std::vector<std::string>& warnings) {
  auto model = std::make_shared<ModelProto>();
  std::ifstream file(path, std::ios::binary);
  if (!model->ParseFromIstream(&file)) return corrupt("cannot be parsed");
  refill(*model->mutable_graph());
  INGOT_ASSIGN_OR_RETURN(ModelContext context, ModelContext::create(std::move(model), ExternalData("")));
  INGOT_RETURN_IF_ERROR(check_support(context));
  INGOT_ASSIGN_OR_RETURN(auto graph, import_main_graph(context, {}));
  INGOT_RETURN_IF_ERROR(ir::verify(*graph));
  warnings = std::move(context.warnings);
  return graph;
}

class SharedModels : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedModels, Import) {
  const fs::path path = models_folder() / (std::string(GetParam()) + ".onnx");
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  std::vector<std::string> warnings;
  const auto graph = import_model(path, warnings);
  ASSERT_TRUE(graph.is_ok()) << graph.status().to_string();
  for (const std::string& warning : warnings) ADD_FAILURE() << warning;
  for (const ir::ValueId output : (*graph)->outputs()) EXPECT_GE((*graph)->value(output).type.rank(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, SharedModels,
    ::testing::Values("attn23", "dq_bert_4l", "dyn_bert_4l", "dyn_resnet50", "dynamo_dyn_resnet18", "half_resnet18",
                      "hf_bert_base", "hf_clip", "hf_dinov2_s", "hf_distilbert", "hf_gpt2@dynamo", "hf_llama_s@dynamo",
                      "hf_modernbert", "hf_rtdetr_r50", "hf_segformer_b0", "hf_t5_s", "hf_wav2vec2", "hf_yolos_t",
                      "qdq_s8_mobilenet_v2", "qdq_u8_resnet18", "timm_coatnet_0_rw_224", "timm_convnextv2_tiny",
                      "timm_deit_small_patch16_224", "timm_dla34", "timm_eva02_tiny_patch14_224", "timm_fastvit_t8",
                      "timm_hrnet_w18", "timm_levit_128", "timm_mixer_b16_224", "timm_mobilenetv4_conv_small",
                      "timm_poolformer_s12", "timm_repvgg_a0", "timm_res2net50_26w_4s", "timm_tf_efficientnet_lite0",
                      "torch_lstm", "tv_alexnet", "tv_convnext_tiny", "tv_deeplabv3_resnet50", "tv_efficientnet_b0",
                      "tv_fasterrcnn_mobilenet_v3_large_320_fpn", "tv_fcn_resnet50", "tv_mobilenet_v2",
                      "tv_mobilenet_v3_large", "tv_r3d_18", "tv_raft_small", "tv_resnet18", "tv_resnet50",
                      "tv_resnet50@dynamo", "tv_retinanet_resnet50_fpn", "tv_shufflenet_v2_x1_0", "tv_squeezenet1_1",
                      "tv_ssdlite320_mobilenet_v3_large", "tv_swin_t", "tv_swin_t@dynamo", "tv_vgg16",
                      "tv_vit_b_16@dynamo"),
    [](const auto& model) {
      std::string name = model.param;
      std::ranges::replace(name, '@', '_');
      return name;
    });

}  // namespace
}  // namespace ingot::onnx
