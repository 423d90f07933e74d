// SPDX-License-Identifier: Apache-2.0
#include "tactics/testing/problem_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>

#include "reference/evaluate.h"

namespace ingot::testing_tools {
namespace {

// Below what the integers of an operand must stay because they are indices; 0 when they are none.
std::int64_t index_limit(const Problem& problem, std::size_t input) {
  const std::string& kind = problem.kind;
  const Shape& data = problem.inputs[0].shape;
  if (input == 1 && (kind == "Gather" || kind == "GatherElements" || kind == "ScatterElements")) {
    const auto rank = static_cast<std::int64_t>(data.size());
    const std::int64_t axis = problem.attrs.get_int("axis", 0);
    return data[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)];
  }
  if (input == 1 && (kind == "GatherND" || kind == "ScatterND")) return *std::min_element(data.begin(), data.end());
  if (input == 1 && kind.ends_with("Loss")) return data[1];
  if (input == 2 && kind == "RoiAlign") return data[0];
  return 0;
}

// Variances, scales of quantised values, and what functions with a domain take.
bool is_positive(const Problem& problem, std::size_t input) {
  const std::string& kind = problem.kind;
  if (kind == "BatchNormalization") return input == 4;
  if (kind == "QLinearConv") return input == 1 || input == 4 || input == 6;
  if (kind.find("Quantize") != std::string::npos) return input == 1;
  const std::string expr = problem.attrs.get_string("expr", "");
  const auto calls = [&](std::string_view function) { return expr.find(function) != std::string::npos; };
  return calls("sqrt(") || calls("log(") || calls("pow(");
}

double random_float(const Problem& problem, std::size_t input, std::int64_t i, bool special, double value) {
  if (problem.kind == "Resize" && input == 2) return i < 2 ? 1 : 2;
  // Boxes of some size.
  if (problem.kind == "RoiAlign" && input == 1) return std::abs(value) * 3 + (i % 4 >= 2 ? 4 : 0);
  // Offsets: some far outside every map, some on the grid.
  if (problem.kind == "DeformConv" && input == 2)
    return i % 11 == 5 ? value * 40 : i % 7 == 2 ? std::round(value) : i % 97 == 13 ? value * 1e30 : value;
  if (problem.kind == "Cast") value *= 100;
  // Two products in a row: sums as a network has them, about as large as the operands.
  if (problem.kind == "SqueezeExcite" && (input == 1 || input == 3)) {
    const Shape& weights = problem.inputs[input].shape;
    return value / std::sqrt(static_cast<double>(element_count(weights).value_or(1)) / static_cast<double>(weights[0]));
  }
  if (special && i % 7 == 3) return i % 3 == 0 ? std::nan("") : i % 3 == 1 ? HUGE_VAL : -HUGE_VAL;
  return special && i % 11 == 5 ? value * 40 : value;
}

TensorPtr random_tensor(const Problem& problem, std::size_t input, const Shape& shape, bool special,
                        std::mt19937& random) {
  const DType type = problem.inputs[input].dtype;
  HostTensor tensor = HostTensor::create(type, shape).value();
  const bool positive = is_positive(problem, input);
  const std::int64_t limit = index_limit(problem, input);
  std::normal_distribution<double> normal(0.0, 1.5);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    if (is_float(type)) {
      const double value = normal(random);
      tensor.set_double(i, random_float(problem, input, i, special, positive ? std::abs(value) + 0.05 : value));
    } else if (type == DType::boolean) {
      tensor.set_int(i, static_cast<std::int64_t>(random() % 2));
    } else if (problem.kind == "RowMatMul") {
      tensor.set_int(i, (tensor.elements() + 4 - i) % tensor.elements());  // an order of rows
    } else if (limit > 0) {
      tensor.set_int(i, static_cast<std::int64_t>(random() % static_cast<unsigned>(limit)));
    } else {
      tensor.set_int(i, static_cast<std::int64_t>(random() % 10) + 1);
    }
  }
  return share(std::move(tensor));
}

Result<std::vector<HostTensor>> evaluate(const Problem& problem, std::span<const TensorPtr> values) {
  if (problem.kind == "DimTensor") {  // the runtime's own
    const SymShape dims = std::get<SymShape>(*problem.attrs.find("dims"));
    std::vector<HostTensor> out{HostTensor::create(DType::i64, problem.outputs[0].shape).value()};
    for (std::size_t i = 0; i < dims.size(); ++i) out[0].set_int(static_cast<std::int64_t>(i), dims[i].value());
    return out;
  }
  std::vector<const HostTensor*> operands;
  for (const TensorPtr& value : values) operands.push_back(value.get());
  std::vector<DType> types;
  for (const Operand& output : problem.outputs) types.push_back(output.dtype);
  reference::Call call;
  call.op = problem.kind;
  call.attrs = &problem.attrs;
  call.inputs = operands;
  call.output_count = types.size();
  call.output_types = types;
  return reference::evaluate(call);
}

}  // namespace

std::vector<std::string> suite_lines(const std::string& file) {
  std::vector<std::string> problems;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && !line.starts_with('#')) problems.push_back(line);
  return problems;
}

std::string suite_test_name(std::size_t index, const std::string& line) {
  std::string kind = line.substr(0, line.find('('));
  std::erase_if(kind, [](char c) { return c == '!' || c == '~'; });
  return std::to_string(index) + "_" + kind;
}

