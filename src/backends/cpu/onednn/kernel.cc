// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn/kernel.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "backends/cpu/conv_shape.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/matmul_shape.h"
#include "backends/cpu/onednn/primitive.h"
#include "backends/cpu/operand_checks.h"

namespace ingot::cpu::onednn {
namespace {

// A share, ready to run.
struct Step {
  Share share;
  PrimitivePtr primitive;
  StreamPtr stream;
  MemoryPtr src, weights, bias, dst, added, scratch;
  std::array<dnnl_exec_arg_t, 6> args{};
  int arg_count = 0;

  void pass(int key, const MemoryPtr& memory) { args[static_cast<std::size_t>(arg_count++)] = {key, memory.get()}; }
};

struct State final : KernelState {
  std::vector<Step> steps;
  std::vector<std::vector<float>> own_weights;  // for shapes that want another layout than the packed one
  std::int64_t columns = 0;
  std::size_t thread_scratch_bytes = 0;
  int added = -1;                  // input index of the operand that the library adds
  std::optional<RowProgram> rows;  // what we do after each share
};

void set_data(const MemoryPtr& memory, const void* data, std::int64_t offset) {
  lib().memory_set_data_handle(memory.get(), const_cast<float*>(static_cast<const float*>(data)) + offset);
}

class OnednnKernel final : public Kernel {
 public:
  OnednnKernel(const Problem& problem, const Choice& choice, EpilogueForm form, const std::optional<PostOps>& ops,
               std::vector<PackedWeights> weights)
      : form_(std::move(form)),
        ops_(choice.fused ? ops : std::nullopt),
        attrs_(problem.attrs),
        weights_shape_(problem.inputs[1].shape),
        weights_(std::move(weights)),
        is_conv_(problem.kind == "Conv"),
        has_bias_(problem.has_input(2)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    const SingleThreaded single;
    auto state = std::make_unique<State>();
    const Shape& out = args.outputs[0].shape;
    const std::string_view kind = is_conv_ ? "Conv" : "MatMul";
    if (is_conv_ && has_bias_)
      INGOT_RETURN_IF_ERROR(expect_elements(kind, "the bias", args.inputs[2], weights_shape_[0]));
    if (!is_conv_)
      INGOT_RETURN_IF_ERROR(
          check_matmul(attrs_, args.inputs[0].shape, weights_shape_, has_bias_ ? &args.inputs[2] : nullptr, out));
    INGOT_RETURN_IF_ERROR(form_.check(kind, args.inputs, out));
    if (element_count(out).value_or(0) == 0) return std::unique_ptr<KernelState>(std::move(state));
    INGOT_ASSIGN_OR_RETURN(const Work work, split(attrs_, is_conv_, args.inputs[0].shape, weights_shape_, out,
                                                  args.threads, weights_.size()));
    PostOps ops;
    const bool fits = ops_ && (ops_->added < 0 || args.inputs[static_cast<std::size_t>(ops_->added)].shape == out);
    if (fits)
      ops = *ops_;
    else
      state->rows = form_.bind_rows(args.inputs, out);
    state->columns = work.columns;
    state->added = ops.added;
    for (const Share& share : work.shares) INGOT_RETURN_IF_ERROR(add_step(work, share, ops, *state));
    state->workspace_bytes = state->thread_scratch_bytes * static_cast<std::size_t>(args.threads);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& state = static_cast<const State&>(*args.state);
    std::atomic<dnnl_status_t> failure = dnnl_success;
    args.parallel->run(static_cast<std::int64_t>(state.steps.size()), [&](std::int64_t task, int thread) {
      const SingleThreaded single;
      const Step& step = state.steps[static_cast<std::size_t>(task)];
      std::byte* const scratch = args.workspace.data() + static_cast<std::size_t>(thread) * state.thread_scratch_bytes;
      const dnnl_status_t status = run(step, state, args, scratch);
      if (status != dnnl_success) failure = status;
    });
    return check(failure, "execution");
  }

