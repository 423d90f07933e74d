// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cudnn_graph.h"

#include <algorithm>

namespace ingot::cuda {
namespace {

constexpr std::int64_t kAlignment = 16;     // bytes; of every tensor
constexpr std::int64_t kBetween = 1 << 20;  // first id of what flows from operation to operation
constexpr std::size_t kMostNotes = 32;

std::vector<std::int64_t> channels_last_strides(const std::vector<std::int64_t>& dims) {
  std::vector<std::int64_t> strides(dims.size());
  strides[1] = 1;
  std::int64_t pitch = dims[1];
  for (std::size_t i = dims.size(); i-- > 2;) {
    strides[i] = pitch;
    pitch *= dims[i];
  }
  strides[0] = pitch;
  return strides;
}

// Whether an engine's sums are those of fp32, by its numerical notes.
bool sums_exactly(std::span<const int> notes, CudnnDataType type) {
  return std::ranges::none_of(notes, [&](int note) {
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE: return type == CUDNN_DATA_FLOAT;  // TF32
      case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
      case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
      case CUDNN_NUMERICAL_NOTE_FFT:
      case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13: return true;
      default: return false;
    }
  });
}

}  // namespace

Result<CudnnDescriptor> CudnnDescriptor::create(const Cudnn& api, CudnnDescriptorType type) {
  CudnnDescriptor out;
  out.api_ = &api;
  INGOT_RETURN_IF_ERROR(api.check(api.descriptor_create(type, &out.raw_), "making a descriptor"));
  return out;
}

CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : api_(other.api_), raw_(std::exchange(other.raw_, nullptr)) {}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(api_, other.api_);
  std::swap(raw_, other.raw_);
  return *this;
}

CudnnDescriptor::~CudnnDescriptor() {
  if (raw_ != nullptr) api_->descriptor_destroy(raw_);
}

Status CudnnDescriptor::set(CudnnAttribute name, CudnnAttributeType type, std::int64_t count,
                            const void* values) const {
  return api_->check(api_->attribute_set(raw_, name, type, count, values),
                     fmt::format("setting attribute {}", static_cast<int>(name)));
}

Status CudnnDescriptor::set(CudnnAttribute name, std::span<const std::int64_t> values) const {
  return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}

Status CudnnDescriptor::set(CudnnAttribute name, const CudnnDescriptor& value) const {
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.raw_);
}

Result<std::size_t> CudnnDescriptor::get(CudnnAttribute name, CudnnAttributeType type, std::size_t room,
                                         void* values) const {
  std::int64_t count = 0;
  INGOT_RETURN_IF_ERROR(
      api_->check(api_->attribute_get(raw_, name, type, static_cast<std::int64_t>(room), &count, values),
                  fmt::format("reading attribute {}", static_cast<int>(name))));
  return static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
}

Status CudnnDescriptor::finalize(std::string_view what) const {
  return api_->check(api_->descriptor_finalize(raw_), what);
}

Result<CudnnDescriptor> CudnnGraph::tensor(const CudnnTensor& tensor, bool is_virtual) const {
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor out, CudnnDescriptor::create(api_, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, tensor.id));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_TENSOR_DATA_TYPE, tensor.type));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_TENSOR_DIMENSIONS, tensor.dims));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_TENSOR_STRIDES, channels_last_strides(tensor.dims)));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual));
  INGOT_RETURN_IF_ERROR(out.finalize("describing a tensor"));
  return out;
}

Status CudnnGraph::add_convolution(const CudnnConv& conv, const CudnnDescriptor& x, const CudnnDescriptor& y) {
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor w, tensor(conv.w, false));
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor window, CudnnDescriptor::create(api_, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR));
  const int mode = CUDNN_CROSS_CORRELATION;
  const auto rank = static_cast<std::int64_t>(conv.stride.size());
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT));
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode));
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, rank));
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, conv.stride));
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, conv.dilation));
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, conv.pad_begin));
  INGOT_RETURN_IF_ERROR(window.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, conv.pad_end));
  INGOT_RETURN_IF_ERROR(window.finalize("describing a convolution"));
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor operation,
                         CudnnDescriptor::create(api_, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR));
  const float alpha = 1, beta = 0;
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, window));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &alpha));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &beta));
  INGOT_RETURN_IF_ERROR(operation.finalize("a convolution of these sizes"));
  parts_.push_back(std::move(w));
  parts_.push_back(std::move(window));
  operations_.push_back(std::move(operation));
  return Status::ok();
}

