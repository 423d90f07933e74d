// SPDX-License-Identifier: Apache-2.0
// Release 7: a detector's decode layer as IPluginV2IOExt, one flat output [max * 6 + 1] per image, sizes without batch.
#include <cassert>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "NvInfer.h"

namespace nvinfer1 {
class YoloDecode : public IPluginV2IOExt {
 public:
  YoloDecode(int classes, int maxOut, float threshold, std::vector<float> anchors)
      : classes_(classes), maxOut_(maxOut), threshold_(threshold), anchors_(anchors) {}
  int getNbOutputs() const override { return 1; }
  Dims getOutputDimensions(int index, const Dims* inputs, int nbInputDims) override {
    assert(inputs[0].nbDims == 3);
    return Dims3(maxOut_ * 6 + 1, 1, 1);
  }
  int initialize() override { return 0; }
  void terminate() override {}
  size_t getWorkspaceSize(int) const override { return 0; }
  int enqueue(int batchSize, const void* const* inputs, void* const* outputs, void* workspace,
              cudaStream_t stream) override {
    const int stride = maxOut_ * 6 + 1, area = h_ * w_, info = 5 + classes_;
    const int boxes = anchors_.size() / 2;
    for (int n = 0; n < batchSize; n++) {
      const float* x = static_cast<const float*>(inputs[0]) + n * boxes * info * area;
      float* out = static_cast<float*>(outputs[0]) + n * stride;
      memset(out, 0, stride * sizeof(float));
      int found = 0;
      for (int b = 0; b < boxes; b++)
        for (int i = 0; i < area; i++) {
          auto at = [&](int k) { return 1.f / (1.f + expf(-x[(b * info + k) * area + i])); };
          int best = 0;
          for (int c = 1; c < classes_; c++)
            if (at(5 + c) > at(5 + best)) best = c;
          const float score = at(4) * at(5 + best);
          if (score < threshold_ || found == maxOut_) continue;
          float* box = out + 1 + 6 * found++;
          box[0] = (i % w_ - 0.5f + 2.f * at(0)) / w_;
          box[1] = (i / w_ - 0.5f + 2.f * at(1)) / h_;
          box[2] = 4.f * at(2) * at(2) * anchors_[2 * b];
          box[3] = 4.f * at(3) * at(3) * anchors_[2 * b + 1];
          box[4] = score;
          box[5] = best;
        }
      out[0] = found;
    }
    return 0;
  }
  size_t getSerializationSize() const override { return 0; }
  void serialize(void*) const override {}
  bool supportsFormatCombination(int pos, const PluginTensorDesc* inOut, int nbInputs, int nbOutputs) const override {
    return inOut[pos].format == TensorFormat::kLINEAR && inOut[pos].type == DataType::kFLOAT;
  }
  const char* getPluginType() const override { return "YoloLayer_TRT"; }
  const char* getPluginVersion() const override { return "1"; }
  void destroy() override { delete this; }
  IPluginV2IOExt* clone() const override { return new YoloDecode(*this); }
  void setPluginNamespace(const char* space) override { space_ = space; }
  const char* getPluginNamespace() const override { return space_; }
  DataType getOutputDataType(int, const DataType*, int) const override { return DataType::kFLOAT; }
  bool isOutputBroadcastAcrossBatch(int, const bool*, int) const override { return false; }
  bool canBroadcastInputAcrossBatch(int) const override { return false; }
  void attachToContext(cudnnContext*, cublasContext*, IGpuAllocator*) override {}
  void configurePlugin(const PluginTensorDesc* in, int nbInput, const PluginTensorDesc* out, int nbOutput) override {
    h_ = in[0].dims.d[1];
    w_ = in[0].dims.d[2];
  }
  void detachFromContext() override {}

 private:
  int classes_, maxOut_, h_ = 0, w_ = 0;
  float threshold_;
  std::vector<float> anchors_;
  const char* space_ = "";
};

class YoloDecodeCreator : public IPluginCreator {
 public:
  YoloDecodeCreator() {
    attributes_ = {PluginField("classes", nullptr, PluginFieldType::kINT32, 1),
                   PluginField("max_output", nullptr, PluginFieldType::kINT32, 1),
                   PluginField("threshold", nullptr, PluginFieldType::kFLOAT32, 1),
                   PluginField("anchors", nullptr, PluginFieldType::kFLOAT32, 1)};
    fc_.nbFields = attributes_.size();
    fc_.fields = attributes_.data();
  }
  const char* getPluginName() const override { return "YoloLayer_TRT"; }
  const char* getPluginVersion() const override { return "1"; }
  const PluginFieldCollection* getFieldNames() override { return &fc_; }
  IPluginV2IOExt* createPlugin(const char* name, const PluginFieldCollection* fc) override {
    int classes = 0, maxOut = 0;
    float threshold = 0;
    std::vector<float> anchors;
    for (int i = 0; i < fc->nbFields; i++) {
      const PluginField& f = fc->fields[i];
      if (!strcmp(f.name, "classes")) classes = *static_cast<const int*>(f.data);
      if (!strcmp(f.name, "max_output")) maxOut = *static_cast<const int*>(f.data);
      if (!strcmp(f.name, "threshold")) threshold = *static_cast<const float*>(f.data);
      if (!strcmp(f.name, "anchors"))
        for (int k = 0; k < f.length; k++) anchors.push_back(static_cast<const float*>(f.data)[k]);
    }
    assert(classes > 0 && maxOut > 0);
    return new YoloDecode(classes, maxOut, threshold, anchors);
  }
  IPluginV2IOExt* deserializePlugin(const char*, const void*, size_t) override { return nullptr; }
  void setPluginNamespace(const char* space) override { space_ = space; }
  const char* getPluginNamespace() const override { return space_.c_str(); }

 private:
  std::string space_;
  PluginFieldCollection fc_;
  std::vector<PluginField> attributes_;
};
REGISTER_TENSORRT_PLUGIN(YoloDecodeCreator);
}  // namespace nvinfer1
