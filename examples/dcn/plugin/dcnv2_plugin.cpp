// SPDX-License-Identifier: Apache-2.0
#include "dcnv2_plugin.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "dcnv2_kernel.h"

namespace nvinfer1 {
namespace {

constexpr char const* kName = "DCNv2";
constexpr char const* kVersion = "1";
enum Input : int32_t { kX, kOffsetMask, kWeight, kBias, kInputs };

DCNv2Shape shapeOf(DCNv2Params const& params, PluginTensorDesc const* inputs, PluginTensorDesc const& output) {
  auto const at = [&](Input input, int32_t axis) { return static_cast<int64_t>(inputs[input].dims.d[axis]); };
  DCNv2Shape s{};
  s.batch = at(kX, 0);
  s.channels = at(kX, 1);
  s.height = at(kX, 2);
  s.width = at(kX, 3);
  s.outChannels = at(kWeight, 0);
  s.groups = params.groups;
  s.deformableGroups = params.deformableGroups;
  for (int32_t i = 0; i < 2; ++i) {
    s.kernel[i] = at(kWeight, 2 + i);
    s.stride[i] = params.stride[i];
    s.padding[i] = params.padding[i];
    s.dilation[i] = params.dilation[i];
  }
  s.outHeight = output.dims.d[2];
  s.outWidth = output.dims.d[3];
  return s;
}

// nullptr, or what does not fit.
char const* mistakeIn(DCNv2Shape const& s, PluginTensorDesc const* inputs) {
  auto const& points = inputs[kOffsetMask].dims;
  if (s.channels % s.groups != 0 || s.outChannels % s.groups != 0 || inputs[kWeight].dims.d[1] * s.groups != s.channels)
    return "groups do not divide the channels, or weight has not channels / groups of them";
  if (s.channels % s.deformableGroups != 0) return "deformable_groups does not divide the channels";
  if (points.d[1] != 3 * s.deformableGroups * s.taps()) return "offset_mask must have 3 * deformable_groups * taps channels";
  if (points.d[0] != s.batch || points.d[2] != s.outHeight || points.d[3] != s.outWidth)
    return "offset_mask must have the batch of x and the height and width of the output";
  if (inputs[kBias].dims.d[0] != s.outChannels) return "bias must have one value per output channel";
  return nullptr;
}

}  // namespace

DCNv2PluginDynamic::DCNv2PluginDynamic(void const* data, size_t length) {
  std::memcpy(&mParams, data, std::min(length, sizeof(mParams)));
}

IPluginV2DynamicExt* DCNv2PluginDynamic::clone() const noexcept {
  auto* plugin = new DCNv2PluginDynamic(mParams);
  plugin->setPluginNamespace(mNamespace.c_str());
  return plugin;
}

DimsExprs DCNv2PluginDynamic::getOutputDimensions(int32_t, DimsExprs const* inputs, int32_t,
                                                  IExprBuilder& builder) noexcept {
  auto const op = [&](DimensionOperation operation, IDimensionExpr const* a, IDimensionExpr const* b) {
    return builder.operation(operation, *a, *b);
  };
  DimsExprs out;
  out.nbDims = 4;
  out.d[0] = inputs[kX].d[0];
  out.d[1] = inputs[kWeight].d[0];
  for (int32_t i = 0; i < 2; ++i) {
    // (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
    auto const* last = op(DimensionOperation::kPROD, builder.constant(mParams.dilation[i]),
                          op(DimensionOperation::kSUB, inputs[kWeight].d[2 + i], builder.constant(1)));
    auto const* padded = op(DimensionOperation::kSUM, inputs[kX].d[2 + i], builder.constant(2 * mParams.padding[i] - 1));
    auto const* steps = op(DimensionOperation::kFLOOR_DIV, op(DimensionOperation::kSUB, padded, last),
                           builder.constant(mParams.stride[i]));
    out.d[2 + i] = op(DimensionOperation::kSUM, steps, builder.constant(1));
  }
  return out;
}

bool DCNv2PluginDynamic::supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t,
                                                   int32_t) noexcept {
  return inOut[pos].type == DataType::kFLOAT && inOut[pos].format == TensorFormat::kLINEAR;
}

