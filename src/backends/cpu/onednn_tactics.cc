// SPDX-License-Identifier: Apache-2.0
// onednn.conv and onednn.matmul: the same problems by oneDNN, with weights in the layout that it chose at build time.
//
// oneDNN runs on OpenMP threads of its own: as many as the context has, set per launch. It cannot use the context's
// Parallel. A build without the library keeps these tactics; they refuse.
#include "backends/cpu/tactics.h"

#if INGOT_WITH_DNNL

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>

#include "backends/cpu/conv_shape.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/window_attrs.h"
#include "base/parallel.h"

namespace ingot::cpu {
namespace {

using dnnl::algorithm;
using dnnl::memory;

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

// What the library says becomes a Status.
template <typename F>
auto guarded(F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    return unsupported("oneDNN: {}", error.what());
  }
}

// The epilogue as post-operations.
struct PostOps {
  int added = -1;  // input index of an added operand of the output's shape
  algorithm eltwise = algorithm::undef;
  float alpha = 0, beta = 0;
};

Result<PostOps> post_ops_of(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const EpilogueForm form, EpilogueForm::make(problem));
  PostOps ops;
  if (form.is_identity()) return ops;
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  if (expr.instrs().size() == 1 && expr.instrs()[0].args[0] == expr_input(0)) {
    switch (expr.instrs()[0].op) {
      case ExprOp::k_silu: ops.eltwise = algorithm::eltwise_swish; ops.alpha = 1; return ops;
      case ExprOp::k_gelu: ops.eltwise = algorithm::eltwise_gelu_erf; return ops;
      case ExprOp::k_hardswish: ops.eltwise = algorithm::eltwise_hardswish; return ops;
      case ExprOp::k_sigmoid: ops.eltwise = algorithm::eltwise_logistic; return ops;
      default: break;
    }
  }
  if (!form.is_simple()) return unsupported("no post-operation for this epilogue");
  ops.added = form.added_input();
  if (ops.added >= 0 && problem.inputs[static_cast<std::size_t>(ops.added)].shape != problem.outputs[0].shape)
    return unsupported("an added operand that broadcasts");
  const float inf = std::numeric_limits<float>::infinity();
  if (form.clamp_min() == -inf && form.clamp_max() == inf) return ops;
  if (form.clamp_min() == 0 && form.clamp_max() == inf) {
    ops.eltwise = algorithm::eltwise_relu;
  } else {
    ops.eltwise = algorithm::eltwise_clip;
    ops.alpha = std::max(form.clamp_min(), std::numeric_limits<float>::lowest());
    ops.beta = std::min(form.clamp_max(), std::numeric_limits<float>::max());
  }
  return ops;
}

dnnl::primitive_attr attributes(const PostOps& ops, const memory::desc& dst) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops list;
  if (ops.added >= 0) list.append_binary(algorithm::binary_add, dst);
  if (ops.eltwise != algorithm::undef) list.append_eltwise(1.0F, ops.eltwise, ops.alpha, ops.beta);
  attr.set_post_ops(list);
  return attr;
}

struct Descriptors {
  memory::desc src, weights, bias, dst;
};

memory::format_tag dense_tag(std::size_t rank) {
  constexpr memory::format_tag kTags[] = {memory::format_tag::a, memory::format_tag::ab, memory::format_tag::abc,
                                          memory::format_tag::abcd, memory::format_tag::abcde, memory::format_tag::abcdef};
  return kTags[rank - 1];
}

memory::desc plain_desc(const Shape& shape) { return {shape, memory::data_type::f32, dense_tag(shape.size())}; }

// A primitive of either kind for these shapes; `weights` has format `any` at build time, a fixed one at run time.
struct Made {
  dnnl::primitive primitive;
  memory::desc weights, scratchpad;
};

class Operation {
 public:
  virtual ~Operation() = default;
  // The constant weights as the library sees them in ONNX's order.
  [[nodiscard]] virtual memory::desc weights_in_plan_order(const Problem& problem) const = 0;
  virtual Result<Descriptors> describe(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out) const = 0;
  virtual Made make(const Attrs& attrs, const Descriptors& descriptors, bool bias, const Shape& x, const Shape& w,
                    const Shape& out, const dnnl::primitive_attr& attr) const = 0;
};

