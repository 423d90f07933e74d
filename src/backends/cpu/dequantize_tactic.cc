// SPDX-License-Identifier: Apache-2.0
// cpu.dequantize: DequantizeLinear of integers of four or eight bits to f32, in blocks or per index of an axis, as the
// weights of large language models are stored.
#include <algorithm>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// The data as lines [outer][axis] of `inner` elements; `block` lines that follow one another share a line of scales.
struct DequantizeState final : KernelState {
  std::int64_t outer = 1, axis = 1, inner = 1, block = 1;
};

template <bool kSigned>
struct Nibbles {
  static float at(const void* from, std::int64_t i) {
    const int byte = static_cast<const std::uint8_t*>(from)[i / 2];
    return value(i % 2 == 0 ? byte & 15 : byte >> 4);
  }
  static float value(int nibble) { return static_cast<float>(kSigned ? (nibble ^ 8) - 8 : nibble); }

  // Elements [first, first + count): of sixteen possible results.
  static void run(const void* from, std::int64_t first, std::int64_t count, float scale, float zero, float* to) {
    float results[16];
    for (int i = 0; i < 16; ++i) results[i] = (value(i) - zero) * scale;
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    std::int64_t i = first;
    const std::int64_t end = first + count;
    if (i % 2 != 0 && i < end) *to++ = results[bytes[i++ / 2] >> 4];
    for (; i + 2 <= end; i += 2, to += 2) {
      const int byte = bytes[i / 2];
      to[0] = results[byte & 15];
      to[1] = results[byte >> 4];
    }
    if (i < end) *to = results[bytes[i / 2] & 15];
  }
};

template <typename T>
struct Bytes {
  static float at(const void* from, std::int64_t i) { return static_cast<float>(static_cast<const T*>(from)[i]); }
  static void run(const void* from, std::int64_t first, std::int64_t count, float scale, float zero, float* to) {
    const T* x = static_cast<const T*>(from) + first;
    for (std::int64_t i = 0; i < count; ++i) to[i] = (static_cast<float>(x[i]) - zero) * scale;
  }
};

template <typename Numbers>
class DequantizeKernel final : public Kernel {
 public:
  explicit DequantizeKernel(const Problem& problem)
      : axis_(problem.attrs.get_int("axis", 1)),
        block_(problem.attrs.get_int("block_size", 0)),
        has_zero_(problem.has_input(2)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<DequantizeState>();
    const Shape& x = args.inputs[0].shape;
    const std::optional<std::size_t> axis = normal_axis(axis_, x.size());
    if (!axis) return invalid_argument("DequantizeLinear: axis {} of {}", axis_, to_string(x));
    state->outer = product(x, 0, *axis);
    state->axis = x[*axis];
    state->inner = product(x, *axis + 1, x.size());
    state->block = block_;
    Shape scales = x;
    scales[*axis] = ceil_div(x[*axis], block_);
    INGOT_RETURN_IF_ERROR(expect_shape("DequantizeLinear", "the output", args.outputs[0].shape, x));
    INGOT_RETURN_IF_ERROR(expect_shape("DequantizeLinear", "x_scale", args.inputs[1].shape, scales));
    if (has_zero_)
      INGOT_RETURN_IF_ERROR(expect_shape("DequantizeLinear", "x_zero_point", args.inputs[2].shape, scales));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const DequantizeState&>(*args.state);
    const void* x = args.inputs[0];
    const auto* scale = static_cast<const float*>(args.inputs[1]);
    const void* zero = has_zero_ ? args.inputs[2] : nullptr;
    auto* y = static_cast<float*>(args.outputs[0]);
    const std::int64_t blocks = ceil_div(s.axis, s.block);
    const std::int64_t units = s.outer * blocks;
    const TaskSplit split(units, s.outer * s.axis * s.inner * 2, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t begin = unit % blocks * s.block;
        const std::int64_t lines = std::min(s.block, s.axis - begin);
        const std::int64_t at = (unit / blocks * s.axis + begin) * s.inner;
        if (s.inner == 1) {
          Numbers::run(x, at, lines, scale[unit], zero == nullptr ? 0 : Numbers::at(zero, unit), y + at);
          continue;
        }
        for (std::int64_t line = 0; line < lines; ++line)
          for (std::int64_t i = 0; i < s.inner; ++i) {
            const std::int64_t element = at + line * s.inner + i;
            const std::int64_t of = unit * s.inner + i;
            y[element] = (Numbers::at(x, element) - (zero == nullptr ? 0 : Numbers::at(zero, of))) * scale[of];
          }
      }
    });
    return Status::ok();
  }

 private:
  std::int64_t axis_, block_;
  bool has_zero_;
};

Support supports(const Problem& problem) {
  const DType type = problem.inputs[0].dtype;
  if (type != DType::u8 && type != DType::i8 && type != DType::u4 && type != DType::i4)
    return Support::no(Refusal::kDType);
  if (problem.inputs[1].dtype != DType::f32 || problem.outputs[0].dtype != DType::f32)
    return Support::no(Refusal::kDType, "scales and results of another type than f32");
  if (problem.has_input(2) && problem.inputs[2].dtype != type) return Support::no(Refusal::kDType, "zero points");
  if (problem.attrs.has("epilogue")) return Support::no(Refusal::kEpilogue);
  if (problem.attrs.get_int("block_size", 0) < 1) return Support::no(Refusal::kAttribute, "needs blocks");
  const std::size_t rank = problem.inputs[0].shape.size();
  if (problem.inputs[1].shape.size() != rank || !normal_axis(problem.attrs.get_int("axis", 1), rank))
    return Support::no(Refusal::kShape);
  return Support::yes();
}

Result<std::unique_ptr<Kernel>> load(const Problem& problem) {
  switch (problem.inputs[0].dtype) {
    case DType::u8: return load_kernel<DequantizeKernel<Bytes<std::uint8_t>>>(problem);
    case DType::i8: return load_kernel<DequantizeKernel<Bytes<std::int8_t>>>(problem);
    case DType::u4: return load_kernel<DequantizeKernel<Nibbles<false>>>(problem);
    default: return load_kernel<DequantizeKernel<Nibbles<true>>>(problem);
  }
}

}  // namespace

const Tactic& dequantize_tactic() {
  static const SimpleTactic tactic("cpu.dequantize", {"DequantizeLinear"}, supports, load);
  return tactic;
}

}  // namespace ingot::cpu
