// SPDX-License-Identifier: Apache-2.0
// cpu.recurrent.gemm: f32 LSTM, GRU and RNN with constant weights. The products of the inputs do not depend on one
// another and are one matrix product over all steps; each step then adds the product of the hidden state.
#include <algorithm>
#include <array>

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/recurrent.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

constexpr std::size_t kW = 1, kR = 2, kB = 3, kLengths = 4, kInitialH = 5, kInitialC = 6, kPeepholes = 7;

enum class Cell : std::uint8_t { rnn, gru, lstm };

struct Layer {
  Cell cell = Cell::rnn;
  std::int64_t gates = 1, directions = 1, input = 0, hidden = 0;
  bool reverse = false, relu = false;
  bool reset_first = false;  // of a GRU: the last gate's product is that of what the reset gate leaves

  [[nodiscard]] std::int64_t rows() const { return gates * hidden; }
  [[nodiscard]] std::size_t w_bytes(int panel) const { return packed_b_bytes(input, rows(), panel); }
  // The rows of R that take the hidden state itself, and the rest.
  [[nodiscard]] std::int64_t first_rows() const { return reset_first ? 2 * hidden : rows(); }
  [[nodiscard]] std::size_t first_bytes(int panel) const { return packed_b_bytes(hidden, first_rows(), panel); }
  [[nodiscard]] std::size_t r_bytes(int panel) const {
    return first_bytes(panel) + (reset_first ? packed_b_bytes(hidden, hidden, panel) : 0);
  }
  // Of each direction: the bias of the input's product, which takes most of the hidden state's, then what is left of
  // it.
  [[nodiscard]] std::int64_t bias_floats() const { return 2 * round_up(rows(), 16); }
  [[nodiscard]] std::size_t direction_bytes(int panel) const {
    return w_bytes(panel) + r_bytes(panel) + static_cast<std::size_t>(bias_floats()) * sizeof(float);
  }
  [[nodiscard]] std::size_t packed_bytes(int panel) const {
    return static_cast<std::size_t>(directions) * direction_bytes(panel);
  }
};

// The activations are the default ones, or for an RNN all Relu.
bool has_known_activations(const Attrs& attrs, Layer& layer) {
  const Strings* listed = nullptr;
  if (const Attr* attr = attrs.find("activations"); attr != nullptr) listed = std::get_if<Strings>(attr);
  if (listed == nullptr || listed->empty()) return !attrs.has("activations") || listed != nullptr;
  constexpr std::array<std::array<std::string_view, 3>, 3> kDefault{
      {{"Tanh", "", ""}, {"Sigmoid", "Tanh", ""}, {"Sigmoid", "Tanh", "Tanh"}}};
  const std::size_t count = layer.cell == Cell::lstm ? 3 : layer.cell == Cell::gru ? 2 : 1;
  if (listed->size() != count * static_cast<std::size_t>(layer.directions)) return false;
  layer.relu =
      layer.cell == Cell::rnn && std::all_of(listed->begin(), listed->end(), [](const auto& f) { return f == "Relu"; });
  for (std::size_t i = 0; i < listed->size() && !layer.relu; ++i)
    if ((*listed)[i] != kDefault[static_cast<std::size_t>(layer.cell)][i % count]) return false;
  return true;
}

Result<Layer> layer_of(const Problem& problem) {
  Layer layer;
  layer.cell = problem.kind == "LSTM" ? Cell::lstm : problem.kind == "GRU" ? Cell::gru : Cell::rnn;
  layer.gates = layer.cell == Cell::lstm ? 4 : layer.cell == Cell::gru ? 3 : 1;
  const Attrs& attrs = problem.attrs;
  const std::string direction = attrs.get_string("direction", "forward");
  layer.directions = direction == "bidirectional" ? 2 : 1;
  layer.reverse = direction == "reverse";
  const Shape& w = problem.inputs[kW].shape;
  const Shape& r = problem.inputs[kR].shape;
  if (w.size() != 3 || r.size() != 3) return unsupported("W and R need rank 3");
  layer.input = w[2];
  layer.hidden = r[2];
  if (w[0] != layer.directions || w[1] != layer.rows() || r[0] != layer.directions || r[1] != layer.rows())
    return invalid_argument("W {} and R {} do not fit {} directions of {} gates", to_string(w), to_string(r),
                            layer.directions, layer.gates);
  if (attrs.get_int("layout", 0) != 0) return unsupported("layout 1");
  if (attrs.get_float("clip", 0) != 0) return unsupported("clip");
  if (attrs.get_int("input_forget", 0) != 0) return unsupported("input_forget");
  layer.reset_first = layer.cell == Cell::gru && attrs.get_int("linear_before_reset", 0) == 0;
  if (!has_known_activations(attrs, layer)) return unsupported("other activations than the default");
  return layer;
}