class ConvOperation final : public Operation {
 public:
  [[nodiscard]] memory::desc weights_in_plan_order(const Problem& problem) const override {
    return plain_desc(grouped(problem.attrs, problem.inputs[1].shape));
  }
  Result<Descriptors> describe(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out) const override {
    const bool last = attrs.get_int("channels_last", 0) != 0;
    const auto map = [&](Shape shape) {
      if (!last) return plain_desc(shape);
      constexpr memory::format_tag kTags[] = {memory::format_tag::acb, memory::format_tag::acdb, memory::format_tag::acdeb};
      std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
      return memory::desc(shape, memory::data_type::f32, kTags[shape.size() - 3]);
    };
    return Descriptors{map(x), memory::desc(grouped(attrs, w), memory::data_type::f32, memory::format_tag::any),
                       plain_desc({w[0]}), map(out)};
  }
  Made make(const Attrs& attrs, const Descriptors& d, bool bias, const Shape& x, const Shape& w, const Shape& out,
            const dnnl::primitive_attr& attr) const override {
    const WindowSizes s = window_sizes(attrs, x, Ints(w.begin() + 2, w.end()), out).value();
    memory::dims strides, dilations, before, after;
    for (std::size_t i = 3 - (w.size() - 2); i < 3; ++i) {
      strides.push_back(s.stride[i]);
      dilations.push_back(s.dilation[i] - 1);
      before.push_back(s.pad_begin[i]);
      after.push_back((s.out[i] - 1) * s.stride[i] + (s.kernel[i] - 1) * s.dilation[i] + 1 - s.in[i] - s.pad_begin[i]);
    }
    using Conv = dnnl::convolution_forward;
    constexpr auto kKind = dnnl::prop_kind::forward_inference;
    const Conv::desc desc = bias ? Conv::desc(kKind, algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst, strides,
                                              dilations, before, after)
                                 : Conv::desc(kKind, algorithm::convolution_direct, d.src, d.weights, d.dst, strides,
                                              dilations, before, after);
    const Conv::primitive_desc made(desc, attr, engine());
    return {Conv(made), made.weights_desc(), made.scratchpad_desc()};
  }

 private:
  static Shape grouped(const Attrs& attrs, Shape w) {
    const std::int64_t groups = attrs.get_int("group", 1);
    if (groups == 1) return w;
    w[0] /= groups;
    w.insert(w.begin(), groups);
    return w;
  }
};

class MatmulOperation final : public Operation {
 public:
  [[nodiscard]] memory::desc weights_in_plan_order(const Problem& problem) const override {
    const MatmulShape s = matmul_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape);
    return {{s.k, s.n}, memory::data_type::f32, s.trans_b ? memory::format_tag::ba : memory::format_tag::ab};
  }
  Result<Descriptors> describe(const Attrs& attrs, const Shape& x, const Shape& w, const Shape&) const override {
    const MatmulShape s = matmul_shape(attrs, x, w);
    const std::int64_t m = s.m * s.batches();
    return Descriptors{plain_desc({m, s.k}), memory::desc({s.k, s.n}, memory::data_type::f32, memory::format_tag::any),
                       plain_desc({1, s.n}), plain_desc({m, s.n})};
  }
  Made make(const Attrs&, const Descriptors& d, bool bias, const Shape&, const Shape&, const Shape&,
            const dnnl::primitive_attr& attr) const override {
    const dnnl::matmul::desc desc = bias ? dnnl::matmul::desc(d.src, d.weights, d.bias, d.dst)
                                         : dnnl::matmul::desc(d.src, d.weights, d.dst);
    const dnnl::matmul::primitive_desc made(desc, attr, engine());
    return {dnnl::matmul(made), made.weights_desc(), made.scratchpad_desc()};
  }
};

struct OnednnState final : KernelState {
  dnnl::primitive primitive;
  dnnl::stream stream{engine()};
  memory src, weights, bias, dst, added, scratchpad;
  std::unordered_map<int, memory> args;
};

