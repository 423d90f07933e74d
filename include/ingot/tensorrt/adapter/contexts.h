// SPDX-License-Identifier: Apache-2.0
// What a node of an engine holds for each context, its launches, and the functions of an operator over all of that.
#pragma once
#pragma GCC system_header

#include "operator.h"

namespace ingot_tensorrt __attribute__((visibility("hidden"))) {

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
    // `planned`: of a context that waited for values and now has them, with what it knew of other sizes.
    Context(const Instance& instance_ref, const ingot_plugin_operands* call, std::size_t* workspace,
            const Context* planned = nullptr)
        : instance(instance_ref),
          cuda(call->device == INGOT_PLUGIN_CUDA ? cuda_of(call) : nullptr),
          device_memory(cuda),
          layer(instance.layer->clone()) {
      tactic = call->tactic;
      late = !KnownShapes(instance.is_shape, call->inputs).complete;
      *workspace = 0;
      inputs = instance.inputs_of(call->inputs);
      outputs = outputs_of(instance, call, inputs);
      limits = limits_of(instance, call);
      if (late) return;
      if (planned != nullptr) limits = overlaid(planned->limits, limits);
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
      layer->plan(limits.inputs, limits.outputs);
      *workspace = layer->configure(inputs, outputs, static_cast<std::int32_t>(call->tactic), to);
    }

    const Instance& instance;
    const ingot_plugin_cuda* cuda;
    CudaAllocator device_memory;
    std::unique_ptr<Layer> layer;
    KnownShapes known;
    Descs inputs, outputs;
    Limits limits;
    std::vector<Scratch> scratch;
    std::vector<bool> by_data, is_size;
    // Sizes that come as values of a run: everything waits for the launch, which makes a context of numbers for them.
    bool late = false;
    std::int64_t tactic = 0;
    std::vector<std::int64_t> late_values;
    std::unique_ptr<Scratch> late_workspace;
    std::unique_ptr<Context> numbers;

   private:
    static const ingot_plugin_cuda* cuda_of(const ingot_plugin_operands* call) {
      constexpr std::size_t kSize = offsetof(ingot_plugin_operands, cuda) + sizeof(call->cuda);
      if (call->size < kSize || call->cuda == nullptr)
        throw std::runtime_error("plugins with CUDA kernels need an engine with version 1.1 of the plugin interface");
      return call->cuda;
    }
    // Which outputs the data size, and memory for the most that they can be.
    void find_bounds(const ingot_plugin_operands* call, bool needed) {
      Builder builder(Builder::Expect::kMost);
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
    // Limits that were known before the values were. What these decide has none: it is the size at hand.
    static Limits overlaid(const Limits& planned, const Limits& at_hand) {
      Limits out = planned;
      for (std::size_t i = 0; i < out.outputs.size(); ++i)
        for (std::int32_t k = 0; k < out.outputs[i].max.nbDims; ++k)
          if (out.outputs[i].max.d[k] < 0) copy_limits(at_hand.outputs[i], k, out.outputs[i]);
      return out;
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

  inline void launch(Context & context, const ingot_plugin_launch* call);

  // Configures and launches with the values that the shape inputs have in this run.
  inline void launch_late(Context & context, const ingot_plugin_launch* call) {
    const std::vector<bool>& is_shape = context.instance.is_shape;
    std::vector<ingot_plugin_tensor> inputs(call->inputs, call->inputs + call->input_count);
    std::deque<std::vector<std::int64_t>> kept;
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      for (std::int32_t k = 0; k < inputs[i].rank; ++k) values.push_back(inputs[i].dims[k]);
      if (!is_shape[i]) continue;
      const bool is_wide = inputs[i].dtype == INGOT_PLUGIN_I64;
      const std::int64_t count = inputs[i].rank == 0 ? 1 : inputs[i].dims[0];
      kept.emplace_back();
      for (std::int64_t k = 0; k < count; ++k)
        kept.back().push_back(read_size(context, call, is_wide ? DataType::kINT64 : DataType::kINT32,
                                        static_cast<const char*>(inputs[i].data) + k * (is_wide ? 8 : 4)));
      values.insert(values.end(), kept.back().begin(), kept.back().end());
      inputs[i].data = kept.back().data();
      inputs[i].dtype = INGOT_PLUGIN_I64;
    }
    if (context.numbers == nullptr || values != context.late_values) {
      ingot_plugin_operands operands{};
      operands.size = sizeof(operands);
      operands.inputs = inputs.data();
      operands.input_count = inputs.size();
      operands.outputs = call->outputs;
      operands.output_count = call->output_count;
      operands.device = call->device;
      operands.device_index = call->device_index;
      operands.tactic = context.tactic;
      operands.cuda = context.cuda;
      std::size_t workspace = 0;
      context.numbers.reset();
      context.numbers.reset(new Context(context.instance, &operands, &workspace, &context));
      context.late_workspace.reset(new Scratch(context.cuda));
      context.late_workspace->reserve(workspace);
      context.late_values = values;
    }
    ingot_plugin_launch with_numbers = *call;
    with_numbers.inputs = inputs.data();
    with_numbers.workspace = context.late_workspace->size() > 0 ? context.late_workspace->data() : nullptr;
    with_numbers.workspace_size = context.late_workspace->size();
    launch(*context.numbers, &with_numbers);
  }

  // Memory for an output that has none, though its size is known by now.
  inline void* output_memory(const Context& context, const ingot_plugin_launch* call, std::size_t output) {
    if (output >= call->output_count) return nullptr;
    const ingot_plugin_tensor& given = call->outputs[output];
    if (given.data != nullptr || given.dtype == 0 || context.by_data[output]) return given.data;
    const Dims& known = context.outputs[output].dims;
    std::int64_t dims[Dims::MAX_DIMS] = {};
    for (std::int32_t k = 0; k < known.nbDims; ++k) dims[k] = known.d[k];
    return call->allocate_output(call->host, output, dims, known.nbDims);
  }

  inline void launch(Context & context, const ingot_plugin_launch* call) {
    if (context.late) return launch_late(context, call);
    std::vector<const void*> in;
    std::vector<void*> out;
    for (std::size_t i = 0; i < call->input_count; ++i)
      if (!context.instance.is_shape[i]) in.push_back(call->inputs[i].data);
    for (std::size_t i = 0; i < context.outputs.size(); ++i) {
      void* own = context.scratch[i].data();
      out.push_back(own != nullptr ? own : output_memory(context, call, i));
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
    Builder builder(sizes);
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

  // Of the formats that the call has, of which the plugin hears first.
  inline std::vector<std::int32_t> tactics_of(const Instance& instance, const ingot_plugin_operands* call) {
    const Limits limits = limits_of(instance, call);
    const std::unique_ptr<Layer> layer = instance.layer->clone();
    layer->plan(limits.inputs, limits.outputs);
    return layer->tactics();
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
    if (creator.space.empty()) api.flags |= INGOT_PLUGIN_ANY_DOMAIN;
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
    api.tactic = [](void*, const void* instance, const ingot_plugin_operands* call, std::size_t index,
                    ingot_plugin_tactic* out) {
      // As for combinations; what is wrong shows again, and is an error, when a context is configured.
      static thread_local std::vector<std::int32_t> ids;
      if (index == 0) {
        ids.clear();
        guarded(nullptr, [&] { ids = tactics_of(*static_cast<const Instance*>(instance), call); });
      }
      if (index >= ids.size()) return 0;
      out->id = ids[index];
      return 1;
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