Status CudnnGraph::add_pointwise(const CudnnPointwise& step, const CudnnConv& conv, const CudnnDescriptor& x,
                                 const CudnnDescriptor& y) {
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor function, CudnnDescriptor::create(api_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &step.mode));
  INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT));
  if (step.mode == CUDNN_POINTWISE_RELU_FWD) {
    const int nan = CUDNN_PROPAGATE_NAN;
    INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, &nan));
    if (step.lower != 0) INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, step.lower));
    if (step.upper) INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, *step.upper));
    if (step.slope != 0) INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, step.slope));
  } else if (step.mode == CUDNN_POINTWISE_SWISH_FWD) {
    INGOT_RETURN_IF_ERROR(function.set(CUDNN_ATTR_POINTWISE_SWISH_BETA, 1.0));
  }
  INGOT_RETURN_IF_ERROR(function.finalize("describing a pointwise operation"));
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor operation,
                         CudnnDescriptor::create(api_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x));
  INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y));
  if (step.operand >= 0) {
    const auto found =
        std::ranges::find_if(conv.operands, [&](const CudnnTensor& operand) { return operand.id == step.operand; });
    if (found == conv.operands.end()) return internal("cuDNN: operand {} is not described", step.operand);
    INGOT_ASSIGN_OR_RETURN(CudnnDescriptor operand, tensor(*found, false));
    INGOT_RETURN_IF_ERROR(operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, operand));
    parts_.push_back(std::move(operand));
  }
  INGOT_RETURN_IF_ERROR(operation.finalize("a pointwise operation"));
  parts_.push_back(std::move(function));
  operations_.push_back(std::move(operation));
  return Status::ok();
}

Result<std::shared_ptr<const CudnnGraph>> CudnnGraph::make(const Cudnn& api, CudnnHandle handle,
                                                           const CudnnConv& conv) {
  std::shared_ptr<CudnnGraph> graph(new CudnnGraph(api, handle));
  graph->type_ = conv.x.type;
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor from, graph->tensor(conv.x, false));
  // Between the operations values stay in fp32.
  CudnnTensor between{kBetween, CUDNN_DATA_FLOAT, conv.y.dims};
  for (std::size_t i = 0; i <= conv.chain.size(); ++i, ++between.id) {
    const bool last = i == conv.chain.size();
    INGOT_ASSIGN_OR_RETURN(CudnnDescriptor to, graph->tensor(last ? conv.y : between, !last));
    INGOT_RETURN_IF_ERROR(i == 0 ? graph->add_convolution(conv, from, to)
                                 : graph->add_pointwise(conv.chain[i - 1], conv, from, to));
    graph->parts_.push_back(std::exchange(from, std::move(to)));
  }
  graph->parts_.push_back(std::move(from));
  std::vector<CudnnRawDescriptor> operations;
  operations.reserve(graph->operations_.size());
  for (const CudnnDescriptor& operation : graph->operations_) operations.push_back(operation.raw());
  INGOT_ASSIGN_OR_RETURN(graph->graph_, CudnnDescriptor::create(api, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(graph->graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle));
  INGOT_RETURN_IF_ERROR(graph->graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                          static_cast<std::int64_t>(operations.size()), operations.data()));
  INGOT_RETURN_IF_ERROR(graph->graph_.finalize("a graph of these operations"));
  return std::shared_ptr<const CudnnGraph>(std::move(graph));
}

