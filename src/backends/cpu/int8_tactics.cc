// SPDX-License-Identifier: Apache-2.0
// cpu.conv.int8 and cpu.matmul.int8: ConvInteger and MatMulInteger by constant weights, with whatever follows.
#include <algorithm>

#include "backends/cpu/conv_shape.h"
#include "backends/cpu/int8_parameters.h"
#include "backends/cpu/kernels/expr_vector.h"
#include "backends/cpu/kernels/int8_depthwise.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// The sizes of a ConvInteger or MatMulInteger as a convolution.
Result<ConvShape> product_shape(bool conv, const Attrs& attrs, const Shape& x, const Shape& w, const Shape& out) {
  if (conv) return conv_shape(attrs, x, w, out);
  INGOT_RETURN_IF_ERROR(check_matmul(attrs, x, w, nullptr, out));
  const MatmulShape sizes = matmul_shape(attrs, x, w);
  if (!sizes.b_is_single()) return unsupported("B is a stack of matrices");
  return int8_matmul_shape(sizes.batches() * sizes.m, sizes.n, sizes.k);
}

struct Int8State final : KernelState {
  ConvShape shape;
  std::optional<RowProgram> program;  // set where it does the epilogue
};

class Int8Kernel final : public Kernel {
 public:
  Int8Kernel(const Problem& problem, const Int8Kernels& kernels, const std::int8_t* packed, Int8Parameters parameters,
             std::unique_ptr<const VectorProgram> program)
      : conv_(problem.kind == "ConvInteger"),
        kernels_(kernels),
        attrs_(problem.attrs),
        weights_(problem.inputs[1].shape),
        first_(problem.own_inputs()),
        has_zero_(problem.has_input(2)),
        x_type_(problem.inputs[0].dtype),
        out_type_(problem.outputs[0].dtype),
        packed_(packed),
        parameters_(std::move(parameters)),
        program_(std::move(program)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<Int8State>();
    const Shape& out = args.outputs[0].shape;
    INGOT_ASSIGN_OR_RETURN(state->shape, product_shape(conv_, attrs_, args.inputs[0].shape, weights_, out));
    const char* kind = conv_ ? "ConvInteger" : "MatMulInteger";
    if (has_zero_) INGOT_RETURN_IF_ERROR(expect_elements(kind, "the zero point of input 0", args.inputs[2], 1));
    INGOT_RETURN_IF_ERROR(expect_broadcast(kind, args.inputs, first_, out));
    bool by_program = parameters_.needs_program();
    // A residual whose size turns out to be another one broadcasts.
    for (std::size_t s = 0; s < parameters_.stages().size(); ++s)
      if (const int input = parameters_.residual_input(s); input >= 0)
        by_program |= args.inputs[static_cast<std::size_t>(input)].shape != out;
    if (by_program) {
      if (program_ == nullptr) return invalid_argument("{}: the epilogue has no program", kind);
      std::vector<Shape> shapes;
      for (std::size_t i = first_; i < args.inputs.size(); ++i) shapes.push_back(args.inputs[i].shape);
      state->program.emplace(*program_, out, shapes);
    }
    state->workspace_bytes = int8_depthwise_supports(state->shape)
                                 ? int8_depthwise_scratch_bytes(state->shape, by_program, args.threads)
                                 : int8_conv_scratch_bytes(state->shape, kernels_, by_program, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const Int8State&>(*args.state);
    Int8ConvArgs in;
    in.x = static_cast<const std::uint8_t*>(args.inputs[0]);
    in.x_signed = x_type_ == DType::i8;
    if (has_zero_) {
      const std::uint8_t zero = *static_cast<const std::uint8_t*>(args.inputs[2]);
      in.x_zero = in.x_signed ? static_cast<std::int8_t>(zero) : zero;
    }
    in.packed = packed_;
    in.sums = parameters_.sums();
    in.zeros = parameters_.zeros();
    Int8Output out;
    out.data = args.outputs[0];
    out.ld = state.shape.out_channels;
    out.type = out_type_;
    Int8Stage stages[kMaxInt8Stages];
    if (state.program) {
      out.program = &*state.program;
      out.operands = args.inputs.data() + first_;
    } else {
      in.bias = parameters_.bias();
      for (std::size_t s = 0; s < parameters_.stages().size(); ++s) {
        stages[s] = parameters_.stages()[s];
        stages[s].residual_stride = out.ld;
        if (const int input = parameters_.residual_input(s); input >= 0)
          stages[s].residual = args.inputs[static_cast<std::size_t>(input)];
      }
      out.stages = stages;
      out.stage_count = static_cast<int>(parameters_.stages().size());
    }
    if (int8_depthwise_supports(state.shape))
      int8_depthwise(state.shape, in, kernels_, parameters_.wide_weights(), out, args.workspace.data(), *args.parallel);
    else
      int8_conv(state.shape, in, kernels_, out, args.workspace.data(), *args.parallel);
    return Status::ok();
  }

 private:
  bool conv_;
  const Int8Kernels& kernels_;
  Attrs attrs_;
  Shape weights_;
  std::size_t first_;
  bool has_zero_;
  DType x_type_, out_type_;
  const std::int8_t* packed_;
  Int8Parameters parameters_;
  std::unique_ptr<const VectorProgram> program_;
};

class Int8Tactic final : public Tactic {
 public:
  Int8Tactic(std::string_view id, std::string_view kind) : id_(id), kind_(kind), conv_(kind == "ConvInteger") {}
  [[nodiscard]] std::string_view id() const override { return id_; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != kind_) return Support::no(Refusal::kKind);
    if (!is_byte(problem.inputs[0].dtype) || !is_byte(problem.inputs[1].dtype)) return Support::no(Refusal::kDType);
    if (conv_ && problem.attrs.get_int("channels_last", 0) == 0)
      return Support::no(Refusal::kLayout, "needs channels_last");
    if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "weights are not constant");
    if (problem.has_input(3) && !problem.inputs[3].constant)
      return Support::no(Refusal::kConstant, "the zero point of the weights is not constant");
    if (problem.has_input(2) && element_count(problem.inputs[2].shape) != 1)
      return Support::no(Refusal::kShape, "several zero points of the first operand");
    const Shape& w = problem.inputs[1].shape;
    if (!conv_ && (w.size() != 2 || problem.inputs[0].shape.empty()))
      return Support::no(Refusal::kShape, "B needs rank 2");
    const Result<ConvShape> shape = shape_of(problem);
    if (!shape.is_ok()) return Support::no(Refusal::kShape, shape.status().message());
    if (problem.has_input(3)) {
      const std::int64_t zeros = element_count(problem.inputs[3].shape).value_or(0);
      if (zeros != 1 && zeros != shape->out_channels)
        return Support::no(Refusal::kShape, "zero points of the weights in another shape");
    }
    const Result<std::unique_ptr<const VectorProgram>> program = int8_program(problem);
    if (!program.is_ok()) return Support::no(Refusal::kEpilogue, program.status().message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    return {std::string(best_int8_kernels().name)};
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo&) const override {
    INGOT_ASSIGN_OR_RETURN(const Int8Kernels* kernels, kernels_of(config));
    INGOT_ASSIGN_OR_RETURN(const ConvShape shape, shape_of(problem));
    const Operand& w = problem.inputs[1];
    if (w.value == nullptr || (problem.has_input(3) && problem.inputs[3].value == nullptr))
      return invalid_argument("{}: the values of the weights are needed", kind_);
    const bool is_signed = w.dtype == DType::i8;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(w.value->bytes().data());
    std::vector<std::int32_t> sums(static_cast<std::size_t>(int8_padded_columns(shape.out_channels)));
    std::vector<std::int32_t> zeros(sums.size());
    const HostTensor* zero = problem.has_input(3) ? problem.inputs[3].value.get() : nullptr;
    for (std::int64_t i = 0; zero != nullptr && i < shape.out_channels; ++i)
      zeros[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(zero->as_int(zero->elements() == 1 ? 0 : i));
    Packed packed;
    bool wide = false;
    if (int8_depthwise_supports(shape)) {
      for (std::int64_t i = 0; i < w.value->elements(); ++i) {
        const std::int64_t value = w.value->as_int(i) - zeros[static_cast<std::size_t>(i / shape.window())];
        wide |= value < -128 || value > 127;
      }
      packed = make_packed(problem, 1, int8_depthwise_packed_bytes(shape, *kernels, wide));
      int8_depthwise_pack(shape, bytes, is_signed, zeros.data(), *kernels, wide, packed.blobs[0].data(), sums.data());
      std::fill(zeros.begin(), zeros.end(), 0);
    } else {
      packed = make_packed(problem, 1, int8_conv_packed_bytes(shape, *kernels));
      Int8WeightLayout layout{bytes, is_signed, 1, shape.out_channels};
      if (conv_) {
        layout.column_stride = shape.group_in() * shape.window();
        layout.channel_stride = shape.window();
      }
      int8_conv_pack(shape, layout, *kernels, reinterpret_cast<std::int8_t*>(packed.blobs[0].data()), sums.data());
      for (std::int64_t i = 0; i < shape.out_channels; ++i) {
        std::int32_t& stored = zeros[static_cast<std::size_t>(i)];
        stored = int8_stored_zero(stored, is_signed);
      }
    }
    std::optional<RequantiseForm> form = RequantiseForm();
    if (problem.attrs.has("epilogue")) {
      INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
      form = recognise_requantise(problem, expr, shape.out_channels);
    }
    packed.blobs.push_back(Int8Parameters::write(shape.out_channels, sums, zeros, wide, form));
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const Int8Kernels* kernels, kernels_of(config));
    INGOT_ASSIGN_OR_RETURN(const ConvShape shape, shape_of(problem));
    if (blobs.size() != 2) return corrupt("{} blobs of packed weights", blobs.size());
    INGOT_ASSIGN_OR_RETURN(Int8Parameters parameters, Int8Parameters::read(problem, shape.out_channels, blobs[1]));
    const std::size_t expected = int8_depthwise_supports(shape)
                                     ? int8_depthwise_packed_bytes(shape, *kernels, parameters.wide_weights())
                                     : int8_conv_packed_bytes(shape, *kernels);
    if (blobs[0].size() != expected) return corrupt("packed weights: {} bytes, expected {}", blobs[0].size(), expected);
    INGOT_ASSIGN_OR_RETURN(std::unique_ptr<const VectorProgram> program, int8_program(problem));
    if (program == nullptr && problem.outputs[0].dtype != DType::i32) return corrupt("integer sums of another type");
    return std::unique_ptr<Kernel>(std::make_unique<Int8Kernel>(problem, *kernels,
                                                                reinterpret_cast<const std::int8_t*>(blobs[0].data()),
                                                                std::move(parameters), std::move(program)));
  }

 private:
  Result<ConvShape> shape_of(const Problem& problem) const {
    return product_shape(conv_, problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape,
                         problem.outputs[0].shape);
  }

  static Result<const Int8Kernels*> kernels_of(const std::string& config) {
    const Int8Kernels* kernels = int8_kernels(config);
    if (kernels == nullptr) return incompatible("this processor cannot run '{}' kernels", config);
    return kernels;
  }

  std::string_view id_, kind_;
  bool conv_;
};

}  // namespace

const Tactic& int8_conv_tactic() {
  static const Int8Tactic tactic("cpu.conv.int8", "ConvInteger");
  return tactic;
}

const Tactic& int8_matmul_tactic() {
  static const Int8Tactic tactic("cpu.matmul.int8", "MatMulInteger");
  return tactic;
}

}  // namespace ingot::cpu