void DCNv2PluginDynamic::configurePlugin(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*,
                                         int32_t) noexcept {}

size_t DCNv2PluginDynamic::getWorkspaceSize(PluginTensorDesc const* inputs, int32_t, PluginTensorDesc const* outputs,
                                            int32_t) const noexcept {
  return static_cast<size_t>(dcnv2Workspace(shapeOf(mParams, inputs, outputs[0]))) * sizeof(float);
}

int32_t DCNv2PluginDynamic::enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc,
                                    void const* const* inputs, void* const* outputs, void* workspace,
                                    cudaStream_t stream) noexcept {
  DCNv2Shape const shape = shapeOf(mParams, inputDesc, outputDesc[0]);
  if (char const* mistake = mistakeIn(shape, inputDesc)) {
    std::fprintf(stderr, "DCNv2: %s\n", mistake);
    return 1;
  }
  auto const input = [&](Input i) { return static_cast<float const*>(inputs[i]); };
  return dcnv2Run(shape, input(kX), input(kOffsetMask), input(kWeight), input(kBias), static_cast<float*>(outputs[0]),
                  static_cast<float*>(workspace), stream);
}

DataType DCNv2PluginDynamic::getOutputDataType(int32_t, DataType const* inputTypes, int32_t) const noexcept {
  return inputTypes[kX];
}

char const* DCNv2PluginDynamic::getPluginType() const noexcept { return kName; }
char const* DCNv2PluginDynamic::getPluginVersion() const noexcept { return kVersion; }

void DCNv2PluginDynamic::serialize(void* buffer) const noexcept { std::memcpy(buffer, &mParams, sizeof(mParams)); }

DCNv2PluginDynamicCreator::DCNv2PluginDynamicCreator() {
  for (char const* pair : {"stride", "padding", "dilation"})
    mFields.emplace_back(pair, nullptr, PluginFieldType::kINT32, 2);
  for (char const* number : {"deformable_groups", "groups"})
    mFields.emplace_back(number, nullptr, PluginFieldType::kINT32, 1);
  mCollection.nbFields = static_cast<int32_t>(mFields.size());
  mCollection.fields = mFields.data();
}

char const* DCNv2PluginDynamicCreator::getPluginName() const noexcept { return kName; }
char const* DCNv2PluginDynamicCreator::getPluginVersion() const noexcept { return kVersion; }

IPluginV2* DCNv2PluginDynamicCreator::createPlugin(char const*, PluginFieldCollection const* fc) noexcept {
  DCNv2Params params;
  for (int32_t i = 0; i < fc->nbFields; ++i) {
    PluginField const& field = fc->fields[i];
    auto const* values = static_cast<int32_t const*>(field.data);
    if (values == nullptr || field.length < 1) continue;
    auto const is = [&](char const* name) { return std::strcmp(field.name, name) == 0; };
    // One number stands for both dimensions.
    auto const pair = [&](int32_t* to) {
      to[0] = values[0];
      to[1] = values[field.length > 1 ? 1 : 0];
    };
    if (is("stride")) pair(params.stride);
    if (is("padding")) pair(params.padding);
    if (is("dilation")) pair(params.dilation);
    if (is("deformable_groups")) params.deformableGroups = values[0];
    if (is("groups")) params.groups = values[0];
  }
  bool const positive = std::min({params.stride[0], params.stride[1], params.dilation[0], params.dilation[1],
                                  params.deformableGroups, params.groups}) > 0;
  return positive && std::min(params.padding[0], params.padding[1]) >= 0 ? new DCNv2PluginDynamic(params) : nullptr;
}

IPluginV2* DCNv2PluginDynamicCreator::deserializePlugin(char const*, void const* data, size_t length) noexcept {
  return new DCNv2PluginDynamic(data, length);
}

REGISTER_TENSORRT_PLUGIN(DCNv2PluginDynamicCreator);

}  // namespace nvinfer1