ProblemCase::ProblemCase(std::string_view text) : text_(text) {
  for (; text.starts_with('!') || text.starts_with('~'); text.remove_prefix(1))
    (text.starts_with('!') ? special_ : plain_only_) = true;
  seed_ = static_cast<unsigned>(std::hash<std::string_view>()(text));
  if (const char* given = std::getenv("INGOT_TEST_SEED")) seed_ += static_cast<unsigned>(std::atoi(given));
  Result<Problem> problem = Problem::parse(text);
  status_ = problem.status();
  if (!problem.is_ok()) return;
  problem_ = *std::move(problem);
  std::mt19937 random(seed_);
  for (std::size_t i = 0; i < problem_.inputs.size(); ++i)
    if (Operand& input = problem_.inputs[i]; input.constant && input.value == nullptr)
      input.value = random_tensor(problem_, i, input.shape, false, random);
}

std::string ProblemCase::describe() const { return fmt::format("seed {}: {}", seed_, text_); }

Result<CaseData> ProblemCase::data(std::int64_t leading_factor) const {
  std::mt19937 random(seed_ + 1);
  CaseData data;
  data.inputs = problem_.inputs;
  data.outputs = problem_.outputs;
  const Shape& first = problem_.inputs.empty() ? Shape() : problem_.inputs[0].shape;
  for (std::size_t i = 0; i < data.inputs.size(); ++i) {
    Operand& input = data.inputs[i];
    if (!input.constant && input.shape.size() == first.size() && !first.empty() && input.shape[0] == first[0])
      input.shape[0] *= leading_factor;
    if (!input.present())
      data.values.push_back(nullptr);
    else if (input.constant)
      data.values.push_back(input.value);
    else
      data.values.push_back(random_tensor(problem_, i, input.shape, special_, random));
  }
  INGOT_ASSIGN_OR_RETURN(data.expected, evaluate(problem_, data.values));
  for (std::size_t i = 0; i < data.outputs.size() && i < data.expected.size(); ++i) {
    if (leading_factor == 1 && data.outputs[i].present() && data.outputs[i].shape != data.expected[i].shape())
      return invalid_argument("the problem says output {} is {}, but it is {}", i, to_string(data.outputs[i].shape),
                              to_string(data.expected[i].shape()));
    data.outputs[i].shape = data.expected[i].shape();
  }
  return data;
}

bool LoadedKernel::has(const std::vector<Operand>& inputs, std::size_t i) const {
  const std::vector<std::size_t>& kept = packed.keep_inputs;
  return inputs[i].present() && (!inputs[i].constant || std::find(kept.begin(), kept.end(), i) != kept.end());
}

std::vector<Operand> LoadedKernel::operands(std::vector<Operand> inputs) const {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!has(inputs, i)) inputs[i] = {};
  return inputs;
}

Result<LoadedKernel> load(const Tactic& tactic, const Problem& problem, const std::string& config,
                          const DeviceInfo& device) {
  LoadedKernel out;
  INGOT_ASSIGN_OR_RETURN(out.packed, tactic.prepare(problem, config, device));
  for (const auto& blob : out.packed.blobs) {
    out.blobs.push_back(HostTensor::create(DType::u8, {static_cast<std::int64_t>(blob.size())}).value());
    std::copy(blob.begin(), blob.end(), out.blobs.back().mutable_bytes().begin());
  }
  std::vector<std::span<const std::byte>> spans;
  for (const HostTensor& blob : out.blobs) spans.push_back(blob.bytes());
  Problem stripped = problem;
  for (std::size_t i = 0; i < stripped.inputs.size(); ++i)
    if (!out.has(problem.inputs, i)) stripped.inputs[i].value = nullptr;
  INGOT_ASSIGN_OR_RETURN(out.kernel, tactic.load(stripped, config, spans));
  return out;
}

void compare(const HostTensor& expected, const std::byte* got, std::size_t output, const Tolerance& tolerance) {
  constexpr int kShown = 5;
  constexpr double kHuge = 1e6;     // such values say nothing of the others' errors
  constexpr double kMostRms = 1e3;  // beyond it errors count as parts of the value alone
  const HostTensor actual =
      HostTensor::view(expected.dtype(), expected.shape(), {got, expected.bytes().size()}, nullptr).value();
  double sum = 0;
  std::int64_t finite = 0;
  for (std::int64_t i = 0; i < expected.elements(); ++i) {
    const double value = expected.as_double(i);
    if (!std::isfinite(value) || std::abs(value) > kHuge) continue;
    sum += value * value;
    ++finite;
  }
  const double rms = finite > 0 ? std::sqrt(sum / static_cast<double>(finite)) : 1;
  const double always = tolerance.of_rms * std::min(rms, kMostRms) + 1e-30;
  int shown = 0;
  for (std::int64_t i = 0; i < expected.elements() && shown < kShown; ++i) {
    const double want = expected.as_double(i), have = actual.as_double(i);
    bool same = false;
    if (!is_float(expected.dtype()))
      same = expected.as_int(i) == actual.as_int(i);
    else if (std::isnan(want))
      same = std::isnan(have);
    else
      same = want == have || std::abs(want - have) <= tolerance.relative * std::abs(want) + always;
    if (same) continue;
    ++shown;
    ADD_FAILURE() << "output " << output << " element " << i << ": " << have << ", expected " << want << " (rms " << rms
                  << ")";
  }
}

}  // namespace ingot::testing_tools
