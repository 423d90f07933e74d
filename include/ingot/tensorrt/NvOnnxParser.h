// SPDX-License-Identifier: Apache-2.0
// For sources that hold a plugin and the program around it: models are read by the engine, so there is no parser.
#pragma once
#pragma GCC system_header

#include "NvInfer.h"

namespace nvonnxparser {

enum class ErrorCode : int {
  kSUCCESS = 0,
  kINTERNAL_ERROR = 1,
  kMEM_ALLOC_FAILED = 2,
  kMODEL_DESERIALIZE_FAILED = 3,
  kINVALID_VALUE = 4,
  kINVALID_GRAPH = 5,
  kINVALID_NODE = 6,
  kUNSUPPORTED_GRAPH = 7,
  kUNSUPPORTED_NODE = 8
};
enum class OnnxParserFlag : std::int32_t { kNATIVE_INSTANCENORM = 0 };
using OnnxParserFlags = std::uint32_t;

class IParserError {
 public:
  virtual ErrorCode code() const = 0;
  virtual char const* desc() const = 0;
  virtual char const* file() const = 0;
  virtual int line() const = 0;
  virtual char const* func() const = 0;
  virtual int node() const = 0;

 protected:
  virtual ~IParserError() = default;
};

class IParser : public nvinfer1::Destroyable {
 public:
  virtual bool parse(void const* model, std::size_t size, char const* path = nullptr) = 0;
  virtual bool parseFromFile(char const* path, int verbosity) = 0;
  virtual bool supportsOperator(char const* opName) const = 0;
  virtual int getNbErrors() const = 0;
  virtual IParserError const* getError(int index) const = 0;
  virtual void clearErrors() = 0;
  virtual void setFlag(OnnxParserFlag flag) = 0;
  virtual void clearFlag(OnnxParserFlag flag) = 0;
};

inline IParser* createParser(nvinfer1::INetworkDefinition&, nvinfer1::ILogger& logger) {
  return ingot_tensorrt::not_here<IParser>(
      logger, "createParser: Ingot's TensorRT headers cover plugins; models are read by `ingot build`");
}

}  // namespace nvonnxparser
