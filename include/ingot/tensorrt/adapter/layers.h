// SPDX-License-Identifier: Apache-2.0
// Layer: one plugin object of any generation behind one interface. A Layer owns its plugin.
#pragma once
#pragma GCC system_header

#include "expressions.h"

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

  // What a plugin gets when it is attached to a context.
  struct Attachment {
    cudnnContext* cudnn = nullptr;
    cublasContext* cublas = nullptr;
    IGpuAllocator* allocator = nullptr;
  };

  class Layer {
   public:
    virtual ~Layer() = default;
    virtual std::int32_t outputs() const = 0;
    virtual std::vector<DataType> output_types(const std::vector<DataType>& inputs) const = 0;
    virtual std::vector<DimsExprs> output_shapes(const std::vector<DimsExprs>& inputs,
                                                 const std::vector<DimsExprs>& shape_inputs, Builder& builder) = 0;
    // Of inputs, then of outputs.
    virtual bool supports(std::int32_t position, const DynamicDescs& descs, std::int32_t inputs) = 0;
    virtual std::int32_t alias(std::int32_t) { return -1; }
    virtual std::unique_ptr<Layer> clone() const = 0;

    // The rest is for clones, in this order. First, for all sizes of the plan:
    virtual void plan(const DynamicDescs& inputs, const DynamicDescs& outputs) = 0;
    virtual std::vector<std::int32_t> tactics() { return {}; }
    // On a clone that belongs to one context, for its sizes; returns the workspace's size.
    virtual std::size_t configure(const Descs& inputs, const Descs& outputs, std::int32_t tactic,
                                  const Attachment& to) = 0;
    virtual std::int32_t enqueue(const Descs& inputs, const Descs& outputs, void const* const* in, void* const* out,
                                 void* workspace, cudaStream_t stream) = 0;
  };

  // As they are, -1 included.
  inline Descs plain(const DynamicDescs& descs) {
    Descs out;
    for (const DynamicPluginTensorDesc& desc : descs) out.push_back(desc.desc);
    return out;
  }

  // At the largest sizes.
  inline Descs largest(const DynamicDescs& descs) {
    Descs out = plain(descs);
    for (std::size_t i = 0; i < out.size(); ++i) out[i].dims = descs[i].max;
    return out;
  }

  // Of sizes that may change a plugin knows the limits, and then those of a context.
  inline DynamicDescs at_sizes(const DynamicDescs& limits, const Descs& descs) {
    DynamicDescs out = limits;
    for (std::size_t i = 0; i < out.size(); ++i) out[i].desc = descs[i];
    return out;
  }

  template <typename T>
  T* need(T * made, const char* what) {
    if (made == nullptr) throw std::runtime_error(std::string(what) + " returned nullptr");
    return made;
  }

  // Most plugins return what CUDA said, as a number.
  inline const char* cuda_error_text(std::int32_t status) {
    switch (status) {
      case 2: return " (as a CUDA error: out of memory)";
      case 35: return " (as a CUDA error: no driver, or one older than the CUDA runtime that the plugin has)";
      case 98:
      case 209: return " (as a CUDA error: no kernel for this GPU; compile with its -arch)";
      case 100: return " (as a CUDA error: no GPU)";
      case 700: return " (as a CUDA error: an illegal address)";
      case 719: return " (as a CUDA error: a kernel failed)";
      default: return "";
    }
  }

  inline void check(std::int32_t status, const char* what) {
    if (status != 0)
      throw std::runtime_error(std::string(what) + " returned " + std::to_string(status) + cuda_error_text(status));
  }

  // The type of a V2 plugin's output in the network: one that says kHALF means the format that it writes, which
  // supportsFormatCombination decides; among floats the tensor is kFLOAT.
  inline DataType network_type(DataType said, const std::vector<DataType>& inputs) {
    bool has_float = false;
    for (const DataType input : inputs) {
      if (input == DataType::kHALF) return said;
      has_float = has_float || input == DataType::kFLOAT;
    }
    return said == DataType::kHALF && has_float ? DataType::kFLOAT : said;
  }

  template <typename Desc>
  std::int32_t count(const std::vector<Desc>& descs) {
    return static_cast<std::int32_t>(descs.size());
  }

  // ---- version 2, full dimensions
  // -------------------------------------------------------------------------------------

  class DynamicLayer final : public Layer {
   public:
    explicit DynamicLayer(IPluginV2DynamicExt* plugin) : plugin_(plugin) {}
    ~DynamicLayer() override {
      if (initialised_) {
        plugin_->detachFromContext();
        plugin_->terminate();
      }
      plugin_->destroy();
    }
    std::int32_t outputs() const override { return plugin_->getNbOutputs(); }
    std::vector<DataType> output_types(const std::vector<DataType>& inputs) const override {
      std::vector<DataType> out;
      for (std::int32_t i = 0; i < outputs(); ++i)
        out.push_back(network_type(
            plugin_->getOutputDataType(i, inputs.data(), static_cast<std::int32_t>(inputs.size())), inputs));
      return out;
    }
    std::vector<DimsExprs> output_shapes(const std::vector<DimsExprs>& inputs, const std::vector<DimsExprs>&,
                                         Builder& builder) override {
      std::vector<DimsExprs> out;
      for (std::int32_t i = 0; i < outputs(); ++i)
        out.push_back(
            plugin_->getOutputDimensions(i, inputs.data(), static_cast<std::int32_t>(inputs.size()), builder));
      return out;
    }
    bool supports(std::int32_t position, const DynamicDescs& descs, std::int32_t inputs) override {
      const Descs all = plain(descs);
      return plugin_->supportsFormatCombination(position, all.data(), inputs, count(all) - inputs);
    }
    std::unique_ptr<Layer> clone() const override {
      return std::unique_ptr<Layer>(new DynamicLayer(need(plugin_->clone(), "clone")));
    }
    void plan(const DynamicDescs& inputs, const DynamicDescs& outputs) override {
      in_ = inputs;
      out_ = outputs;
      tell(in_, out_);
    }
    std::size_t configure(const Descs& inputs, const Descs& outputs, std::int32_t, const Attachment& to) override {
      check(plugin_->initialize(), "initialize");
      plugin_->attachToContext(to.cudnn, to.cublas, to.allocator);
      initialised_ = true;
      if (!is_dynamic(in_) && !is_dynamic(out_)) return workspace(inputs, outputs);
      tell(at_sizes(in_, inputs), at_sizes(out_, outputs));
      // A plugin may have laid its workspace out when it heard of the largest sizes.
      const std::size_t most = workspace(largest(in_), largest(out_)), now = workspace(inputs, outputs);
      return most > now ? most : now;
    }
    std::int32_t enqueue(const Descs& inputs, const Descs& outputs, void const* const* in, void* const* out,
                         void* workspace, cudaStream_t stream) override {
      return plugin_->enqueue(inputs.data(), outputs.data(), in, out, workspace, stream);
    }

   private:
    void tell(const DynamicDescs& inputs, const DynamicDescs& outputs) {
      plugin_->configurePlugin(inputs.data(), count(inputs), outputs.data(), count(outputs));
    }
    std::size_t workspace(const Descs& inputs, const Descs& outputs) const {
      return plugin_->getWorkspaceSize(inputs.data(), count(inputs), outputs.data(), count(outputs));
    }

    IPluginV2DynamicExt* plugin_;
    DynamicDescs in_, out_;
    bool initialised_ = false;
  };

  // ---- version 2, dimensions without the batch
  // ------------------------------------------------------------------------

  class BatchLayer final : public Layer {
   public:
    explicit BatchLayer(IPluginV2* plugin)
        : plugin_(plugin),
          kind_(static_cast<PluginVersion>(static_cast<std::uint32_t>(plugin->getTensorRTVersion()) >> 24)) {}
    ~BatchLayer() override {
      if (initialised_) {
        if (ext() != nullptr) ext()->detachFromContext();
        plugin_->terminate();
      }
      plugin_->destroy();
    }
    std::int32_t outputs() const override { return plugin_->getNbOutputs(); }
    std::vector<DataType> output_types(const std::vector<DataType>& inputs) const override {
      std::vector<DataType> out;
      for (std::int32_t i = 0; i < outputs(); ++i)
        out.push_back(ext() != nullptr ? network_type(ext()->getOutputDataType(
                                                          i, inputs.data(), static_cast<std::int32_t>(inputs.size())),
                                                      inputs)
                                       : inputs.at(0));
      return out;
    }
    std::vector<DimsExprs> output_shapes(const std::vector<DimsExprs>& inputs, const std::vector<DimsExprs>&,
                                         Builder& builder) override {
      std::vector<Dims> fixed;
      for (const DimsExprs& input : inputs) {
        Dims dims{};
        dims.nbDims = input.nbDims > 0 ? input.nbDims - 1 : 0;
        for (std::int32_t i = 0; i < dims.nbDims; ++i) {
          if (!input.d[i + 1]->isConstant())
            throw std::runtime_error(
                "the plugin is an IPluginV2 or IPluginV2IOExt, which needs fixed sizes in all dimensions but the "
                "batch: "
                "give the model fixed sizes, or make it an IPluginV2DynamicExt");
          dims.d[i] = input.d[i + 1]->getConstantValue();
        }
        fixed.push_back(dims);
      }
      if (inputs.empty() || inputs[0].nbDims == 0) throw std::runtime_error("the plugin needs an input with a batch");
      std::vector<DimsExprs> out;
      for (std::int32_t i = 0; i < outputs(); ++i) {
        const Dims dims = plugin_->getOutputDimensions(i, fixed.data(), static_cast<std::int32_t>(fixed.size()));
        DimsExprs exprs{};
        exprs.nbDims = dims.nbDims + 1;
        exprs.d[0] = inputs[0].d[0];
        for (std::int32_t k = 0; k < dims.nbDims && k + 1 < Dims::MAX_DIMS; ++k)
          exprs.d[k + 1] = builder.constant(dims.d[k]);
        out.push_back(exprs);
      }
      return out;
    }
    bool supports(std::int32_t position, const DynamicDescs& dynamic, std::int32_t inputs) override {
      const Descs descs = plain(dynamic), batchless = without_batch(descs);
      if (auto* io = io_ext())
        return io->supportsFormatCombination(position, batchless.data(), inputs, count(descs) - inputs);
      // One type and one format for all floating-point operands; others pass as they are.
      const PluginTensorDesc& desc = descs[static_cast<std::size_t>(position)];
      const bool is_float =
          desc.type == DataType::kFLOAT || desc.type == DataType::kHALF || desc.type == DataType::kINT8;
      if (!is_float) return desc.format == TensorFormat::kLINEAR;
      for (std::int32_t i = 0; i < position; ++i) {
        const PluginTensorDesc& other = descs[static_cast<std::size_t>(i)];
        const bool other_float =
            other.type == DataType::kFLOAT || other.type == DataType::kHALF || other.type == DataType::kINT8;
        if (other_float && (other.type != desc.type || other.format != desc.format)) return false;
      }
      return plugin_->supportsFormat(desc.type, desc.format);
    }
    std::unique_ptr<Layer> clone() const override {
      return std::unique_ptr<Layer>(new BatchLayer(need(plugin_->clone(), "clone")));
    }
    // Nothing but the batch may change, of which it is not told.
    void plan(const DynamicDescs&, const DynamicDescs&) override {}
    std::size_t configure(const Descs& inputs, const Descs& outputs, std::int32_t, const Attachment& to) override {
      batch_ = inputs.empty() ? 1 : static_cast<std::int32_t>(inputs[0].dims.nbDims > 0 ? inputs[0].dims.d[0] : 1);
      in_ = without_batch(inputs);
      out_ = without_batch(outputs);
      if (auto* io = io_ext()) {
        io->configurePlugin(in_.data(), count(in_), out_.data(), count(out_));
      } else {
        configure_older();
      }
      check(plugin_->initialize(), "initialize");
      if (ext() != nullptr) ext()->attachToContext(to.cudnn, to.cublas, to.allocator);
      initialised_ = true;
      return plugin_->getWorkspaceSize(batch_);
    }
    std::int32_t enqueue(const Descs&, const Descs&, void const* const* in, void* const* out, void* workspace,
                         cudaStream_t stream) override {
      return plugin_->enqueue(batch_, in, out, workspace, stream);
    }

   private:
    IPluginV2Ext* ext() const { return kind_ != PluginVersion::kV2 ? static_cast<IPluginV2Ext*>(plugin_) : nullptr; }
    IPluginV2IOExt* io_ext() const {
      return kind_ == PluginVersion::kV2_IOEXT ? static_cast<IPluginV2IOExt*>(plugin_) : nullptr;
    }
    static Descs without_batch(const Descs& descs) {
      Descs out(descs);
      for (PluginTensorDesc& desc : out) {
        for (std::int32_t i = 1; i < desc.dims.nbDims; ++i) desc.dims.d[i - 1] = desc.dims.d[i];
        if (desc.dims.nbDims > 0) --desc.dims.nbDims;
      }
      return out;
    }
    void configure_older() {
      std::vector<Dims> in_dims, out_dims;
      std::vector<DataType> in_types, out_types;
      for (const PluginTensorDesc& desc : in_) in_dims.push_back(desc.dims), in_types.push_back(desc.type);
      for (const PluginTensorDesc& desc : out_) out_dims.push_back(desc.dims), out_types.push_back(desc.type);
      const TensorFormat format = in_.empty() ? TensorFormat::kLINEAR : in_[0].format;
      const DataType type = in_.empty() ? DataType::kFLOAT : in_[0].type;
      if (ext() == nullptr)
        return plugin_->configureWithFormat(in_dims.data(), count(in_), out_dims.data(), count(out_), type, format,
                                            batch_);
      const std::unique_ptr<bool[]> in_no(new bool[in_.size() + 1]()), out_no(new bool[out_.size() + 1]());
      ext()->configurePlugin(in_dims.data(), count(in_), out_dims.data(), count(out_), in_types.data(),
                             out_types.data(), in_no.get(), out_no.get(), format, batch_);
    }

    IPluginV2* plugin_;
    PluginVersion kind_;
    std::int32_t batch_ = 1;
    Descs in_, out_;
    bool initialised_ = false;
  };

  // ---- version 3
  // ------------------------------------------------------------------------------------------------------

  class ResourceContext final : public IPluginResourceContext {
   public:
    IGpuAllocator* getGpuAllocator() const override { return allocator; }
    IErrorRecorder* getErrorRecorder() const override { return Registry::instance().getErrorRecorder(); }
    IGpuAllocator* allocator = nullptr;
  };

  class V3Layer final : public Layer {
   public:
    explicit V3Layer(IPluginV3* plugin) : plugin_(plugin) {
      build_ = static_cast<IPluginV3OneBuild*>(
          need(plugin_->getCapabilityInterface(PluginCapabilityType::kBUILD), "getCapabilityInterface(kBUILD)"));
      runtime_ = static_cast<IPluginV3OneRuntime*>(
          need(plugin_->getCapabilityInterface(PluginCapabilityType::kRUNTIME), "getCapabilityInterface(kRUNTIME)"));
    }
    std::int32_t outputs() const override { return build_->getNbOutputs(); }
    std::vector<DataType> output_types(const std::vector<DataType>& inputs) const override {
      std::vector<DataType> out(static_cast<std::size_t>(outputs()));
      const std::int32_t status =
          build_->getOutputDataTypes(out.data(), outputs(), inputs.data(), static_cast<std::int32_t>(inputs.size()));
      if (status != 0)
        throw std::runtime_error("getOutputDataTypes returned " + std::to_string(status) + " for inputs of " +
                                 types_text(inputs));
      return out;
    }
    std::vector<DimsExprs> output_shapes(const std::vector<DimsExprs>& inputs,
                                         const std::vector<DimsExprs>& shape_inputs, Builder& builder) override {
      std::vector<DimsExprs> out(static_cast<std::size_t>(outputs()), DimsExprs{});
      check(build_->getOutputShapes(inputs.data(), static_cast<std::int32_t>(inputs.size()), shape_inputs.data(),
                                    static_cast<std::int32_t>(shape_inputs.size()), out.data(), outputs(), builder),
            "getOutputShapes");
      return out;
    }
    bool supports(std::int32_t position, const DynamicDescs& descs, std::int32_t inputs) override {
      return build_->supportsFormatCombination(position, descs.data(), inputs, count(descs) - inputs);
    }
    void plan(const DynamicDescs& inputs, const DynamicDescs& outputs) override {
      check(build_->configurePlugin(inputs.data(), count(inputs), outputs.data(), count(outputs)), "configurePlugin");
      workspace_ = build_->getWorkspaceSize(inputs.data(), count(inputs), outputs.data(), count(outputs));
    }
    std::vector<std::int32_t> tactics() override {
      std::vector<std::int32_t> out(static_cast<std::size_t>(build_->getNbTactics()));
      if (!out.empty()) check(build_->getValidTactics(out.data(), count(out)), "getValidTactics");
      return out;
    }
    std::int32_t alias(std::int32_t output) override {
      return build_->getInterfaceInfo().major >= 2 ? static_cast<IPluginV3OneBuildV2*>(build_)->getAliasedInput(output)
                                                   : -1;
    }
    std::unique_ptr<Layer> clone() const override {
      return std::unique_ptr<Layer>(new V3Layer(need(plugin_->clone(), "clone")));
    }
    std::size_t configure(const Descs& inputs, const Descs& outputs, std::int32_t tactic,
                          const Attachment& to) override {
      context_.allocator = to.allocator;
      IPluginV3* attached = need(runtime_->attachToContext(&context_), "attachToContext");
      if (attached != plugin_.get()) attached_.reset(attached);
      active_ = static_cast<IPluginV3OneRuntime*>(
          need(attached->getCapabilityInterface(PluginCapabilityType::kRUNTIME), "getCapabilityInterface(kRUNTIME)"));
      check(active_->setTactic(tactic), "setTactic");
      check(active_->onShapeChange(inputs.data(), count(inputs), outputs.data(), count(outputs)), "onShapeChange");
      return workspace_;
    }
    std::int32_t enqueue(const Descs& inputs, const Descs& outputs, void const* const* in, void* const* out,
                         void* workspace, cudaStream_t stream) override {
      return active_->enqueue(inputs.data(), outputs.data(), in, out, workspace, stream);
    }

   private:
    std::unique_ptr<IPluginV3> plugin_;
    IPluginV3OneBuild* build_;
    IPluginV3OneRuntime* runtime_;
    ResourceContext context_;
    std::size_t workspace_ = 0;
    std::unique_ptr<IPluginV3> attached_;
    IPluginV3OneRuntime* active_ = nullptr;
  };

  inline std::unique_ptr<Layer> make_layer(const Creator& creator, PluginFieldCollection const* fields) {
    const std::string name = creator.name();
    if (creator.v3 != nullptr)
      return std::unique_ptr<Layer>(
          new V3Layer(need(creator.v3->createPlugin(name.c_str(), fields, TensorRTPhase::kBUILD), "createPlugin")));
    IPluginV2* plugin = need(creator.v2->createPlugin(name.c_str(), fields), "createPlugin");
    plugin->setPluginNamespace(creator.space.c_str());
    const auto kind = static_cast<PluginVersion>(static_cast<std::uint32_t>(plugin->getTensorRTVersion()) >> 24);
    if (kind == PluginVersion::kV2_DYNAMICEXT)
      return std::unique_ptr<Layer>(new DynamicLayer(static_cast<IPluginV2DynamicExt*>(plugin)));
    return std::unique_ptr<Layer>(new BatchLayer(plugin));
  }

}  // namespace )