struct RecurrentState final : KernelState {
  std::int64_t steps = 0, batch = 0;
  std::size_t projected = 0, gates = 0, states = 0;  // bytes of the parts of the workspace, before the scratch
};

class RecurrentKernel final : public Kernel {
 public:
  RecurrentKernel(const Problem& problem, const Layer& layer, const float* packed, int panel)
      : layer_(layer),
        packed_(packed),
        panel_(panel),
        has_h_(problem.has_input(kInitialH)),
        has_c_(problem.has_input(kInitialC)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<RecurrentState>();
    const Shape& x = args.inputs[0].shape;
    if (x.size() != 3 || x[2] != layer_.input)
      return invalid_argument("recurrent layer: operand 0 (X) has shape {}, [steps, batch, {}] expected", to_string(x),
                              layer_.input);
    state->steps = x[0];
    state->batch = x[1];
    const std::int64_t states = layer_.directions * state->batch * layer_.hidden;
    if (has_h_) INGOT_RETURN_IF_ERROR(expect_elements("recurrent layer", "initial_h", args.inputs[kInitialH], states));
    if (has_c_) INGOT_RETURN_IF_ERROR(expect_elements("recurrent layer", "initial_c", args.inputs[kInitialC], states));
    for (std::size_t i = 0; i < args.outputs.size(); ++i)
      if (args.outputs[i].present())
        INGOT_RETURN_IF_ERROR(expect_elements("recurrent layer", i == 0 ? "Y" : "the final state", args.outputs[i],
                                              i == 0 ? states * state->steps : states));
    const auto bytes = [](std::int64_t floats) {
      return static_cast<std::size_t>(round_up(floats, static_cast<std::int64_t>(kAlignment) / 4)) * sizeof(float);
    };
    state->projected = bytes(state->steps * state->batch * layer_.rows());
    state->gates = layer_.cell == Cell::gru ? bytes(state->batch * layer_.rows()) : 0;
    state->states = bytes(state->batch * layer_.hidden);
    const GemmShape all{state->steps * state->batch, layer_.rows(), layer_.input};
    const GemmShape one{state->batch, layer_.rows(), layer_.hidden};
    state->workspace_bytes =
        state->projected + state->gates + 3 * state->states +
        std::max(gemm_scratch_bytes(all, panel_, args.threads), gemm_scratch_bytes(one, panel_, args.threads));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    for (std::int64_t direction = 0; direction < layer_.directions; ++direction) run_direction(args, direction);
    return Status::ok();
  }

 private:
  void run_direction(const LaunchArgs& args, std::int64_t direction) const {
    const auto& state = static_cast<const RecurrentState&>(*args.state);
    const std::int64_t batch = state.batch, rows = layer_.rows(), units = batch * layer_.hidden;
    const auto* w =
        reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(packed_) +
                                       static_cast<std::size_t>(direction) * layer_.direction_bytes(panel_));
    const float* r = w + layer_.w_bytes(panel_) / sizeof(float);
    const float* bias = r + layer_.r_bytes(panel_) / sizeof(float);
    std::byte* memory = args.workspace.data();
    const auto take = [&memory](std::size_t bytes) {
      auto* part = reinterpret_cast<float*>(memory);
      memory += bytes;
      return part;
    };
    float* projected = take(state.projected);
    float* gates = take(state.gates);
    float* h = take(state.states);
    float* c = take(state.states);
    float* kept = take(state.states);
    begin(args.inputs, has_h_, kInitialH, direction * units, units, h);
    if (layer_.cell == Cell::lstm) begin(args.inputs, has_c_, kInitialC, direction * units, units, c);

