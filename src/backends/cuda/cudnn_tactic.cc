// SPDX-License-Identifier: Apache-2.0
// cuda.cudnn: channels-last convolutions of one to three dimensions by cuDNN. What the library can do behind the sums
// (bias, residual, activation) is part of its graph; the rest is a kernel of the engine's own that goes over the output
// in place. The configs are the library's proposals, best guess first: those for the graph with all it can do, then
// "plain" ones for the convolution alone. A plan keeps the chosen one's text, machine code included, which only the
// same version of the library understands; for other sizes than the tuned ones the library is asked anew.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "backends/cpu/window_attrs.h"
#include "backends/cuda/cudnn_epilogue.h"
#include "backends/cuda/gemm_shape.h"
#include "backends/cuda/library_finish.h"
#include "backends/cuda/tactics.h"

namespace ingot::cuda {
namespace {

// Few graphs have more proposals that are exact, and one that is not there costs a question in every build.
constexpr std::size_t kProposals = 3, kPlainProposals = 2;
constexpr std::size_t kMostWorkspace = 256 << 20;
constexpr std::string_view kPlain = "plain ";
constexpr std::size_t kBiasInput = 2;
constexpr std::int64_t kX = 0, kW = 1, kY = 1 << 10;  // ids; those of other tensors are the numbers of inputs

// How the work is shared between the library's graph and the kernel behind it.
struct Split {
  std::vector<CudnnPointwise> chain;  // the library's
  bool finish = false;
  std::optional<std::size_t> finish_bias = std::nullopt;
};

std::optional<Split> split_of(const Problem& problem, const DeviceInfo& device, bool plain) {
  const bool has_bias = problem.has_input(kBiasInput);
  Split out;
  if (plain) {
    out.finish = true;
    if (has_bias) out.finish_bias = kBiasInput;
  } else if (std::optional<std::vector<CudnnPointwise>> chain = cudnn_chain(problem)) {
    out.chain = std::move(*chain);
  } else {
    out.chain = cudnn_bias(problem);
    out.finish = true;
  }
  if (out.finish && !LibraryFinish::supports(problem, device, out.finish_bias)) return std::nullopt;
  return out;
}

std::optional<CudnnDataType> library_type(DType type) {
  switch (type) {
    case DType::f32: return CUDNN_DATA_FLOAT;
    case DType::f16: return CUDNN_DATA_HALF;
    case DType::bf16: return CUDNN_DATA_BFLOAT16;
    default: return std::nullopt;
  }
}

// [N, spatial..., C] with `spatial` dimensions as [N, C, spatial...], which the library wants two of at least. Operands
// of fewer dimensions broadcast.
std::vector<std::int64_t> library_dims(Shape shape, std::size_t spatial) {
  shape.insert(shape.begin(), spatial + 2 - shape.size(), 1);
  std::vector<std::int64_t> out{shape.front(), shape.back()};
  if (spatial == 1) out.push_back(1);
  out.insert(out.end(), shape.begin() + 1, shape.end() - 1);
  return out;
}

bool has_elements(const Shape& shape) {
  return std::ranges::all_of(shape, [](std::int64_t size) { return size > 0; });
}

Result<CudnnConv> describe(const Problem& problem, std::span<const Operand> inputs, std::span<const Operand> outputs,
                           const Split& split) {
  const Shape& weights = problem.inputs[1].shape;
  const std::size_t spatial = weights.size() - 2;
  INGOT_ASSIGN_OR_RETURN(
      const cpu::WindowSizes sizes,
      cpu::window_sizes(problem.attrs, inputs[0].shape, Ints(weights.begin() + 2, weights.end()), outputs[0].shape));
  const std::int64_t groups = problem.attrs.get_int("group", 1);
  if (groups < 1 || weights[1] * groups != sizes.channels || weights[0] % groups != 0 ||
      weights[0] != sizes.out_channels)
    return invalid_argument("weights {} do not fit {} channels in {} groups", to_string(weights), sizes.channels,
                            groups);
  const CudnnDataType type = *library_type(inputs[0].dtype);
  CudnnConv out;
  out.x = {kX, type, library_dims(inputs[0].shape, spatial)};
  out.y = {kY, type, library_dims(outputs[0].shape, spatial)};
  out.w = {kW, type, {weights[0], weights[1]}};
  for (std::size_t i = spatial == 3 ? 0 : 1; i < 3; ++i) {
    out.w.dims.push_back(sizes.kernel[i]);
    out.stride.push_back(sizes.stride[i]);
    out.dilation.push_back(sizes.dilation[i]);
    out.pad_begin.push_back(sizes.pad_begin[i]);
    // Any padding behind that gives the output's size will do; more engines take the same one on both sides.
    const std::int64_t reach = sizes.dilation[i] * (sizes.kernel[i] - 1) + 1;
    const std::int64_t least = (sizes.out[i] - 1) * sizes.stride[i] + reach - sizes.in[i] - sizes.pad_begin[i];
    const bool even = sizes.pad_begin[i] >= least && sizes.pad_begin[i] < least + sizes.stride[i];
    out.pad_end.push_back(even ? sizes.pad_begin[i] : std::max<std::int64_t>(least, 0));
  }
  out.chain = split.chain;
  for (const CudnnPointwise& step : split.chain) {
    if (step.operand < 0) continue;
    const Operand& operand = inputs[static_cast<std::size_t>(step.operand)];
    const std::optional<CudnnDataType> operand_type = library_type(operand.dtype);
    if (!operand_type || !cudnn_reads(operand.shape, outputs[0].shape))
      return unsupported("an operand {} of the epilogue for a result {}", to_string(operand.shape),
                         to_string(outputs[0].shape));
    out.operands.push_back({step.operand, *operand_type, library_dims(operand.shape, spatial)});
  }
  return out;
}

struct Config {
  bool plain = false;
  std::size_t index = 0;
};

Result<Config> parse_config(std::string_view text) {
  Config out;
  std::string_view digits = text;
  if (digits.starts_with(kPlain)) {
    out.plain = true;
    digits.remove_prefix(kPlain.size());
  }
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), out.index);
  if (failed != std::errc() || end != digits.data() + digits.size())
    return invalid_argument("cuda.cudnn: bad config '{}'", text);
  return out;
}

