// SPDX-License-Identifier: Apache-2.0
// cpu.compress: Compress as copies of the longest runs that are kept.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

struct CompressState final : KernelState {
  Shape shape;  // of the data, or its number of elements where it is taken flat
  std::size_t axis = 0;
  std::int64_t outer = 1, size = 0, inner_bytes = 1, flags = 0;
  std::int64_t planned_bytes = 0;  // of an output that the run has placed
};

// Elements that are chosen one by one: every one is written, the place moves on behind those that are kept.
template <typename T>
std::int64_t choose(const std::uint8_t* flags, std::int64_t begin, std::int64_t end, const std::byte* from,
                    std::byte* out, std::int64_t room) {
  const auto* x = reinterpret_cast<const T*>(from);
  auto* to = reinterpret_cast<T*>(out);
  std::int64_t kept = 0;
  for (std::int64_t i = begin; i < end && kept < room; ++i) {
    to[kept] = x[i];
    kept += flags[i] != 0 ? 1 : 0;
  }
  return kept;
}

std::int64_t count_set(const std::uint8_t* flags, std::int64_t begin, std::int64_t end) {
  std::int64_t count = 0;
  for (std::int64_t i = begin; i < end; ++i) count += flags[i] != 0 ? 1 : 0;
  return count;
}

class CompressKernel final : public Kernel {
 public:
  explicit CompressKernel(const Problem& problem)
      : flat_(!problem.attrs.has("axis")),
        axis_(problem.attrs.get_int("axis", 0)),
        bytes_(bits_of(problem.inputs[0].dtype) / 8) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<CompressState>();
    state->shape = args.inputs[0].shape;
    if (flat_) state->shape = {element_count(state->shape).value_or(0)};
    const std::optional<std::size_t> axis = normal_axis(axis_, state->shape.size());
    if (!axis) return invalid_argument("Compress: axis {} of {}", axis_, to_string(state->shape));
    state->axis = *axis;
    state->outer = product(state->shape, 0, *axis);
    state->size = state->shape[*axis];
    state->inner_bytes = product(state->shape, *axis + 1, state->shape.size()) * bytes_;
    state->flags = element_count(args.inputs[1].shape).value_or(0);
    state->planned_bytes = element_count(args.outputs[0].shape).value_or(0) * bytes_;
    if (state->flags > state->size)
      return invalid_argument("Compress: operand 1 (condition) is longer than axis {} of {}", *axis,
                              to_string(state->shape));
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const CompressState&>(*args.state);
    const auto* flags = static_cast<const std::uint8_t*>(args.inputs[1]);
    const std::int64_t kept = count_set(flags, 0, s.flags);
    void* out = args.outputs[0];
    if (out == nullptr) {
      if (args.allocator == nullptr) return Status::ok();
      Shape shape = s.shape;
      shape[s.axis] = kept;
      INGOT_ASSIGN_OR_RETURN(out, args.allocator->allocate(0, shape));
    } else if (s.outer * kept * s.inner_bytes != s.planned_bytes) {
      return internal("Compress: {} bytes are kept, {} were planned", s.outer * kept * s.inner_bytes, s.planned_bytes);
    }
    const auto* x = static_cast<const std::byte*>(args.inputs[0]);
    auto* y = static_cast<std::byte*>(out);
    // Parts of the condition where there are too few lines to share.
    const std::int64_t parts =
        s.outer >= args.parallel->threads() ? 1 : std::clamp<std::int64_t>(s.flags >> 14, 1, args.parallel->threads());
    const std::int64_t length = ceil_div(s.flags, parts);
    const std::int64_t units = s.outer * parts;
    const TaskSplit split(units, s.outer * kept * s.inner_bytes / 4, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t unit = split.begin(task); unit < split.end(task); ++unit) {
        const std::int64_t begin = std::min(s.flags, unit % parts * length);
        const std::int64_t end = std::min(s.flags, begin + length);
        const std::int64_t outer = unit / parts;
        const std::int64_t before = count_set(flags, 0, begin);
        const std::int64_t room = count_set(flags, begin, end);
        take(s, flags, begin, end, room, x + outer * s.size * s.inner_bytes,
             y + (outer * kept + before) * s.inner_bytes);
      }
    });
    return Status::ok();
  }

  [[nodiscard]] bool allocates_outputs() const override { return true; }

 private:
  void take(const CompressState& s, const std::uint8_t* flags, std::int64_t begin, std::int64_t end, std::int64_t room,
            const std::byte* from, std::byte* to) const {
    if (s.inner_bytes == bytes_ && bytes_ <= 8) {
      switch (bytes_) {
        case 1: choose<std::uint8_t>(flags, begin, end, from, to, room); return;
        case 2: choose<std::uint16_t>(flags, begin, end, from, to, room); return;
        case 4: choose<std::uint32_t>(flags, begin, end, from, to, room); return;
        default: choose<std::uint64_t>(flags, begin, end, from, to, room); return;
      }
    }
    for (std::int64_t i = begin; i < end;) {
      if (flags[i] == 0) {
        ++i;
        continue;
      }
      const std::int64_t first = i;
      while (i < end && flags[i] != 0) ++i;
      const auto bytes = static_cast<std::size_t>((i - first) * s.inner_bytes);
      std::memcpy(to, from + first * s.inner_bytes, bytes);
      to += bytes;
    }
  }

  bool flat_;
  std::int64_t axis_, bytes_;
};

class CompressTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.compress"; }
  [[nodiscard]] bool decides_shapes() const override { return true; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != "Compress") return Support::no(Refusal::kKind);
    if (problem.inputs[0].dtype == DType::string || bits_of(problem.inputs[0].dtype) < 8)
      return Support::no(Refusal::kDType);
    if (problem.inputs[1].dtype != DType::boolean) return Support::no(Refusal::kDType, "condition");
    return Support::yes();
  }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<CompressKernel>(problem));
  }
};

}  // namespace

const Tactic& compress_tactic() {
  static const CompressTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
