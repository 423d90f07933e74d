// SPDX-License-Identifier: Apache-2.0
// onednn.conv and onednn.matmul: the problems of our own tactics by oneDNN, weights in the layout that it chose at
// build time.
//
// The library's own threads stay unused: each thread of the context runs a primitive on its share of the problem.
#include "backends/cpu/tactics.h"

#include "backends/cpu/conv_shape.h"
#include "backends/cpu/onednn/kernel.h"
#include "backends/cpu/onednn/primitive.h"

namespace ingot::cpu {
namespace onednn {
namespace {

struct Epilogues {
  EpilogueForm form;
  std::optional<PostOps> fused;
};

Result<Epilogues> epilogues_of(const Problem& problem) {
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  INGOT_ASSIGN_OR_RETURN(EpilogueForm form, EpilogueForm::make(problem, expr));
  std::optional<PostOps> fused = PostOps::of(form, expr);
  if (fused && fused->added >= 0 &&
      problem.inputs[static_cast<std::size_t>(fused->added)].shape != problem.outputs[0].shape)
    fused.reset();
  return Epilogues{std::move(form), fused};
}

Result<Work> split_problem(const Problem& problem, int threads, std::size_t slices) {
  return split(problem.attrs, problem.kind == "Conv", problem.inputs[0].shape, problem.inputs[1].shape,
               problem.outputs[0].shape, threads, slices);
}

Support conv_fits(const Problem& problem) {
  const Result<ConvShape> shape =
      conv_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape, problem.outputs[0].shape);
  return shape.is_ok() ? Support::yes() : Support::no(Refusal::kShape, shape.status().message());
}

Support matmul_fits(const Problem& problem) {
  const Shape& a = problem.inputs[0].shape;
  const Shape& b = problem.inputs[1].shape;
  if (a.empty() || b.size() < 2) return Support::no(Refusal::kShape, "B needs rank 2");
  const MatmulShape sizes = matmul_shape(problem.attrs, a, b);
  if (sizes.trans_a) return Support::no(Refusal::kAttribute, "transA");
  if (!sizes.b_is_single()) return Support::no(Refusal::kShape, "B is a stack of matrices");
  return Support::yes();
}

// Slices of columns for matrices with few rows, where threads that share rows would all read all the weights.
std::vector<std::string_view> splits_of(const Problem& problem, int threads) {
  if (problem.kind == "Conv" || threads == 1) return {"rows"};
  const MatmulShape sizes = matmul_shape(problem.attrs, problem.inputs[0].shape, problem.inputs[1].shape);
  const std::int64_t rows = sizes.m * sizes.batches();
  constexpr std::int64_t kManyRows = 512, kWide = 128;
  if (rows > kManyRows || sizes.n < kWide * threads) return {"rows"};
  if (rows < threads) return {"cols"};
  return {"cols", "rows"};
}

class OnednnTactic final : public Tactic {
 public:
  OnednnTactic(std::string_view id, std::string_view kind, Support (*fits)(const Problem&))
      : id_(id), kind_(kind), fits_(fits) {}
  [[nodiscard]] std::string_view id() const override { return id_; }
  [[nodiscard]] bool may_allocate() const override { return true; }  // dnnl_primitive_execute builds its argument map

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override {
    if (problem.kind != kind_) return Support::no(Refusal::kKind);
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != DType::f32) return Support::no(Refusal::kDType);
    if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "weights are not constant");
    if (const Support support = fits_(problem); !support.ok()) return support;
    if (const auto epilogues = epilogues_of(problem); !epilogues.is_ok())
      return Support::no(Refusal::kEpilogue, epilogues.status().message());
    for (const Operand* operand : {&problem.inputs[0], &problem.inputs[1], &problem.outputs[0]})
      if (element_count(operand->shape).value_or(0) == 0) return Support::no(Refusal::kShape, "empty");
    if (const auto opened = library(); !opened.is_ok())
      return Support::no(Refusal::kLibrary, opened.status().message());
    const SingleThreaded single;
    const Result<Work> work = split_problem(problem, device.threads, 1);
    if (!work.is_ok()) return Support::no(Refusal::kShape, work.status().message());
    const auto desc = describe(*work, work->shares[0], problem.has_input(2), {});
    if (!desc.is_ok()) return Support::no(Refusal::kShape, desc.status().message());
    if (is_reference(*desc)) return Support::no(Refusal::kNotWorthIt, "only the library's plain loops");
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem& problem, const DeviceInfo& device) const override {
    const Result<Epilogues> epilogues = epilogues_of(problem);
    const bool fused = epilogues.is_ok() && epilogues->fused;
    // An addition rules out the library's best convolutions with larger windows, so that it may pay to add afterwards.
    const bool after = !fused || (kind_ == "Conv" && epilogues->fused->added >= 0);
    std::vector<std::string> out;
    for (const std::string_view shares : splits_of(problem, device.threads)) {
      if (fused) out.push_back(std::string(shares) + ".fused");
      if (after) out.push_back(std::string(shares) + ".after");
    }
    return out;
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo& device) const override {
    INGOT_ASSIGN_OR_RETURN(const Choice choice, Choice::parse(config));
    if (problem.inputs[1].value == nullptr) return invalid_argument("{}: the values of the weights are needed", kind_);
    INGOT_ASSIGN_OR_RETURN(const Epilogues epilogues, epilogues_of(problem));
    INGOT_RETURN_IF_ERROR(library().status());
    const SingleThreaded single;
    const auto slices = static_cast<std::size_t>(choice.columns ? device.threads : 1);
    INGOT_ASSIGN_OR_RETURN(const Work work, split_problem(problem, device.threads, slices));
    const PostOps ops = choice.fused && epilogues.fused ? *epilogues.fused : PostOps();
    const std::span<const float> original(problem.inputs[1].value->data<float>(),
                                          static_cast<std::size_t>(problem.inputs[1].value->elements()));
    std::vector<float> values(original.begin(), original.end());
    if (const auto alpha = static_cast<float>(problem.attrs.get_float("alpha", 1)); kind_ == "MatMul" && alpha != 1)
      for (float& value : values) value *= alpha;
    Packed packed;
    packed.blobs.resize(slices);
    for (const Share& share : work.shares) {
      std::vector<std::byte>& blob = packed.blobs[share.slice];
      if (!blob.empty()) continue;
      INGOT_ASSIGN_OR_RETURN(const PrimitiveDescPtr desc, describe(work, share, problem.has_input(2), ops));
      INGOT_ASSIGN_OR_RETURN(blob, make_blob(weights_of(desc)));
      const WeightSlice& slice = work.slices[share.slice];
      INGOT_RETURN_IF_ERROR(reorder(slice.plain, values.data() + slice.offset, weights_of(desc), values_of(blob)));
    }
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
      if (problem.inputs[i].constant && i != 1) packed.keep_inputs.push_back(i);
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const Choice choice, Choice::parse(config));
    INGOT_ASSIGN_OR_RETURN(Epilogues epilogues, epilogues_of(problem));
    if (const auto opened = library(); !opened.is_ok())
      return incompatible("the plan needs oneDNN: {}", opened.status().message());
    INGOT_ASSIGN_OR_RETURN(const Work work, split_problem(problem, 1, blobs.size()));
    std::vector<PackedWeights> weights;
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      INGOT_ASSIGN_OR_RETURN(const PackedWeights slice, read_blob(blobs[i], work.slices[i].plain));
      weights.push_back(slice);
    }
    return make_kernel(problem, choice, std::move(epilogues.form), epilogues.fused, std::move(weights));
  }

 private:
  std::string_view id_, kind_;
  Support (*fits_)(const Problem&);
};

}  // namespace
}  // namespace onednn

const Tactic& onednn_conv_tactic() {
  static const onednn::OnednnTactic tactic("onednn.conv", "Conv", onednn::conv_fits);
  return tactic;
}

const Tactic& onednn_matmul_tactic() {
  static const onednn::OnednnTactic tactic("onednn.matmul", "MatMul", onednn::matmul_fits);
  return tactic;
}

}  // namespace ingot::cpu