// The plan of proposal `index`. Of the first one: of the first that the library can make.
Result<std::shared_ptr<const CudnnPlan>> plan_of(const Cudnn& api, CudnnSession& session, const CudnnConv& conv,
                                                 std::size_t index) {
  INGOT_RETURN_IF_ERROR(session.device.make_current());
  const std::lock_guard lock(session.mutex);
  INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<const CudnnGraph> graph, CudnnGraph::make(api, session.handle, conv));
  INGOT_ASSIGN_OR_RETURN(const std::vector<CudnnProposal> proposals, graph->propose(kProposals));
  if (index >= proposals.size()) return resource_exhausted("the library proposes {} engines", proposals.size());
  Status last = Status::ok();
  for (std::size_t i = index; i < (index == 0 ? proposals.size() : index + 1); ++i) {
    Result<std::shared_ptr<const CudnnPlan>> plan = CudnnPlan::make(api, session.handle, proposals[i].config);
    if (!plan.is_ok()) {
      last = plan.status();
    } else if ((*plan)->workspace_bytes() > kMostWorkspace) {
      last =
          resource_exhausted("needs {} bytes of workspace, allowed are {}", (*plan)->workspace_bytes(), kMostWorkspace);
    } else {
      return plan;
    }
  }
  return resource_exhausted("the library makes no plan of its proposal: {}", last.message());
}

// What a plan of ours keeps first; then the text of the library's plan, the weights, what the finish needs.
struct Head {
  std::uint64_t version = 0, finish_blobs = 0;
};

// Of one set of sizes in one context.
struct CudnnState final : KernelState {
  std::shared_ptr<const CudnnPlan> plan;  // null: there is nothing to compute
  std::vector<std::int64_t> ids;
  std::size_t own_workspace = 0;  // the library's share, at the beginning
  std::unique_ptr<KernelState> finish;
  // Of the last launch: a context's addresses seldom change.
  std::vector<void*> pointers;
  void* workspace = nullptr;
  CudnnDescriptor arguments;
};

class CudnnKernel final : public Kernel {
 public:
  CudnnKernel(const Cudnn& api, CudnnSession& session, Problem problem, Split split, std::string json,
              DeviceMemory weights, std::unique_ptr<LibraryFinish> finish)
      : api_(api),
        session_(session),
        problem_(std::move(problem)),
        split_(std::move(split)),
        json_(std::move(json)),
        weights_(std::move(weights)),
        finish_(std::move(finish)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<CudnnState>();
    if (!has_elements(args.outputs[0].shape)) return std::unique_ptr<KernelState>(std::move(state));
    INGOT_ASSIGN_OR_RETURN(const CudnnConv conv, describe(problem_, args.inputs, args.outputs, split_));
    INGOT_ASSIGN_OR_RETURN(state->plan, plan_for(args, conv));
    state->ids = {kX, kW, kY};
    for (const CudnnTensor& operand : conv.operands) state->ids.push_back(operand.id);
    state->own_workspace = state->workspace_bytes = (state->plan->workspace_bytes() + 63) / 64 * 64;
    if (finish_ != nullptr) {
      INGOT_ASSIGN_OR_RETURN(state->finish, finish_->configure(args));
      state->workspace_bytes += state->finish->workspace_bytes;
    }
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    auto& state = static_cast<CudnnState&>(*args.state);
    if (state.plan == nullptr) return Status::ok();
    INGOT_RETURN_IF_ERROR(bind(args, state));
    {
      const std::lock_guard lock(session_.mutex);
      INGOT_RETURN_IF_ERROR(state.plan->execute(DeviceScope::current_stream(), state.arguments));
    }
    if (finish_ == nullptr) return Status::ok();
    return finish_->launch(args, *state.finish, args.workspace.subspan(state.own_workspace));
  }

