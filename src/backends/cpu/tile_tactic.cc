// SPDX-License-Identifier: Apache-2.0
// cpu.tile: Tile as copies of what has been written already, the innermost dimension first.
#include <cstring>

#include "backends/cpu/axes.h"
#include "backends/cpu/kernels/task_split.h"
#include "backends/cpu/operand_checks.h"
#include "backends/cpu/simple_tactic.h"
#include "backends/cpu/tactics.h"

namespace ingot::cpu {
namespace {

// One dimension, with everything inside it.
struct Level {
  std::int64_t size = 1, repeats = 1;
  std::int64_t in_bytes = 0, out_bytes = 0;  // of one element of this dimension
};

struct TileState final : KernelState {
  std::vector<Level> levels;  // outermost first; at least one
  bool empty = false;
};

class TileKernel final : public Kernel {
 public:
  explicit TileKernel(const Problem& problem) : bytes_(bits_of(problem.inputs[0].dtype) / 8) {}

  Result<std::unique_ptr<KernelState>> configure(const ConfigureArgs& args) const override {
    auto state = std::make_unique<TileState>();
    const Shape& x = args.inputs[0].shape;
    const Shape& y = args.outputs[0].shape;
    if (x.size() != y.size()) return invalid_argument("Tile: {} to {}", to_string(x), to_string(y));
    std::vector<Level> levels;  // innermost first
    for (std::size_t i = x.size(); i-- > 0;) {
      if (y[i] == 0) state->empty = true;
      if (x[i] == 0 ? y[i] != 0 : y[i] % x[i] != 0)
        return invalid_argument("Tile: {} is no repetition of {}", to_string(y), to_string(x));
      const std::int64_t repeats = x[i] == 0 ? 0 : y[i] / x[i];
      if (!levels.empty() && levels.back().repeats == 1) {
        levels.back().size *= x[i];  // [a times r][b] is [a b times r]
        levels.back().repeats = repeats;
      } else if (!levels.empty() && x[i] == 1) {
        levels.back().repeats *= repeats;  // [1 times r][b times s] is [b times r s]
      } else {
        levels.push_back({x[i], repeats, 0, 0});
      }
    }
    if (levels.empty()) levels.push_back({});
    std::int64_t in = bytes_;
    std::int64_t out = bytes_;
    for (Level& level : levels) {
      level.in_bytes = in;
      level.out_bytes = out;
      in *= level.size;
      out *= level.size * level.repeats;
    }
    state->levels.assign(levels.rbegin(), levels.rend());
    return std::unique_ptr<KernelState>(std::move(state));
  }

  Status launch(const LaunchArgs& args) const override {
    const auto& s = static_cast<const TileState&>(*args.state);
    if (s.empty) return Status::ok();
    const auto* in = static_cast<const std::byte*>(args.inputs[0]);
    auto* out = static_cast<std::byte*>(args.outputs[0]);
    const Level& top = s.levels[0];
    const std::int64_t block = top.size * top.out_bytes;
    if (s.levels.size() > 1) {
      const TaskSplit split(top.size, block / 8, args.parallel->threads());
      args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
        for (std::int64_t i = split.begin(task); i < split.end(task); ++i)
          write(s, 1, in + i * top.in_bytes, out + i * top.out_bytes);
      });
    } else {
      std::memcpy(out, in, static_cast<std::size_t>(block));
    }
    const TaskSplit split(top.repeats - 1, top.repeats * block / 8, args.parallel->threads());
    args.parallel->run(split.tasks(), [&](std::int64_t task, int) {
      for (std::int64_t r = split.begin(task); r < split.end(task); ++r)
        std::memcpy(out + (r + 1) * block, out, static_cast<std::size_t>(block));
    });
    return Status::ok();
  }

 private:
  static void write(const TileState& s, std::size_t at, const std::byte* in, std::byte* out) {
    const Level& level = s.levels[at];
    const std::int64_t block = level.size * level.out_bytes;
    if (at + 1 == s.levels.size())
      std::memcpy(out, in, static_cast<std::size_t>(block));
    else
      for (std::int64_t i = 0; i < level.size; ++i)
        write(s, at + 1, in + i * level.in_bytes, out + i * level.out_bytes);
    // Twice as much each time.
    for (std::int64_t done = block; done < level.repeats * block;) {
      const std::int64_t more = std::min(done, level.repeats * block - done);
      std::memcpy(out + done, out, static_cast<std::size_t>(more));
      done += more;
    }
  }

  std::int64_t bytes_;
};

Support supports(const Problem& problem) {
  if (bits_of(problem.inputs[0].dtype) < 8) return Support::no(Refusal::kDType);
  if (!problem.has_input(1) || !problem.inputs[1].constant) return Support::no(Refusal::kConstant, "repeats");
  return Support::yes();
}

}  // namespace

const Tactic& tile_tactic() {
  static const SimpleTactic tactic("cpu.tile", {"Tile"}, supports, load_kernel<TileKernel>);
  return tactic;
}

}  // namespace ingot::cpu
