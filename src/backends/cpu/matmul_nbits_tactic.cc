// SPDX-License-Identifier: Apache-2.0
// cpu.matmul.nbits: activations by a constant matrix of integers of up to eight bits with a scale, and perhaps a zero
// point, for each block of a column, as the weights of language models are stored. It stays as small in the plan.
#include <algorithm>

#include "backends/cpu/epilogue_form.h"
#include "backends/cpu/kernels/nbits_gemm.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::size_t kB = 1, kScales = 2, kZeroPoints = 3, kBias = 4;

// The sizes of a problem that supports() takes, without the data.
NbitsMatrix matrix_of(const Problem& problem, int panel) {
  NbitsMatrix b;
  const Shape& shape = problem.inputs[kB].shape;
  b.bits = bits_of(problem.inputs[kB].dtype) == 8 ? 8 : 4;
  b.panel = panel;
  b.k = problem.attrs.get_int("K", 0);
  b.n = shape[problem.attrs.get_int("transB", 0) != 0 ? 0 : 1];
  b.block = problem.attrs.get_int("block_size", 0);
  return b;
}

// Of panels: the column and the row (or block) of each number, as [count][panel].
template <typename Fn>
void for_each_number(const NbitsMatrix& b, std::int64_t count, const Fn& fn) {
  for (std::int64_t col = 0; col < b.n; ++col) {
    const std::int64_t at = col / b.panel * count * b.panel + col % b.panel;
    for (std::int64_t row = 0; row < count; ++row) fn(row, col, at + row * b.panel);
  }
}

// Numbers of an integer tensor of at most eight bits, the unsigned ones less the middle of their type.
class Centred {
 public:
  explicit Centred(const HostTensor& tensor)
      : bytes_(reinterpret_cast<const std::uint8_t*>(tensor.bytes().data())), bits_(bits_of(tensor.dtype())) {
    const DType type = tensor.dtype();
    unsigned_ = type == DType::u2 || type == DType::u4 || type == DType::u8;
  }
  int operator[](std::int64_t i) const {
    const int raw = bytes_[i * bits_ / 8] >> (i * bits_ % 8) & ((1 << bits_) - 1);
    const int middle = 1 << (bits_ - 1);
    return (unsigned_ ? raw : raw ^ middle) - middle;
  }

 private:
  const std::uint8_t* bytes_;
  int bits_;
  bool unsigned_ = false;
};

struct NbitsState final : KernelState {
  std::int64_t m = 0;
  EpilogueForm::Bound epilogue;
};

