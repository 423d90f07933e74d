// SPDX-License-Identifier: Apache-2.0
// cuda.cublaslt: matrix products and 1x1 convolutions by cuBLASLt. The library has epilogues for an added tensor, ReLU
// and GELU by tanh; any other one is a kernel that goes over the product in place. The configs are the library's
// proposals for the problem, best guess first; a plan keeps the chosen one's description, which only the same version
// of the library understands.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "backends/cuda/cublaslt.h"
#include "backends/cuda/gemm_shape.h"
#include "backends/cuda/library_finish.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

constexpr int kProposals = 8;
constexpr std::uint64_t kWorkspace = 32 << 20;

// What the library can do after the product.
struct LibraryEpilogue {
  bool add = false;  // epilogue operand 1, of the output's shape
  int function = CublasLt::kDefault;
  bool finish = false;  // by a kernel of our own
};

// Follows the program from its result: casts count for nothing.
std::optional<LibraryEpilogue> library_epilogue(const Problem& problem) {
  const Result<Expr> parsed = problem.epilogue();
  if (!parsed.is_ok() || problem.epilogue_inputs() > 1) return std::nullopt;
  const std::span<const ExprInstr> instrs = parsed->instrs();
  const auto strip = [&](ExprArg arg) {
    while (arg >= 0 && instrs[static_cast<std::size_t>(arg)].op == ExprOp::kCast)
      arg = instrs[static_cast<std::size_t>(arg)].args[0];
    return arg;
  };
  const auto is_zero = [&](ExprArg arg) {
    return arg >= 0 && instrs[static_cast<std::size_t>(arg)].op == ExprOp::kConst &&
           instrs[static_cast<std::size_t>(arg)].imm == 0;
  };
  LibraryEpilogue out;
  ExprArg at = strip(instrs.empty() ? expr_input(0) : static_cast<ExprArg>(instrs.size()) - 1);
  if (at >= 0 && instrs[static_cast<std::size_t>(at)].op == ExprOp::k_max) {
    const ExprInstr& instr = instrs[static_cast<std::size_t>(at)];
    const ExprArg a = strip(instr.args[0]), b = strip(instr.args[1]);
    if (!is_zero(a) && !is_zero(b)) return std::nullopt;
    out.function = CublasLt::kRelu;
    at = is_zero(a) ? b : a;
  } else if (at >= 0 && instrs[static_cast<std::size_t>(at)].op == ExprOp::k_gelu_tanh) {
    out.function = CublasLt::kGelu;
    at = strip(instrs[static_cast<std::size_t>(at)].args[0]);
  }
  if (at >= 0 && instrs[static_cast<std::size_t>(at)].op == ExprOp::k_add) {
    const ExprInstr& instr = instrs[static_cast<std::size_t>(at)];
    const ExprArg a = strip(instr.args[0]), b = strip(instr.args[1]);
    const bool sum = (a == expr_input(0) && b == expr_input(1)) || (a == expr_input(1) && b == expr_input(0));
    const Operand& added = problem.inputs[problem.own_inputs()];
    if (!sum || added.dtype != problem.outputs[0].dtype || added.shape != problem.outputs[0].shape) return std::nullopt;
    out.add = true;
    return out;
  }
  if (at != expr_input(0) || problem.epilogue_inputs() != 0) return std::nullopt;
  return out;
}

std::optional<LibraryEpilogue> match_epilogue(const Problem& problem, const DeviceInfo& device) {
  std::optional<LibraryEpilogue> out = library_epilogue(problem);
  if (!out && LibraryFinish::supports(problem, device)) out = LibraryEpilogue{.finish = true};
  return out;
}

int library_type(DType type) {
  return type == DType::f16 ? CublasLt::kF16 : type == DType::bf16 ? CublasLt::kBF16 : CublasLt::kF32;
}

Status check_status(int code, std::string_view step) {
  if (code == 0) return Status::ok();
  return internal("cuBLASLt: {} (status {})", step, code);
}

