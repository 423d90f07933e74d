// SPDX-License-Identifier: Apache-2.0
// Networks and their layers, as declarations, for sources that hold a plugin and the program around it: no object of
// these classes exists here (engine.h says why).
#pragma once
#pragma GCC system_header

#include "engine.h"

namespace nvinfer1 {

enum class LayerType : std::int32_t {
  kCONVOLUTION = 0,
  kCAST = 1,
  kACTIVATION = 2,
  kPOOLING = 3,
  kLRN = 4,
  kSCALE = 5,
  kSOFTMAX = 6,
  kDECONVOLUTION = 7,
  kCONCATENATION = 8,
  kELEMENTWISE = 9,
  kPLUGIN = 10,
  kUNARY = 11,
  kPADDING = 12,
  kSHUFFLE = 13,
  kREDUCE = 14,
  kTOPK = 15,
  kGATHER = 16,
  kMATRIX_MULTIPLY = 17,
  kRAGGED_SOFTMAX = 18,
  kCONSTANT = 19,
  kIDENTITY = 20,
  kPLUGIN_V2 = 21,
  kSLICE = 22,
  kSHAPE = 23,
  kPARAMETRIC_RELU = 24,
  kRESIZE = 25,
  kTRIP_LIMIT = 26,
  kRECURRENCE = 27,
  kITERATOR = 28,
  kLOOP_OUTPUT = 29,
  kSELECT = 30,
  kFILL = 31,
  kQUANTIZE = 32,
  kDEQUANTIZE = 33,
  kCONDITION = 34,
  kCONDITIONAL_INPUT = 35,
  kCONDITIONAL_OUTPUT = 36,
  kSCATTER = 37,
  kEINSUM = 38,
  kASSERTION = 39,
  kONE_HOT = 40,
  kNON_ZERO = 41,
  kGRID_SAMPLE = 42,
  kNMS = 43,
  kREVERSE_SEQUENCE = 44,
  kNORMALIZATION = 45,
  kPLUGIN_V3 = 46,
  kSQUEEZE = 47,
  kUNSQUEEZE = 48,
  kCUMULATIVE = 49,
  kDYNAMIC_QUANTIZE = 50
};

class ITensor : public INoCopy {
 public:
  virtual void setName(char const* name) = 0;
  virtual char const* getName() const = 0;
  virtual void setDimensions(Dims const& dimensions) = 0;
  virtual Dims getDimensions() const = 0;
  virtual void setDimensionName(std::int32_t index, char const* name) = 0;
  virtual char const* getDimensionName(std::int32_t index) const = 0;
  virtual void setType(DataType type) = 0;
  virtual DataType getType() const = 0;
  virtual bool setDynamicRange(float min, float max) = 0;
  virtual bool dynamicRangeIsSet() const = 0;
  virtual void resetDynamicRange() = 0;
  virtual float getDynamicRange() const = 0;
  virtual float getDynamicRangeMin() const = 0;
  virtual float getDynamicRangeMax() const = 0;
  virtual bool isNetworkInput() const = 0;
  virtual bool isNetworkOutput() const = 0;
  virtual bool isShapeTensor() const = 0;
  virtual bool isExecutionTensor() const = 0;
  virtual void setBroadcastAcrossBatch(bool broadcastAcrossBatch) = 0;
  virtual bool getBroadcastAcrossBatch() const = 0;
  virtual void setLocation(TensorLocation location) = 0;
  virtual TensorLocation getLocation() const = 0;
  virtual void setAllowedFormats(TensorFormats formats) = 0;
  virtual TensorFormats getAllowedFormats() const = 0;
};

class ILayer : public INoCopy {
 public:
  virtual LayerType getType() const = 0;
  virtual void setName(char const* name) = 0;
  virtual char const* getName() const = 0;
  virtual std::int32_t getNbInputs() const = 0;
  virtual ITensor* getInput(std::int32_t index) const = 0;
  virtual void setInput(std::int32_t index, ITensor& tensor) = 0;
  virtual std::int32_t getNbOutputs() const = 0;
  virtual ITensor* getOutput(std::int32_t index) const = 0;
  virtual void setPrecision(DataType dataType) = 0;
  virtual DataType getPrecision() const = 0;
  virtual bool precisionIsSet() const = 0;
  virtual void resetPrecision() = 0;
  virtual void setOutputType(std::int32_t index, DataType dataType) = 0;
  virtual DataType getOutputType(std::int32_t index) const = 0;
  virtual bool outputTypeIsSet(std::int32_t index) const = 0;
  virtual void resetOutputType(std::int32_t index) = 0;
  virtual void setMetadata(char const* metadata) = 0;
  virtual char const* getMetadata() const = 0;
};

// What the two convolutions have in common; clients name only the classes below it.
class ConvolutionParameters : public ILayer {
 public:
  virtual void setKernelSizeNd(Dims value) = 0;
  virtual Dims getKernelSizeNd() const = 0;
  virtual void setStrideNd(Dims value) = 0;
  virtual Dims getStrideNd() const = 0;
  virtual void setPaddingNd(Dims value) = 0;
  virtual Dims getPaddingNd() const = 0;
  virtual void setDilationNd(Dims value) = 0;
  virtual Dims getDilationNd() const = 0;
  virtual void setPrePadding(Dims value) = 0;
  virtual Dims getPrePadding() const = 0;
  virtual void setPostPadding(Dims value) = 0;
  virtual Dims getPostPadding() const = 0;
  virtual void setPaddingMode(PaddingMode value) = 0;
  virtual PaddingMode getPaddingMode() const = 0;
  virtual void setKernelSize(DimsHW value) = 0;
  virtual DimsHW getKernelSize() const = 0;
  virtual void setStride(DimsHW value) = 0;
  virtual DimsHW getStride() const = 0;
  virtual void setPadding(DimsHW value) = 0;
  virtual DimsHW getPadding() const = 0;
  virtual void setDilation(DimsHW value) = 0;
  virtual DimsHW getDilation() const = 0;
  virtual void setNbOutputMaps(std::int32_t value) = 0;
  virtual std::int32_t getNbOutputMaps() const = 0;
  virtual void setNbGroups(std::int32_t value) = 0;
  virtual std::int32_t getNbGroups() const = 0;
  virtual void setKernelWeights(Weights value) = 0;
  virtual Weights getKernelWeights() const = 0;
  virtual void setBiasWeights(Weights value) = 0;
  virtual Weights getBiasWeights() const = 0;
};

class IConvolutionLayer : public ConvolutionParameters {};

class IDeconvolutionLayer : public ConvolutionParameters {};

class IFullyConnectedLayer : public ILayer {
 public:
  virtual void setNbOutputChannels(std::int32_t value) = 0;
  virtual std::int32_t getNbOutputChannels() const = 0;
  virtual void setKernelWeights(Weights value) = 0;
  virtual Weights getKernelWeights() const = 0;
  virtual void setBiasWeights(Weights value) = 0;
  virtual Weights getBiasWeights() const = 0;
};

class IActivationLayer : public ILayer {
 public:
  virtual void setActivationType(ActivationType value) = 0;
  virtual ActivationType getActivationType() const = 0;
  virtual void setAlpha(float value) = 0;
  virtual float getAlpha() const = 0;
  virtual void setBeta(float value) = 0;
  virtual float getBeta() const = 0;
};

class IPoolingLayer : public ILayer {
 public:
  virtual void setPoolingType(PoolingType value) = 0;
  virtual PoolingType getPoolingType() const = 0;
  virtual void setWindowSizeNd(Dims value) = 0;
  virtual Dims getWindowSizeNd() const = 0;
  virtual void setStrideNd(Dims value) = 0;
  virtual Dims getStrideNd() const = 0;
  virtual void setPaddingNd(Dims value) = 0;
  virtual Dims getPaddingNd() const = 0;
  virtual void setPrePadding(Dims value) = 0;
  virtual Dims getPrePadding() const = 0;
  virtual void setPostPadding(Dims value) = 0;
  virtual Dims getPostPadding() const = 0;
  virtual void setPaddingMode(PaddingMode value) = 0;
  virtual PaddingMode getPaddingMode() const = 0;
  virtual void setWindowSize(DimsHW value) = 0;
  virtual DimsHW getWindowSize() const = 0;
  virtual void setStride(DimsHW value) = 0;
  virtual DimsHW getStride() const = 0;
  virtual void setPadding(DimsHW value) = 0;
  virtual DimsHW getPadding() const = 0;
  virtual void setBlendFactor(float value) = 0;
  virtual float getBlendFactor() const = 0;
  virtual void setAverageCountExcludesPadding(bool value) = 0;
  virtual bool getAverageCountExcludesPadding() const = 0;
};

class IScaleLayer : public ILayer {
 public:
  virtual void setMode(ScaleMode value) = 0;
  virtual ScaleMode getMode() const = 0;
  virtual void setShift(Weights value) = 0;
  virtual Weights getShift() const = 0;
  virtual void setScale(Weights value) = 0;
  virtual Weights getScale() const = 0;
  virtual void setPower(Weights value) = 0;
  virtual Weights getPower() const = 0;
  virtual void setChannelAxis(std::int32_t value) = 0;
  virtual std::int32_t getChannelAxis() const = 0;
};

class ISoftMaxLayer : public ILayer {
 public:
  virtual void setAxes(std::uint32_t value) = 0;
  virtual std::uint32_t getAxes() const = 0;
};

class IConcatenationLayer : public ILayer {
 public:
  virtual void setAxis(std::int32_t value) = 0;
  virtual std::int32_t getAxis() const = 0;
};

class IElementWiseLayer : public ILayer {
 public:
  virtual void setOperation(ElementWiseOperation value) = 0;
  virtual ElementWiseOperation getOperation() const = 0;
};

class IUnaryLayer : public ILayer {
 public:
  virtual void setOperation(UnaryOperation value) = 0;
  virtual UnaryOperation getOperation() const = 0;
};

class IReduceLayer : public ILayer {
 public:
  virtual void setOperation(ReduceOperation value) = 0;
  virtual ReduceOperation getOperation() const = 0;
  virtual void setReduceAxes(std::uint32_t value) = 0;
  virtual std::uint32_t getReduceAxes() const = 0;
  virtual void setKeepDimensions(bool value) = 0;
  virtual bool getKeepDimensions() const = 0;
};

class IPaddingLayer : public ILayer {
 public:
  virtual void setPrePaddingNd(Dims value) = 0;
  virtual Dims getPrePaddingNd() const = 0;
  virtual void setPostPaddingNd(Dims value) = 0;
  virtual Dims getPostPaddingNd() const = 0;
};

class IShuffleLayer : public ILayer {
 public:
  virtual void setFirstTranspose(Permutation value) = 0;
  virtual Permutation getFirstTranspose() const = 0;
  virtual void setReshapeDimensions(Dims value) = 0;
  virtual Dims getReshapeDimensions() const = 0;
  virtual void setSecondTranspose(Permutation value) = 0;
  virtual Permutation getSecondTranspose() const = 0;
  virtual void setZeroIsPlaceholder(bool value) = 0;
  virtual bool getZeroIsPlaceholder() const = 0;
};

class ISliceLayer : public ILayer {
 public:
  virtual void setStart(Dims value) = 0;
  virtual Dims getStart() const = 0;
  virtual void setSize(Dims value) = 0;
  virtual Dims getSize() const = 0;
  virtual void setStride(Dims value) = 0;
  virtual Dims getStride() const = 0;
  virtual void setMode(SampleMode value) = 0;
  virtual SampleMode getMode() const = 0;
};

class IShapeLayer : public ILayer {
 public:
};

class ITopKLayer : public ILayer {
 public:
  virtual void setOperation(TopKOperation value) = 0;
  virtual TopKOperation getOperation() const = 0;
  virtual void setK(std::int32_t value) = 0;
  virtual std::int32_t getK() const = 0;
  virtual void setReduceAxes(std::uint32_t value) = 0;
  virtual std::uint32_t getReduceAxes() const = 0;
};

class IGatherLayer : public ILayer {
 public:
  virtual void setGatherAxis(std::int32_t value) = 0;
  virtual std::int32_t getGatherAxis() const = 0;
  virtual void setNbElementWiseDims(std::int32_t value) = 0;
  virtual std::int32_t getNbElementWiseDims() const = 0;
  virtual void setMode(GatherMode value) = 0;
  virtual GatherMode getMode() const = 0;
};

class IMatrixMultiplyLayer : public ILayer {
 public:
  virtual void setOperation(std::int32_t index, MatrixOperation op) = 0;
  virtual MatrixOperation getOperation(std::int32_t index) const = 0;
};

class IConstantLayer : public ILayer {
 public:
  virtual void setWeights(Weights value) = 0;
  virtual Weights getWeights() const = 0;
  virtual void setDimensions(Dims value) = 0;
  virtual Dims getDimensions() const = 0;
};

class IResizeLayer : public ILayer {
 public:
  virtual void setOutputDimensions(Dims value) = 0;
  virtual Dims getOutputDimensions() const = 0;
  virtual void setResizeMode(InterpolationMode value) = 0;
  virtual InterpolationMode getResizeMode() const = 0;
  virtual void setCoordinateTransformation(ResizeCoordinateTransformation value) = 0;
  virtual ResizeCoordinateTransformation getCoordinateTransformation() const = 0;
  virtual void setAlignCorners(bool value) = 0;
  virtual bool getAlignCorners() const = 0;
  virtual void setScales(float const* scales, std::int32_t nbScales) = 0;
  virtual std::int32_t getScales(std::int32_t size, float* scales) const = 0;
};

class IIdentityLayer : public ILayer {
 public:
};

class ICastLayer : public ILayer {
 public:
  virtual void setToType(DataType value) = 0;
  virtual DataType getToType() const = 0;
};

class ISelectLayer : public ILayer {
 public:
};

class IFillLayer : public ILayer {
 public:
  virtual void setDimensions(Dims value) = 0;
  virtual Dims getDimensions() const = 0;
  virtual void setOperation(FillOperation value) = 0;
  virtual FillOperation getOperation() const = 0;
  virtual void setAlpha(double value) = 0;
  virtual double getAlpha() const = 0;
  virtual void setBeta(double value) = 0;
  virtual double getBeta() const = 0;
};

class IQuantizeLayer : public ILayer {
 public:
  virtual void setAxis(std::int32_t value) = 0;
  virtual std::int32_t getAxis() const = 0;
};

class IDequantizeLayer : public ILayer {
 public:
  virtual void setAxis(std::int32_t value) = 0;
  virtual std::int32_t getAxis() const = 0;
};

class INormalizationLayer : public ILayer {
 public:
  virtual void setEpsilon(float value) = 0;
  virtual float getEpsilon() const = 0;
  virtual void setAxes(std::uint32_t value) = 0;
  virtual std::uint32_t getAxes() const = 0;
  virtual void setNbGroups(std::int64_t value) = 0;
  virtual std::int64_t getNbGroups() const = 0;
};

class IPluginV2Layer : public ILayer {
 public:
  virtual IPluginV2& getPlugin() = 0;
};

class IPluginV3Layer : public ILayer {
 public:
  virtual IPluginV3& getPlugin() = 0;
};

class INetworkDefinition : public Destroyable {
 public:
  virtual ITensor* addInput(char const* name, DataType type, Dims const& dimensions) = 0;
  virtual void markOutput(ITensor& tensor) = 0;
  virtual void unmarkOutput(ITensor& tensor) = 0;
  virtual bool markOutputForShapes(ITensor& tensor) = 0;
  virtual bool markDebug(ITensor& tensor) = 0;
  virtual std::int32_t getNbInputs() const = 0;
  virtual ITensor* getInput(std::int32_t index) const = 0;
  virtual std::int32_t getNbOutputs() const = 0;
  virtual ITensor* getOutput(std::int32_t index) const = 0;
  virtual std::int32_t getNbLayers() const = 0;
  virtual ILayer* getLayer(std::int32_t index) const = 0;
  virtual void removeTensor(ITensor& tensor) = 0;
  virtual void setName(char const* name) = 0;
  virtual char const* getName() const = 0;
  virtual bool hasImplicitBatchDimension() const = 0;
  virtual bool setWeightsName(Weights weights, char const* name) = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) = 0;
  virtual IConvolutionLayer* addConvolution(ITensor& input, std::int32_t nbOutputMaps, DimsHW kernelSize,
                                            Weights kernel, Weights bias) = 0;
  virtual IConvolutionLayer* addConvolutionNd(ITensor& input, std::int64_t nbOutputMaps, Dims const& kernelSize,
                                              Weights kernel, Weights bias) = 0;
  virtual IDeconvolutionLayer* addDeconvolution(ITensor& input, std::int32_t nbOutputMaps, DimsHW kernelSize,
                                                Weights kernel, Weights bias) = 0;
  virtual IDeconvolutionLayer* addDeconvolutionNd(ITensor& input, std::int64_t nbOutputMaps, Dims kernelSize,
                                                  Weights kernel, Weights bias) = 0;
  virtual IFullyConnectedLayer* addFullyConnected(ITensor& input, std::int32_t nbOutputs, Weights kernel,
                                                  Weights bias) = 0;
  virtual IActivationLayer* addActivation(ITensor& input, ActivationType type) = 0;
  virtual IPoolingLayer* addPooling(ITensor& input, PoolingType type, DimsHW windowSize) = 0;
  virtual IPoolingLayer* addPoolingNd(ITensor& input, PoolingType type, Dims const& windowSize) = 0;
  virtual IScaleLayer* addScale(ITensor& input, ScaleMode mode, Weights shift, Weights scale, Weights power) = 0;
  virtual IScaleLayer* addScaleNd(ITensor& input, ScaleMode mode, Weights shift, Weights scale, Weights power,
                                  std::int32_t axis) = 0;
  virtual ISoftMaxLayer* addSoftMax(ITensor& input) = 0;
  virtual IConcatenationLayer* addConcatenation(ITensor* const* inputs, std::int32_t nbInputs) = 0;
  virtual IElementWiseLayer* addElementWise(ITensor& first, ITensor& second, ElementWiseOperation op) = 0;
  virtual IUnaryLayer* addUnary(ITensor& input, UnaryOperation op) = 0;
  virtual IReduceLayer* addReduce(ITensor& input, ReduceOperation op, std::uint32_t axes, bool keepDimensions) = 0;
  virtual IPaddingLayer* addPadding(ITensor& input, DimsHW prePadding, DimsHW postPadding) = 0;
  virtual IPaddingLayer* addPaddingNd(ITensor& input, Dims const& prePadding, Dims const& postPadding) = 0;
  virtual IShuffleLayer* addShuffle(ITensor& input) = 0;
  virtual ISliceLayer* addSlice(ITensor& input, Dims const& start, Dims const& size, Dims const& stride) = 0;
  virtual IShapeLayer* addShape(ITensor& input) = 0;
  virtual ITopKLayer* addTopK(ITensor& input, TopKOperation op, std::int32_t k, std::uint32_t axes) = 0;
  virtual IGatherLayer* addGather(ITensor& data, ITensor& indices, std::int32_t axis) = 0;
  virtual IGatherLayer* addGatherV2(ITensor& data, ITensor& indices, GatherMode mode) = 0;
  virtual IMatrixMultiplyLayer* addMatrixMultiply(ITensor& first, MatrixOperation op0, ITensor& second,
                                                  MatrixOperation op1) = 0;
  virtual IConstantLayer* addConstant(Dims const& dimensions, Weights weights) = 0;
  virtual IResizeLayer* addResize(ITensor& input) = 0;
  virtual IIdentityLayer* addIdentity(ITensor& input) = 0;
  virtual ICastLayer* addCast(ITensor& input, DataType toType) = 0;
  virtual ISelectLayer* addSelect(ITensor& condition, ITensor& thenInput, ITensor& elseInput) = 0;
  virtual IFillLayer* addFill(Dims const& dimensions, FillOperation op) = 0;
  virtual IFillLayer* addFill(Dims const& dimensions, FillOperation op, DataType type) = 0;
  virtual IQuantizeLayer* addQuantize(ITensor& input, ITensor& scale) = 0;
  virtual IDequantizeLayer* addDequantize(ITensor& input, ITensor& scale) = 0;
  virtual INormalizationLayer* addNormalization(ITensor& input, ITensor& scale, ITensor& bias, std::uint32_t axes) = 0;
  virtual IPluginV2Layer* addPluginV2(ITensor* const* inputs, std::int32_t nbInputs, IPluginV2& plugin) = 0;
  virtual IPluginV3Layer* addPluginV3(ITensor* const* inputs, std::int32_t nbInputs, ITensor* const* shapeInputs,
                                      std::int32_t nbShapeInputs, IPluginV3& plugin) = 0;
};

}  // namespace nvinfer1
