// SPDX-License-Identifier: Apache-2.0
// cpu.conv.implicit_gemm, cpu.conv.winograd and cpu.conv.depthwise: one kernel class over a table of algorithms.
#include "backends/cpu/conv_shape.h"
#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/depthwise.h"
#include "backends/cpu/kernels/winograd.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// A convolution algorithm; `tile` is Winograd's and 0 elsewhere.
struct Algorithm {
  std::string_view id;
  bool exact;  // adds up the products themselves
  Support (*fits)(const ConvShape& shape);
  std::vector<std::string_view> variants;
  std::size_t (*packed_bytes)(const ConvShape& shape, int tile, int panel);
  void (*pack)(const ConvShape& shape, const float* weights, int tile, int panel, float* packed);
  std::size_t (*scratch_bytes)(const ConvShape& shape, int tile, int panel, int threads);
  void (*run)(const ConvShape& shape, const float* in, const float* packed, int tile, int panel, float* out,
              const Epilogue& epilogue, std::byte* scratch, Parallel& parallel);
};

struct ConvState final : KernelState {
  ConvShape shape;
  EpilogueForm::Bound epilogue;
};

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const Algorithm& algorithm, const Problem& problem, EpilogueForm form, const float* packed, int tile,
             int panel)
      : algorithm_(algorithm),
        form_(std::move(form)),
        attrs_(problem.attrs),
        weights_(problem.inputs[1].shape),
        packed_(packed),
        tile_(tile),
        panel_(panel),
        has_bias_(problem.has_input(2)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<ConvState>();
    INGOT_ASSIGN_OR_RETURN(state->shape, conv_shape(attrs_, args.inputs[0].shape, weights_, args.outputs[0].shape));
    if (has_bias_)
      INGOT_RETURN_IF_ERROR(expect_elements("Conv", "the bias", args.inputs[2], state->shape.out_channels));
    INGOT_RETURN_IF_ERROR(form_.check("Conv", args.inputs, args.outputs[0].shape));
    state->epilogue = form_.bind(args.inputs, args.outputs[0].shape, has_bias_);
    state->workspace_bytes = algorithm_.scratch_bytes(state->shape, tile_, panel_, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const ConvState&>(*args.state);
    Epilogue epilogue;
    RowProgram::Call call;
    if (has_bias_) epilogue.bias = static_cast<const float*>(args.inputs[2]);
    form_.apply(state.epilogue, args.inputs, call, epilogue);
    algorithm_.run(state.shape, static_cast<const float*>(args.inputs[0]), packed_, tile_, panel_,
                   static_cast<float*>(args.outputs[0]), epilogue, args.workspace.data(), *args.parallel);
    return Status::ok();
  }

 private:
  const Algorithm& algorithm_;
  EpilogueForm form_;
  Attrs attrs_;
  Shape weights_;
  const float* packed_;
  int tile_, panel_;
  bool has_bias_;
};

class ConvTactic final : public Tactic {
 public:
  explicit ConvTactic(Algorithm algorithm) : algorithm_(std::move(algorithm)) {}
  [[nodiscard]] std::string_view id() const override { return algorithm_.id; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    Support support = conv_support(problem);
    if (!support.ok()) return support;
    if (!algorithm_.exact && problem.attrs.get_int("exact", 0) != 0)
      return Support::no(Refusal::kAttribute, "transforms its operands");
    return algorithm_.fits(shape_of(problem).value());
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    return panel_configs(algorithm_.variants);
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo&) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig choice, parse_panel_config(config));
    INGOT_ASSIGN_OR_RETURN(const ConvShape shape, shape_of(problem));
    if (problem.inputs[1].value == nullptr) return invalid_argument("Conv: the values of the weights are needed");
    const int tile = tile_of(choice);
    Packed packed = make_packed(problem, 1, algorithm_.packed_bytes(shape, tile, choice.panel));
    algorithm_.pack(shape, problem.inputs[1].value->data<float>(), tile, choice.panel, floats_of(packed.blobs[0]));
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig choice, parse_panel_config(config));
    INGOT_ASSIGN_OR_RETURN(const ConvShape shape, shape_of(problem));
    const int tile = tile_of(choice);
    INGOT_ASSIGN_OR_RETURN(const float* packed,
                           packed_floats(blobs, algorithm_.packed_bytes(shape, tile, choice.panel)));
    INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
    return std::unique_ptr<Kernel>(
        std::make_unique<ConvKernel>(algorithm_, problem, std::move(form), packed, tile, choice.panel));
  }

 private:
  static Result<ConvShape> shape_of(const Problem& problem) {
    return conv_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape, problem.outputs[0].shape);
  }
  static int tile_of(const PanelConfig& choice) { return choice.variant == "f4" ? 4 : choice.variant == "f2" ? 2 : 0; }

  Algorithm algorithm_;
};

}  // namespace

const Tactic& conv_implicit_gemm_tactic() {
  static const ConvTactic tactic({
      "cpu.conv.implicit_gemm",
      true,
      [](const ConvShape& shape) {
        return shape.groups > 1 && depthwise_supports(shape) ? Support::no(Refusal::kNotWorthIt, "depthwise")
                                                             : Support::yes();
      },
      {},
      [](const ConvShape& shape, int, int panel) { return conv_packed_bytes(shape, panel); },
      [](const ConvShape& shape, const float* weights, int, int panel, float* packed) {
        conv_pack(shape, weights, panel, packed);
      },
      [](const ConvShape& shape, int, int panel, int threads) {
        return conv_scratch_bytes(shape, shape.in_channels, panel, threads);
      },
      [](const ConvShape& shape, const float* in, const float* packed, int, int panel, float* out,
         const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
        conv(shape, in, shape.in_channels, packed, panel, out, shape.out_channels, epilogue, scratch, parallel);
      },
  });
  return tactic;
}

const Tactic& conv_winograd_tactic() {
  static const ConvTactic tactic({
      "cpu.conv.winograd",
      false,
      [](const ConvShape& shape) {
        return winograd_supports(shape) ? Support::yes()
                                        : Support::no(Refusal::kShape, "needs 3x3, stride 1, one group");
      },
      {"f4", "f2"},
      winograd_packed_bytes,
      winograd_pack,
      winograd_scratch_bytes,
      [](const ConvShape& shape, const float* in, const float* packed, int tile, int panel, float* out,
         const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
        winograd(shape, in, shape.in_channels, packed, tile, panel, out, shape.out_channels, epilogue, scratch,
                 parallel);
      },
  });
  return tactic;
}

const Tactic& conv_depthwise_tactic() {
  static const ConvTactic tactic({
      "cpu.conv.depthwise",
      true,
      [](const ConvShape& shape) {
        return depthwise_supports(shape) ? Support::yes()
                                         : Support::no(Refusal::kShape, "needs one input channel per group");
      },
      {},
      [](const ConvShape& shape, int, int panel) { return depthwise_packed_bytes(shape, panel); },
      [](const ConvShape& shape, const float* weights, int, int panel, float* packed) {
        depthwise_pack(shape, weights, panel, packed);
      },
      [](const ConvShape& shape, int, int panel, int threads) {
        return depthwise_scratch_bytes(shape, shape.in_channels, panel, threads);
      },
      [](const ConvShape& shape, const float* in, const float* packed, int, int panel, float* out,
         const Epilogue& epilogue, std::byte* scratch, Parallel& parallel) {
        depthwise(shape, in, shape.in_channels, packed, panel, out, shape.out_channels, epilogue, scratch, parallel);
      },
  });
  return tactic;
}

}  // namespace ingot::cpu
