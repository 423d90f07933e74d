// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/int8_parameters.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ingot::cpu {
namespace {

// The blob: a header, then per padded column sums, zeros and bias, then scale and shift of each stage.
struct StageRecord {
  std::int32_t residual, rounds, has_shift, reserved;
  float before, residual_zero, residual_scale, low, high, divisor, zero, q_low, q_high, reserved_float;
};
struct Header {
  std::int32_t stages;  // -1: a program instead
  std::int32_t has_zeros, has_bias, wide_weights;
  StageRecord stage[kMaxInt8Stages];
};
constexpr std::size_t kHeaderBytes = 256;
static_assert(sizeof(Header) <= kHeaderBytes);

constexpr std::size_t kColumnArrays = 3 + 2 * kMaxInt8Stages;

std::size_t blob_bytes(std::int64_t columns) {
  return kHeaderBytes + kColumnArrays * static_cast<std::size_t>(int8_padded_columns(columns)) * 4;
}

float limit_of(double x) {
  const double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(x, -most, most));
}

}  // namespace

std::vector<std::byte> Int8Parameters::write(std::int64_t columns, std::span<const std::int32_t> sums,
                                             std::span<const std::int32_t> zeros, bool wide_weights,
                                             const std::optional<RequantiseForm>& form) {
  std::vector<std::byte> blob(blob_bytes(columns));
  const auto padded = static_cast<std::size_t>(int8_padded_columns(columns));
  const auto count = static_cast<std::size_t>(columns);
  Header header{};
  std::byte* at = blob.data() + kHeaderBytes;
  const auto put = [&](auto value_of) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = value_of(i);
      static_assert(sizeof(value) == 4);
      std::memcpy(at + i * 4, &value, 4);
    }
    at += padded * 4;
  };
  const auto of = [](const std::vector<double>& values, std::size_t i) { return values[values.size() == 1 ? 0 : i]; };
  header.stages = form ? static_cast<std::int32_t>(form->stages.size()) : -1;
  header.has_zeros = std::any_of(zeros.begin(), zeros.end(), [](std::int32_t z) { return z != 0; }) ? 1 : 0;
  header.wide_weights = wide_weights ? 1 : 0;
  header.has_bias = form && !form->bias.empty() ? 1 : 0;
  put([&](std::size_t i) { return sums[i]; });
  put([&](std::size_t i) { return zeros[i]; });
  put([&](std::size_t i) { return header.has_bias != 0 ? static_cast<std::int32_t>(of(form->bias, i)) : 0; });
  for (std::size_t s = 0; form && s < form->stages.size(); ++s) {
    const RequantiseStage& stage = form->stages[s];
    StageRecord& record = header.stage[s];
    record.residual = stage.residual;
    record.rounds = stage.rounds ? 1 : 0;
    record.has_shift = std::any_of(stage.shift.begin(), stage.shift.end(), [](double x) { return x != 0; }) ? 1 : 0;
    record.before = static_cast<float>(stage.before);
    record.residual_zero = static_cast<float>(stage.residual_zero);
    record.residual_scale = static_cast<float>(stage.residual_scale);
    record.divisor = static_cast<float>(stage.divisor);
    record.low = limit_of(stage.low);
    record.high = limit_of(stage.high);
    record.zero = static_cast<float>(stage.zero);
    record.q_low = static_cast<float>(stage.q_low);
    record.q_high = static_cast<float>(stage.q_high);
    put([&](std::size_t i) { return static_cast<float>(of(stage.scale, i)); });
    put([&](std::size_t i) { return static_cast<float>(of(stage.shift, i)); });
  }
  std::memcpy(blob.data(), &header, sizeof(header));
  return blob;
}

Result<Int8Parameters> Int8Parameters::read(const Problem& problem, std::int64_t columns,
                                            std::span<const std::byte> blob) {
  if (blob.size() != blob_bytes(columns))
    return corrupt("column parameters: {} bytes, expected {}", blob.size(), blob_bytes(columns));
  Header header;
  std::memcpy(&header, blob.data(), sizeof(header));
  if (header.stages < -1 || header.stages > kMaxInt8Stages) return corrupt("{} stages", header.stages);
  const auto padded = static_cast<std::size_t>(int8_padded_columns(columns));
  const auto array = [&](std::size_t index) { return blob.data() + kHeaderBytes + index * padded * 4; };
  const auto ints = [&](std::size_t index) { return reinterpret_cast<const std::int32_t*>(array(index)); };
  const auto floats = [&](std::size_t index) { return reinterpret_cast<const float*>(array(index)); };
  Int8Parameters out;
  out.needs_program_ = header.stages < 0;
  out.wide_weights_ = header.wide_weights != 0;
  out.sums_ = ints(0);
  if (header.has_zeros != 0) out.zeros_ = ints(1);
  if (header.has_bias != 0) out.bias_ = ints(2);
  for (std::size_t s = 0; static_cast<std::int32_t>(s) < header.stages; ++s) {
    const StageRecord& record = header.stage[s];
    Int8Stage stage;
    stage.scale = floats(3 + 2 * s);
    if (record.has_shift != 0) stage.shift = floats(4 + 2 * s);
    stage.before = record.before;
    stage.residual_zero = record.residual_zero;
    stage.residual_scale = record.residual_scale;
    stage.divisor = record.divisor;
    stage.low = record.low;
    stage.high = record.high;
    stage.rounds = record.rounds != 0;
    stage.zero = record.zero;
    stage.q_low = record.q_low;
    stage.q_high = record.q_high;
    if (record.residual >= 0) {
      const auto input = static_cast<std::size_t>(record.residual);
      if (input < problem.own_inputs() || input >= problem.inputs.size())
        return corrupt("stage {} adds operand {}", s, input);
      stage.residual_type = problem.inputs[input].dtype;
      if (stage.residual_type != DType::f32 && !is_byte(stage.residual_type))
        return corrupt("stage {} adds operand {} of type {}", s, input, to_string(stage.residual_type));
    }
    out.residuals_.push_back(record.residual);
    out.stages_.push_back(stage);
  }
  const DType type = problem.outputs[0].dtype;
  const bool last_rounds = !out.stages_.empty() && out.stages_.back().rounds;
  const bool fits = out.needs_program_ || (type == DType::i32   ? out.stages_.empty()
                                           : type == DType::f32 ? !out.stages_.empty()
                                                                : last_rounds && is_byte(type));
  if (!fits) return corrupt("the stages make no {}", to_string(type));
  return out;
}

Result<std::unique_ptr<const VectorProgram>> int8_program(const Problem& problem) {
  if (!problem.attrs.has("epilogue")) return std::unique_ptr<const VectorProgram>();
  INGOT_ASSIGN_OR_RETURN(const Expr expr, problem.epilogue());
  const std::vector<DType>& types = expr.input_types();
  if (types.empty() || types[0] != DType::i32 || types.size() != problem.epilogue_inputs() + 1)
    return invalid_argument("an epilogue of other operands");
  if (types.size() > RowProgram::kMaxOperands) return unsupported("too many epilogue operands");
  for (std::size_t i = 1; i < types.size(); ++i)
    if (problem.inputs[problem.own_inputs() + i - 1].dtype != types[i])
      return invalid_argument("epilogue operand {} has another type", i);
  std::optional<VectorProgram> program = VectorProgram::compile(expr);
  if (!program || program->result_type() != problem.outputs[0].dtype)
    return unsupported("an epilogue without a vector form");
  return std::unique_ptr<const VectorProgram>(std::make_unique<const VectorProgram>(*std::move(program)));
}

}  // namespace ingot::cpu