 private:
  Status add_step(const Work& work, const Share& share, const PostOps& ops, State& state) const {
    Step step;
    step.share = share;
    const PackedWeights& packed = weights_[share.slice];
    const void* values = packed.values;
    Result<PrimitiveDescPtr> found = describe(work, share, has_bias_, ops, &packed.layout);
    if (!found.is_ok() || is_reference(*found)) {
      INGOT_ASSIGN_OR_RETURN(found, describe(work, share, has_bias_, ops));
      const dnnl_memory_desc_t& wanted = weights_of(*found);
      std::vector<float>& own = state.own_weights.emplace_back(lib().memory_desc_get_size(&wanted) / sizeof(float));
      INGOT_RETURN_IF_ERROR(reorder(packed.layout, values, wanted, own.data()));
      values = own.data();
    }
    const PrimitiveDescPtr& desc = *found;
    INGOT_ASSIGN_OR_RETURN(step.primitive, make_primitive(desc));
    INGOT_ASSIGN_OR_RETURN(step.stream, make_stream());
    const auto add = [&step](MemoryPtr& memory, int key, const dnnl_memory_desc_t& layout, const void* data) -> Status {
      INGOT_ASSIGN_OR_RETURN(memory, make_memory(layout, data));
      step.pass(key, memory);
      return Status::ok();
    };
    INGOT_RETURN_IF_ERROR(add(step.src, DNNL_ARG_SRC, share.src, nullptr));
    INGOT_RETURN_IF_ERROR(add(step.weights, DNNL_ARG_WEIGHTS, weights_of(desc), values));
    INGOT_RETURN_IF_ERROR(add(step.dst, DNNL_ARG_DST, share.dst, nullptr));
    INGOT_RETURN_IF_ERROR(add(step.scratch, DNNL_ARG_SCRATCHPAD, scratchpad_of(desc), nullptr));
    if (has_bias_) INGOT_RETURN_IF_ERROR(add(step.bias, DNNL_ARG_BIAS, share.bias, nullptr));
    if (ops.added >= 0)
      INGOT_RETURN_IF_ERROR(add(step.added, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, share.dst, nullptr));
    const std::size_t scratch = lib().memory_desc_get_size(&scratchpad_of(desc));
    state.thread_scratch_bytes =
        std::max(state.thread_scratch_bytes, (scratch + kAlignment - 1) / kAlignment * kAlignment);
    state.steps.push_back(std::move(step));
    return Status::ok();
  }

  dnnl_status_t run(const Step& step, const State& state, const LaunchArgs& args, std::byte* scratch) const {
    const Share& share = step.share;
    set_data(step.src, args.inputs[0], share.src_offset);
    set_data(step.dst, args.outputs[0], share.dst_offset);
    lib().memory_set_data_handle(step.scratch.get(), scratch);
    if (has_bias_) set_data(step.bias, args.inputs[2], share.bias_offset);
    if (state.added >= 0) set_data(step.added, args.inputs[static_cast<std::size_t>(state.added)], share.dst_offset);
    dnnl_status_t status =
        lib().primitive_execute(step.primitive.get(), step.stream.get(), step.arg_count, step.args.data());
    if (status == dnnl_success) status = lib().stream_wait(step.stream.get());
    if (status == dnnl_success && state.rows) finish(share, state, args);
    return status;
  }

  void finish(const Share& share, const State& state, const LaunchArgs& args) const {
    auto* out = static_cast<float*>(args.outputs[0]);
    const std::int64_t columns = state.columns;
    if (share.col_end - share.col_begin == columns) {
      form_.apply_rows(state.rows, args.inputs, out, columns, share.row_begin * columns, share.row_end * columns);
      return;
    }
    for (std::int64_t row = share.row_begin; row < share.row_end; ++row)
      form_.apply_rows(state.rows, args.inputs, out, columns, row * columns + share.col_begin,
                       row * columns + share.col_end);
  }

  EpilogueForm form_;
  std::optional<PostOps> ops_;
  Attrs attrs_;
  Shape weights_shape_;
  std::vector<PackedWeights> weights_;
  bool is_conv_, has_bias_;
};

}  // namespace

Result<Choice> Choice::parse(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::string_view shares = text.substr(0, dot);
  const std::string_view epilogue = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  if ((shares != "rows" && shares != "cols") || (epilogue != "fused" && epilogue != "after"))
    return corrupt("unknown oneDNN variant '{}'", text);
  return Choice{shares == "cols", epilogue == "fused"};
}

Result<Work> split(const Attrs& attrs, bool is_conv, const Shape& x, const Shape& w, const Shape& out, int threads,
                   std::size_t slices) {
  if (!is_conv) return split_matmul(matmul_shape(attrs, x, w), threads, slices);
  if (slices != 1) return corrupt("oneDNN: a convolution with {} slices of weights", slices);
  INGOT_ASSIGN_OR_RETURN(const ConvShape shape, conv_shape(attrs, x, w, out));
  return split_conv(shape, attrs.get_int("channels_last", 0) != 0, threads);
}

Result<std::unique_ptr<Kernel>> make_kernel(const Problem& problem, const Choice& choice, EpilogueForm form,
                                            const std::optional<PostOps>& ops, std::vector<PackedWeights> weights) {
  return std::unique_ptr<Kernel>(
      std::make_unique<OnednnKernel>(problem, choice, std::move(form), ops, std::move(weights)));
}

}  // namespace ingot::cpu::onednn
