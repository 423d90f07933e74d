// SPDX-License-Identifier: Apache-2.0
// Fields, capabilities, resources and creators of plugins, as far as both generations share them.
#pragma once
#pragma GCC system_header

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

enum class PluginFieldType : std::int32_t {
  kFLOAT16 = 0,
  kFLOAT32 = 1,
  kFLOAT64 = 2,
  kINT8 = 3,
  kINT16 = 4,
  kINT32 = 5,
  kCHAR = 6,
  kDIMS = 7,
  kUNKNOWN = 8,
  kBF16 = 9,
  kINT64 = 10,
  kFP8 = 11,
  kINT4 = 12,
  kFP4 = 13
};

class PluginField {
 public:
  AsciiChar const* name;
  void const* data;
  PluginFieldType type;
  std::int32_t length;

  PluginField(AsciiChar const* const name_ = nullptr, void const* const data_ = nullptr,
              PluginFieldType const type_ = PluginFieldType::kUNKNOWN, std::int32_t const length_ = 0)
      : name(name_), data(data_), type(type_), length(length_) {}
};

// An aggregate at every language level: in C++11 members with initialisers would keep sources from writing {0,
// nullptr}.
struct PluginFieldCollection {
#if __cplusplus >= 201402L
  std::int32_t nbFields{};
  PluginField const* fields{};
#else
  std::int32_t nbFields;
  PluginField const* fields;
#endif
};

enum class PluginCapabilityType : std::int32_t { kCORE = 0, kBUILD = 1, kRUNTIME = 2 };
enum class TensorRTPhase : std::int32_t { kBUILD = 0, kRUNTIME = 1 };

class IPluginCapability : public IVersionedInterface {};

class IPluginResource : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"IPluginResource", 1, 0}; }
  virtual std::int32_t release() { return 0; }
  virtual IPluginResource* clone() { return nullptr; }
};

class IPluginCreatorInterface : public IVersionedInterface {};

class IPluginV3 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN", 1, 0}; }
  virtual IPluginCapability* getCapabilityInterface(PluginCapabilityType type) = 0;
  virtual IPluginV3* clone() = 0;
};

class IPluginCreatorV3One : public IPluginCreatorInterface {
 public:
  InterfaceInfo getInterfaceInfo() const override { return InterfaceInfo{"PLUGIN CREATOR_V3ONE", 1, 0}; }
  virtual IPluginV3* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc, TensorRTPhase phase) = 0;
  virtual PluginFieldCollection const* getFieldNames() = 0;
  virtual AsciiChar const* getPluginName() const = 0;
  virtual AsciiChar const* getPluginVersion() const = 0;
  virtual AsciiChar const* getPluginNamespace() const { return ""; }
};

namespace impl {
template <>
struct EnumMaxImpl<PluginFieldType> {
  static constexpr std::int32_t kVALUE = 14;
};
}  // namespace impl

namespace v_1_0 {
using nvinfer1::IPluginCapability;
using nvinfer1::IPluginCreatorInterface;
using nvinfer1::IPluginCreatorV3One;
using nvinfer1::IPluginResource;
using nvinfer1::IPluginV3;
}  // namespace v_1_0

}  // namespace nvinfer1