 private:
  [[nodiscard]] bool tuned_for(const ConfigureArgs& args) const {
    for (std::size_t i = 0; i < problem_.inputs.size(); ++i)
      if (i != 1 && problem_.inputs[i].present() && args.inputs[i].shape != problem_.inputs[i].shape) return false;
    return args.outputs[0].shape == problem_.outputs[0].shape;
  }

  // Contexts share the plan for the tuned sizes.
  Result<std::shared_ptr<const CudnnPlan>> plan_for(const ConfigureArgs& args, const CudnnConv& conv) const {
    if (!tuned_for(args)) return plan_of(api_, session_, conv, 0);
    INGOT_RETURN_IF_ERROR(session_.device.make_current());
    const std::lock_guard lock(session_.mutex);
    if (tuned_ == nullptr) {
      INGOT_ASSIGN_OR_RETURN(tuned_, CudnnPlan::from_json(api_, session_.handle, json_));
    }
    return tuned_;
  }

  Status bind(const LaunchArgs& args, CudnnState& state) const {
    const auto pointer = [&](std::int64_t id) {
      if (id == kY) return args.outputs[0];
      return id == kW ? weights_.data() : const_cast<void*>(args.inputs[static_cast<std::size_t>(id)]);
    };
    bool same = state.pointers.size() == state.ids.size() && state.workspace == args.workspace.data();
    for (std::size_t i = 0; same && i < state.ids.size(); ++i) same = state.pointers[i] == pointer(state.ids[i]);
    if (same) return Status::ok();
    state.pointers.clear();
    std::ranges::transform(state.ids, std::back_inserter(state.pointers), pointer);
    Result<CudnnDescriptor> bound = state.plan->bind(state.ids, state.pointers, args.workspace.data());
    if (!bound.is_ok()) {
      state.pointers.clear();
      return bound.status();
    }
    state.workspace = args.workspace.data();
    state.arguments = std::move(bound).value();
    return Status::ok();
  }

  const Cudnn& api_;
  CudnnSession& session_;
  Problem problem_;
  Split split_;
  std::string json_;
  DeviceMemory weights_;
  std::unique_ptr<LibraryFinish> finish_;           // null: the library does all
  mutable std::shared_ptr<const CudnnPlan> tuned_;  // guarded by the session's mutex
};

class CudnnTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cuda.cudnn"; }
  // A launch locks the handle and may go into memory that the library allocates.
  [[nodiscard]] bool may_allocate() const override { return true; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo& device) const override {
    if (problem.kind != "Conv") return Support::no(Refusal::kKind);
    const DType type = problem.inputs[0].dtype;
    if (!library_type(type)) return Support::no(Refusal::kDType);
    for (std::size_t i = 0; i < problem.own_inputs(); ++i)
      if (problem.inputs[i].present() && problem.inputs[i].dtype != type) return Support::no(Refusal::kDType);
    if (problem.outputs[0].dtype != type) return Support::no(Refusal::kDType);
    if (problem.attrs.get_int("channels_last", 0) == 0) return Support::no(Refusal::kLayout, "channels first");
    if (!problem.inputs[1].constant) return Support::no(Refusal::kConstant, "weights that are not constant");
    const Shape& weights = problem.inputs[1].shape;
    if (weights.size() < 3 || weights.size() > 5)
      return Support::no(Refusal::kShape, fmt::format("{} dimensions of the weights, needs 3 to 5", weights.size()));
    if (!has_elements(problem.outputs[0].shape) || !has_elements(weights))
      return Support::no(Refusal::kShape, "no elements");
    const std::optional<Split> split = split_of(problem, device, false);
    if (!split) return Support::no(Refusal::kEpilogue);
    const Result<CudnnConv> conv = describe(problem, problem.inputs, problem.outputs, *split);
    if (!conv.is_ok()) return Support::no(Refusal::kShape, conv.status().message());
    if (const Status status = cudnn().status(); !status.is_ok())
      return Support::no(Refusal::kLibrary, status.message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem& problem, const DeviceInfo& device) const override {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < kProposals; ++i) out.push_back(std::to_string(i));
    const std::optional<Split> all = split_of(problem, device, false);
    if (!all || all->chain.empty() || !split_of(problem, device, true)) return out;
    for (std::size_t i = 0; i < kPlainProposals; ++i) out.push_back(fmt::format("{}{}", kPlain, i));
    return out;
  }

  Result<Packed> prepare(const Problem& problem, const std::string& text, const DeviceInfo& info) const override {
    INGOT_ASSIGN_OR_RETURN(const Config config, parse_config(text));
    const std::optional<Split> split = split_of(problem, info, config.plain);
    if (!split) return invalid_argument("cuda.cudnn: config '{}' does not solve {}", text, problem.to_string());
    INGOT_ASSIGN_OR_RETURN(const CudnnConv conv, describe(problem, problem.inputs, problem.outputs, *split));
    INGOT_ASSIGN_OR_RETURN(const Cudnn* api, cudnn());
    INGOT_ASSIGN_OR_RETURN(Device * device, Device::current());
    INGOT_ASSIGN_OR_RETURN(CudnnSession * session, cudnn_session(*device));
    INGOT_ASSIGN_OR_RETURN(const std::shared_ptr<const CudnnPlan> plan, plan_of(*api, *session, conv, config.index));
    INGOT_ASSIGN_OR_RETURN(const std::string json, plan->to_json());
    const TensorPtr& weights = problem.inputs[1].value;
    if (weights == nullptr) return invalid_argument("{}: the values of the weights are needed", problem.kind);
    std::int64_t row = 1;
    for (std::size_t i = 1; i < weights->shape().size(); ++i) row *= weights->shape()[i];
    Packed packed;
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
      if (problem.inputs[i].constant && i != 1) packed.keep_inputs.push_back(i);
    packed.blobs.resize(2);
    INGOT_ASSIGN_OR_RETURN(packed.blobs.emplace_back(), pack_filter(*weights, row));
    Head head{api->version(), 0};
    if (split->finish) {
      INGOT_ASSIGN_OR_RETURN(head.finish_blobs, LibraryFinish::prepare(problem, info, packed, split->finish_bias));
    }
    packed.blobs[0].resize(sizeof(head));
    std::memcpy(packed.blobs[0].data(), &head, sizeof(head));
    packed.blobs[1].resize(json.size());
    std::memcpy(packed.blobs[1].data(), json.data(), json.size());
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& text,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const Config config, parse_config(text));
    Head head;
    if (blobs.size() < 3 || blobs[0].size() != sizeof(head))
      return corrupt("cuda.cudnn: the packed data have {} parts and no head", blobs.size());
    std::memcpy(&head, blobs[0].data(), sizeof(head));
    if (head.finish_blobs != blobs.size() - 3)
      return corrupt("cuda.cudnn: the packed data have {} parts behind the weights, their head says {}",
                     blobs.size() - 3, head.finish_blobs);
    const auto bytes = bytes_of(problem.inputs[1].dtype, element_count(problem.inputs[1].shape).value_or(-1));
    if (!bytes || static_cast<std::size_t>(*bytes) != blobs[2].size())
      return corrupt("cuda.cudnn: weights {} in {} bytes", to_string(problem.inputs[1].shape), blobs[2].size());
    INGOT_ASSIGN_OR_RETURN(const Cudnn* api, cudnn());
    if (api->version() != head.version)
      return incompatible("cuda.cudnn: the plan was tuned with cuDNN {}, here is {}; build it again", head.version,
                          api->version());
    INGOT_ASSIGN_OR_RETURN(Device * device, Device::current());
    std::optional<Split> split = split_of(problem, device->info(), config.plain);
    if (!split) return corrupt("cuda.cudnn: config '{}' does not solve {}", text, problem.to_string());
    INGOT_ASSIGN_OR_RETURN(CudnnSession * session, cudnn_session(*device));
    INGOT_ASSIGN_OR_RETURN(DeviceMemory weights, DeviceMemory::upload(*device, blobs[2]));
    std::unique_ptr<LibraryFinish> finish;
    if (split->finish) {
      INGOT_ASSIGN_OR_RETURN(finish, LibraryFinish::load(problem, blobs.subspan(3), split->finish_bias));
    }
    std::string json(reinterpret_cast<const char*>(blobs[1].data()), blobs[1].size());
    return std::unique_ptr<Kernel>(std::make_unique<CudnnKernel>(
        *api, *session, problem, std::move(*split), std::move(json), std::move(weights), std::move(finish)));
  }
};

}  // namespace

const Tactic& cudnn_tactic() {
  static const CudnnTactic tactic;
  return tactic;
}

}  // namespace ingot::cuda