// Descriptions of one product. Row-major C = A B is column-major C' = B' A'.
struct Product final : KernelState {
  explicit Product(const CublasLt& library) : api(library) {}
  ~Product() override {
    if (desc != nullptr) api.desc_destroy(desc);
    for (const CublasLtLayout layout : {first, second, result})
      if (layout != nullptr) api.layout_destroy(layout);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  Status layout(CublasLtLayout& to, int type, std::int64_t rows, std::int64_t columns, std::int64_t pitch,
                std::int64_t batches, std::int64_t stride) const {
    INGOT_RETURN_IF_ERROR(check_status(
        api.layout_create(&to, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns), pitch),
        "describing a matrix"));
    if (batches == 1) return Status::ok();
    const auto count = static_cast<std::int32_t>(batches);
    INGOT_RETURN_IF_ERROR(check_status(api.layout_set(to, CublasLt::kBatchCount, &count, sizeof(count)), "batches"));
    return check_status(api.layout_set(to, CublasLt::kBatchStride, &stride, sizeof(stride)), "batches");
  }

  Status describe(const Problem& problem, const GemmShape& shape, const LibraryEpilogue& epilogue) {
    const ingot_cuda::GemmParams& p = shape.params;
    const DType type = problem.outputs[0].dtype;
    const int element = library_type(type);
    INGOT_RETURN_IF_ERROR(check_status(api.desc_create(&desc, CublasLt::kComputeF32, CublasLt::kF32), "a product"));
    const bool b_rows = shape.b == ModeB::kNK || shape.b == ModeB::kNKAny;
    const int trans_first = b_rows ? CublasLt::kTranspose : CublasLt::kNoTranspose;
    const int trans_second = shape.a_columns ? CublasLt::kTranspose : CublasLt::kNoTranspose;
    INGOT_RETURN_IF_ERROR(
        check_status(api.desc_set(desc, CublasLt::kTransA, &trans_first, sizeof(trans_first)), "transposition"));
    INGOT_RETURN_IF_ERROR(
        check_status(api.desc_set(desc, CublasLt::kTransB, &trans_second, sizeof(trans_second)), "transposition"));
    bias = problem.has_input(shape.bias_input);
    int function = epilogue.function;
    if (bias) function = (function == CublasLt::kDefault ? 0 : function) | CublasLt::kBias;
    INGOT_RETURN_IF_ERROR(
        check_status(api.desc_set(desc, CublasLt::kEpilogue, &function, sizeof(function)), "the epilogue"));
    INGOT_RETURN_IF_ERROR(layout(first, element, b_rows ? p.k : p.n, b_rows ? p.n : p.k, p.ldb, shape.batches, p.b_s0));
    INGOT_RETURN_IF_ERROR(layout(second, element, shape.a_columns ? p.m : p.k, shape.a_columns ? p.k : p.m, p.lda,
                                 shape.batches, p.a_s0));
    INGOT_RETURN_IF_ERROR(layout(result, element, p.n, p.m, p.ldc, shape.batches, std::int64_t{p.m} * p.n));
    alpha = p.alpha;
    beta = epilogue.add ? 1.0f : 0.0f;
    return Status::ok();
  }

  Result<std::vector<CublasLtHeuristic>> propose(CublasLtHandle handle) const {
    CublasLtPreference preference = nullptr;
    INGOT_RETURN_IF_ERROR(check_status(api.preference_create(&preference), "a preference"));
    std::vector<CublasLtHeuristic> found(kProposals);
    int count = 0;
    int code = api.preference_set(preference, CublasLt::kMaxWorkspace, &kWorkspace, sizeof(kWorkspace));
    if (code == 0)
      code = api.heuristic(handle, desc, first, second, result, result, preference, kProposals, found.data(), &count);
    api.preference_destroy(preference);
    INGOT_RETURN_IF_ERROR(check_status(code, "asking for algorithms"));
    found.resize(static_cast<std::size_t>(std::clamp(count, 0, kProposals)));
    return found;
  }

  const CublasLt& api;
  CublasLtDesc desc = nullptr;
  CublasLtLayout first = nullptr, second = nullptr, result = nullptr;
  CublasLtAlgorithm algorithm{};
  float alpha = 1, beta = 0;
  bool bias = false;
  std::size_t own_workspace = 0;  // the library's share, at the beginning
  std::unique_ptr<KernelState> finish;
};