    Epilogue with_bias;
    with_bias.bias = bias;
    gemm({state.steps * batch, rows, layer_.input}, static_cast<const float*>(args.inputs[0]), layer_.input, w, panel_,
         projected, rows, with_bias, memory, *args.parallel);
    auto* y = static_cast<float*>(args.outputs[0]);
    const bool backwards = layer_.reverse || direction == 1;
    for (std::int64_t step = 0; step < state.steps; ++step) {
      const std::int64_t t = backwards ? state.steps - 1 - step : step;
      float* from_x = projected + t * batch * rows;
      Epilogue sum;
      float* product = from_x;
      if (layer_.cell == Cell::gru) {
        product = gates;
        sum.bias = bias + layer_.bias_floats() / 2;
      } else {
        sum.residual = from_x;
        sum.residual_stride = rows;
      }
      if (layer_.reset_first) {
        reset_step(batch, from_x, r, gates, h, kept, memory, *args.parallel);
      } else {
        gemm({batch, rows, layer_.hidden}, h, layer_.hidden, r, panel_, product, rows, sum, memory, *args.parallel);
        for (std::int64_t b = 0; b < batch; ++b)
          advance(from_x + b * rows, product + b * rows, h + b * layer_.hidden, c + b * layer_.hidden);
      }
      if (y != nullptr) std::copy_n(h, units, y + (t * layer_.directions + direction) * units);
    }
    finish(args.outputs, 1, direction * units, units, h);
    finish(args.outputs, 2, direction * units, units, c);
  }

  void reset_step(std::int64_t batch, const float* from_x, const float* r, float* gates, float* h, float* kept,
                  std::byte* scratch, Parallel& parallel) const {
    const std::int64_t n = layer_.hidden;
    float* product = gates + batch * 2 * n;
    const Epilogue plain;
    gemm({batch, 2 * n, n}, h, n, r, panel_, gates, 2 * n, plain, scratch, parallel);
    for (std::int64_t b = 0; b < batch; ++b)
      gru_cell_gates(n, from_x + b * 3 * n, gates + b * 2 * n, h + b * n, kept + b * n);
    gemm({batch, n, n}, kept, n, r + layer_.first_bytes(panel_) / sizeof(float), panel_, product, n, plain, scratch,
         parallel);
    for (std::int64_t b = 0; b < batch; ++b)
      gru_cell_update(n, from_x + b * 3 * n, gates + b * 2 * n, product + b * n, h + b * n);
  }

  void advance(const float* from_x, const float* product, float* h, float* c) const {
    switch (layer_.cell) {
      case Cell::lstm: return lstm_cell(layer_.hidden, product, c, h);
      case Cell::gru: return gru_cell(layer_.hidden, from_x, product, h);
      case Cell::rnn: return rnn_cell(layer_.hidden, product, layer_.relu, h);
    }
  }

  static void begin(std::span<const void* const> inputs, bool present, std::size_t which, std::int64_t from,
                    std::int64_t count, float* to) {
    if (present)
      std::copy_n(static_cast<const float*>(inputs[which]) + from, count, to);
    else
      std::fill_n(to, count, 0.0F);
  }
  static void finish(std::span<void* const> outputs, std::size_t which, std::int64_t to, std::int64_t count,
                     const float* from) {
    if (which < outputs.size() && outputs[which] != nullptr)
      std::copy_n(from, count, static_cast<float*>(outputs[which]) + to);
  }

  Layer layer_;
  const float* packed_;
  int panel_;
  bool has_h_, has_c_;
};

class RecurrentTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.recurrent.gemm"; }

  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != "LSTM" && problem.kind != "GRU" && problem.kind != "RNN") return Support::no(Refusal::kKind);
    if (problem.has_input(kLengths)) return Support::no(Refusal::kAttribute, "sequence_lens");
    for (const Operand& input : problem.inputs)
      if (input.present() && input.dtype != DType::f32) return Support::no(Refusal::kDType);
    if (problem.has_input(kPeepholes)) return Support::no(Refusal::kAttribute, "peepholes");
    for (const std::size_t i : {kW, kR, kB})
      if (problem.has_input(i) && !problem.inputs[i].constant)
        return Support::no(Refusal::kConstant, "W, R and B must be constant");
    if (const auto layer = layer_of(problem); !layer.is_ok())
      return Support::no(Refusal::kAttribute, layer.status().message());
    return Support::yes();
  }

  [[nodiscard]] std::vector<std::string> configs(const Problem&, const DeviceInfo&) const override {
    return panel_configs({});
  }

  Result<Packed> prepare(const Problem& problem, const std::string& config, const DeviceInfo&) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig choice, parse_panel_config(config));
    INGOT_ASSIGN_OR_RETURN(const Layer layer, layer_of(problem));
    const TensorPtr& w = problem.inputs[kW].value;
    const TensorPtr& r = problem.inputs[kR].value;
    const TensorPtr b = problem.has_input(kB) ? problem.inputs[kB].value : nullptr;
    if (w == nullptr || r == nullptr || (problem.has_input(kB) && b == nullptr))
      return invalid_argument("{}: the values of W, R and B are needed", problem.kind);
    const std::int64_t rows = layer.rows();
    if (b != nullptr && b->elements() != layer.directions * 2 * rows)
      return invalid_argument("{}: B has {} elements, {} expected", problem.kind, b->elements(),
                              layer.directions * 2 * rows);
    Packed packed;
    packed.blobs.emplace_back(layer.packed_bytes(choice.panel));
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
      if (problem.inputs[i].constant && i != kW && i != kR && i != kB) packed.keep_inputs.push_back(i);
    float* to = floats_of(packed.blobs[0]);
    for (std::int64_t d = 0; d < layer.directions; ++d) {
      pack_b(layer.input, rows, w->data<float>() + d * rows * layer.input, layer.input, true, choice.panel, to);
      to += layer.w_bytes(choice.panel) / sizeof(float);
      const float* from = r->data<float>() + d * rows * layer.hidden;
      pack_b(layer.hidden, layer.first_rows(), from, layer.hidden, true, choice.panel, to);
      if (layer.reset_first)
        pack_b(layer.hidden, layer.hidden, from + layer.first_rows() * layer.hidden, layer.hidden, true, choice.panel,
               to + layer.first_bytes(choice.panel) / sizeof(float));
      to += layer.r_bytes(choice.panel) / sizeof(float);
      if (b != nullptr) pack_bias(layer, b->data<float>() + d * 2 * rows, to);
      to += layer.bias_floats();
    }
    return packed;
  }

  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string& config,
                                       std::span<const std::span<const std::byte>> blobs) const override {
    INGOT_ASSIGN_OR_RETURN(const PanelConfig choice, parse_panel_config(config));
    INGOT_ASSIGN_OR_RETURN(const Layer layer, layer_of(problem));
    INGOT_ASSIGN_OR_RETURN(const float* packed, packed_floats(blobs, layer.packed_bytes(choice.panel)));
    return std::unique_ptr<Kernel>(std::make_unique<RecurrentKernel>(problem, layer, packed, choice.panel));
  }

 private:
  // b: the bias of the input's product, then of the hidden state's. Only the last gate of a GRU that resets after the
  // product needs them apart.
  static void pack_bias(const Layer& layer, const float* b, float* to) {
    const std::int64_t rows = layer.rows();
    const std::int64_t together = layer.cell == Cell::gru && !layer.reset_first ? 2 * layer.hidden : rows;
    for (std::int64_t i = 0; i < rows; ++i) {
      to[i] = i < together ? b[i] + b[rows + i] : b[i];
      to[layer.bias_floats() / 2 + i] = i < together ? 0.0F : b[rows + i];
    }
  }
};

}  // namespace

const Tactic& recurrent_tactic() {
  static const RecurrentTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
