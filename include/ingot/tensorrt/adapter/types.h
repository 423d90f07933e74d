// SPDX-License-Identifier: Apache-2.0
// TensorRT's element types, formats and attribute fields against the plugin interface's.
#pragma once
#pragma GCC system_header

#include <cstddef>
#include <deque>
#include <stdexcept>

#include "registry.h"

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

  inline std::int32_t to_ingot(DataType type) {
    switch (type) {
      case DataType::kFLOAT: return INGOT_PLUGIN_F32;
      case DataType::kHALF: return INGOT_PLUGIN_F16;
      case DataType::kINT8: return INGOT_PLUGIN_I8;
      case DataType::kINT32: return INGOT_PLUGIN_I32;
      case DataType::kBOOL: return INGOT_PLUGIN_BOOL;
      case DataType::kUINT8: return INGOT_PLUGIN_U8;
      case DataType::kFP8: return INGOT_PLUGIN_F8E4M3FN;
      case DataType::kBF16: return INGOT_PLUGIN_BF16;
      case DataType::kINT64: return INGOT_PLUGIN_I64;
      case DataType::kINT4: return INGOT_PLUGIN_I4;
      default: return 0;
    }
  }

  inline DataType to_tensorrt(std::int32_t dtype) {
    switch (dtype) {
      case INGOT_PLUGIN_F16: return DataType::kHALF;
      case INGOT_PLUGIN_I8: return DataType::kINT8;
      case INGOT_PLUGIN_I32: return DataType::kINT32;
      case INGOT_PLUGIN_BOOL: return DataType::kBOOL;
      case INGOT_PLUGIN_U8: return DataType::kUINT8;
      case INGOT_PLUGIN_F8E4M3FN: return DataType::kFP8;
      case INGOT_PLUGIN_BF16: return DataType::kBF16;
      // Releases before 10 knew no 64-bit integers: ONNX's indices reached plugins with 32.
      case INGOT_PLUGIN_I64: return NV_TENSORRT_MAJOR >= 10 ? DataType::kINT64 : DataType::kINT32;
      case INGOT_PLUGIN_I4: return DataType::kINT4;
      default: return DataType::kFLOAT;
    }
  }

  // "kFLOAT, kINT32"
  inline std::string types_text(const std::vector<DataType>& types) {
    static const char* const kNames[] = {"kFLOAT", "kHALF", "kINT8",  "kINT32", "kBOOL", "kUINT8",
                                         "kFP8",   "kBF16", "kINT64", "kINT4",  "kFP4",  "kE8M0"};
    std::string out;
    for (const DataType type : types) {
      const auto index = static_cast<std::size_t>(type);
      out += (out.empty() ? "" : ", ") +
             (index < sizeof(kNames) / sizeof(*kNames) ? std::string(kNames[index]) : std::to_string(index));
    }
    return out;
  }

  inline std::int32_t to_ingot(TensorFormat format) {
    switch (format) {
      case TensorFormat::kCHW2: return INGOT_PLUGIN_CHANNELS_2;
      case TensorFormat::kHWC8:
      case TensorFormat::kDHWC8: return INGOT_PLUGIN_CHANNELS_LAST_8;
      case TensorFormat::kCHW4: return INGOT_PLUGIN_CHANNELS_4;
      case TensorFormat::kCHW16: return INGOT_PLUGIN_CHANNELS_16;
      case TensorFormat::kCHW32:
      case TensorFormat::kCDHW32: return INGOT_PLUGIN_CHANNELS_32;
      case TensorFormat::kHWC:
      case TensorFormat::kDHWC: return INGOT_PLUGIN_CHANNELS_LAST;
      default: return INGOT_PLUGIN_LINEAR;
    }
  }

  // Volumes have names of their own.
  inline TensorFormat to_format(std::int32_t layout, std::int32_t rank) {
    const bool volume = rank >= 5;
    switch (layout) {
      case INGOT_PLUGIN_CHANNELS_2: return TensorFormat::kCHW2;
      case INGOT_PLUGIN_CHANNELS_LAST_8: return volume ? TensorFormat::kDHWC8 : TensorFormat::kHWC8;
      case INGOT_PLUGIN_CHANNELS_4: return TensorFormat::kCHW4;
      case INGOT_PLUGIN_CHANNELS_16: return TensorFormat::kCHW16;
      case INGOT_PLUGIN_CHANNELS_32: return volume ? TensorFormat::kCDHW32 : TensorFormat::kCHW32;
      case INGOT_PLUGIN_CHANNELS_LAST: return volume ? TensorFormat::kDHWC : TensorFormat::kHWC;
      default: return TensorFormat::kLINEAR;
    }
  }

  // Dimensions from `first` on.
  inline Dims dims_of(const std::int64_t* dims, std::int32_t rank, std::int32_t first = 0) {
    if (rank - first > Dims::MAX_DIMS) throw std::runtime_error("a tensor of more than 8 dimensions");
    Dims out{};
    out.nbDims = rank > first ? rank - first : 0;
    for (std::int32_t i = 0; i < out.nbDims; ++i) out.d[i] = static_cast<DimSize>(dims[first + i]);
    return out;
  }

  // Only int8 has a scale.
  constexpr float kNoScale = -1;

  inline PluginTensorDesc desc_of(const ingot_plugin_tensor& tensor, std::int32_t first = 0) {
    PluginTensorDesc out{};
    out.dims = dims_of(tensor.dims, tensor.rank, first);
    out.type = to_tensorrt(tensor.dtype);
    out.format = to_format(tensor.layout, tensor.rank);
    out.scale = out.type == DataType::kINT8 ? tensor.scale : kNoScale;
    return out;
  }

  // Descriptions of operands, with full dimensions: at a context's sizes, and for all sizes that a plan is built for.
  using Descs = std::vector<PluginTensorDesc>;
  using DynamicDescs = std::vector<DynamicPluginTensorDesc>;

  // Releases before 10 do not tell the optimum.
  inline void set_opt(DynamicPluginTensorDesc & desc, const Dims& opt) {
#if NV_TENSORRT_MAJOR >= 10
    desc.opt = opt;
#else
    (void)desc, (void)opt;
#endif
  }

  inline DynamicPluginTensorDesc dynamic_desc(const PluginTensorDesc& desc) {
    DynamicPluginTensorDesc out{};
    out.desc = desc;
    out.min = out.max = desc.dims;
    set_opt(out, desc.dims);
    return out;
  }

  // With -1 where a size may change. Null: an engine that does not tell ranges.
  inline DynamicPluginTensorDesc dynamic_desc(const ingot_plugin_tensor& tensor, const ingot_plugin_range* range) {
    DynamicPluginTensorDesc out = dynamic_desc(desc_of(tensor));
    if (range == nullptr || tensor.dtype == 0) return out;
    out.desc.dims = dims_of(range->dims, tensor.rank);
    out.min = dims_of(range->least, tensor.rank);
    out.max = dims_of(range->most, tensor.rank);
    set_opt(out, dims_of(range->typical, tensor.rank));
    return out;
  }

  inline void copy_limits(const DynamicPluginTensorDesc& from, std::int32_t axis, DynamicPluginTensorDesc& to) {
    to.min.d[axis] = from.min.d[axis];
    to.max.d[axis] = from.max.d[axis];
#if NV_TENSORRT_MAJOR >= 10
    to.opt.d[axis] = from.opt.d[axis];
#endif
  }

  // Engines before version 1.2 of the interface have a smaller struct.
  inline bool tells_ranges(const ingot_plugin_operands* call) {
    return call->size >= offsetof(ingot_plugin_operands, output_ranges) + sizeof(call->output_ranges);
  }
  inline const ingot_plugin_range* input_range(const ingot_plugin_operands* call, std::size_t i) {
    return tells_ranges(call) && call->input_ranges != nullptr ? call->input_ranges + i : nullptr;
  }
  inline const ingot_plugin_range* output_range(const ingot_plugin_operands* call, std::size_t i) {
    return tells_ranges(call) && call->output_ranges != nullptr ? call->output_ranges + i : nullptr;
  }

  inline bool is_dynamic(const DynamicDescs& descs) {
    for (const DynamicPluginTensorDesc& desc : descs)
      for (std::int32_t k = 0; k < desc.desc.dims.nbDims; ++k)
        if (desc.desc.dims.d[k] < 0) return true;
    return false;
  }

  inline const char* field_text(PluginFieldType type) {
    static const char* const kNames[] = {"kFLOAT16", "kFLOAT32", "kFLOAT64", "kINT8",  "kINT16", "kINT32", "kCHAR",
                                         "kDIMS",    "kUNKNOWN", "kBF16",    "kINT64", "kFP8",   "kINT4",  "kFP4"};
    const auto index = static_cast<std::size_t>(type);
    return index < sizeof(kNames) / sizeof(*kNames) ? kNames[index] : "another type";
  }

  // The fields that a creator gets: those that it names and the node has, typed by the node's attribute. Integers are
  // handed over with 32 bits unless the creator declares another width; texts end with a NUL.
  class Fields {
   public:
    Fields(const std::string& op, const PluginFieldCollection& wanted, const ingot_plugin_value* values) : op_(op) {
      for (std::int32_t i = 0; i < wanted.nbFields; ++i) add(wanted.fields[i], values[i]);
      collection_.nbFields = static_cast<std::int32_t>(fields_.size());
      collection_.fields = fields_.data();
    }
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;
    PluginFieldCollection const* get() const { return &collection_; }

   private:
    void add(const PluginField& wanted, const ingot_plugin_value& value) {
      switch (value.type) {
        case INGOT_PLUGIN_NONE:
          log_once(1, op_ + ": the node has no attribute " + wanted.name + "; the plugin takes its own default");
          return;
        case INGOT_PLUGIN_INT: return add_integers(wanted, &value.i, 1);
        case INGOT_PLUGIN_INTS: return add_integers(wanted, value.ints, value.count);
        case INGOT_PLUGIN_FLOAT: return add_numbers(wanted, &value.f, 1);
        case INGOT_PLUGIN_FLOATS: return add_numbers(wanted, value.floats, value.count);
        case INGOT_PLUGIN_STRING: return push(wanted, value.s, PluginFieldType::kCHAR, value.count);
        case INGOT_PLUGIN_TENSOR: return push(wanted, value.data, tensor_field(value.dtype), value.count);
        default:
          throw std::runtime_error(std::string("attribute ") + wanted.name +
                                   " is a list of texts, for which there is no field type");
      }
    }
    // The node's attribute decides, as in TensorRT; what a creator declares is often a guess, yet may be what it reads.
    void push(const PluginField& wanted, const void* data, PluginFieldType type, std::int64_t count) {
      if (wanted.type != type && wanted.type != PluginFieldType::kUNKNOWN)
        log_once(1, op_ + ": attribute " + wanted.name + " is handed over as " + field_text(type) +
                        ", which the node has; the plugin declares " + field_text(wanted.type));
      fields_.emplace_back(wanted.name, data, type, static_cast<std::int32_t>(count));
    }
    template <typename To, typename From>
    void push_as(const PluginField& wanted, const From* values, std::int64_t count, PluginFieldType type) {
      bytes_.emplace_back(static_cast<std::size_t>(count) * sizeof(To) + sizeof(To));
      for (std::int64_t i = 0; i < count; ++i) {
        const To narrowed = static_cast<To>(values[i]);
        if (static_cast<From>(narrowed) != values[i] && !(values[i] != values[i]) && sizeof(To) < sizeof(float))
          throw std::runtime_error(std::string("attribute ") + wanted.name + " does not fit the type of its field");
        std::memcpy(bytes_.back().data() + static_cast<std::size_t>(i) * sizeof(To), &narrowed, sizeof(To));
      }
      push(wanted, bytes_.back().data(), type, count);
    }
    void add_integers(const PluginField& wanted, const std::int64_t* values, std::int64_t count) {
      for (std::int64_t i = 0; i < count && wanted.type != PluginFieldType::kINT64; ++i)
        if (values[i] != static_cast<std::int32_t>(values[i]))
          throw std::runtime_error(std::string("attribute ") + wanted.name + " does not fit into 32 bits");
      switch (wanted.type) {
        case PluginFieldType::kINT8: return push_as<std::int8_t>(wanted, values, count, wanted.type);
        case PluginFieldType::kINT16: return push_as<std::int16_t>(wanted, values, count, wanted.type);
        case PluginFieldType::kINT64: return push_as<std::int64_t>(wanted, values, count, wanted.type);
        case PluginFieldType::kDIMS: {
          const Dims dims = dims_of(values, static_cast<std::int32_t>(count));
          bytes_.emplace_back(sizeof(dims));
          std::memcpy(bytes_.back().data(), &dims, sizeof(dims));
          return push(wanted, bytes_.back().data(), PluginFieldType::kDIMS, 1);
        }
        default: return push_as<std::int32_t>(wanted, values, count, PluginFieldType::kINT32);
      }
    }
    void add_numbers(const PluginField& wanted, const double* values, std::int64_t count) {
      if (wanted.type == PluginFieldType::kFLOAT64)
        return push_as<double>(wanted, values, count, PluginFieldType::kFLOAT64);
      push_as<float>(wanted, values, count, PluginFieldType::kFLOAT32);
    }
    static PluginFieldType tensor_field(std::int32_t dtype) {
      switch (dtype) {
        case INGOT_PLUGIN_F16: return PluginFieldType::kFLOAT16;
        case INGOT_PLUGIN_F32: return PluginFieldType::kFLOAT32;
        case INGOT_PLUGIN_F64: return PluginFieldType::kFLOAT64;
        case INGOT_PLUGIN_I8: return PluginFieldType::kINT8;
        case INGOT_PLUGIN_I16: return PluginFieldType::kINT16;
        case INGOT_PLUGIN_I32: return PluginFieldType::kINT32;
        case INGOT_PLUGIN_I64: return PluginFieldType::kINT64;
        case INGOT_PLUGIN_BF16: return PluginFieldType::kBF16;
        default: return PluginFieldType::kUNKNOWN;
      }
    }

    const std::string& op_;
    std::vector<PluginField> fields_;
    std::deque<std::vector<char>> bytes_;
    PluginFieldCollection collection_{};
  };

}  // namespace )