class OnednnKernel final : public Kernel {
 public:
  OnednnKernel(const Operation& operation, const Problem& problem, PostOps ops, const memory::desc& weights, const void* packed)
      : operation_(operation), attrs_(problem.attrs), weights_shape_(problem.inputs[1].shape), ops_(ops), weights_(weights),
        packed_(packed), has_bias_(problem.has_input(2)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    return guarded([&]() -> Result<std::unique_ptr<KernelState>> {
      omp_set_num_threads(args.threads);
      const Shape& x = args.inputs[0].shape;
      const Shape& out = args.outputs[0].shape;
      if (ops_.added >= 0 && args.inputs[static_cast<std::size_t>(ops_.added)].shape != out)
        return unsupported("oneDNN: an added operand that broadcasts");
      INGOT_ASSIGN_OR_RETURN(Descriptors d, operation_.describe(attrs_, x, weights_shape_, out));
      auto state = std::make_unique<OnednnState>();
      if (element_count(out) == 0) return std::unique_ptr<KernelState>(std::move(state));
      d.weights = weights_;
      const Made made = operation_.make(attrs_, d, has_bias_, x, weights_shape_, out, attributes(ops_, d.dst));
      state->primitive = made.primitive;
      const auto hold = [&](int key, memory& slot, const memory::desc& desc) {
        slot = memory(desc, engine(), nullptr);
        state->args.emplace(key, slot);
      };
      hold(DNNL_ARG_SRC, state->src, d.src);
      hold(DNNL_ARG_WEIGHTS, state->weights, made.weights);
      if (has_bias_) hold(DNNL_ARG_BIAS, state->bias, d.bias);
      hold(DNNL_ARG_DST, state->dst, d.dst);
      if (ops_.added >= 0) hold(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, state->added, d.dst);
      hold(DNNL_ARG_SCRATCHPAD, state->scratchpad, made.scratchpad);
      state->weights.set_data_handle(const_cast<void*>(packed_));
      state->workspace_bytes = made.scratchpad.get_size();
      return std::unique_ptr<KernelState>(std::move(state));
    });
  }

  Status launch(const LaunchArgs& args) const override {
    auto& state = static_cast<OnednnState&>(*args.state);
    if (!state.primitive) return Status::ok();
    return guarded([&]() -> Status {
      omp_set_num_threads(args.parallel->threads());
      state.src.set_data_handle(const_cast<void*>(args.inputs[0]));
      if (has_bias_) state.bias.set_data_handle(const_cast<void*>(args.inputs[2]));
      if (ops_.added >= 0) state.added.set_data_handle(const_cast<void*>(args.inputs[static_cast<std::size_t>(ops_.added)]));
      state.dst.set_data_handle(args.outputs[0]);
      state.scratchpad.set_data_handle(args.workspace.data());
      state.primitive.execute(state.stream, state.args);
      state.stream.wait();
      return Status::ok();
    });
  }

 private:
  const Operation& operation_;
  Attrs attrs_;
  Shape weights_shape_;
  PostOps ops_;
  memory::desc weights_;
  const void* packed_;
  bool has_bias_;
};

// Blob 0: which library made the layout, then its own description of it. Blob 1: the weights.
struct LayoutHeader {
  std::int32_t major = DNNL_VERSION_MAJOR, minor = DNNL_VERSION_MINOR;
  dnnl_memory_desc_t desc{};
};

