// SPDX-License-Identifier: Apache-2.0
// cpu.nonzero: NonZero in one pass that counts and one that writes.
#include "backends/cpu/axes.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// Halves as their bits without the sign.
enum class Half : std::uint16_t {};
bool is_set(Half value) { return (static_cast<std::uint16_t>(value) & 0x7fffU) != 0; }
template <typename T>
bool is_set(T value) {
  return value != T{0};
}

template <typename T>
std::int64_t count_set(const void* data, std::int64_t n) {
  const auto* x = static_cast<const T*>(data);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += is_set(x[i]) ? 1 : 0;
  return count;
}

// y[dimension][number]: the indices of what is set, of which there are `count`.
template <typename T>
void write_set(const void* data, const Shape& shape, std::int64_t count, std::int64_t* y) {
  const auto* x = static_cast<const T*>(data);
  const std::size_t rank = shape.size();
  const std::int64_t width = shape.back();
  const std::int64_t lines = product(shape, 0, rank - 1);
  std::int64_t done = 0;
  for (std::int64_t line = 0; line < lines && done < count; ++line, x += width) {
    const std::int64_t first = done;
    std::int64_t* const last = y + static_cast<std::int64_t>(rank - 1) * count;
    // Every index is written where the next one that counts belongs.
    for (std::int64_t i = 0; i < width && done < count; ++i) {
      last[done] = i;
      done += is_set(x[i]) ? 1 : 0;
    }
    std::int64_t rest = line;
    for (std::size_t axis = rank - 1; axis-- > 0; rest /= shape[axis]) {
      std::int64_t* const row = y + static_cast<std::int64_t>(axis) * count;
      for (std::int64_t i = first; i < done; ++i) row[i] = rest % shape[axis];
    }
  }
}

struct Functions {
  std::int64_t (*count)(const void* data, std::int64_t n) = nullptr;
  void (*write)(const void* data, const Shape& shape, std::int64_t count, std::int64_t* y) = nullptr;
};

template <typename T>
Functions functions() {
  return {&count_set<T>, &write_set<T>};
}

Functions find_functions(DType type) {
  switch (type) {
    case DType::f32: return functions<float>();
    case DType::f64: return functions<double>();
    case DType::f16:
    case DType::bf16: return functions<Half>();
    case DType::boolean:
    case DType::i8:
    case DType::u8: return functions<std::uint8_t>();
    case DType::i16:
    case DType::u16: return functions<std::uint16_t>();
    case DType::i32:
    case DType::u32: return functions<std::uint32_t>();
    case DType::i64:
    case DType::u64: return functions<std::uint64_t>();
    default: return {};
  }
}

struct NonZeroState final : KernelState {
  Shape shape;
  std::int64_t elements = 0, planned = 0;
};

class NonZeroKernel final : public Kernel {
 public:
  explicit NonZeroKernel(const Problem& problem) : functions_(find_functions(problem.inputs[0].dtype)) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<NonZeroState>();
    state->shape = args.inputs[0].shape;
    if (state->shape.empty()) return invalid_argument("NonZero of a scalar");
    state->elements = element_count(state->shape).value_or(0);
    state->planned = element_count(args.outputs[0].shape).value_or(0);
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const NonZeroState&>(*args.state);
    const std::int64_t count = functions_.count(args.inputs[0], s.elements);
    const auto rank = static_cast<std::int64_t>(s.shape.size());
    void* out = args.outputs[0];
    if (out == nullptr) {
      if (args.allocator == nullptr) return Status::ok();
      INGOT_ASSIGN_OR_RETURN(out, args.allocator->allocate(0, {rank, count}));
    } else if (rank * count != s.planned) {
      return internal("NonZero: {} elements are found, {} numbers were planned", count, s.planned);
    }
    functions_.write(args.inputs[0], s.shape, count, static_cast<std::int64_t*>(out));
    return Status::ok();
  }

  [[nodiscard]] bool allocates_outputs() const override { return true; }

 private:
  Functions functions_;
};

class NonZeroTactic final : public Tactic {
 public:
  [[nodiscard]] std::string_view id() const override { return "cpu.nonzero"; }
  [[nodiscard]] bool decides_shapes() const override { return true; }
  [[nodiscard]] Support supports(const Problem& problem, const DeviceInfo&) const override {
    if (problem.kind != "NonZero") return Support::no(Refusal::kKind);
    if (find_functions(problem.inputs[0].dtype).count == nullptr) return Support::no(Refusal::kDType);
    if (problem.inputs[0].shape.empty()) return Support::no(Refusal::kShape, "a scalar");
    return Support::yes();
  }
  Result<std::unique_ptr<Kernel>> load(const Problem& problem, const std::string&,
                                       std::span<const std::span<const std::byte>>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<NonZeroKernel>(problem));
  }
};

}  // namespace

const Tactic& nonzero_tactic() {
  static const NonZeroTactic tactic;
  return tactic;
}

}  // namespace ingot::cpu
