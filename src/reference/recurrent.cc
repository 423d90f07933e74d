// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM, one sample and one step at a time.
#include <algorithm>
#include <array>
#include <cmath>

#include "reference/copy.h"
#include "reference/families.h"
#include "reference/indexing.h"

namespace ingot::reference {

namespace {

struct Activation {
  std::string_view name;
  double (*function)(double x, double alpha, double beta);
  double alpha = 0, beta = 0;
  int parameters = 0;  // how many of activation_alpha and activation_beta it takes
};

constexpr Activation kActivations[] = {
    {"Sigmoid", [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
    {"Tanh", [](double x, double, double) { return std::tanh(x); }},
    {"Relu", [](double x, double, double) { return std::max(x, 0.0); }},
    {"Softsign", [](double x, double, double) { return x / (1 + std::abs(x)); }},
    {"Softplus", [](double x, double, double) { return std::log1p(std::exp(x)); }},
    {"LeakyRelu", [](double x, double a, double) { return x < 0 ? a * x : x; }, 0.01, 0, 1},
    {"ThresholdedRelu", [](double x, double a, double) { return x > a ? x : 0; }, 1, 0, 1},
    {"Elu", [](double x, double a, double) { return x < 0 ? a * std::expm1(x) : x; }, 1, 0, 1},
    {"Affine", [](double x, double a, double b) { return a * x + b; }, 1, 0, 2},
    {"ScaledTanh", [](double x, double a, double b) { return a * std::tanh(b * x); }, 1, 1, 2},
    {"HardSigmoid", [](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }, 0.2, 0.5, 2},
};

struct Cell {
  std::string_view op;
  std::int64_t gates;
  std::array<std::string_view, 3> activations;
  std::size_t functions;
};

constexpr Cell kCells[] = {
    {"RNN", 1, {"Tanh", "", ""}, 1},
    {"GRU", 3, {"Sigmoid", "Tanh", ""}, 2},
    {"LSTM", 4, {"Sigmoid", "Tanh", "Tanh"}, 3},
};

struct Network {
  const Cell* cell = nullptr;
  std::int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1;
  bool batch_first = false, reverse = false, linear_before_reset = false, input_forget = false;
  double clip = 0;
  std::vector<Activation> activations;  // cell->functions for each direction
  std::vector<double> x, w, r, b, h, c, p;
  Ints lengths;

  [[nodiscard]] double activate(std::int64_t direction, std::size_t which, double value) const {
    const Activation& a = activations[to_size(direction) * cell->functions + which];
    if (clip > 0) value = std::clamp(value, -clip, clip);
    return a.function(value, a.alpha, a.beta);
  }
};

std::vector<double> numbers_of(const Attrs& attrs, std::string_view name) {
  const Attr* attr = attrs.find(name);
  const auto* list = attr != nullptr ? std::get_if<Floats>(attr) : nullptr;
  return list != nullptr ? *list : Floats{};
}

Status read_activations(const Attrs& attrs, Network& net) {
  const Attr* attr = attrs.find("activations");
  const auto* listed = attr != nullptr ? std::get_if<Strings>(attr) : nullptr;
  const std::vector<double> alphas = numbers_of(attrs, "activation_alpha");
  const std::vector<double> betas = numbers_of(attrs, "activation_beta");
  const std::size_t count = to_size(net.directions) * net.cell->functions;
  if (listed != nullptr && listed->size() != count)
    return invalid_argument("activations has {} elements; {} are needed", listed->size(), count);
  std::size_t alpha = 0;
  std::size_t beta = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::string_view name =
        listed != nullptr ? std::string_view((*listed)[k]) : net.cell->activations[k % net.cell->functions];
    const auto* row = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const Activation& a) { return a.name == name; });
    if (row == std::end(kActivations)) return unsupported("the activation \"{}\"", name);
    Activation activation = *row;
    if (activation.parameters > 0 && alpha < alphas.size()) activation.alpha = alphas[alpha++];
    if (activation.parameters > 1 && beta < betas.size()) activation.beta = betas[beta++];
    net.activations.push_back(activation);
  }
  return Status::ok();
}

// An operand as doubles with `batch` and `other` axes in the order that the loops want; zeros when it is absent.
Result<std::vector<double>> state_operand(const Call& call, const Network& net, std::size_t index,
                                          std::string_view name, std::int64_t count) {
  if (optional_operand(call, index) == nullptr) return std::vector<double>(to_size(count), 0);
  INGOT_ASSIGN_OR_RETURN(std::vector<double> values, vector_operand(call, index, name, count));
  if (!net.batch_first) return values;
  std::vector<double> turned(values.size());
  for (std::int64_t b = 0; b < net.batch; ++b)
    for (std::int64_t d = 0; d < net.directions; ++d)
      std::copy_n(values.begin() + (b * net.directions + d) * net.hidden, net.hidden,
                  turned.begin() + (d * net.batch + b) * net.hidden);
  return turned;
}

Result<Network> read_network(const Call& call) {
  Network net;
  net.cell = std::find_if(std::begin(kCells), std::end(kCells), [&](const Cell& cell) { return cell.op == call.op; });
  INGOT_ASSIGN_OR_RETURN(const HostTensor* x, numeric_operand(call, 0, "X", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* w, numeric_operand(call, 1, "W", 3));
  INGOT_ASSIGN_OR_RETURN(const HostTensor* r, numeric_operand(call, 2, "R", 3));
  const Attrs& attrs = *call.attrs;
  net.batch_first = attrs.get_int("layout", 0) != 0;
  const std::string direction = attrs.get_string("direction", "forward");
  net.reverse = direction == "reverse";
  net.directions = direction == "bidirectional" ? 2 : 1;
  net.linear_before_reset = attrs.get_int("linear_before_reset", 0) != 0;
  net.input_forget = attrs.get_int("input_forget", 0) != 0;
  net.clip = attrs.get_float("clip", 0);
  net.hidden = r->shape().back();
  net.input = x->shape().back();
  net.steps = x->shape()[net.batch_first ? 1 : 0];
  net.batch = x->shape()[net.batch_first ? 0 : 1];
  const std::int64_t rows = net.cell->gates * net.hidden;
  if (x->rank() != 3 || w->shape() != Shape{net.directions, rows, net.input} ||
      r->shape() != Shape{net.directions, rows, net.hidden})
    return invalid_argument("operands X {}, W {} and R {} do not fit one another", to_string(x->shape()),
                            to_string(w->shape()), to_string(r->shape()));
  if (const std::int64_t asked = attrs.get_int("hidden_size", 0); asked != 0 && asked != net.hidden)
    return invalid_argument("attribute hidden_size is {}, operand 2 (R) of shape {} has {}", asked,
                            to_string(r->shape()), net.hidden);
  constexpr std::size_t kTurn[] = {1, 0, 2};
  HostTensor turned = *x;
  if (net.batch_first) {
    INGOT_ASSIGN_OR_RETURN(turned, transpose(*x, kTurn));
  }
  net.x = to_numbers<double>(turned);
  net.w = to_numbers<double>(*w);
  net.r = to_numbers<double>(*r);
  INGOT_ASSIGN_OR_RETURN(net.b, vector_operand(call, 3, "B", net.directions * 2 * rows));
  net.b.resize(to_size(net.directions * 2 * rows), 0);
  INGOT_ASSIGN_OR_RETURN(net.lengths, ints_operand(call, 4, "sequence_lens", Ints(to_size(net.batch), net.steps)));
  if (to_signed(net.lengths.size()) != net.batch)
    return invalid_argument("operand 4 (sequence_lens) has {} elements for a batch of {}", net.lengths.size(),
                            net.batch);
  for (std::int64_t length : net.lengths)
    if (length < 0 || length > net.steps)
      return invalid_argument("operand 4 (sequence_lens) has the length {} of {} steps", length, net.steps);
  const std::int64_t states = net.directions * net.batch * net.hidden;
  INGOT_ASSIGN_OR_RETURN(net.h, state_operand(call, net, 5, "initial_h", states));
  const bool lstm = net.cell->gates == 4;
  if (lstm) {
    INGOT_ASSIGN_OR_RETURN(net.c, state_operand(call, net, 6, "initial_c", states));
    INGOT_ASSIGN_OR_RETURN(net.p, vector_operand(call, 7, "P", net.directions * 3 * net.hidden));
  }
  net.p.resize(to_size(net.directions * 3 * net.hidden), 0);
  INGOT_RETURN_IF_ERROR(read_activations(attrs, net));
  return net;
}

// The weights of one direction, and its equations.
struct Step {
  const Network& net;
  std::int64_t direction;

  // to[row] = matrix[row, :] . v + bias[row], for one gate.
  void project(const std::vector<double>& matrix, std::int64_t columns, const double* v, std::int64_t bias_half,
               std::int64_t gate, double* to) const {
    const std::int64_t rows = net.cell->gates * net.hidden;
    for (std::int64_t i = 0; i < net.hidden; ++i) {
      const std::int64_t row = gate * net.hidden + i;
      const double* weights = matrix.data() + (direction * rows + row) * columns;
      double sum = net.b[to_size((direction * 2 + bias_half) * rows + row)];
      for (std::int64_t k = 0; k < columns; ++k) sum += weights[k] * v[k];
      to[i] = sum;
    }
  }

  // Advances the states h (and c of an LSTM) by one step.
  void advance(const double* x, double* h, double* c) const {
    const std::int64_t n = net.hidden;
    std::vector<double> wx(to_size(net.cell->gates * n));
    std::vector<double> rh(wx.size());
    for (std::int64_t gate = 0; gate < net.cell->gates; ++gate) {
      project(net.w, net.input, x, 0, gate, wx.data() + gate * n);
      project(net.r, n, h, 1, gate, rh.data() + gate * n);
    }
    const auto sum = [&](std::int64_t gate, std::int64_t i) {
      return wx[to_size(gate * n + i)] + rh[to_size(gate * n + i)];
    };
    const auto f = [&](std::size_t which, double value) { return net.activate(direction, which, value); };
    if (net.cell->gates == 1) {
      for (std::int64_t i = 0; i < n; ++i) h[i] = f(0, sum(0, i));
      return;
    }
    if (net.cell->gates == 3) {
      std::vector<double> reset(to_size(n));
      std::vector<double> gated(to_size(n));
      for (std::int64_t i = 0; i < n; ++i) {
        reset[to_size(i)] = f(0, sum(1, i));
        gated[to_size(i)] = reset[to_size(i)] * h[i];
      }
      if (net.linear_before_reset) {
        for (std::int64_t i = 0; i < n; ++i) rh[to_size(2 * n + i)] *= reset[to_size(i)];
      } else {
        project(net.r, n, gated.data(), 1, 2, rh.data() + 2 * n);
      }
      for (std::int64_t i = 0; i < n; ++i) {
        const double update = f(0, sum(0, i));
        h[i] = (1 - update) * f(1, sum(2, i)) + update * h[i];
      }
      return;
    }
    const double* peephole = net.p.data() + direction * 3 * n;
    for (std::int64_t i = 0; i < n; ++i) {
      const double in = f(0, sum(0, i) + peephole[i] * c[i]);
      const double forget = net.input_forget ? 1 - in : f(0, sum(2, i) + peephole[2 * n + i] * c[i]);
      c[i] = forget * c[i] + in * f(1, sum(3, i));
      h[i] = f(0, sum(1, i) + peephole[n + i] * c[i]) * f(2, c[i]);
    }
  }
};

Result<Outputs> evaluate_recurrent(const Call& call) {
  INGOT_ASSIGN_OR_RETURN(Network net, read_network(call));
  const std::int64_t n = net.hidden;
  std::vector<double> y(to_size(net.steps * net.directions * net.batch * n), 0);
  net.c.resize(net.h.size(), 0);
  for (std::int64_t d = 0; d < net.directions; ++d) {
    const Step step{net, d};
    const bool backwards = net.reverse || d == 1;
    for (std::int64_t b = 0; b < net.batch; ++b) {
      double* h = net.h.data() + (d * net.batch + b) * n;
      double* c = net.c.data() + (d * net.batch + b) * n;
      const std::int64_t length = net.lengths[to_size(b)];
      for (std::int64_t s = 0; s < length; ++s) {
        const std::int64_t t = backwards ? length - 1 - s : s;
        step.advance(net.x.data() + (t * net.batch + b) * net.input, h, c);
        std::copy_n(h, n, y.begin() + ((t * net.directions + d) * net.batch + b) * n);
      }
    }
  }
  const DType dtype = call.inputs[0]->dtype();
  const std::vector<double>* values[] = {&y, &net.h, &net.c};
  constexpr std::size_t kTurnY[] = {2, 0, 1, 3};
  constexpr std::size_t kTurnState[] = {1, 0, 2};
  Outputs outputs;
  for (std::size_t k = 0; k < call.output_count && k < (net.cell->gates == 4 ? 3U : 2U); ++k) {
    Shape shape{net.directions, net.batch, n};
    if (k == 0) shape.insert(shape.begin(), net.steps);
    INGOT_ASSIGN_OR_RETURN(HostTensor output, from_numbers(output_type(call, k, dtype), shape, *values[k]));
    if (net.batch_first) {
      INGOT_ASSIGN_OR_RETURN(output, k == 0 ? transpose(output, kTurnY) : transpose(output, kTurnState));
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

constexpr Row kRows[] = {{"RNN", evaluate_recurrent}, {"GRU", evaluate_recurrent}, {"LSTM", evaluate_recurrent}};

}  // namespace

std::span<const Row> recurrent_rows() { return kRows; }

}  // namespace ingot::reference