class OnednnTactic final : public Tactic {
 public:
  OnednnTactic(std::string_view id, std::string_view kind, const Operation& operation)
      : id_(id), kind_(kind), operation_(operation) {}
  [[nodiscard]] std::string_view id() const override { return id_; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != kind_) return Support::no(Refusal::kKind);
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
    const Shape& x = problem.inputs[0].shape;
    const Operand& w = problem.inputs[1];
    if (!w.constant) return Support::no(Refusal::kConstant, "weights");
    for (const Operand* operand : {&problem.inputs[0], &w, &problem.outputs[0]})
      if (element_count(operand->shape).value_or(0) == 0) return Support::no(Refusal::kShape, "empty");
    if (kind_ == "MatMul") {
      if (x.empty() || w.shape.size() < 2 || problem.attrs.get_int("transA", 0) != 0 ||
          !matmul_shape(problem.attrs, x, w.shape).b_is_single())
        return Support::no(Refusal::kShape, "no product of a matrix by a constant one");
      if (problem.attrs.get_float("alpha", 1) != 1) return Support::no(Refusal::kAttribute, "alpha");
    } else {
      const auto shape = conv_shape(problem.attrs, x, w.shape, problem.outputs[0].shape);
      if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
    }
    const auto ops = post_ops_of(problem);
    return ops.is_ok() ? Support::yes() : Support::no(Refusal::kEpilogue, ops.status().message());
  }

  Result<Packed> prepare(const Problem& problem, const std::string&, const DeviceInfo& device) const override {
    return guarded([&]() -> Result<Packed> {
      if (problem.inputs[1].value == nullptr) return invalid_argument("{}: the values of the weights are needed", kind_);
      omp_set_num_threads(device.threads);
      INGOT_ASSIGN_OR_RETURN(const PostOps ops, post_ops_of(problem));
      const Shape& x = problem.inputs[0].shape;
      const Shape& w = problem.inputs[1].shape;
      const Shape& out = problem.outputs[0].shape;
      INGOT_ASSIGN_OR_RETURN(const Descriptors d, operation_.describe(problem.attrs, x, w, out));
      const Made made = operation_.make(problem.attrs, d, problem.has_input(2), x, w, out, attributes(ops, d.dst));
      LayoutHeader header;
      header.desc = made.weights.data;
      Packed packed;
      packed.blobs.emplace_back(sizeof(header));
      std::memcpy(packed.blobs[0].data(), &header, sizeof(header));
      packed.blobs.emplace_back(made.weights.get_size());
      memory from(operation_.weights_in_plan_order(problem), engine(),
                  const_cast<std::byte*>(problem.inputs[1].value->bytes().data()));
      memory to(made.weights, engine(), packed.blobs[1].data());
      dnnl::stream stream(engine());
      dnnl::reorder(from, to).execute(stream, from, to);
      stream.wait();
      for (std::size_t i = 0; i < problem.inputs.size(); ++i)
        if (problem.inputs[i].constant && i != 1) packed.keep_inputs.push_back(i);
      return packed;
    });
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    LayoutHeader header;
    const LayoutHeader mine;
    if (blobs.size() != 2 || blobs[0].size() != sizeof(header)) return corrupt("oneDNN weights: unexpected blobs");
    std::memcpy(&header, blobs[0].data(), sizeof(header));
    if (header.major != mine.major || header.minor != mine.minor)
      return incompatible("weights laid out by oneDNN {}.{}, this is {}.{}", header.major, header.minor, mine.major, mine.minor);
    const memory::desc desc(header.desc);
    const memory::desc logical = operation_.weights_in_plan_order(problem);
    if (desc.dims() != logical.dims() || desc.get_size() != blobs[1].size()) return corrupt("oneDNN weights: unexpected size");
    INGOT_ASSIGN_OR_RETURN(const PostOps ops, post_ops_of(problem));
    return std::unique_ptr<Kernel>(std::make_unique<OnednnKernel>(operation_, problem, ops, desc, blobs[1].data()));
  }

 private:
  std::string_view id_, kind_;
  const Operation& operation_;
};

}  // namespace

const Tactic& onednn_conv_tactic() {
  static const ConvOperation operation;
  static const OnednnTactic tactic("onednn.conv", "Conv", operation);
  return tactic;
}

const Tactic& onednn_matmul_tactic() {
  static const MatmulOperation operation;
  static const OnednnTactic tactic("onednn.matmul", "MatMul", operation);
  return tactic;
}

}  // namespace ingot::cpu

#else

#include "backends/cpu/simple_tactic.h"

namespace ingot::cpu {
namespace {

Support absent(const Problem&) { return Support::no(Refusal::kLibrary, "built without oneDNN"); }
Result<std::unique_ptr<Kernel>> cannot_load(const Problem&) { return incompatible("built without oneDNN"); }

}  // namespace

const Tactic& onednn_conv_tactic() {
  static const SimpleTactic tactic("onednn.conv", {"Conv"}, absent, cannot_load);
  return tactic;
}

const Tactic& onednn_matmul_tactic() {
  static const SimpleTactic tactic("onednn.matmul", {"MatMul"}, absent, cannot_load);
  return tactic;
}

}  // namespace ingot::cpu

#endif
