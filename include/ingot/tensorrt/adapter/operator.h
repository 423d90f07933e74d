// SPDX-License-Identifier: Apache-2.0
// One creator as an operator of the plugin interface: instances, shape rule, formats.
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
    explicit Operator(const Creator& registered) : creator(registered) {
      name = creator.name();
      variant = creator.version();
      domain = creator.space.empty() ? "tensorrt" : creator.space;
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

  // Sizes of a node's inputs as numbers, and the values of its shape inputs.
  struct KnownShapes {
    struct Known {
      std::int32_t count = 0;
      std::int64_t values[Dims::MAX_DIMS] = {};
    };
    std::vector<Known> data, sizes;
    bool complete = true;  // false: a shape input has no value yet

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
        if (count < 0 || count > Dims::MAX_DIMS)
          throw std::runtime_error("shape input " + std::to_string(i) + " has " + std::to_string(count) + " elements");
        complete = complete && input.data != nullptr;
        if (!complete) return;
        known.count = static_cast<std::int32_t>(count);
        for (std::int32_t k = 0; k < known.count; ++k)
          known.values[k] = input.dtype == INGOT_PLUGIN_I64 ? static_cast<const std::int64_t*>(input.data)[k]
                                                            : static_cast<const std::int32_t*>(input.data)[k];
        sizes.push_back(known);
      }
    }
    // The same inputs at other sizes: a member of their limits.
    KnownShapes with(const DynamicDescs& limits, Dims DynamicPluginTensorDesc::*sizes) const {
      KnownShapes out = *this;
      for (std::size_t i = 0; i < limits.size(); ++i)
        for (std::int32_t k = 0; k < out.data[i].count; ++k) out.data[i].values[k] = (limits[i].*sizes).d[k];
      return out;
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

  // Of an input of rank 0 or 1; -1 where that is not known.
  inline std::int64_t elements_of(const ingot_plugin_infer* call, std::size_t input, Builder& builder) {
    const std::int32_t rank = call->input_rank(call->host, input);
    if (rank != 1) return rank == 0 ? 1 : -1;
    IDimensionExpr const* length = builder.wrap(call->input_dim(call->host, input, 0));
    return length->isConstant() ? static_cast<std::int64_t>(length->getConstantValue()) : -1;
  }

  inline void infer_shapes(const Operator& op, const ingot_plugin_infer* call) {
    Instance instance(op, call->attributes, call->input_count);
    Builder builder(call);
    std::vector<DimsExprs> data, sizes;
    std::vector<DataType> types;
    for (std::size_t i = 0; i < call->input_count; ++i) {
      DimsExprs exprs{};
      if (instance.is_shape[i]) {
        const std::int64_t values = call->input_value_count(call->host, i);
        const std::int64_t count = values >= 0 ? values : elements_of(call, i, builder);
        if (count < 0 || count > Dims::MAX_DIMS)
          throw std::runtime_error("shape input " + std::to_string(i) + " needs a known number of at most 8 elements");
        exprs.nbDims = static_cast<std::int32_t>(count);
        for (std::int32_t k = 0; k < exprs.nbDims; ++k)
          exprs.d[k] = values >= 0 ? builder.wrap(call->input_value(call->host, i, k)) : builder.unknown_size();
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
    FormatSearch(Layer& layer, const DynamicDescs& inputs, const DynamicDescs& outputs)
        : layer_(layer), inputs_(count(inputs)), descs_(inputs) {
      descs_.insert(descs_.end(), outputs.begin(), outputs.end());
      for (const DynamicPluginTensorDesc& desc : descs_) wanted_.push_back(desc.desc.type);
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
    Descs accepted_at(std::size_t position) {
      PluginTensorDesc& tried = descs_[position].desc;
      const std::vector<DataType> types = types_for(wanted_[position]);
      const std::vector<TensorFormat> formats = formats_for(tried.dims.nbDims);
      Descs accepted;
      std::size_t full_types = 0;
      for (DataType type : types) {
        const std::size_t before = accepted.size();
        for (TensorFormat format : formats) {
          ++tried_;
          tried.type = type;
          tried.format = format;
          if (layer_.supports(static_cast<std::int32_t>(position), descs_, inputs_)) accepted.push_back(tried);
        }
        if (trusting_ || accepted.size() != before + formats.size()) continue;
        accepted.resize(before + 1);  // kLINEAR is the first
        ++full_types;
      }
      if (full_types == types.size()) accepted.resize(1);
      return accepted;
    }
    void visit(std::size_t position) {
      if (position == descs_.size()) return found.push_back(plain(descs_));
      deepest = position > deepest ? position : deepest;
      for (const PluginTensorDesc& desc : accepted_at(position)) {
        if (found.size() >= kMostFound || tried_ > kMostTried) return;
        descs_[position].desc = desc;
        visit(position + 1);
      }
    }

    Layer& layer_;
    std::int32_t inputs_;
    DynamicDescs descs_;
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
      desc.scale = kNoScale;
      out.push_back(desc);
    }
    return out;
  }

  // What a plugin is told before it is told sizes.
  struct Limits {
    DynamicDescs inputs, outputs;
  };

  // The sizes of all outputs by the plugin's rule, where the inputs have theirs.
  struct Expected {
    std::vector<Dims> dims;
    std::vector<std::vector<bool>> by_data;
    Expected(Layer& layer, const KnownShapes& inputs, Builder::Expect expect) {
      Builder builder(expect);
      for (const DimsExprs& exprs : inputs.outputs(layer, builder)) {
        dims.push_back(Dims{});
        dims.back().nbDims = exprs.nbDims;
        by_data.emplace_back();
        for (std::int32_t k = 0; k < exprs.nbDims; ++k) {
          const auto* expr = static_cast<const Expr*>(exprs.d[k]);
          dims.back().d[k] = static_cast<DimSize>(expr->value);
          by_data.back().push_back(expr->depends_on_data);
        }
      }
    }
  };

  // The engine knows the ranges of the outputs that the node has. Others follow the rule, and so do sizes that it
  // thinks the data decide although the values of shape inputs are at hand. What they do decide lies between nothing
  // and what the plugin expects of it.
  inline void apply_rule(const Instance& instance, const ingot_plugin_operands* call, Limits& limits) {
    const KnownShapes known(instance.is_shape, call->inputs);
    if (!known.complete) return;
    // A plugin of its own, since some remember what they were asked.
    const std::unique_ptr<Layer> layer = instance.layer->clone();
    const auto& in = limits.inputs;
    const Expected least(*layer, known.with(in, &DynamicPluginTensorDesc::min), Builder::Expect::kMost);
    const Expected most(*layer, known.with(in, &DynamicPluginTensorDesc::max), Builder::Expect::kMost);
#if NV_TENSORRT_MAJOR >= 10
    const Expected opt(*layer, known.with(in, &DynamicPluginTensorDesc::opt), Builder::Expect::kOpt);
#else
    const Expected& opt = most;
#endif
    for (std::size_t i = 0; i < limits.outputs.size(); ++i) {
      DynamicPluginTensorDesc& out = limits.outputs[i];
      const bool in_model = i < call->output_count && call->outputs[i].dtype != 0;
      Dims typical = most.dims[i];
#if NV_TENSORRT_MAJOR >= 10
      if (in_model) typical = out.opt;
#endif
      out.desc.dims.nbDims = out.min.nbDims = out.max.nbDims = most.dims[i].nbDims;
      for (std::int32_t k = 0; k < most.dims[i].nbDims; ++k) {
        const bool by_data = most.by_data[i][static_cast<std::size_t>(k)];
        if (in_model && !by_data && out.max.d[k] >= 0) continue;
        out.min.d[k] = by_data ? 0 : least.dims[i].d[k];
        out.max.d[k] = most.dims[i].d[k];
        typical.d[k] = opt.dims[i].d[k];
        out.desc.dims.d[k] = by_data || out.min.d[k] != out.max.d[k] ? static_cast<DimSize>(-1) : out.max.d[k];
      }
      set_opt(out, typical);
    }
  }

  inline Limits limits_of(const Instance& instance, const ingot_plugin_operands* call) {
    Limits limits;
    for (std::size_t i = 0; i < call->input_count; ++i)
      if (!instance.is_shape[i]) limits.inputs.push_back(dynamic_desc(call->inputs[i], input_range(call, i)));
    const Descs outputs = outputs_of(instance, call, plain(limits.inputs));
    for (std::size_t i = 0; i < outputs.size(); ++i)
      limits.outputs.push_back(i < call->output_count && call->outputs[i].dtype != 0
                                   ? dynamic_desc(call->outputs[i], output_range(call, i))
                                   : dynamic_desc(outputs[i]));
    Limits by_rule = limits;
    // A rule that some limit is too much for says nothing.
    return guarded(nullptr, [&] { apply_rule(instance, call, by_rule); }) == 0 ? by_rule : limits;
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
      const Limits limits = limits_of(instance, call);
      const FormatSearch search(*instance.layer, limits.inputs, limits.outputs);
      found = search.found;
      if (found.empty()) log_refusal(op, search.deepest, plain(limits.inputs));
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

}  // namespace )
