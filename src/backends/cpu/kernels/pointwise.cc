// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pointwise.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "backends/cpu/kernels/task_split.h"
#include "base/status.h"

namespace ingot::cpu {
namespace {

constexpr std::int64_t kLanes = 16;

template <typename T>
void expand_rows(const std::byte* from, std::int64_t rows, std::int64_t run, std::byte* to) {
  const auto* in = reinterpret_cast<const T*>(from);
  auto* out = reinterpret_cast<T*>(to);
  for (std::int64_t r = 0; r < rows; ++r) std::fill_n(out + r * run, run, in[r]);
}

void expand_rows(const std::byte* from, std::size_t element_bytes, std::int64_t rows, std::int64_t run, std::byte* to) {
  switch (element_bytes) {
    case 1: return expand_rows<std::uint8_t>(from, rows, run, to);
    case 2: return expand_rows<std::uint16_t>(from, rows, run, to);
    case 4: return expand_rows<std::uint32_t>(from, rows, run, to);
    default: return expand_rows<std::uint64_t>(from, rows, run, to);
  }
}

}  // namespace

PointwiseLoop::PointwiseLoop(const VectorProgram& program, BroadcastPlan plan)
    : program_(&program), plan_(std::move(plan)) {
  const std::int64_t block = program_->block();
  const std::int64_t run = plan_.run();
  const std::int64_t rows = plan_.rows();
  out_bytes_ = static_cast<std::size_t>(bits_of(program_->result_type())) / 8;
  if (run * 2 <= block && rows > 1) {
    group_rows_ = std::min(rows, block / run);
    // Whole vectors in every block but the last.
    if (const std::int64_t even = kLanes / std::gcd(run, kLanes); group_rows_ > even) group_rows_ -= group_rows_ % even;
    units_per_outer_ = ceil_div(rows, group_rows_);
  } else {
    segments_ = ceil_div(run, block);
    segment_ = std::min(run, round_up(ceil_div(run, segments_), kLanes));
    segments_ = ceil_div(run, segment_);
    units_per_outer_ = rows * segments_;
  }
  std::size_t widest = 1;
  for (std::size_t i = 0; i < program_->inputs(); ++i) {
    element_bytes_.push_back(static_cast<std::size_t>(bits_of(program_->input_type(i))) / 8);
    widest = std::max(widest, element_bytes_.back());
    const bool runs = plan_.run_stride(i) != 0;
    const bool steps = group_rows_ > 1 && plan_.row_stride(i) != 0;
    if (group_rows_ == 1)
      modes_.push_back(runs ? Mode::direct : Mode::splat);
    else if (runs)
      modes_.push_back(steps ? Mode::direct : Mode::tile);
    else
      modes_.push_back(steps ? Mode::per_row : Mode::splat);
  }
  operand_bytes_ = std::max(kSplatBytes, group_rows_ > 1 ? static_cast<std::size_t>(block) * widest : kSplatBytes);
  thread_bytes_ = operand_bytes_ * program_->inputs();
}

void PointwiseLoop::run_units(std::int64_t begin, std::int64_t end, const void* const* inputs, std::byte* out,
                              std::byte* workspace) const {
  alignas(64) std::byte scratch[VectorProgram::kScratchBytes];
  BlockArg args[kMaxPointwiseOperands];
  const std::byte* bases[kMaxPointwiseOperands];     // for the current outer index
  const std::byte* prepared[kMaxPointwiseOperands];  // what the expanded copy was made from
  const std::size_t operands = program_->inputs();
  const std::int64_t run = plan_.run();
  const std::int64_t rows = plan_.rows();
  std::fill_n(prepared, operands, nullptr);
  std::int64_t current_outer = -1;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t outer = unit / units_per_outer_;
    const std::int64_t within = unit - outer * units_per_outer_;
    const std::int64_t row = group_rows_ > 1 ? within * group_rows_ : within / segments_;
    const std::int64_t column = group_rows_ > 1 ? 0 : (within - row * segments_) * segment_;
    const std::int64_t row_count = std::min(group_rows_, rows - row);
    const std::int64_t count = group_rows_ > 1 ? row_count * run : std::min(segment_, run - column);
    if (outer != current_outer) {
      current_outer = outer;
      for (std::size_t i = 0; i < operands; ++i)
        bases[i] = static_cast<const std::byte*>(inputs[i]) +
                   static_cast<std::size_t>(plan_.outer_offset(i, outer)) * element_bytes_[i];
    }
    for (std::size_t i = 0; i < operands; ++i) {
      const std::int64_t offset = row * plan_.row_stride(i) + column * plan_.run_stride(i);
      const std::byte* from = bases[i] + static_cast<std::size_t>(offset) * element_bytes_[i];
      std::byte* copy = workspace + i * operand_bytes_;
      args[i] = {modes_[i] == Mode::direct ? from : copy, modes_[i] == Mode::splat ? 0 : 1};
      if (modes_[i] == Mode::direct || prepared[i] == from) continue;
      prepared[i] = from;
      switch (modes_[i]) {
        case Mode::direct: break;
        case Mode::splat: make_splat(from, element_bytes_[i], copy); break;
        case Mode::tile:
          for (std::int64_t r = 0; r < std::min(group_rows_, rows); ++r)
            std::memcpy(copy + static_cast<std::size_t>(r * run) * element_bytes_[i], from,
                        static_cast<std::size_t>(run) * element_bytes_[i]);
          break;
        case Mode::per_row: expand_rows(from, element_bytes_[i], row_count, run, copy); break;
      }
    }
    const std::int64_t at = (outer * rows + row) * run + column;
    program_->run(count, args, out + static_cast<std::size_t>(at) * out_bytes_, scratch);
  }
}

void PointwiseLoop::run(const void* const* inputs, void* out, std::byte* workspace, Parallel& parallel) const {
  if (plan_.elements == 0) return;
  const TaskSplit split(plan_.outer() * units_per_outer_, plan_.elements * program_->cost(), parallel.threads());
  parallel.run(split.tasks(), [&](std::int64_t task, int thread) {
    run_units(split.begin(task), split.end(task), inputs, static_cast<std::byte*>(out),
              workspace + static_cast<std::size_t>(thread) * thread_bytes_);
  });
}

}  // namespace ingot::cpu