Result<std::unique_ptr<Product>> describe(const Problem& problem, std::span<const Operand> inputs,
                                          std::span<const Operand> outputs) {
  INGOT_ASSIGN_OR_RETURN(const CublasLt* api, cublaslt());
  INGOT_ASSIGN_OR_RETURN(const GemmShape shape, gemm_shape(problem, inputs, outputs, false));
  const LibraryEpilogue epilogue = library_epilogue(problem).value_or(LibraryEpilogue{.finish = true});
  const ingot_cuda::GemmParams& p = shape.params;
  if ((shape.a != ModeA::kRows && shape.a != ModeA::kAny) || p.batch_d0 != shape.batches || p.batch_d1 != 1 ||
      (problem.kind == "Conv" && shape.batches != 1) || p.m == 0 || p.n == 0 || p.k == 0)
    return unsupported("a product that the library has not");
  auto product = std::make_unique<Product>(*api);
  INGOT_RETURN_IF_ERROR(product->describe(problem, shape, epilogue));
  return product;
}

// What a plan keeps: the library's version and the algorithm; then the packed weights, if any; then what the finish
// needs.
struct Choice {
  std::uint64_t version = 0;
  CublasLtAlgorithm algorithm{};
  std::uint64_t finish_blobs = 0;
};

class LibraryKernel final : public Kernel {
 public:
  LibraryKernel(const CublasLt& api, CublasLtHandle handle, Problem problem, const Choice& choice, DeviceMemory weights,
                std::unique_ptr<LibraryFinish> finish)
      : api_(api),
        handle_(handle),
        problem_(std::move(problem)),
        choice_(choice),
        weights_(std::move(weights)),
        finish_(std::move(finish)) {
    const Result<GemmShape> shape = gemm_shape(problem_, problem_.inputs, problem_.outputs, false);
    packed_ = shape.is_ok() && shape->weights_packed;
    bias_input_ = shape.is_ok() ? shape->bias_input : 2;
  }

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    INGOT_ASSIGN_OR_RETURN(std::unique_ptr<Product> product, describe(problem_, args.inputs, args.outputs));
    CublasLtHeuristic found{};
    product->algorithm = choice_.algorithm;
    if (api_.check(handle_, product->desc, product->first, product->second, product->result, product->result,
                   &product->algorithm, &found) != 0 ||
        found.workspace_bytes > kWorkspace) {
      // Sizes have changed beyond what the tuned one takes.
      INGOT_ASSIGN_OR_RETURN(const std::vector<CublasLtHeuristic> others, product->propose(handle_));
      if (others.empty()) return unsupported("cuBLASLt has no algorithm for these sizes");
      found = others[0];
      product->algorithm = found.algorithm;
    }
    product->own_workspace = product->workspace_bytes = (found.workspace_bytes + 63) / 64 * 64;
    if (finish_ != nullptr) {
      INGOT_ASSIGN_OR_RETURN(product->finish, finish_->configure(args));
      product->workspace_bytes += product->finish->workspace_bytes;
    }
    return std::unique_ptr<KernelState>(std::move(product));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& product = static_cast<const Product&>(*args.state);
    if (product.bias) {
      const void* bias = args.inputs[bias_input_];
      INGOT_RETURN_IF_ERROR(
          check_status(api_.desc_set(product.desc, CublasLt::kBiasPointer, &bias, sizeof(bias)), "the bias"));
    }
    void* to = args.outputs[0];
    const void* added = product.beta != 0 ? args.inputs[problem_.own_inputs()] : to;
    INGOT_RETURN_IF_ERROR(check_status(
        api_.multiply(handle_, product.desc, &product.alpha, packed_ ? weights_.data() : args.inputs[1], product.first,
                      args.inputs[0], product.second, &product.beta, added, product.result, to, product.result,
                      &product.algorithm, args.workspace.data(), product.own_workspace, DeviceScope::current_stream()),
        "multiplying"));
    if (finish_ == nullptr) return Status::ok();
    return finish_->launch(args, *product.finish, args.workspace.subspan(product.own_workspace));
  }

 private:
  const CublasLt& api_;
  CublasLtHandle handle_;
  Problem problem_;
  Choice choice_;
  DeviceMemory weights_;
  std::unique_ptr<LibraryFinish> finish_;  // null: the library does all
  bool packed_ = false;
  std::size_t bias_input_ = 2;
};

class CublasLtTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cuda.cublaslt"; }
  [[nodiscard]] int version() const override { return 2; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override {
    if (problem.kind != "MatMul" && problem.kind != "Conv") return Support::no(Refusal::kKind);
    const DType type = problem.inputs[0].dtype;
    if (type != DType::f16 && type != DType::bf16 && type != DType::f32) return Support::no(Refusal::kDType);
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != type) return Support::no(Refusal::kDType);
    if (problem.outputs[0].dtype != type) return Support::no(Refusal::kDType);
    if (!match_epilogue(problem, device)) return Support::no(Refusal::kEpilogue);
    if (const Status status = cublaslt().status(); !status.is_ok())
      return Support::no(Refusal::kLibrary, status.message());
    const Result<std::unique_ptr<Product>> product = describe(problem, problem.inputs, problem.outputs);
    return product.is_ok() ? Support::yes() : Support::no(Refusal::kShape, product.status().message());
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    std::vector<std::string> out;
    out.reserve(kProposals);
    for (int i = 0; i < kProposals; ++i) out.push_back(std::to_string(i));
    return out;
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo& info) const override {
    std::size_t index = 0;
    const auto [end, failed] = std::from_chars(config.data(), config.data() + config.size(), index);
    if (failed != std::errc() || end != config.data() + config.size())
      return invalid_argument("cuda.cublaslt: bad config '{}'", config);
    INGOT_ASSIGN_OR_RETURN(const CublasLt* api, cublaslt());
    INGOT_ASSIGN_OR_RETURN(Device * device, Device::current());
    INGOT_ASSIGN_OR_RETURN(const CublasLtHandle handle, cublaslt_handle(*device));
    INGOT_ASSIGN_OR_RETURN(const std::unique_ptr<Product> product, describe(problem, problem.inputs, problem.outputs));
    INGOT_ASSIGN_OR_RETURN(const std::vector<CublasLtHeuristic> found, product->propose(handle));
    if (index >= found.size()) return resource_exhausted("the library proposes {} algorithms", found.size());
    INGOT_ASSIGN_OR_RETURN(Packed packed, pack_weights(problem));
    Choice choice{api->version(), found[index].algorithm, 0};
    if (!library_epilogue(problem)) {
      INGOT_ASSIGN_OR_RETURN(choice.finish_blobs, LibraryFinish::prepare(problem, info, packed));
    }
    std::vector<std::byte> head(sizeof(choice));
    std::memcpy(head.data(), &choice, sizeof(choice));
    packed.blobs.insert(packed.blobs.begin(), std::move(head));
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    Choice choice;
    if (blobs.empty() || blobs[0].size() != sizeof(choice))
      return corrupt("cuda.cublaslt: the packed data have no head");
    std::memcpy(&choice, blobs[0].data(), sizeof(choice));
    if (choice.finish_blobs > blobs.size() - 1 || blobs.size() - 1 - choice.finish_blobs > 1)
      return corrupt("cuda.cublaslt: the packed data have {} parts", blobs.size());
    const std::span<const std::span<const std::byte>> finish_blobs = blobs.last(choice.finish_blobs);
    blobs = blobs.first(blobs.size() - choice.finish_blobs);
    INGOT_ASSIGN_OR_RETURN(const CublasLt* api, cublaslt());
    if (api->version() != choice.version)
      return incompatible("cuda.cublaslt: the plan was tuned with cuBLASLt {}, here is {}; build it again",
                          choice.version, api->version());
    INGOT_ASSIGN_OR_RETURN(Device * device, Device::current());
    INGOT_ASSIGN_OR_RETURN(const CublasLtHandle handle, cublaslt_handle(*device));
    DeviceMemory weights;
    if (blobs.size() == 2) {
      INGOT_ASSIGN_OR_RETURN(weights, DeviceMemory::upload(*device, blobs[1]));
    }
    std::unique_ptr<LibraryFinish> finish;
    if (choice.finish_blobs > 0) {
      INGOT_ASSIGN_OR_RETURN(finish, LibraryFinish::load(problem, finish_blobs));
    }
    return std::unique_ptr<Kernel>(
        std::make_unique<LibraryKernel>(*api, handle, problem, choice, std::move(weights), std::move(finish)));
  }
};

}  // namespace

const Tactic& cublaslt_tactic() {
  static const CublasLtTactic tactic;
  return tactic;
}

}  // namespace ingot::cuda
