// SPDX-License-Identifier: Apache-2.0
// One creator as an operator of the plugin interface: shape rule, formats, instances, contexts, launches.
#pragma once
#pragma GCC system_header

#include <cstdio>
#include <exception>

#include "layers.h"

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

  // The node attribute that says which inputs are sizes rather than data (V3).
  inline const char* shape_inputs_name() { return "tensorrt_plugin_shape_input_indices"; }

  template <typename Body>
  std::int32_t guarded(ingot_plugin_error * error, Body body) noexcept {
    try {
      body();
      return 0;
    } catch (const std::exception& exception) {
      if (error != nullptr) std::snprintf(error->text, error->capacity, "%s", exception.what());
    } catch (...) {
      if (error != nullptr) std::snprintf(error->text, error->capacity, "it threw an exception");
    }
    return 1;
  }

  struct Operator {
    explicit Operator(IPluginCreatorInterface& creator_ref) : creator(creator_ref) {
      name = creator.name();
      variant = creator.version();
      domain = creator.space().empty() ? "tensorrt" : creator.space();
      PluginFieldCollection const* fields = creator.fields();
      for (std::int32_t i = 0; fields != nullptr && i < fields->nbFields; ++i) {
        bool known = fields->fields[i].name == nullptr;
        for (const PluginField& field : wanted) known = known || std::strcmp(field.name, fields->fields[i].name) == 0;
        if (!known) wanted.push_back(fields->fields[i]);
      }
      collection.nbFields = static_cast<std::int32_t>(wanted.size());
      collection.fields = wanted.data();
      for (const PluginField& field : wanted) add_attribute(field.name);
      if (creator.v3 != nullptr) add_attribute(shape_inputs_name());
      fill();
    }
    Operator(const Operator&) = delete;
    Operator& operator=(const Operator&) = delete;

    Creator creator;
    std::string name, variant, domain;
    std::vector<PluginField> wanted;
    PluginFieldCollection collection{};
    std::vector<ingot_plugin_attribute> attributes;
    ingot_plugin_operator api{};

   private:
    void add_attribute(const char* attribute_name) {
      ingot_plugin_attribute attribute{};
      attribute.size = sizeof(attribute);
      attribute.name = attribute_name;
      attribute.type = INGOT_PLUGIN_ANY_VALUE;
      attributes.push_back(attribute);
    }
    void fill();
  };

  // A plugin object with what the node says of its inputs.
  struct Instance {
    Instance(const Operator& op, const ingot_plugin_value* values, std::size_t inputs) : is_shape(inputs, false) {
      const Fields fields(op.name, op.collection, values);
      layer = make_layer(op.creator, fields.get());
      if (op.creator.v3 == nullptr) return;
      const ingot_plugin_value& indices = values[op.wanted.size()];
      if (indices.type == INGOT_PLUGIN_INT) mark_shape_input(indices.i);
      for (std::int64_t i = 0; i < indices.count && indices.type == INGOT_PLUGIN_INTS; ++i)
        mark_shape_input(indices.ints[i]);
    }
    std::unique_ptr<Layer> layer;
    std::vector<bool> is_shape;

    Descs inputs_of(const ingot_plugin_tensor* tensors) const {
      Descs out;
      for (std::size_t i = 0; i < is_shape.size(); ++i)
        if (!is_shape[i]) out.push_back(desc_of(tensors[i]));
      return out;
    }
    std::vector<DataType> types_of(const Descs& descs) const {
      std::vector<DataType> out;
      for (const PluginTensorDesc& desc : descs) out.push_back(desc.type);
      return out;
    }

   private:
    void mark_shape_input(std::int64_t index) {
      if (index < 0 || static_cast<std::size_t>(index) >= is_shape.size())
        throw std::runtime_error(std::string("attribute ") + shape_inputs_name() + " names input " +
                                 std::to_string(index) + ", the node has " + std::to_string(is_shape.size()));
      is_shape[static_cast<std::size_t>(index)] = true;
    }
  };

  // Sizes of a node's inputs as numbers, and the values of its shape inputs, which must be small constants.
  struct KnownShapes {
    struct Known {
      std::int32_t count = 0;
      std::int64_t values[Dims::MAX_DIMS] = {};
    };
    std::vector<Known> data, sizes;

    KnownShapes() = default;
    KnownShapes(const std::vector<bool>& is_shape, const ingot_plugin_tensor* inputs) {
      for (std::size_t i = 0; i < is_shape.size(); ++i) {
        Known known;
        const ingot_plugin_tensor& input = inputs[i];
        if (!is_shape[i]) {
          known.count = dims_of(input.dims, input.rank).nbDims;
          for (std::int32_t k = 0; k < known.count; ++k) known.values[k] = input.dims[k];
          data.push_back(known);
          continue;
        }
        const std::int64_t count = input.rank == 0 ? 1 : input.dims[0];
        if (input.data == nullptr || count > Dims::MAX_DIMS)
          throw std::runtime_error("a shape input must be a small constant");
        known.count = static_cast<std::int32_t>(count);
        for (std::int32_t k = 0; k < known.count; ++k)
          known.values[k] = input.dtype == INGOT_PLUGIN_I64 ? static_cast<const std::int64_t*>(input.data)[k]
                                                            : static_cast<const std::int32_t*>(input.data)[k];
        sizes.push_back(known);
      }
    }
    // By a context's own plugin, since some plugins remember what they were asked.
    std::vector<DimsExprs> outputs(Layer& layer, Builder& builder) const {
      return layer.output_shapes(exprs(data, builder), exprs(sizes, builder), builder);
    }

   private:
    static std::vector<DimsExprs> exprs(const std::vector<Known>& all, Builder& builder) {
      std::vector<DimsExprs> out;
      for (const Known& known : all) {
        DimsExprs dims{};
        dims.nbDims = known.count;
        for (std::int32_t k = 0; k < known.count; ++k)
          dims.d[k] = builder.constant(static_cast<DimSize>(known.values[k]));
        out.push_back(dims);
      }
      return out;
    }
  };

  inline void infer_shapes(const Operator& op, const ingot_plugin_infer* call) {
    Instance instance(op, call->attributes, call->input_count);
    Builder builder(call);
    std::vector<DimsExprs> data, sizes;
    std::vector<DataType> types;
    for (std::size_t i = 0; i < call->input_count; ++i) {
      DimsExprs exprs{};
      if (instance.is_shape[i]) {
        const std::int64_t count = call->input_value_count(call->host, i);
        if (count < 0 || count > Dims::MAX_DIMS)
          throw std::runtime_error("shape input " + std::to_string(i) + " must be known while the model is read");
        exprs.nbDims = static_cast<std::int32_t>(count);
        for (std::int32_t k = 0; k < exprs.nbDims; ++k) exprs.d[k] = builder.wrap(call->input_value(call->host, i, k));
        sizes.push_back(exprs);
        continue;
      }
      types.push_back(DataType::kFLOAT);
      if (call->input_present(call->host, i) != 0) {
        const std::int32_t rank = call->input_rank(call->host, i);
        if (rank < 0 || rank > Dims::MAX_DIMS)
          throw std::runtime_error("input " + std::to_string(i) + " needs a known rank of at most 8");
        types.back() = to_tensorrt(call->input_type(call->host, i));
        exprs.nbDims = rank;
        for (std::int32_t k = 0; k < rank; ++k) exprs.d[k] = builder.wrap(call->input_dim(call->host, i, k));
      }
      data.push_back(exprs);
    }
    const std::vector<DataType> out_types = instance.layer->output_types(types);
    const std::vector<DimsExprs> shapes = instance.layer->output_shapes(data, sizes, builder);
    if (builder.constant_of_unknown())
      throw std::runtime_error(
          "its rule for dimensions takes getConstantValue of a symbolic dimension: give the model fixed sizes, or "
          "hand the expression on");
    if (call->output_count > shapes.size())
      throw std::runtime_error("the node has " + std::to_string(call->output_count) + " outputs, the plugin " +
                               std::to_string(shapes.size()));
    for (std::size_t i = 0; i < call->output_count; ++i) {
      if (shapes[i].nbDims < 0 || shapes[i].nbDims > Dims::MAX_DIMS)
        throw std::runtime_error("output " + std::to_string(i) + " has " + std::to_string(shapes[i].nbDims) +
                                 " dimensions");
      ingot_plugin_dim dims[Dims::MAX_DIMS] = {};
      for (std::int32_t k = 0; k < shapes[i].nbDims; ++k) {
        if (shapes[i].d[k] == nullptr)
          throw std::runtime_error("its rule for dimensions leaves dimension " + std::to_string(k) + " of output " +
                                   std::to_string(i) + " unset");
        dims[k] = static_cast<const Expr*>(shapes[i].d[k])->dim;
      }
      call->set_output(call->host, i, to_ingot(out_types[i]), shapes[i].nbDims, dims);
    }
  }

  // ---- formats
  // --------------------------------------------------------------------------------------------------------

  // All combinations that the plugin accepts, found by trying the operands' formats one after the other.
  class FormatSearch {
   public:
    FormatSearch(Layer& layer, const Descs& inputs, const Descs& outputs)
        : layer_(layer), inputs_(static_cast<std::int32_t>(inputs.size())), descs_(joined(inputs, outputs)) {
      for (const PluginTensorDesc& desc : descs_) wanted_.push_back(desc.type);
      visit(0);
      if (!found.empty()) return;
      trusting_ = true;
      visit(0);
    }
    std::vector<Descs> found;
    std::size_t deepest = 0;

   private:
    static constexpr std::size_t kMostFound = 64;
    static constexpr std::int32_t kMostTried = 20000;

    std::vector<DataType> types_for(DataType model) const {
      switch (model) {
        case DataType::kFLOAT: return {DataType::kFLOAT, DataType::kHALF, DataType::kBF16};
        case DataType::kHALF: return {DataType::kHALF, DataType::kFLOAT, DataType::kBF16};
        case DataType::kBF16: return {DataType::kBF16, DataType::kFLOAT, DataType::kHALF};
        case DataType::kINT64: return {DataType::kINT64, DataType::kINT32};
        case DataType::kINT32: return {DataType::kINT32, DataType::kINT64};
        case DataType::kBOOL: return {DataType::kBOOL, DataType::kUINT8};
        default: return {model};
      }
    }
    static std::vector<TensorFormat> formats_for(std::int32_t rank) {
      if (rank < 3) return {TensorFormat::kLINEAR};
      const bool volume = rank >= 5;
      return {TensorFormat::kLINEAR, volume ? TensorFormat::kDHWC : TensorFormat::kHWC,
              TensorFormat::kCHW4,   volume ? TensorFormat::kCDHW32 : TensorFormat::kCHW32,
              TensorFormat::kCHW2,   volume ? TensorFormat::kDHWC8 : TensorFormat::kHWC8,
              TensorFormat::kCHW16};
    }
    // What the plugin accepts at a position, given the choices before it. A plugin that accepts whatever it is offered
    // has not looked: it then gets what the model has, since many sources test another operand than the one asked for.
    std::vector<PluginTensorDesc> accepted_at(std::size_t position) {
      const std::vector<DataType> types = types_for(wanted_[position]);
      const std::vector<TensorFormat> formats = formats_for(descs_[position].dims.nbDims);
      std::vector<PluginTensorDesc> accepted;
      std::size_t full_types = 0;
      for (DataType type : types) {
        const std::size_t before = accepted.size();
        for (TensorFormat format : formats) {
          ++tried_;
          descs_[position].type = type;
          descs_[position].format = format;
          if (layer_.supports(static_cast<std::int32_t>(position), descs_, inputs_))
            accepted.push_back(descs_[position]);
        }
        if (trusting_ || accepted.size() != before + formats.size()) continue;
        accepted.resize(before + 1);  // kLINEAR is the first
        ++full_types;
      }
      if (full_types == types.size()) accepted.resize(1);
      return accepted;
    }
    void visit(std::size_t position) {
      if (position == descs_.size()) return found.push_back(descs_);
      deepest = position > deepest ? position : deepest;
      for (const PluginTensorDesc& desc : accepted_at(position)) {
        if (found.size() >= kMostFound || tried_ > kMostTried) return;
        descs_[position] = desc;
        visit(position + 1);
      }
    }

    Layer& layer_;
    std::int32_t inputs_;
    Descs descs_;
    std::vector<DataType> wanted_;
    std::int32_t tried_ = 0;
    bool trusting_ = false;
  };

  // The descriptions of all outputs of the plugin, those that the node does not use included.
  inline Descs outputs_of(const Instance& instance, const ingot_plugin_operands* call, const Descs& inputs) {
    Descs out;
    const auto types = instance.layer->output_types(instance.types_of(inputs));
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (i < call->output_count && call->outputs[i].dtype != 0) {
        out.push_back(desc_of(call->outputs[i]));
        continue;
      }
      PluginTensorDesc desc{};
      desc.type = types[i];
      desc.scale = 1;
      out.push_back(desc);
    }
    return out;
  }

  // The engine can only say that there is no combination, the plugin at which operand the search ended.
  inline void log_refusal(const Operator& op, std::size_t position, const Descs& inputs) {
    const bool input = position < inputs.size();
    log_once(1, op.name + ": the plugin takes " + (input ? "input " : "output ") +
                    std::to_string(input ? position : position - inputs.size()) + " in none of the formats tried" +
                    (input ? " for " + types_text({inputs[position].type}) : std::string()));
  }

  inline std::int32_t combination(const Operator& op, const ingot_plugin_operands* call, std::size_t index,
                                  ingot_plugin_format* operands) {
    // The engine asks for one index after the other; the search is done for the first.
    static thread_local std::vector<Descs> found;
    static thread_local std::vector<bool> is_shape;
    if (index == 0) {
      found.clear();
      const Instance instance(op, call->attributes, call->input_count);
      is_shape = instance.is_shape;
      const Descs inputs = instance.inputs_of(call->inputs);
      const FormatSearch search(*instance.layer, inputs, outputs_of(instance, call, inputs));
      found = search.found;
      if (found.empty()) log_refusal(op, search.deepest, inputs);
    }
    if (index >= found.size()) return 0;
    std::size_t at = 0;
    const auto format = [](const PluginTensorDesc& desc) {
      return ingot_plugin_format{to_ingot(desc.type), to_ingot(desc.format)};
    };
    for (std::size_t i = 0; i < call->input_count; ++i)
      operands[i] =
          is_shape[i] ? ingot_plugin_format{INGOT_PLUGIN_ANY_TYPE, INGOT_PLUGIN_LINEAR} : format(found[index][at++]);
    for (std::size_t i = 0; i < call->output_count; ++i) operands[call->input_count + i] = format(found[index][at++]);
    return 1;
  }

  // ---- contexts
  // -------------------------------------------------------------------------------------------------------

  inline std::size_t bytes_of(DataType type, const DimsExprs& shape) {
    std::size_t bytes = type == DataType::kINT64                               ? 8
                        : type == DataType::kHALF || type == DataType::kBF16   ? 2
                        : type == DataType::kFLOAT || type == DataType::kINT32 ? 4
                                                                               : 1;
    for (std::int32_t i = 0; i < shape.nbDims; ++i)
      bytes *= static_cast<std::size_t>(static_cast<const Expr*>(shape.d[i])->value);
    return bytes;
  }

  // Memory for an output whose size the data decide, or that the node does not use; on the device of the context.
  class Scratch {
   public:
    explicit Scratch(const ingot_plugin_cuda* cuda) : cuda_(cuda) {}
    Scratch(Scratch&& other) : cuda_(other.cuda_), memory_(other.memory_), size_(other.size_) {
      other.memory_ = nullptr;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
      if (memory_ != nullptr) cuda_ != nullptr ? cuda_->release(cuda_->host, memory_) : std::free(memory_);
    }
    void reserve(std::size_t bytes) {
      size_ = bytes;
      memory_ = cuda_ != nullptr ? cuda_->allocate(cuda_->host, bytes) : std::malloc(bytes > 0 ? bytes : 1);
      if (memory_ == nullptr)
        throw std::runtime_error("no memory for an output of " + std::to_string(bytes) + " bytes");
    }
    void* data() const { return memory_; }
    std::size_t size() const { return size_; }

   private:
    const ingot_plugin_cuda* cuda_;
    void* memory_ = nullptr;
    std::size_t size_ = 0;
  };

  struct Context {
    Context(const Instance& instance_ref, const ingot_plugin_operands* call, std::size_t* workspace)
        : instance(instance_ref),
          cuda(call->device == INGOT_PLUGIN_CUDA ? cuda_of(call) : nullptr),
          device_memory(cuda),
          layer(instance.layer->clone()) {
      inputs = instance.inputs_of(call->inputs);
      outputs = outputs_of(instance, call, inputs);
      for (std::size_t i = 0; i < outputs.size(); ++i) scratch.emplace_back(cuda);
      by_data.assign(outputs.size(), false);
      bool needs_bounds = outputs.size() > call->output_count;
      for (std::size_t i = 0; i < call->output_count; ++i) {
        needs_bounds = needs_bounds || call->outputs[i].dtype == 0;
        for (std::int32_t k = 0; k < call->outputs[i].rank; ++k)
          needs_bounds = needs_bounds || call->outputs[i].dims[k] < 0;
      }
      find_bounds(call, needs_bounds);
      Attachment to;
      to.allocator = Registry::instance().allocator();
      if (cuda != nullptr) {
        to.allocator = &device_memory;
        to.cublas = static_cast<cublasContext*>(cuda->library(cuda->host, "cublas"));
        to.cudnn = static_cast<cudnnContext*>(cuda->library(cuda->host, "cudnn"));
      }
      *workspace = layer->configure(inputs, outputs, static_cast<std::int32_t>(call->tactic), to);
    }

    const Instance& instance;
    const ingot_plugin_cuda* cuda;
    CudaAllocator device_memory;
    std::unique_ptr<Layer> layer;
    KnownShapes known;
    Descs inputs, outputs;
    std::vector<Scratch> scratch;
    std::vector<bool> by_data, is_size;

   private:
    static const ingot_plugin_cuda* cuda_of(const ingot_plugin_operands* call) {
      if (call->size < sizeof(ingot_plugin_operands) || call->cuda == nullptr)
        throw std::runtime_error("plugins with CUDA kernels need an engine with version 1.1 of the plugin interface");
      return call->cuda;
    }
    // Which outputs the data size, and memory for the most that they can be.
    void find_bounds(const ingot_plugin_operands* call, bool needed) {
      Builder builder(static_cast<const std::vector<std::int64_t>*>(nullptr));
      std::vector<DimsExprs> bounds;
      const auto find = [&] {
        known = KnownShapes(instance.is_shape, call->inputs);
        bounds = known.outputs(*layer, builder);
      };
      if (guarded(nullptr, find) != 0) {
        if (needed) throw std::runtime_error("the sizes of its outputs are not known");
        return;
      }
      for (std::size_t i = 0; i < bounds.size() && i < outputs.size(); ++i) {
        is_size.push_back(builder.is_size(static_cast<std::int32_t>(i)));
        for (std::int32_t k = 0; k < bounds[i].nbDims; ++k)
          by_data[i] = by_data[i] || static_cast<const Expr*>(bounds[i].d[k])->depends_on_data;
        const bool unused = i >= call->output_count || call->outputs[i].dtype == 0;
        if (unused || by_data[i]) scratch[i].reserve(bytes_of(outputs[i].type, bounds[i]));
        outputs[i].dims.nbDims = bounds[i].nbDims;
        for (std::int32_t k = 0; k < bounds[i].nbDims; ++k) {
          const auto* expr = static_cast<const Expr*>(bounds[i].d[k]);
          outputs[i].dims.d[k] = expr->depends_on_data ? static_cast<DimSize>(-1) : static_cast<DimSize>(expr->value);
        }
      }
    }
  };

  // What an enqueue wrote, on the host.
  inline std::int64_t read_size(const Context& context, const ingot_plugin_launch* call, DataType type,
                                const void* from) {
    std::int64_t wide = 0;
    std::int32_t narrow = 0;
    void* to = type == DataType::kINT64 ? static_cast<void*>(&wide) : static_cast<void*>(&narrow);
    const std::size_t bytes = type == DataType::kINT64 ? sizeof(wide) : sizeof(narrow);
    if (context.cuda == nullptr) {
      std::memcpy(to, from, bytes);
    } else if (context.cuda->copy(context.cuda->host, to, from, bytes, call->stream) != 0 ||
               context.cuda->synchronize(context.cuda->host, call->stream) != 0) {
      throw std::runtime_error("the device failed before the size of an output was known");
    }
    return type == DataType::kINT64 ? wide : narrow;
  }

  inline void launch(Context & context, const ingot_plugin_launch* call) {
    std::vector<const void*> in;
    std::vector<void*> out;
    for (std::size_t i = 0; i < call->input_count; ++i)
      if (!context.instance.is_shape[i]) in.push_back(call->inputs[i].data);
    for (std::size_t i = 0; i < context.outputs.size(); ++i) {
      void* own = context.scratch[i].data();
      out.push_back(own != nullptr ? own : i < call->output_count ? call->outputs[i].data : nullptr);
    }
    check(context.layer->enqueue(context.inputs, context.outputs, in.data(), out.data(), call->workspace,
                                 static_cast<cudaStream_t>(call->stream)),
          "enqueue");
    bool any = false;
    for (std::size_t i = 0; i < call->output_count; ++i) any = any || context.by_data[i];
    if (!any) return;
    std::vector<std::int64_t> sizes(context.outputs.size(), 0);
    for (std::size_t i = 0; i < context.is_size.size(); ++i) {
      if (!context.is_size[i]) continue;
      sizes[i] = read_size(context, call, context.outputs[i].type, out[i]);
      if (sizes[i] < 0) throw std::runtime_error("size tensor " + std::to_string(i) + " is negative");
    }
    Builder builder(&sizes);
    const std::vector<DimsExprs> shapes = context.known.outputs(*context.layer, builder);
    for (std::size_t i = 0; i < call->output_count; ++i) {
      if (!context.by_data[i]) continue;
      std::int64_t dims[Dims::MAX_DIMS] = {};
      for (std::int32_t k = 0; k < shapes[i].nbDims; ++k) dims[k] = static_cast<const Expr*>(shapes[i].d[k])->value;
      const std::size_t bytes = bytes_of(context.outputs[i].type, shapes[i]);
      if (bytes > context.scratch[i].size())
        throw std::runtime_error("output " + std::to_string(i) + " is larger than the upper bound that was declared");
      void* memory = call->allocate_output(call->host, i, dims, shapes[i].nbDims);
      if (memory == nullptr) throw std::runtime_error("no memory for output " + std::to_string(i));
      if (context.cuda == nullptr) {
        std::memcpy(memory, context.scratch[i].data(), bytes);
      } else if (context.cuda->copy(context.cuda->host, memory, context.scratch[i].data(), bytes, call->stream) != 0) {
        throw std::runtime_error("copying output " + std::to_string(i) + " failed");
      }
    }
  }

  inline void Operator::fill() {
    api.size = sizeof(api);
    api.domain = domain.c_str();
    api.name = name.c_str();
    api.variant = variant.c_str();
    api.flags = INGOT_PLUGIN_OPEN_SCHEMA | INGOT_PLUGIN_MUST_ALIAS;
#ifndef INGOT_TENSORRT_CAPTURABLE
    // Nothing in TensorRT's contract keeps an enqueue from waiting for the device.
    api.flags |= INGOT_PLUGIN_SYNCHRONIZES;
#endif
    // A namespace must be asked for, by plugin_namespace or the node's domain; without one the domain does not matter.
    if (creator.space().empty()) api.flags |= INGOT_PLUGIN_ANY_DOMAIN;
    api.devices = devices();
    api.most_inputs = api.most_outputs = -1;
    api.least_outputs = 1;
    api.attributes = attributes.data();
    api.attribute_count = attributes.size();
    api.user = this;
    api.infer = [](void* user, const ingot_plugin_infer* call, ingot_plugin_error* error) {
      return guarded(error, [&] { infer_shapes(*static_cast<const Operator*>(user), call); });
    };
    api.combination = [](void* user, const ingot_plugin_operands* call, std::size_t index, ingot_plugin_format* out) {
      const auto& op = *static_cast<const Operator*>(user);
      std::int32_t more = 0;
      char text[256] = "";
      ingot_plugin_error error{text, sizeof(text)};
      // The engine hears that there is no combination, its user why.
      if (guarded(&error, [&] { more = combination(op, call, index, out); }) != 0) log_once(1, op.name + ": " + text);
      return more;
    };
    api.create = [](void* user, const ingot_plugin_operands* call, void** instance, ingot_plugin_error* error) {
      return guarded(error, [&] {
        *instance = new Instance(*static_cast<const Operator*>(user), call->attributes, call->input_count);
      });
    };
    api.destroy = [](void*, void* instance) { delete static_cast<Instance*>(instance); };
    api.tactic = [](void*, const void* instance, const ingot_plugin_operands*, std::size_t index,
                    ingot_plugin_tactic* out) {
      std::int32_t more = 0;
      guarded(nullptr, [&] {
        const auto ids = static_cast<const Instance*>(instance)->layer->tactics();
        if (index >= ids.size()) return;
        out->id = ids[index];
        more = 1;
      });
      return more;
    };
    api.configure = [](void*, const void* instance, const ingot_plugin_operands* call, void** state,
                       std::size_t* workspace, ingot_plugin_error* error) {
      return guarded(error, [&] { *state = new Context(*static_cast<const Instance*>(instance), call, workspace); });
    };
    api.release = [](void*, const void*, void* state) { delete static_cast<Context*>(state); };
    api.launch = [](void*, const void*, void* state, const ingot_plugin_launch* call, ingot_plugin_error* error) {
      return guarded(error, [&] { launch(*static_cast<Context*>(state), call); });
    };
    api.alias = [](void*, const void* instance, std::size_t output) {
      std::int32_t input = -1;
      guarded(nullptr,
              [&] { input = static_cast<const Instance*>(instance)->layer->alias(static_cast<std::int32_t>(output)); });
      return input;
    };
  }

}  // namespace )