Status CudnnGraph::read(CudnnProposal& proposal) const {
  INGOT_ASSIGN_OR_RETURN(const CudnnDescriptor engine, CudnnDescriptor::create(api_, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
  CudnnRawDescriptor raw_engine = engine.raw();
  INGOT_RETURN_IF_ERROR(
      proposal.config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw_engine).status());
  INGOT_RETURN_IF_ERROR(engine.get(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &proposal.engine).status());
  const auto notes = [&](CudnnAttribute name, CudnnAttributeType type) -> Result<std::vector<int>> {
    std::vector<int> out(kMostNotes);
    INGOT_ASSIGN_OR_RETURN(const std::size_t count, engine.get(name, type, out.size(), out.data()));
    out.resize(std::min(count, out.size()));
    return out;
  };
  INGOT_ASSIGN_OR_RETURN(const std::vector<int> numerical,
                         notes(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE));
  INGOT_ASSIGN_OR_RETURN(const std::vector<int> behavior,
                         notes(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE));
  proposal.exact = sums_exactly(numerical, type_);
  proposal.compiles = std::ranges::find(behavior, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) != behavior.end();
  INGOT_ASSIGN_OR_RETURN(const std::size_t knob_count, proposal.config.get(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                                                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr));
  std::vector<CudnnDescriptor> knobs;
  std::vector<CudnnRawDescriptor> raw_knobs;
  for (std::size_t i = 0; i < knob_count; ++i) {
    INGOT_ASSIGN_OR_RETURN(CudnnDescriptor knob, CudnnDescriptor::create(api_, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR));
    raw_knobs.push_back(knob.raw());
    knobs.push_back(std::move(knob));
  }
  if (knob_count > 0)
    INGOT_RETURN_IF_ERROR(
        proposal.config
            .get(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, knob_count, raw_knobs.data())
            .status());
  for (const CudnnDescriptor& knob : knobs) {
    auto& [type, value] = proposal.knobs.emplace_back(0, 0);
    INGOT_RETURN_IF_ERROR(knob.get(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type).status());
    INGOT_RETURN_IF_ERROR(knob.get(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &value).status());
  }
  return Status::ok();
}

Status CudnnGraph::propose_by(CudnnHeurMode mode, std::size_t most, std::vector<CudnnProposal>& out) const {
  INGOT_ASSIGN_OR_RETURN(const CudnnDescriptor heuristic,
                         CudnnDescriptor::create(api_, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph_));
  INGOT_RETURN_IF_ERROR(heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
  // A mode that knows nothing of such a graph says so here.
  const Status asked = heuristic.finalize("asking for engines");
  if (asked.code() == StatusCode::kUnsupported) return Status::ok();
  INGOT_RETURN_IF_ERROR(Status(asked));
  INGOT_ASSIGN_OR_RETURN(const std::size_t room,
                         heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr));
  if (room == 0) return Status::ok();
  std::vector<CudnnProposal> proposals(room);
  std::vector<CudnnRawDescriptor> raw;
  for (CudnnProposal& proposal : proposals) {
    INGOT_ASSIGN_OR_RETURN(proposal.config, CudnnDescriptor::create(api_, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    raw.push_back(proposal.config.raw());
  }
  INGOT_ASSIGN_OR_RETURN(const std::size_t count,
                         heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, room, raw.data()));
  for (std::size_t i = 0; i < std::min(count, room) && out.size() < most; ++i) {
    CudnnProposal& proposal = proposals[i];
    INGOT_RETURN_IF_ERROR(read(proposal));
    const bool superfluous = std::ranges::any_of(out, [&](const CudnnProposal& other) {
      return (other.engine == proposal.engine && other.knobs == proposal.knobs) ||
             (other.compiles && proposal.compiles);
    });
    if (proposal.exact && !superfluous) out.push_back(std::move(proposal));
  }
  return Status::ok();
}

Result<std::vector<CudnnProposal>> CudnnGraph::propose(std::size_t most) const {
  std::vector<CudnnProposal> out;
  INGOT_RETURN_IF_ERROR(propose_by(CUDNN_HEUR_MODE_A, most, out));
  if (out.size() < most) INGOT_RETURN_IF_ERROR(propose_by(CUDNN_HEUR_MODE_B, most, out));
  if (out.empty()) INGOT_RETURN_IF_ERROR(propose_by(CUDNN_HEUR_MODE_FALLBACK, most, out));
  return out;
}

Result<std::shared_ptr<CudnnPlan>> CudnnPlan::begin(const Cudnn& api, CudnnHandle handle) {
  std::shared_ptr<CudnnPlan> out(new CudnnPlan(api, handle));
  INGOT_ASSIGN_OR_RETURN(out->plan_, CudnnDescriptor::create(api, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(out->plan_.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle));
  return out;
}

Status CudnnPlan::finish() {
  INGOT_RETURN_IF_ERROR(plan_.finalize("making a plan"));
  std::int64_t bytes = 0;
  INGOT_RETURN_IF_ERROR(plan_.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &bytes).status());
  workspace_bytes_ = static_cast<std::size_t>(std::max<std::int64_t>(bytes, 0));
  return Status::ok();
}

Result<std::shared_ptr<const CudnnPlan>> CudnnPlan::make(const Cudnn& api, CudnnHandle handle,
                                                         const CudnnDescriptor& config) {
  INGOT_ASSIGN_OR_RETURN(std::shared_ptr<CudnnPlan> out, begin(api, handle));
  INGOT_RETURN_IF_ERROR(out->plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config));
  INGOT_RETURN_IF_ERROR(out->finish());
  return std::shared_ptr<const CudnnPlan>(std::move(out));
}

Result<std::shared_ptr<const CudnnPlan>> CudnnPlan::from_json(const Cudnn& api, CudnnHandle handle,
                                                              std::string_view json) {
  INGOT_ASSIGN_OR_RETURN(std::shared_ptr<CudnnPlan> out, begin(api, handle));
  INGOT_RETURN_IF_ERROR(out->plan_.set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                       static_cast<std::int64_t>(json.size()), json.data()));
  INGOT_RETURN_IF_ERROR(out->finish());
  return std::shared_ptr<const CudnnPlan>(std::move(out));
}

Result<std::string> CudnnPlan::to_json() const {
  INGOT_ASSIGN_OR_RETURN(const std::size_t size,
                         plan_.get(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 0, nullptr));
  std::string out(size, '\0');
  INGOT_RETURN_IF_ERROR(
      plan_.get(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, size, out.data()).status());
  return out;
}

Result<CudnnDescriptor> CudnnPlan::bind(std::span<const std::int64_t> ids, std::span<void* const> pointers,
                                        void* workspace) const {
  INGOT_ASSIGN_OR_RETURN(CudnnDescriptor out, CudnnDescriptor::create(api_, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
                                static_cast<std::int64_t>(pointers.size()), pointers.data()));
  INGOT_RETURN_IF_ERROR(out.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace));
  INGOT_RETURN_IF_ERROR(out.finalize("binding the arguments"));
  return out;
}

Status CudnnPlan::execute(CuStream stream, const CudnnDescriptor& arguments) const {
  INGOT_RETURN_IF_ERROR(api_.check(api_.set_stream(handle_, stream), "setting the stream"));
  return api_.check(api_.execute(handle_, plan_.raw(), arguments.raw()), "executing a plan");
}

}  // namespace ingot::cuda