class MatmulNbitsKernel final : public Kernel {
 public:
  MatmulNbitsKernel(const Problem& problem, EpilogueForm form, const NbitsMatrix& b)
      : form_(std::move(form)), b_(b), has_bias_(problem.has_input(kBias)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<NbitsState>();
    const Shape& a = args.inputs[0].shape;
    const Shape b{b_.k, b_.n};
    INGOT_RETURN_IF_ERROR(check_matmul({}, a, b, has_bias_ ? &args.inputs[kBias] : nullptr, args.outputs[0].shape));
    INGOT_RETURN_IF_ERROR(form_.check("MatMulNBits", args.inputs, args.outputs[0].shape));
    const MatmulShape sizes = matmul_shape({}, a, b);
    state->m = sizes.m * sizes.batches();
    state->epilogue = form_.bind(args.inputs, args.outputs[0].shape, has_bias_);
    state->workspace_bytes = nbits_gemm_scratch_bytes(b_, state->m, args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const NbitsState&>(*args.state);
    Epilogue epilogue;
    RowProgram::Call call;
    if (has_bias_) epilogue.bias = static_cast<const float*>(args.inputs[kBias]);
    form_.apply(state.epilogue, args.inputs, call, epilogue);
    nbits_gemm(state.m, static_cast<const float*>(args.inputs[0]), b_.k, b_, static_cast<float*>(args.outputs[0]), b_.n,
               epilogue, args.workspace.data(), *args.parallel);
    return Status::ok();
  }

 private:
  EpilogueForm form_;
  NbitsMatrix b_;
  bool has_bias_;
};

class MatmulNbitsTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.matmul.nbits"; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != "MatMulNBits") return Support::no(Refusal::kKind);
    if (problem.own_inputs() <= kScales || problem.inputs[0].shape.empty() || problem.inputs[kB].shape.size() != 2 ||
        problem.inputs[kScales].shape.size() != 2)
      return Support::no(Refusal::kShape);
    const DType type = problem.inputs[kB].dtype;
    constexpr DType kTypes[] = {DType::u2, DType::i2, DType::u4, DType::i4, DType::u8, DType::i8};
    if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes)) return Support::no(Refusal::kDType);
    if (problem.has_input(kZeroPoints) && problem.inputs[kZeroPoints].dtype != type)
      return Support::no(Refusal::kDType, "zero points of another type than B");
    for (const std::size_t i : {std::size_t{0}, kScales, kBias})
      if (problem.has_input(i) && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
    for (const std::size_t i : {kB, kScales, kZeroPoints})
      if (problem.has_input(i) && !problem.inputs[i].constant) return Support::no(Refusal::kConstant);
    if (problem.attrs.get_int("transA", 0) != 0) return Support::no(Refusal::kAttribute, "transA");
    const NbitsMatrix b = matrix_of(problem, best_panel());
    const bool turned = problem.attrs.get_int("transB", 0) != 0;
    const std::int64_t stored = problem.inputs[kB].shape[turned ? 1 : 0];
    if (b.k < 1 || b.k > stored || b.block < 1) return Support::no(Refusal::kAttribute, "K or block_size");
    if (b.block % b.rows_per_word() != 0 && b.block < b.k)
      return Support::no(Refusal::kAttribute, fmt::format("block_size is no multiple of {}", b.rows_per_word()));
    Shape scales{ceil_div(stored, b.block), b.n};
    if (turned) std::swap(scales[0], scales[1]);
    for (const std::size_t i : {kScales, kZeroPoints})
      if (problem.has_input(i) && problem.inputs[i].shape != scales) return Support::no(Refusal::kShape, "scales");
    const Result<EpilogueForm> form = EpilogueForm::make(problem);
    if (!form.is_ok()) return Support::no(Refusal::kEpilogue, form.status().message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    return panel_configs({});
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo&) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig panel, parse_panel_config(config));
    for (const std::size_t i : {kB, kScales, kZeroPoints})
      if (problem.has_input(i) && problem.inputs[i].value == nullptr)
        return invalid_argument("MatMulNBits: the values of B, scales and zero points are needed");
    const NbitsMatrix b = matrix_of(problem, panel.panel);
    const bool turned = problem.attrs.get_int("transB", 0) != 0;
    // The index of a number in a constant of so many numbers per column.
    const auto index = [&](std::int64_t row, std::int64_t col, std::int64_t per_column) {
      return turned ? col * per_column + row : row * b.n + col;
    };
    const std::int64_t stored = problem.inputs[kB].shape[turned ? 1 : 0];
    const std::int64_t blocks = ceil_div(b.k, b.block), stored_blocks = ceil_div(stored, b.block);
    Packed packed;
    packed.blobs.emplace_back(word_bytes(b));
    auto* words = reinterpret_cast<std::uint32_t*>(packed.blobs[0].data());
    const Centred values(*problem.inputs[kB].value);
    const std::int64_t per_word = b.rows_per_word();
    for_each_number(b, ceil_div(b.k, per_word), [&](std::int64_t word, std::int64_t col, std::int64_t at) {
      const std::int64_t rows = std::min(per_word, b.k - word * per_word);
      for (std::int64_t i = 0; i < rows; ++i) {
        const auto value = static_cast<std::uint32_t>(values[index(word * per_word + i, col, stored)]);
        words[at] |= (value & ((1U << b.bits) - 1)) << (i * b.bits);
      }
    });
    packed.blobs.emplace_back(number_count(b) * sizeof(float));
    const auto* scales = problem.inputs[kScales].value->data<float>();
    const auto alpha = static_cast<float>(problem.attrs.get_float("alpha", 1));
    for_each_number(b, blocks, [&](std::int64_t block, std::int64_t col, std::int64_t at) {
      floats_of(packed.blobs[1])[at] = alpha * scales[index(block, col, stored_blocks)];
    });
    pack_zero_points(problem, b, packed,
                     [&](std::int64_t block, std::int64_t col) { return index(block, col, stored_blocks); });
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
      if (problem.inputs[i].constant && i != kB && i != kScales && i != kZeroPoints) packed.keep_inputs.push_back(i);
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig panel, parse_panel_config(config));
    NbitsMatrix b = matrix_of(problem, panel.panel);
    if (blobs.size() < 2 || blobs.size() > 3 || blobs[0].size() != word_bytes(b) ||
        blobs[1].size() != number_count(b) * sizeof(float) || (blobs.size() == 3 && blobs[2].size() != number_count(b)))
      return corrupt("MatMulNBits: the packed weights are not those of a matrix {} by {}", b.k, b.n);
    b.words = reinterpret_cast<const std::uint32_t*>(blobs[0].data());
    b.scales = reinterpret_cast<const float*>(blobs[1].data());
    if (blobs.size() == 3) b.zero_points = reinterpret_cast<const std::int8_t*>(blobs[2].data());
    INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem));
    return std::unique_ptr<Kernel>(std::make_unique<MatmulNbitsKernel>(problem, std::move(form), b));
  }

 private:
  static std::size_t word_bytes(const NbitsMatrix& b) {
    return static_cast<std::size_t>(b.panels() * b.panel_words()) * sizeof(std::uint32_t);
  }
  static std::size_t number_count(const NbitsMatrix& b) {
    return static_cast<std::size_t>(b.panels() * b.panel_blocks());
  }

  // A third blob, where not all of them are the middle of the type.
  template <typename Index>
  static void pack_zero_points(const Problem& problem, const NbitsMatrix& b, Packed& packed, const Index& index) {
    const DType type = problem.inputs[kB].dtype;
    const bool centred = type == DType::i2 || type == DType::i4 || type == DType::i8;
    if (!problem.has_input(kZeroPoints) && centred) return;
    std::vector<std::byte> blob(number_count(b));
    bool any = false;
    const int absent = -(1 << (bits_of(type) - 1));  // 0 of an unsigned type
    const bool present = problem.has_input(kZeroPoints);
    std::optional<Centred> points;
    if (present) points.emplace(*problem.inputs[kZeroPoints].value);
    for_each_number(b, ceil_div(b.k, b.block), [&](std::int64_t block, std::int64_t col, std::int64_t at) {
      const int point = present ? (*points)[index(block, col)] : absent;
      any = any || point != 0;
      blob[static_cast<std::size_t>(at)] = static_cast<std::byte>(point);
    });
    if (any) packed.blobs.push_back(std::move(blob));
  }
};

}  // namespace

const Tactic& matmul_nbits_tactic() {
  static const MatmulNbitsTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
